//! What an operator lets a cookbook do. Deny is the default: an empty [`Grants`] allows nothing.
//!
//! The same check runs on the controller before anything is sent and on the agent before anything
//! is applied, which is why it lives in the protocol.

use serde::{Deserialize, Serialize};

use crate::resource::{Guard, Resource, Spec};

/// The capabilities granted to one cookbook, with the arguments that each may be used with.
///
/// Names are globs (`nginx*`), paths are globs in which `**` crosses directories
/// (`/etc/nginx/**`), commands are argument vectors whose arguments are globs and whose last
/// element may be `**` for any further arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grants {
    /// Package names that may be installed, upgraded or removed.
    pub packages: Vec<String>,
    /// Paths of files, directories and links that may be managed.
    pub files: Vec<String>,
    /// Services that may be controlled.
    pub services: Vec<String>,
    /// Users that may be managed.
    pub users: Vec<String>,
    /// Groups that may be managed.
    pub groups: Vec<String>,
    /// Commands that may be run, as argument vectors.
    pub execute: Vec<Vec<String>>,
}

/// A resource that the cookbook's grants do not cover.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("cookbook `{cookbook}` is not granted {capability} `{argument}` (declared as {resource})")]
pub struct Denied {
    /// The cookbook that declared the resource.
    pub cookbook: String,
    /// The capability in the stack file's words, for example `files`.
    pub capability: String,
    /// The argument that no grant matches.
    pub argument: String,
    /// The resource in Chef's form, for example `file[/etc/motd]`.
    pub resource: String,
}

impl Grants {
    /// Names of the capabilities with at least one grant, in the order of the fields.
    pub fn capabilities(&self) -> Vec<&'static str> {
        [
            ("packages", self.packages.is_empty()),
            ("files", self.files.is_empty()),
            ("services", self.services.is_empty()),
            ("users", self.users.is_empty()),
            ("groups", self.groups.is_empty()),
            ("execute", self.execute.is_empty()),
        ]
        .into_iter()
        .filter_map(|(name, empty)| (!empty).then_some(name))
        .collect()
    }

    /// Checks a resource, its guards included.
    pub fn check(&self, resource: &Resource) -> Result<(), Denied> {
        let denied = |(capability, argument): (&str, String)| Denied {
            cookbook: resource.origin.cookbook.clone(),
            capability: capability.to_owned(),
            argument: if resource.common.sensitive && capability == "execute" {
                "a sensitive command".to_owned()
            } else {
                argument
            },
            resource: resource.to_string(),
        };
        self.check_spec(&resource.spec).map_err(denied)?;
        for guard in resource.common.only_if.iter().chain(&resource.common.not_if) {
            self.check_guard(guard).map_err(denied)?;
        }
        Ok(())
    }

    fn check_spec(&self, spec: &Spec) -> Result<(), (&'static str, String)> {
        match spec {
            Spec::Package(package) => {
                package.names.iter().try_for_each(|name| Self::check_name("packages", &self.packages, name))
            }
            Spec::PackageUpdate(_) => Self::check_name("packages", &self.packages, "*"),
            Spec::File(file) => self.check_path(&file.path),
            Spec::Directory(directory) => self.check_path(&directory.path),
            Spec::Link(link) => self.check_path(&link.path),
            Spec::Service(service) => Self::check_name("services", &self.services, &service.name),
            Spec::User(user) => {
                Self::check_name("users", &self.users, &user.name)?;
                // A user in `sudo` is root: membership is the group's to grant. A primary group of
                // the user's own name is what every new user has.
                let others = user.group.iter().filter(|group| **group != user.name).chain(&user.groups);
                for group in others {
                    Self::check_name("groups", &self.groups, group)?;
                }
                // Another name for root is root.
                if user.uid == Some(0) { Self::check_name("users", &self.users, "root") } else { Ok(()) }
            }
            Spec::Group(group) => Self::check_name("groups", &self.groups, &group.name),
            Spec::Execute(execute) => {
                // These decide which code a granted command runs.
                let steers = |name: &str| name == "PATH" || name.starts_with("LD_");
                if let Some((name, _)) = execute.environment.iter().find(|(name, _)| steers(name)) {
                    return Err(("execute", format!("{name}=… {}", execute.argv.join(" "))));
                }
                execute.cwd.as_deref().map_or(Ok(()), check_normal)?;
                if let Some(creates) = &execute.creates {
                    check_normal(creates)?;
                }
                self.check_argv(&execute.argv)
            }
        }
    }

    fn check_guard(&self, guard: &Guard) -> Result<(), (&'static str, String)> {
        match guard {
            Guard::Command { argv } => self.check_argv(argv),
            Guard::PathExists { path } => self.check_path(path),
        }
    }

    fn check_name(
        capability: &'static str,
        patterns: &[String],
        name: &str,
    ) -> Result<(), (&'static str, String)> {
        if patterns.iter().any(|pattern| glob(pattern, name)) {
            Ok(())
        } else {
            Err((capability, name.to_owned()))
        }
    }

    fn check_path(&self, path: &str) -> Result<(), (&'static str, String)> {
        check_normal(path)?;
        if self.files.iter().any(|pattern| path_matches(pattern, path)) {
            Ok(())
        } else {
            Err(("files", path.to_owned()))
        }
    }

    fn check_argv(&self, argv: &[String]) -> Result<(), (&'static str, String)> {
        if self.execute.iter().any(|pattern| argv_matches(pattern, argv)) {
            Ok(())
        } else {
            Err(("execute", argv.join(" ")))
        }
    }

    /// The longest directory that an operator named in a grant covering `path`, without wildcards.
    ///
    /// What lies above and including this directory is the operator's choice; below it a symbolic
    /// link could lead out of the grant, so the agent follows none.
    pub fn trusted_prefix(&self, path: &str) -> Option<String> {
        self.files
            .iter()
            .filter(|pattern| path_matches(pattern, path))
            .map(|pattern| literal_prefix(pattern))
            .max_by_key(String::len)
    }
}

