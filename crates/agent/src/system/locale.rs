//! The provider of the locale: `/etc/default/locale` and `/etc/locale.gen` on Debian, `/etc/locale.conf` elsewhere.

use std::fmt::Write as _;

use engine_protocol::{Action, Resource, resource::LocaleSpec};

use super::SystemError;
use crate::{
    command::Run,
    files::managed::{self, Managed},
    overlay::Prediction,
    provider::{Check, Context, Error, done, unsupported},
};

const GENERATE: &str = "/etc/locale.gen";

/// Checks the locale.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r LocaleSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    if action != Action::Update {
        return Err(unsupported(resource, action));
    }
    let debian = context.node.facts.platform.family == "debian";
    let path = if debian { "/etc/default/locale" } else { "/etc/locale.conf" };
    let settings = Managed::present(path, text(spec), 0o644);
    let (mut changes, mut predictions) = (Vec::new(), Vec::new());
    let mut generate = None;
    if debian && !is_there(&spec.lang)? {
        let Some(list) = managed::read(context, GENERATE)? else {
            return match context.opaque() {
                Some(because) => Ok(Check::Unknown(because)),
                None => Err(SystemError::NoLocale { name: spec.lang.clone() }.into()),
            };
        };
        let list = with_locale(&String::from_utf8_lossy(&list), &spec.lang);
        let file = Managed::present(GENERATE, list, 0o644);
        changes.push(done("generated"));
        if let Some((_, foreseen)) = file.compare(context)? {
            predictions.extend(foreseen);
        }
        predictions.push(Prediction::Anything);
        generate = Some(file);
    }
    if let Some((parts, foreseen)) = settings.compare(context)? {
        changes.extend(parts);
        predictions.extend(foreseen);
    }
    if changes.is_empty() {
        return Ok(Check::UpToDate);
    }
    Ok(Check::differs(changes, predictions, move |context| {
        if let Some(file) = &generate {
            file.put(context)?;
            let tool =
                |source| SystemError::Tool { what: format!("`{}` cannot be generated", spec.lang), source };
            Run::new(["locale-gen"]).succeed().map_err(tool)?;
        }
        settings.put(context)?;
        Ok(Vec::new())
    }))
}

fn text(spec: &LocaleSpec) -> String {
    let mut text = format!("LANG={}\n", spec.lang);
    for (name, value) in &spec.variables {
        let _ = writeln!(text, "{name}={value}");
    }
    text
}

/// Whether the C library has the locale.
fn is_there(lang: &str) -> Result<bool, SystemError> {
    if matches!(normal(lang).as_str(), "c" | "posix" | "c.utf8") {
        return Ok(true);
    }
    let tool = |source| SystemError::Tool { what: "the locales cannot be listed".to_owned(), source };
    let output = Run::new(["locale", "-a"]).parsed().succeed().map_err(tool)?;
    Ok(output.lines().any(|known| normal(known) == normal(lang)))
}

/// `de_DE.UTF-8` and `de_DE.utf8` are the same.
fn normal(name: &str) -> String {
    let (language, charset) = name.split_once('.').unwrap_or((name, ""));
    let charset = charset.to_lowercase().replace('-', "");
    if charset.is_empty() {
        language.to_lowercase()
    } else {
        format!("{}.{charset}", language.to_lowercase())
    }
}

/// `/etc/locale.gen` with the locale among those that are generated.
fn with_locale(list: &str, lang: &str) -> String {
    let charset = lang.split_once('.').map_or("ISO-8859-1", |(_, charset)| charset);
    let line = format!("{lang} {charset}");
    let mut found = false;
    let mut edited: String = list
        .split_inclusive('\n')
        .map(|old| {
            let bare = old.trim().trim_start_matches('#').trim();
            if bare == line && !found {
                found = true;
                return format!("{line}\n");
            }
            old.to_owned()
        })
        .collect();
    if !found {
        if !edited.is_empty() && !edited.ends_with('\n') {
            edited.push('\n');
        }
        let _ = writeln!(edited, "{line}");
    }
    edited
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_is_taken_into_the_list_once() {
        let list = "# This file lists locales\n# de_DE.UTF-8 UTF-8\n# en_US.UTF-8 UTF-8\n";
        let once = with_locale(list, "de_DE.UTF-8");
        assert_eq!(once, "# This file lists locales\nde_DE.UTF-8 UTF-8\n# en_US.UTF-8 UTF-8\n");
        assert_eq!(with_locale(&once, "de_DE.UTF-8"), once);
        assert_eq!(with_locale("", "fr_FR.UTF-8"), "fr_FR.UTF-8 UTF-8\n");
    }

    #[test]
    fn names_of_locales_are_compared_as_the_c_library_does() {
        assert_eq!(normal("de_DE.UTF-8"), normal("de_DE.utf8"));
        assert_ne!(normal("de_DE.UTF-8"), normal("de_DE"));
    }
}
