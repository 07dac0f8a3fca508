//! Which symbolic links a cookbook may make, and which ones on a node are trusted.
//!
//! The way down to a directory that a grant names is trusted to have links in it, so no cookbook may put one there.
//! A link anywhere else that a cookbook may make is never followed.

use super::{
    Grants,
    pattern::{literal_prefix, path_matches},
};
use crate::resource::Spec;

/// A link that would lead a trusted way elsewhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Astray {
    /// Where the link would be.
    pub link: String,
    /// The directory that a grant names.
    pub directory: String,
}

impl Grants {
    /// Whether any path is granted. Then links make no difference.
    pub fn all_files(&self) -> bool {
        self.files.iter().any(|pattern| matches!(pattern.as_str(), "/**" | "**"))
    }

    /// The longest directory that an operator named in a grant covering `path`, without wildcards.
    ///
    /// What lies above and including this directory is the operator's choice; below it a symbolic
    /// link could lead out of the grant, so the agent follows none.
    pub fn trusted_prefix(&self, path: &str) -> Option<String> {
        let covering = self.files.iter().filter(|pattern| path_matches(pattern, path));
        covering.map(|pattern| literal_prefix(pattern)).max_by_key(String::len)
    }

    /// Whether the cookbook may put a symbolic link at a path, be it with its own name or in what it unpacks.
    pub fn may_link(&self, path: &str) -> bool {
        self.check_path(path).is_ok() && (self.all_files() || self.trusted_through(path).is_none())
    }

    /// A trusted directory strictly below a path: what fills the path may lead it elsewhere.
    pub fn trusted_below(&self, path: &str) -> Option<String> {
        if self.all_files() {
            return None;
        }
        self.trusted_prefixes().find(|directory| directory != path && is_below(directory, path))
    }

    /// A trusted directory that is at a path or below it.
    fn trusted_through(&self, path: &str) -> Option<String> {
        self.trusted_prefixes().find(|directory| is_below(directory, path))
    }

    fn trusted_prefixes(&self) -> impl Iterator<Item = String> {
        self.files.iter().map(|pattern| literal_prefix(pattern))
    }

    /// Checks what may bring a symbolic link.
    pub(super) fn check_links(&self, spec: &Spec) -> Result<(), Astray> {
        let astray = match spec {
            _ if self.all_files() => None,
            Spec::Link(link) => self
                .trusted_through(&link.path)
                .map(|directory| Astray { link: link.path.clone(), directory }),
            Spec::Archive(crate::resource::ArchiveSpec { path, .. })
            | Spec::Git(crate::resource::GitSpec { path, .. }) => {
                self.trusted_below(path).map(|directory| Astray { link: directory.clone(), directory })
            }
            _ => None,
        };
        astray.map_or(Ok(()), Err)
    }
}

/// Whether a path is another one or below it.
fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::{ArchiveSpec, GitSpec, LinkSpec};

    fn grants(files: &[&str]) -> Grants {
        Grants {
            files: files.iter().map(ToString::to_string).collect(),
            downloads: vec!["**".into()],
            ..Grants::default()
        }
    }

    fn link(path: &str) -> Spec {
        Spec::Link(LinkSpec { path: path.into(), to: "/etc".into() })
    }

    #[test]
    fn the_trusted_prefix_ends_before_the_first_wildcard_and_before_the_last_component() {
        assert_eq!(grants(&["/etc/nginx/**"]).trusted_prefix("/etc/nginx/a"), Some("/etc/nginx".into()));
        assert_eq!(grants(&["/etc/motd"]).trusted_prefix("/etc/motd"), Some("/etc".into()));
        assert_eq!(grants(&["/srv/*/x"]).trusted_prefix("/srv/a/x"), Some("/srv".into()));
        assert_eq!(grants(&["/**"]).trusted_prefix("/srv/a/x"), Some("/".into()));
    }

    #[test]
    fn no_link_is_made_on_the_way_to_a_directory_that_a_grant_names() {
        for (files, path) in [
            (&["/srv/app/**"][..], "/srv/app"),
            (&["/srv/*", "/srv/app/**"], "/srv/app"),
            (&["/srv/**", "/srv/app/conf/*.toml"], "/srv/app"),
            (&["/srv/**", "/srv/app/conf/*.toml"], "/srv/app/conf"),
            (&["/srv", "/srv/app/file"], "/srv"),
        ] {
            let grants = grants(files);
            assert_eq!(grants.check_spec(&link(path)), Ok(()), "{files:?} {path}");
            let astray = grants.check_links(&link(path)).unwrap_err();
            assert_eq!(astray.link, path, "{files:?}");
            assert!(!grants.may_link(path), "{files:?}");
        }
    }

    #[test]
    fn links_beside_and_below_are_made() {
        for (files, path) in [
            (&["/srv/app/**"][..], "/srv/app/current"),
            (&["/srv/*", "/srv/app/**"], "/srv/apple"),
            (&["/srv/*", "/srv/app/**"], "/srv/ap"),
            (&["/usr/local/bin/app"], "/usr/local/bin/app"),
            (&["/**", "/srv/app/**"], "/srv/app"),
        ] {
            assert_eq!(grants(files).check_links(&link(path)), Ok(()), "{files:?} {path}");
            assert!(grants(files).may_link(path), "{files:?} {path}");
        }
        assert!(!grants(&["/srv/app/**"]).may_link("/etc"));
    }

    #[test]
    fn what_is_unpacked_or_checked_out_brings_no_link_there_either() {
        let grants = grants(&["/srv/**", "/srv/app/shared/**"]);
        let all = |path: &str| {
            let archive = Spec::Archive(ArchiveSpec { path: path.into(), ..ArchiveSpec::default() });
            let git = Spec::Git(GitSpec { path: path.into(), ..GitSpec::default() });
            [archive, git].map(|spec| grants.check_links(&spec).is_ok())
        };
        for path in ["/srv", "/srv/app"] {
            assert_eq!(all(path), [false, false], "{path}");
        }
        for path in ["/srv/app/shared", "/srv/app/other", "/srv/apps"] {
            assert_eq!(all(path), [true, true], "{path}");
        }
    }
}
