//! What an operator lets a cookbook do. Deny is the default: an empty [`Grants`] allows nothing.
//!
//! The same check runs on the controller before anything is sent and on the agent before anything
//! is applied, which is why it lives in the protocol.

use serde::{Deserialize, Serialize};

use crate::resource::{Guard, Resource};

mod check;
mod links;
mod pattern;

/// The capabilities granted to one cookbook, with the arguments that each may be used with.
///
/// Names are globs (`nginx*`), paths are globs in which `**` crosses directories
/// (`/etc/nginx/**`), commands are argument vectors whose arguments are globs and whose last
/// element may be `**` for any further arguments. URLs are globs in which `**` crosses slashes
/// (`https://example.org/pub/**`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grants {
    /// Package names that may be installed, upgraded, held or removed.
    pub packages: Vec<String>,
    /// URLs of package repositories and their keys.
    pub repositories: Vec<String>,
    /// Paths of files, directories and links that may be managed.
    pub files: Vec<String>,
    /// URLs that files may be fetched from and repositories cloned from.
    pub downloads: Vec<String>,
    /// Services that may be controlled.
    pub services: Vec<String>,
    /// Units of systemd that may be written: what they start runs as root unless they say otherwise.
    pub units: Vec<String>,
    /// Names of cron jobs and timers that may be written. Their commands need a grant of `execute`.
    pub schedules: Vec<String>,
    /// Users that may be managed, and whose SSH keys may be.
    pub users: Vec<String>,
    /// Groups that may be managed.
    pub groups: Vec<String>,
    /// Files in `/etc/sudoers.d` that may be written: who writes there gives away root.
    pub sudoers: Vec<String>,
    /// What of the system may be set: `hostname`, `timezone`, `locale`, `reboot`, `hosts:NAME`, `sysctl:KEY`, `kernel_module:NAME`, `limits:DOMAIN`; globs after the colon.
    pub system: Vec<String>,
    /// Swap files, devices and mount points that may be managed.
    pub storage: Vec<String>,
    /// Addresses (`host:port`) and URLs that may be asked whether they answer.
    pub network: Vec<String>,
    /// Commands that may be run, as argument vectors.
    pub execute: Vec<Vec<String>>,
    /// Names of environment variables that commands may be given; all where any command is granted.
    pub environment: Vec<String>,
    /// Names of secrets that may be used; a cookbook never sees what they are.
    pub secrets: Vec<String>,
}

/// A resource that the cookbook's grants do not cover.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{} (declared as {resource})", self.problem())]
pub struct Denied {
    /// The cookbook that declared the resource.
    pub cookbook: String,
    /// The capability in the stack file's words, for example `files`.
    pub capability: String,
    /// The argument that no grant matches.
    pub argument: String,
    /// The directory of a grant that a symbolic link at `argument` would lead elsewhere.
    pub astray: Option<String>,
    /// The resource in Chef's form, for example `file[/etc/motd]`.
    pub resource: String,
}

impl Denied {
    /// What is denied, without the resource.
    pub fn problem(&self) -> String {
        let Denied { cookbook, capability, argument, .. } = self;
        match &self.astray {
            None => format!("cookbook `{cookbook}` is not granted {capability} `{argument}`"),
            Some(directory) => format!(
                "cookbook `{cookbook}` may bring no symbolic link to `{argument}`: a grant of its files names \
                 `{directory}`, and the way there must not lead elsewhere"
            ),
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        let grants = format!("[cookbooks.{}.grants]", self.cookbook);
        match &self.astray {
            None => format!("if it should be, add it to {grants} in the stack file"),
            Some(directory) => {
                format!("put it below `{directory}`, or change `files` under {grants} in the stack file")
            }
        }
    }
}

impl Grants {
    /// All that can be granted. For what engine declares by itself: nobody but the operator has a say in it.
    pub fn everything() -> Self {
        let all = || vec!["**".to_owned()];
        Grants {
            packages: all(),
            repositories: all(),
            files: vec!["/**".to_owned()],
            downloads: all(),
            services: all(),
            units: all(),
            schedules: all(),
            users: all(),
            groups: all(),
            sudoers: all(),
            system: all(),
            storage: all(),
            network: all(),
            execute: vec![all()],
            environment: all(),
            secrets: all(),
        }
    }

