//! What rpm has installed: one process for all of it.

use super::{
    Installed, PackageError,
    manager::{Versioned, failed},
};
use crate::command::Run;

/// One package a line: name, epoch (`(none)` or a number), version-release, architecture.
const FORMAT: &str = "%{NAME}\\t%{EPOCH}\\t%{VERSION}-%{RELEASE}\\t%{ARCH}\\n";

/// Asks rpm for everything.
pub fn read() -> Result<Installed, PackageError> {
    let output =
        Run::new(["rpm", "-qa", "--queryformat", FORMAT]).parsed().succeed().map_err(failed("`rpm -qa`"))?;
    Ok(parse(&output))
}

/// Name and version of a package file.
pub fn file(path: &str) -> Result<Versioned, PackageError> {
    let words = ["rpm", "-qp", "--nosignature", "--queryformat", FORMAT, "--", path];
    let output = Run::new(words).parsed().succeed().map_err(failed("`rpm -qp`"))?;
    let first = output.lines().find_map(line);
    let what = || PackageError::Output { what: "`rpm -qp`".to_owned() };
    first.map(|(name, version, _)| (name, version)).ok_or_else(what)
}

/// Reads lines of name, epoch, version and architecture. Where several versions are installed, as of kernels, the last
/// that rpm says is the newest.
pub fn parse(output: &str) -> Installed {
    let mut installed = Installed::default();
    for (name, version, architecture) in output.lines().filter_map(line) {
        installed.versions.insert(format!("{name}.{architecture}"), version.clone());
        installed.versions.insert(name, version);
    }
    installed
}

fn line(text: &str) -> Option<(String, String, String)> {
    let mut fields = text.split('\t');
    let (name, epoch, version) = (fields.next()?, fields.next()?, fields.next()?);
    let architecture = fields.next()?;
    let version = match epoch {
        "(none)" | "0" => version.to_owned(),
        epoch => format!("{epoch}:{version}"),
    };
    // Keys of repositories are in the same list.
    (name != "gpg-pubkey").then(|| (name.to_owned(), version, architecture.to_owned()))
}

/// Whether `1.0`, `1.0-1` or `2:1.0-1` is the version `2:1.0-1`.
pub fn is_version(wanted: &str, found: &str) -> bool {
    let bare = |version: &str| version.split_once(':').map_or(version, |(_, rest)| rest).to_owned();
    let (wanted_bare, found_bare) = (bare(wanted), bare(found));
    if wanted.contains(':') && wanted != found && !(wanted.starts_with("0:") && wanted_bare == found) {
        return false;
    }
    wanted_bare == found_bare
        || found_bare.rsplit_once('-').is_some_and(|(version, _)| version == wanted_bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// rpm 4.18.
    const OUTPUT: &str = "engine-probe\t(none)\t1.0-1\tnoarch\nbind-libs\t32\t9.16.23-18.el9\tx86_64\n\
                          gpg-pubkey\t(none)\t3228467c-613798eb\t(none)\n";

    #[test]
    fn everything_is_read_from_one_query() {
        let installed = parse(OUTPUT);
        assert_eq!(installed.version("engine-probe"), Some("1.0-1"));
        assert_eq!(installed.version("bind-libs.x86_64"), Some("32:9.16.23-18.el9"));
        assert_eq!(installed.version("gpg-pubkey"), None);
    }

    #[test]
    fn a_version_may_be_written_without_release_and_epoch() {
        for wanted in ["9.16.23", "9.16.23-18.el9", "32:9.16.23-18.el9"] {
            assert!(is_version(wanted, "32:9.16.23-18.el9"), "{wanted}");
        }
        for wanted in ["9.16", "9.16.23-1", "1:9.16.23-18.el9"] {
            assert!(!is_version(wanted, "32:9.16.23-18.el9"), "{wanted}");
        }
        assert!(is_version("0:1.0-1", "1.0-1"));
    }
}