/// Whether a glob matches. One that begins with `!` would match all that it does not name; such a
/// grant matches nothing.
fn glob(pattern: &str, text: &str) -> bool {
    !pattern.starts_with('!') && fast_glob::glob_match(pattern, text)
}

/// `/etc/nginx/**` also covers `/etc/nginx` itself: who may fill a directory may make it.
fn path_matches(pattern: &str, path: &str) -> bool {
    glob(pattern, path)
        || pattern.strip_suffix("/**").is_some_and(|directory| !directory.is_empty() && glob(directory, path))
}

fn literal_prefix(pattern: &str) -> String {
    let mut prefix = String::new();
    let components: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    for (index, component) in components.iter().enumerate() {
        let last = index + 1 == components.len();
        if component.contains(['*', '?', '[', '{', '\\', '!']) || last {
            break;
        }
        prefix.push('/');
        prefix.push_str(component);
    }
    if prefix.is_empty() { "/".to_owned() } else { prefix }
}

fn argv_matches(pattern: &[String], argv: &[String]) -> bool {
    let (fixed, open) = match pattern.split_last() {
        Some((last, rest)) if last == "**" => (rest, true),
        _ => (pattern, false),
    };
    if argv.len() < fixed.len() || (!open && argv.len() != fixed.len()) {
        return false;
    }
    fixed
        .iter()
        .zip(argv)
        .all(|(pattern, argument)| pattern == argument || pattern == "*" || glob(pattern, argument))
}