    /// Names of the capabilities with at least one grant, in the order of the WIT files. `environment` belongs to
    /// `execute`.
    pub fn capabilities(&self) -> Vec<&'static str> {
        [
            ("packages", self.packages.is_empty()),
            ("repositories", self.repositories.is_empty()),
            ("files", self.files.is_empty()),
            ("downloads", self.downloads.is_empty()),
            ("services", self.services.is_empty()),
            ("units", self.units.is_empty()),
            ("schedules", self.schedules.is_empty()),
            ("users", self.users.is_empty()),
            ("groups", self.groups.is_empty()),
            ("sudoers", self.sudoers.is_empty()),
            ("system", self.system.is_empty()),
            ("storage", self.storage.is_empty()),
            ("execute", self.execute.is_empty()),
            ("network", self.network.is_empty()),
            ("secrets", self.secrets.is_empty()),
        ]
        .into_iter()
        .filter_map(|(name, empty)| (!empty).then_some(name))
        .collect()
    }

    /// Whether a secret may be used.
    pub fn allows_secret(&self, name: &str) -> bool {
        self.secrets.iter().any(|pattern| pattern::glob(pattern, name))
    }

    /// Checks a resource, its guards included. What [secrets](Grants::allows_secret) it has in it, only the controller
    /// can check: the node gets their values.
    pub fn check(&self, resource: &Resource) -> Result<(), Denied> {
        let denied = |(capability, argument): (&str, String), astray: Option<String>| Denied {
            cookbook: resource.origin.cookbook.clone(),
            capability: capability.to_owned(),
            argument: if shows(resource, &argument) || astray.is_some() {
                argument
            } else {
                hidden(capability).to_owned()
            },
            astray,
            resource: resource.to_string(),
        };
        let refused = |refused| denied(refused, None);
        self.check_spec(&resource.spec).map_err(refused)?;
        self.check_links(&resource.spec)
            .map_err(|astray| denied(("files", astray.link), Some(astray.directory)))?;
        let mut guards = resource.common.only_if.iter().chain(&resource.common.not_if);
        guards.try_for_each(|guard: &Guard| self.check_guard(guard)).map_err(refused)
    }
}

/// Whether an argument may be said: all of a sensitive resource but what names it is hidden.
fn shows(resource: &Resource, argument: &str) -> bool {
    if !resource.common.sensitive {
        return true;
    }
    let names = |text: &str| resource.to_string() == format!("{}[{text}]", resource.kind);
    let of_system = argument.split_once(':').map(|(_, of)| of);
    [Some(argument), argument.strip_suffix("/**"), of_system].into_iter().flatten().any(names)
}

/// What is said instead.
fn hidden(capability: &str) -> &'static str {
    match capability {
        "execute" => "a sensitive command",
        "downloads" | "repositories" | "network" => "a sensitive place",
        "environment" => "a sensitive variable",
        _ => "a sensitive argument",
    }
}

#[cfg(test)]
mod tests {
    use super::{pattern::argv_matches, *};
    use crate::resource::Spec;

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
    fn a_negated_pattern_grants_nothing() {
        let grants = Grants { packages: vec!["!x".into()], ..grants(&["!/etc/x"]) };
        assert!(grants.check_path("/etc/shadow").is_err());
        assert!(check::name("packages", &grants.packages, "y").is_err());
    }

