//! Where live state is kept.

use engine_model::StatePlace;

use super::Validator;
use crate::source::Diagnostic;

impl Validator<'_> {
    pub(super) fn state(&mut self) -> Option<StatePlace> {
        let field = &self.file.state;
        let given = field.given()?;
        let Some((scheme, rest)) = given.value.split_once("://") else {
            return self.path("state", field).map(StatePlace::File);
        };
        let problem = if !matches!(scheme, "postgres" | "postgresql") {
            ("`state` is of an unknown kind", "give a file, or `postgresql://USER@HOST/DATABASE`")
        } else if has_password(rest) {
            ("`state` holds a password", "write it into `~/.pgpass`: who reads this file reads it as well")
        } else {
            return Some(StatePlace::Url(given.value.clone()));
        };
        self.problems.push(Diagnostic::error(problem.0).label(given.span.clone(), problem.1));
        None
    }
}

/// Whether there is a password in a URL without its scheme: `USER:PASSWORD@HOST`, or as a parameter.
fn has_password(url: &str) -> bool {
    let (place, parameters) = url.split_once('?').unwrap_or((url, ""));
    let authority = place.split('/').next().unwrap_or_default();
    let in_front = authority.rsplit_once('@').is_some_and(|(who, _)| who.contains(':'));
    in_front || parameters.split('&').any(|parameter| parameter.starts_with("password="))
}