fn check_normal(path: &str) -> Result<(), (&'static str, String)> {
    let normal = path.starts_with('/')
        && !path.contains('\0')
        && (path == "/" || path[1..].split('/').all(|part| !matches!(part, "" | "." | "..")));
    if normal { Ok(()) } else { Err(("files", path.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(files: &[&str]) -> Grants {
        Grants { files: files.iter().map(ToString::to_string).collect(), ..Grants::default() }
    }

    #[test]
    fn nothing_is_granted_by_default() {
        assert!(Grants::default().check_path("/etc/motd").is_err());
        assert!(Grants::default().check_argv(&["true".to_owned()]).is_err());
        assert!(Grants::default().capabilities().is_empty());
    }

    #[test]
    fn a_tree_grant_covers_the_directory_and_all_below_it() {
        let grants = grants(&["/etc/nginx/**"]);
        for path in ["/etc/nginx", "/etc/nginx/a", "/etc/nginx/a/b"] {
            assert_eq!(grants.check_path(path), Ok(()), "{path}");
        }
        for path in ["/etc", "/etc/nginxx", "/etc/passwd"] {
            assert!(grants.check_path(path).is_err(), "{path}");
        }
    }

    #[test]
    fn paths_that_are_not_in_normal_form_are_denied_whatever_the_grant() {
        for path in ["/etc/../etc/shadow", "etc/motd", "/etc//motd", "/etc/./motd", "/etc/motd/", "/a\0b", ""]
        {
            assert!(grants(&["/**", "**"]).check_path(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn the_trusted_prefix_ends_before_the_first_wildcard_and_before_the_last_component() {
        assert_eq!(grants(&["/etc/nginx/**"]).trusted_prefix("/etc/nginx/a"), Some("/etc/nginx".into()));
        assert_eq!(grants(&["/etc/motd"]).trusted_prefix("/etc/motd"), Some("/etc".into()));
        assert_eq!(grants(&["/srv/*/x"]).trusted_prefix("/srv/a/x"), Some("/srv".into()));
        assert_eq!(grants(&["/**"]).trusted_prefix("/srv/a/x"), Some("/".into()));
    }

    #[test]
    fn a_negated_pattern_grants_nothing() {
        let grants = Grants { packages: vec!["!x".into()], ..grants(&["!/etc/x"]) };
        assert!(grants.check_path("/etc/shadow").is_err());
        assert!(Grants::check_name("packages", &grants.packages, "y").is_err());
    }

    #[test]
    fn a_user_gets_into_granted_groups_only_and_never_becomes_root() {
        use crate::resource::UserSpec;
        let grants =
            Grants { users: vec!["deploy*".into()], groups: vec!["www-data".into()], ..Grants::default() };
        let user = |group: &str, uid| {
            Spec::User(UserSpec {
                name: "deploy".into(),
                groups: vec![group.into()],
                uid,
                ..UserSpec::default()
            })
        };
        assert_eq!(grants.check_spec(&user("www-data", None)), Ok(()));
        assert_eq!(grants.check_spec(&user("sudo", None)), Err(("groups", "sudo".into())));
        assert_eq!(grants.check_spec(&user("www-data", Some(0))), Err(("users", "root".into())));
    }

    #[test]
    fn the_environment_cannot_make_a_granted_command_another() {
        use crate::resource::ExecuteSpec;
        let grants = Grants { execute: vec![vec!["nginx".into(), "-t".into()]], ..Grants::default() };
        let command = |name: &str| {
            Spec::Execute(ExecuteSpec {
                argv: vec!["nginx".into(), "-t".into()],
                environment: vec![(name.into(), "x".into())],
                ..ExecuteSpec::default()
            })
        };
        assert_eq!(grants.check_spec(&command("LANG")), Ok(()));
        for name in ["LD_PRELOAD", "PATH"] {
            assert!(grants.check_spec(&command(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn commands_match_argument_by_argument() {
        let pattern: Vec<String> = ["nginx", "-t"].map(String::from).into();
        assert!(argv_matches(&pattern, &["nginx".into(), "-t".into()]));
        assert!(!argv_matches(&pattern, &["nginx".into()]));
        assert!(!argv_matches(&pattern, &["nginx".into(), "-t".into(), "-c".into()]));
        let open: Vec<String> = ["systemctl", "**"].map(String::from).into();
        assert!(argv_matches(&open, &["systemctl".into(), "daemon-reload".into()]));
        assert!(!argv_matches(&open, &["sh".into()]));
    }
}
