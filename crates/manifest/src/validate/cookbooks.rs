//! Cookbooks and their grants.

use engine_model::{CookbookReference, CookbookSource};
use engine_protocol::Grants;

use super::{CookbookSpans, Validator, entries};
use crate::{
    read::{self, Field, List, Named, Spanned},
    source::Diagnostic,
};

/// The cookbook that engine's own resources are of; they need no grants.
const BUILT_IN: &str = "engine";

impl Validator<'_> {
    pub(super) fn cookbooks(&mut self) -> Vec<CookbookReference> {
        entries(&self.file.cookbooks).filter_map(|entry| self.cookbook(entry)).collect()
    }

    fn cookbook(&mut self, entry: &Named<read::Cookbook>) -> Option<CookbookReference> {
        if entry.key == BUILT_IN {
            let problem = Diagnostic::error(format!("a cookbook cannot be named `{BUILT_IN}`"))
                .label(entry.span.clone(), "the name of what is built in")
                .hint("name the cookbook otherwise, here and in its `cookbook.toml`");
            self.problems.push(problem);
        }
        let table = entry.table.value()?;
        if table.path.is_absent() {
            let problem = Diagnostic::error(format!("cookbook `{}` has no `path`", entry.key))
                .label(entry.span.clone(), "needs a `path`")
                .hint("`path` is a packed cookbook, or the directory of one that is built");
            self.problems.push(problem);
        }
        let path = self.path("path", &table.path);
        let grants = table.grants.value().map(|grants| self.grants(grants)).unwrap_or_default();
        let name = entry.name.clone()?;
        let spans = CookbookSpans {
            name: entry.span.clone(),
            source: table.path.given().map_or_else(|| entry.span.clone(), |path| path.span.clone()),
            grants: table.grants.given().map(|grants| grants.span.clone()),
        };
        self.spans.cookbooks.insert(name.clone(), spans);
        Some(CookbookReference { name, source: CookbookSource::Path(path?), grants })
    }

    fn grants(&mut self, table: &read::Grants) -> Grants {
        Grants {
            packages: self.patterns(&table.packages, named),
            repositories: self.patterns(&table.repositories, place),
            files: self.patterns(&table.files, normal),
            downloads: self.patterns(&table.downloads, place),
            services: self.patterns(&table.services, named),
            units: self.patterns(&table.units, named),
            schedules: self.patterns(&table.schedules, named),
            users: self.patterns(&table.users, named),
            groups: self.patterns(&table.groups, named),
            sudoers: self.patterns(&table.sudoers, named),
            system: self.patterns(&table.system, of_system),
            storage: self.patterns(&table.storage, named),
            network: self.patterns(&table.network, named),
            execute: self.commands(&table.execute),
            environment: self.patterns(&table.environment, variable),
            secrets: self.patterns(&table.secrets, named),
        }
    }

    fn patterns(
        &mut self,
        list: &Field<List<String>>,
        check: fn(&str) -> Result<(), Refusal>,
    ) -> Vec<String> {
        let items = list.value().map(|list| list.items.as_slice()).unwrap_or_default();
        for item in items {
            if let Err(refusal) = check(&item.value) {
                self.refuse(item, &refusal);
            }
        }
        items.iter().map(|item| item.value.clone()).collect()
    }

    fn commands(&mut self, list: &Field<List<List<String>>>) -> Vec<Vec<String>> {
        let items = list.value().map(|list| list.items.as_slice()).unwrap_or_default();
        for item in items {
            let Some((program, arguments)) = item.value.items.split_first() else {
                // Items that could not be read have been reported.
                if item.value.complete {
                    self.refuse(
                        item,
                        &Refusal { problem: "a granted command is empty", label: NOTHING, hint: COMMAND },
                    );
                }
                continue;
            };
            if program.value.is_empty() {
                self.refuse(
                    program,
                    &Refusal { problem: "a granted command has no program", label: NOTHING, hint: COMMAND },
                );
            }
            let before_last = std::iter::once(program).filter(|_| !arguments.is_empty());
            let before_last = before_last.chain(arguments.iter().rev().skip(1));
            for word in before_last.filter(|word| word.value == "**") {
                let hint = "for one argument of any kind write `*`";
                self.refuse(
                    word,
                    &Refusal { problem: "`**` can only be the last argument", label: "more follows", hint },
                );
            }
        }
        let words = |command: &List<String>| command.items.iter().map(|word| word.value.clone()).collect();
        items.iter().map(|item| words(&item.value)).collect()
    }

    fn refuse<T>(&mut self, item: &Spanned<T>, refusal: &Refusal) {
        let problem =
            Diagnostic::error(refusal.problem).label(item.span.clone(), refusal.label).hint(refusal.hint);
        self.problems.push(problem);
    }
}

struct Refusal {
    problem: &'static str,
    label: &'static str,
    hint: &'static str,
}

const NOTHING: &str = "matches nothing";
const COMMAND: &str = "write the program and its arguments, for example `[\"nginx\", \"-t\"]`";

fn named(pattern: &str) -> Result<(), Refusal> {
    if pattern.is_empty() {
        return Err(Refusal {
            problem: "a grant is empty",
            label: NOTHING,
            hint: "write a name or a glob, for example `nginx*`",
        });
    }
    Ok(())
}

fn variable(pattern: &str) -> Result<(), Refusal> {
    named(pattern)?;
    if pattern.contains('=') {
        return Err(Refusal {
            problem: "a grant of an environment variable has a value",
            label: NOTHING,
            hint: "write the name or a glob alone, for example `APP_*`",
        });
    }
    Ok(())
}

/// A URL, or for git `user@host:path`.
fn place(pattern: &str) -> Result<(), Refusal> {
    named(pattern)?;
    let url =
        pattern.split_once("://").is_some_and(|(scheme, rest)| !scheme.is_empty() && rest.contains('/'));
    if url || pattern.contains('@') || matches!(pattern, "*" | "**") {
        return Ok(());
    }
    Err(Refusal {
        problem: "this grant must be a URL with a path",
        label: NOTHING,
        hint: "write for example `https://example.org/pub/**`",
    })
}

fn of_system(pattern: &str) -> Result<(), Refusal> {
    const ALONE: [&str; 6] = ["hostname", "timezone", "locale", "reboot", "*", "**"];
    const WITH: [&str; 4] = ["hosts", "sysctl", "kernel_module", "limits"];
    named(pattern)?;
    let with_argument =
        pattern.split_once(':').is_some_and(|(what, of)| WITH.contains(&what) && !of.is_empty());
    if ALONE.contains(&pattern) || with_argument {
        return Ok(());
    }
    Err(Refusal {
        problem: "there is no such setting of the system",
        label: NOTHING,
        hint: "write `hostname`, `timezone`, `locale`, `reboot`, or `hosts:`, `sysctl:`, `kernel_module:`, `limits:` and a name or glob",
    })
}

/// What the node is asked to manage is in normal form; a pattern that is not can match nothing.
fn normal(pattern: &str) -> Result<(), Refusal> {
    let hint = "write paths in full from `/`, without `.`, `..`, `//` and a `/` at the end";
    if !pattern.starts_with('/') {
        return Err(Refusal { problem: "a file grant must be an absolute path", label: NOTHING, hint });
    }
    let parts = || pattern[1..].split('/');
    if pattern.contains('\0') || (pattern != "/" && parts().any(|part| matches!(part, "" | "." | ".."))) {
        return Err(Refusal { problem: "a file grant must be a path in normal form", label: NOTHING, hint });
    }
    Ok(())
}