    #[test]
    fn names_of_hosts_are_granted_one_by_one() {
        use crate::resource::HostsEntrySpec;
        let grants = Grants { system: vec!["hosts:*.example.org".into()], ..Grants::default() };
        let entry = |hostname: &str, aliases: &[&str]| {
            Spec::HostsEntry(HostsEntrySpec {
                address: "10.0.0.5".into(),
                hostname: hostname.into(),
                aliases: aliases.iter().map(ToString::to_string).collect(),
            })
        };
        assert_eq!(grants.check_spec(&entry("a.example.org", &[])), Ok(()));
        assert_eq!(
            grants.check_spec(&entry("a.example.org", &["localhost"])),
            Err(("system", "hosts:localhost".into()))
        );
        // Which names go with an address, only the node knows.
        assert_eq!(grants.check_spec(&entry("", &[])), Ok(()));
        assert!(grants.allows_host("b.example.org") && !grants.allows_host("localhost"));
        let others = Grants { system: vec!["hostname".into(), "sysctl:*".into()], ..Grants::default() };
        assert!(others.check_spec(&entry("", &[])).is_err());
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
    fn a_home_directory_that_is_made_or_moved_is_the_users_own_or_granted() {
        use crate::resource::UserSpec;
        let grants = Grants { users: vec!["deploy*".into()], ..grants(&["/srv/app/**", "/srv/motd"]) };
        let check = |name: &str, home: &str, manage_home| {
            grants.check_spec(&Spec::User(UserSpec {
                name: name.into(),
                home: Some(home.into()),
                manage_home,
                ..UserSpec::default()
            }))
        };
        for home in ["/home/deploy", "/srv/app", "/srv/app/deploy"] {
            assert_eq!(check("deploy", home, true), Ok(()), "{home}");
        }
        for home in ["/etc/systemd/system/cron.service.d", "/home/deploy2", "/home/deploy/../x", "/srv"] {
            assert!(check("deploy", home, true).is_err(), "{home}");
            assert_eq!(check("deploy", home, false), Ok(()), "{home}");
        }
        assert_eq!(check("deploy", "/etc", true), Err(("files", "/etc".into())));
        // A file may be granted, and no directory in its place.
        assert_eq!(check("deploy", "/srv/motd", true), Err(("files", "/srv/motd/**".into())));
        assert!(check("deploy/../../etc", "/home/deploy/../../etc", true).is_err());
    }

    #[test]
    fn what_is_denied_of_a_sensitive_resource_is_not_shown() {
        use crate::resource::{Common, GitSpec, Guard, LinkSpec, Origin, RemoteFileSpec};
        let denied = |grants: &Grants, name: &str, spec: Spec, only_if: Vec<Guard>| {
            let resource = Resource {
                id: crate::ResourceId(0),
                kind: "x".into(),
                name: name.into(),
                origin: Origin { cookbook: "web".into(), recipe: "default".into() },
                actions: Vec::new(),
                spec,
                common: Common { sensitive: true, only_if, ..Common::default() },
            };
            grants.check(&resource).unwrap_err().to_string()
        };
        let url = "https://u.example.org/x?token=secret".to_owned();
        let remote = |path: &str| {
            Spec::RemoteFile(RemoteFileSpec {
                path: path.into(),
                source: url.clone(),
                ..RemoteFileSpec::default()
            })
        };
        let git = |path: &str| {
            Spec::Git(GitSpec {
                path: path.into(),
                repository: "https://x:secret@example.org/a".into(),
                ..GitSpec::default()
            })
        };
        let some = Grants { downloads: vec!["https://other.example.org/**".into()], ..grants(&["/srv/**"]) };
        for said in [
            denied(&some, "/srv/a", remote("/srv/a"), Vec::new()),
            denied(&some, "/srv/a", git("/srv/a"), Vec::new()),
            denied(
                &some,
                "/srv/a",
                Spec::Link(LinkSpec { path: "/srv/a".into(), to: "b".into() }),
                vec![Guard::UrlAnswers { url: url.clone() }],
            ),
            denied(
                &some,
                "/srv/a",
                Spec::Link(LinkSpec { path: "/srv/a".into(), to: "b".into() }),
                vec![Guard::PathExists { path: "/etc/secret".into() }],
            ),
            denied(
                &some,
                "/srv/a",
                Spec::Link(LinkSpec { path: "/srv/a".into(), to: "b".into() }),
                vec![Guard::Command { argv: vec!["login".into(), "secret".into()] }],
            ),
        ] {
            assert!(!said.contains("secret") && said.contains("`a sensitive "), "{said}");
        }
        // What names the resource is said anyway.
        let all = Grants { downloads: vec!["**".into()], ..grants(&["/srv"]) };
        let said = denied(&all, "/etc/a", remote("/etc/a"), Vec::new());
        assert!(said.contains("not granted files `/etc/a`"), "{said}");
        let plain = Spec::Git(GitSpec {
            path: "/srv".into(),
            repository: "https://example.org/a".into(),
            ..GitSpec::default()
        });
        let said = denied(&all, "/srv", plain, Vec::new());
        assert!(said.contains("not granted files `/srv/**`"), "{said}");
    }

    #[test]
    fn a_command_is_given_only_variables_that_are_granted_by_name() {
        use crate::resource::{CronSpec, ExecuteSpec, ProcessSpec, ScriptSpec, TimerSpec};
        let argv = || vec!["app".to_owned(), "x".to_owned()];
        let specs = |name: &str| {
            let environment = vec![(name.to_owned(), "x".to_owned())];
            let process = || ProcessSpec { environment: environment.clone(), ..ProcessSpec::default() };
            [
                Spec::Execute(ExecuteSpec { argv: argv(), process: process() }),
                Spec::Script(ScriptSpec {
                    name: "x".into(),
                    interpreter: vec!["app".into()],
                    process: process(),
                    ..ScriptSpec::default()
                }),
                Spec::Cron(CronSpec {
                    name: "x".into(),
                    argv: argv(),
                    environment: environment.clone(),
                    ..CronSpec::default()
                }),
                Spec::Timer(TimerSpec {
                    name: "x".into(),
                    argv: argv(),
                    environment: environment.clone(),
                    ..TimerSpec::default()
                }),
            ]
        };
        let grants = |execute: &[&str], environment: &[&str]| Grants {
            schedules: vec!["*".into()],
            execute: vec![execute.iter().map(ToString::to_string).collect()],
            environment: environment.iter().map(ToString::to_string).collect(),
            ..Grants::default()
        };
        let some = grants(&["app", "**"], &["APP_*", "LANG"]);
        for name in ["APP_HOME", "LANG"] {
            assert!(specs(name).iter().all(|spec| some.check_spec(spec).is_ok()), "{name}");
        }
        for name in ["PATH", "LD_PRELOAD", "BASH_ENV", "ENV", "PYTHONPATH", "GIT_SSH_COMMAND", "LANGUAGE"] {
            for spec in specs(name) {
                assert_eq!(some.check_spec(&spec), Err(("environment", name.to_owned())), "{spec:?}");
            }
        }
        for any in [&["**"][..], &["*", "**"]] {
            assert!(specs("PATH").iter().all(|spec| grants(any, &[]).check_spec(spec).is_ok()), "{any:?}");
        }
        for one in [&["*", "x"][..], &["app", "**"], &["*"]] {
            assert!(grants(one, &[]).check_spec(&specs("PATH")[0]).is_err(), "{one:?}");
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

    #[test]
    fn a_url_is_what_it_looks_like() {
        let grants = Grants { downloads: vec!["https://*.example.org/**".into()], ..Grants::default() };
        assert_eq!(grants.check_url("downloads", "https://a.example.org/x/y.tar.gz?v=1"), Ok(()));
        for url in [
            "https://evil.net#.example.org/x",
            "https://evil.net?.example.org/x",
            "https://evil.net\\.example.org/x",
            "https://a.example.org@evil.net/x",
            "https://a.example.org/../x",
            "https://a.example.org/%2E%2e/x",
            "http://a.example.org/x",
            "file:///etc/shadow",
            "https://a.example.org",
            "https://a.example.org/\n",
        ] {
            assert!(grants.check_url("downloads", url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_repository_may_be_a_directory_of_the_node() {
        let all = || vec!["**".to_owned()];
        let grants = Grants { repositories: all(), downloads: all(), ..Grants::default() };
        assert_eq!(grants.check_url("repositories", "file:///srv/repo/"), Ok(()));
        assert!(grants.check_url("repositories", "file:///srv/../etc").is_err());
        assert!(grants.check_url("repositories", "file://host/srv").is_err());
        assert!(grants.check_url("downloads", "file:///etc/shadow").is_err());
    }

    #[test]
    fn git_is_given_repositories_and_no_helpers() {
        let grants =
            Grants { downloads: vec!["**".into()], files: vec!["/srv/**".into()], ..Grants::default() };
        let of = |repository: &str| {
            grants.check_spec(&Spec::Git(crate::resource::GitSpec {
                path: "/srv/app".into(),
                repository: repository.into(),
                ..Default::default()
            }))
        };
        for good in [
            "https://example.org/a.git",
            "git@example.org:a.git",
            "ssh://git@example.org:22/a",
            "file:///srv/a",
        ] {
            assert_eq!(of(good), Ok(()), "{good}");
        }
        for bad in ["ext::sh -c id", "--upload-pack=id", "/srv/a", "-x@y:z", "git@-oProxyCommand=id:a"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn who_fills_a_directory_needs_all_of_it() {
        let grants = grants(&["/srv/app/**", "/srv/texts/*.txt", "/srv/texts"]);
        assert_eq!(grants.check_tree("/srv/app"), Ok(()));
        assert_eq!(grants.check_tree("/srv/app/below"), Ok(()));
        assert!(grants.check_tree("/srv/texts").is_err());
        assert!(grants.check_tree("/srv").is_err());
    }

    #[test]
    fn what_runs_later_is_granted_as_what_runs_now() {
        use crate::resource::CronSpec;
        let cron = |program: &str| {
            Spec::Cron(CronSpec { name: "nightly".into(), argv: vec![program.into()], ..CronSpec::default() })
        };
        let grants = Grants {
            schedules: vec!["nightly".into()],
            execute: vec![vec!["backup".into()]],
            ..Grants::default()
        };
        assert_eq!(grants.check_spec(&cron("backup")), Ok(()));
        assert_eq!(grants.check_spec(&cron("sh")), Err(("execute", "sh".into())));
    }
}
