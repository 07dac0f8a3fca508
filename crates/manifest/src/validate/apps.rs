//! Apps.

use std::{collections::BTreeMap, ops::Range};

use engine_model::{App, Deployment, Fetch, Hooks, Name, Processes, Source};

use super::{Validator, entries, text};
use crate::{
    read::{self, Field, List, Named, SourceKind, Spanned, Texts},
    source::Diagnostic,
};

/// Longest value of an environment variable, in bytes: what a line of `shared/.env` may be.
const VALUE_BYTES: usize = 64 * 1024;

/// How URLs of objects in S3 begin.
const S3: &str = "s3://";

impl Validator<'_> {
    pub(super) fn apps(&mut self) -> Vec<App> {
        entries(&self.file.apps).filter_map(|entry| self.app(entry)).collect()
    }

    fn app(&mut self, entry: &Named<read::App>) -> Option<App> {
        let table = entry.table.value()?;
        let layers = self.layer_names(&table.layers);
        let nowhere = table
            .layers
            .value()
            .map_or(table.layers.is_absent(), |list| list.items.is_empty() && list.complete);
        if nowhere {
            let problem = Diagnostic::warning(format!("app `{}` is of no layer", entry.key))
                .label(entry.span.clone(), "it is never deployed")
                .hint("name the layers whose instances serve it in `layers`");
            self.problems.push(problem);
        }
        let name = entry.name.clone();
        let deployment = name.as_ref().and_then(|name| self.deployment(name, table, &entry.span));
        let name = name?;
        self.spans.apps.insert(name.clone(), entry.span.clone());
        Some(App {
            name,
            description: text(&table.description),
            layers,
            attributes: table.attributes.value().cloned().unwrap_or_default().0,
            deployment,
        })
    }

    fn deployment(&mut self, app: &Name, table: &read::App, span: &Range<usize>) -> Option<Deployment> {
        let Some(source) = table.source.given() else {
            self.needs_source(app, table, span);
            return None;
        };
        let source = self.source(&source.value, &source.span);
        let default = Deployment::new(app, Source::Local { path: "/".into() });
        let fetch = table.fetch.value().map_or(Fetch::default(), |fetch| fetch.0);
        if let (Fetch::Node, Some(Source::Local { .. }), Some(given)) = (fetch, &source, table.fetch.given())
        {
            self.refuse_app(
                "an instance cannot fetch a directory of the controller",
                &given.span,
                "cannot be",
            );
        }
        if let (Fetch::Node, Some(Source::Archive { url, .. }), Some(given)) =
            (fetch, &source, table.fetch.given())
            && url.starts_with(S3)
        {
            self.refuse_app(
                "an instance cannot fetch an object of S3 by itself",
                &given.span,
                "would need the operator's credentials",
            );
        }
        let hooks = table.hooks.value().map(|hooks| Hooks {
            before_migrate: self.run_list(&hooks.before_migrate),
            before_symlink: self.run_list(&hooks.before_symlink),
            before_restart: self.run_list(&hooks.before_restart),
            after_restart: self.run_list(&hooks.after_restart),
        });
        let deployment = Deployment {
            fetch,
            path: self.absolute(&table.path).unwrap_or(default.path),
            owner: self.word("owner", &table.owner),
            group: self.word("group", &table.group),
            keep: table.keep.value().map_or(default.keep, |keep| keep.0),
            shared: self.links(&table.shared).unwrap_or(default.shared),
            shared_files: self.links(&table.shared_files).unwrap_or_default(),
            environment: self.environment(&table.environment),
            hooks: hooks.unwrap_or_default(),
            migrate: self.argv("migrate", &table.migrate),
            processes: Processes {
                services: words(&table.services),
                start: self.argv("start", &table.start),
                stop: self.argv("stop", &table.stop),
                restart: self.argv("restart", &table.restart),
            },
            source: source?,
        };
        if let Some(keep) = table.keep.given().filter(|_| deployment.keep == 0) {
            self.refuse_app("`keep` must be at least 1", &keep.span, "the current release stays anyway");
        }
        Some(deployment)
    }

    /// What says how to deploy a source says nothing without one.
    fn needs_source(&mut self, app: &Name, table: &read::App, span: &Range<usize>) {
        let given = [
            ("fetch", !table.fetch.is_absent()),
            ("path", !table.path.is_absent()),
            ("hooks", !table.hooks.is_absent()),
            ("environment", !table.environment.is_absent()),
            ("migrate", !table.migrate.is_absent()),
            ("services", !table.services.is_absent()),
            ("start", !table.start.is_absent()),
            ("stop", !table.stop.is_absent()),
            ("restart", !table.restart.is_absent()),
        ];
        if let Some((key, _)) = given.iter().find(|(_, given)| *given && table.source.is_absent()) {
            let problem = Diagnostic::error(format!("app `{app}` has `{key}` but no `source`"))
                .label(span.clone(), "needs a `source`")
                .hint(format!(
                    "say where its source is in `[apps.{app}.source]`, or leave `{key}` to its recipes"
                ));
            self.problems.push(problem);
        }
    }

    fn source(&mut self, table: &read::AppSource, span: &Range<usize>) -> Option<Source> {
        if table.r#type.is_absent() {
            self.refuse_app("a source needs its `type`", span, "`git`, `archive` or `local`");
        }
        let kind = *table.r#type.value()?;
        let refused: &[(&str, bool)] = match kind {
            SourceKind::Git => {
                &[("checksum", !table.checksum.is_absent()), ("path", !table.path.is_absent())]
            }
            SourceKind::Archive => {
                &[("revision", !table.revision.is_absent()), ("path", !table.path.is_absent())]
            }
            SourceKind::Local => &[
                ("url", !table.url.is_absent()),
                ("revision", !table.revision.is_absent()),
                ("strip_components", !table.strip_components.is_absent()),
                ("checksum", !table.checksum.is_absent()),
            ],
        };
        if let Some((key, _)) = refused.iter().find(|(_, given)| *given) {
            self.refuse_app(
                &format!("a source of this `type` has no `{key}`"),
                span,
                "remove it, or change `type`",
            );
        }
        match kind {
            SourceKind::Git => {
                let url = self.place(&table.url, span)?;
                let revision = self.word("revision", &table.revision);
                Some(Source::Git { url, revision: revision.unwrap_or_else(|| "HEAD".to_owned()) })
            }
            SourceKind::Archive => {
                let url = self.place(&table.url, span);
                if let (Some(url), Some(given)) = (&url, table.url.given())
                    && url.strip_prefix(S3).is_some_and(|object| !names_object(object))
                {
                    self.refuse_app("`url` names no object", &given.span, "must be `s3://BUCKET/KEY`");
                }
                let Some(checksum) = table.checksum.given() else {
                    self.refuse_app("an archive needs its `checksum`", span, "its SHA-256 is missing");
                    return None;
                };
                let is_digest =
                    checksum.value.len() == 64 && checksum.value.bytes().all(|byte| byte.is_ascii_hexdigit());
                if !is_digest {
                    self.refuse_app(
                        "`checksum` is no SHA-256",
                        &checksum.span,
                        "must have 64 hexadecimal digits",
                    );
                }
                Some(Source::Archive {
                    url: url?,
                    checksum: checksum.value.to_ascii_lowercase(),
                    strip_components: table.strip_components.value().map_or(0, |count| count.0),
                })
            }
            SourceKind::Local => {
                if table.path.is_absent() {
                    self.refuse_app("a local source needs its `path`", span, "its `path` is missing");
                }
                self.path("path", &table.path).map(|path| Source::Local { path })
            }
        }
    }

    /// A URL, or a path of the controller.
    fn place(&mut self, field: &Field<String>, span: &Range<usize>) -> Option<String> {
        if field.is_absent() {
            self.refuse_app("this source needs its `url`", span, "its `url` is missing");
        }
        let url = self.word("url", field)?;
        let is_path = !url.contains("://") && !url.contains(':');
        if is_path { self.path("url", field).map(|path| path.display().to_string()) } else { Some(url) }
    }

    fn absolute(&mut self, field: &Field<String>) -> Option<String> {
        let Spanned { value, span } = field.given()?;
        let normal = value.strip_prefix('/').is_some_and(is_below);
        if !normal {
            self.refuse_app(
                "`path` must be an absolute path in normal form",
                span,
                "without `.`, `..`, `//` and a `/` at the end",
            );
        }
        normal.then(|| value.clone())
    }

    fn links(&mut self, field: &Field<Texts>) -> Option<BTreeMap<String, String>> {
        let links = field.value()?;
        for path in links.0.iter().flat_map(|(name, link)| [name, link]) {
            if !is_below(&path.value) {
                let problem = format!("`{}` is no path below a directory", path.value);
                self.refuse_app(&problem, &path.span, "without `/` at the ends, `.`, `..` and `//`");
            }
        }
        Some(links.0.iter().map(|(name, link)| (name.value.clone(), link.value.clone())).collect())
    }

    fn environment(&mut self, field: &Field<Texts>) -> BTreeMap<String, String> {
        let variables = field.value().map(|texts| texts.0.as_slice()).unwrap_or_default();
        for (name, value) in variables {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.value.is_empty()
                || name.value.starts_with(|c: char| c.is_ascii_digit())
                || !name.value.chars().all(plain)
            {
                let problem = format!("`{}` is no name of an environment variable", name.value);
                self.refuse_app(&problem, &name.span, "letters, digits and `_`");
            }
            if value.value.contains('\0') || value.value.len() > VALUE_BYTES {
                let problem =
                    format!("the value of `{}` cannot be that of an environment variable", name.value);
                self.refuse_app(&problem, &value.span, "too long, or with a NUL in it");
            }
        }
        variables.iter().map(|(name, value)| (name.value.clone(), value.value.clone())).collect()
    }

    fn argv(&mut self, key: &str, field: &Field<List<String>>) -> Vec<String> {
        if let Some(given) = field.given()
            && given.value.complete
            && given.value.items.first().is_none_or(|program| program.value.is_empty())
        {
            self.refuse_app(
                &format!("`{key}` has no program"),
                &given.span,
                "write the program and its arguments",
            );
        }
        words(field)
    }

    fn refuse_app(&mut self, problem: &str, span: &Range<usize>, label: &str) {
        self.problems.push(Diagnostic::error(problem).label(span.clone(), label.to_owned()));
    }
}

fn words(field: &Field<List<String>>) -> Vec<String> {
    field.value().into_iter().flat_map(|list| list.items.iter().map(|item| item.value.clone())).collect()
}

/// A relative path that leads nowhere but below.
fn is_below(path: &str) -> bool {
    !path.contains('\0') && path.split('/').all(|name| !matches!(name, "" | "." | ".."))
}

/// Whether there is a bucket, and a key behind it.
fn names_object(object: &str) -> bool {
    object.split_once('/').is_some_and(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
}
