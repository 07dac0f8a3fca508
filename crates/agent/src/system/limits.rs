//! The provider of limits of users' sessions, in a file of its own for each domain.

use std::fmt::Write as _;

use engine_protocol::{Action, Resource, resource::LimitsSpec};

use super::SystemError;
use crate::{
    files::{
        managed::{self, Managed},
        state::State,
    },
    provider::{Check, Context, Error, unsupported},
};

/// Where pam_limits(8) reads them.
const DIRECTORY: &str = "/etc/security/limits.d";

/// What PAM reads its own files from.
const PAM: &str = "/etc/security";

/// Nobody would read the file.
#[derive(Debug, thiserror::Error)]
#[error(
    "{path} would have no effect: there is no {PAM}, so nothing on this node reads limits (PAM does, elsewhere)"
)]
pub struct LimitsError {
    /// The file.
    path: String,
}

/// Checks the limits of a domain.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r LimitsSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let path = format!("{DIRECTORY}/{}", file_name(&spec.domain));
    let file = match action {
        Action::Create if !matches!(managed::look(context, PAM)?, State::Directory { .. }) => {
            return match context.opaque() {
                Some(because) => Ok(Check::Unknown(because)),
                None => Err(SystemError::from(LimitsError { path }).into()),
            };
        }
        Action::Create => Managed::present(&path, render(spec), 0o644).with_directory(),
        Action::Delete => Managed::absent(&path),
        _ => return Err(unsupported(resource, action)),
    };
    let Some((changes, predictions)) = file.compare(context)? else { return Ok(Check::UpToDate) };
    Ok(Check::differs(changes, predictions, move |context| {
        file.put(context)?;
        Ok(Vec::new())
    }))
}

/// No two domains have one file, and none is a pattern to a shell: what is not plain is written in hexadecimal digits.
fn file_name(domain: &str) -> String {
    let mut name = String::from("engine-");
    for byte in domain.bytes() {
        if byte.is_ascii_alphanumeric() || b"._-@".contains(&byte) {
            name.push(char::from(byte));
        } else {
            let _ = write!(name, "%{byte:02X}");
        }
    }
    name + ".conf"
}

fn render(spec: &LimitsSpec) -> String {
    let mut text = String::from("# Written by engine; what is changed here is lost.\n");
    for (kind, limits) in [("soft", &spec.soft), ("hard", &spec.hard)] {
        for (item, value) in limits {
            let _ = writeln!(text, "{}\t{kind}\t{item}\t{value}", spec.domain);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_domain_has_a_file_of_its_own() {
        for (domain, expected) in [
            ("app", "engine-app.conf"),
            ("@www-data", "engine-@www-data.conf"),
            ("*", "engine-%2A.conf"),
            ("CORP\\bob", "engine-CORP%5Cbob.conf"),
        ] {
            assert_eq!(file_name(domain), expected);
        }
    }

    #[test]
    fn limits_are_written_as_pam_reads_them() {
        let pair = |item: &str, value: &str| (item.to_owned(), value.to_owned());
        let spec = LimitsSpec {
            domain: "@app".into(),
            soft: vec![pair("nofile", "1024"), pair("core", "0")],
            hard: vec![pair("nofile", "unlimited")],
        };
        let text = render(&spec);
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            lines,
            ["@app\tsoft\tnofile\t1024", "@app\tsoft\tcore\t0", "@app\thard\tnofile\tunlimited"]
        );
    }
}
