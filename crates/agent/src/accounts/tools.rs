//! The programs that change users and groups: those of shadow-utils, or busybox's where these are missing.

use std::fmt;

use super::AccountError;
use crate::command::{self, Run};

/// Which programs the node has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tools {
    /// `useradd` and its like.
    Shadow,
    /// `adduser` and its like, as busybox has them: they can make and remove, and change little.
    Busybox,
}

/// A program to be run.
pub struct Step {
    argv: Vec<String>,
    /// What it reads: a hash is no argument, which all users of the node could see.
    input: Option<String>,
}

impl fmt::Debug for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.argv.join(" "))
    }
}

impl Step {
    fn new<'a>(argv: impl IntoIterator<Item = &'a str>) -> Self {
        Self { argv: argv.into_iter().map(ToOwned::to_owned).collect(), input: None }
    }

    /// Runs it.
    pub fn run(self, what: &'static str, name: &str) -> Result<(), AccountError> {
        let mut run = Run::new(&self.argv);
        if let Some(input) = self.input {
            run = run.input(input);
        }
        run.succeed().map(drop).map_err(|source| AccountError::Tool { what, name: name.to_owned(), source })
    }
}

/// What a user shall have. What is `None` or empty is left alone, or to the tool.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings<'s> {
    /// Numeric id.
    pub uid: Option<u32>,
    /// Primary group.
    pub group: Option<&'s str>,
    /// GECOS field.
    pub comment: Option<&'s str>,
    /// Home directory.
    pub home: Option<&'s str>,
    /// Login shell.
    pub shell: Option<&'s str>,
}

impl Tools {
    /// Those of the node.
    pub fn of_node() -> Result<Self, AccountError> {
        if command::find("useradd").is_some() {
            return Ok(Tools::Shadow);
        }
        let is_busybox = |program| std::fs::canonicalize(program).is_ok_and(|path| path.ends_with("busybox"));
        if command::find("adduser").is_some_and(is_busybox) {
            Ok(Tools::Busybox)
        } else {
            Err(AccountError::NoTools)
        }
    }

    /// Makes a user.
    pub fn add_user(
        self,
        name: &str,
        settings: Settings<'_>,
        groups: &[String],
        system: bool,
        home: bool,
    ) -> Vec<Step> {
        let uid = settings.uid.map(|uid| uid.to_string());
        let (program, options, yes, no) = match self {
            Tools::Shadow => (
                "useradd",
                ["--uid", "--gid", "--comment", "--home-dir", "--shell"],
                "--create-home",
                "--no-create-home",
            ),
            // Without `-D` it asks for a password.
            Tools::Busybox => ("adduser", ["-u", "-G", "-g", "-h", "-s"], "-D", "-DH"),
        };
        let values = [uid.as_deref(), settings.group, settings.comment, settings.home, settings.shell];
        let mut argv = vec![program];
        argv.extend(
            options.into_iter().zip(values).filter_map(|(option, value)| Some([option, value?])).flatten(),
        );
        let list = groups.join(",");
        if self == Tools::Shadow && !groups.is_empty() {
            argv.extend(["--groups", &list]);
        }
        if system {
            argv.push(if self == Tools::Shadow { "--system" } else { "-S" });
        }
        argv.extend([if home { yes } else { no }, "--", name]);
        let mut steps = vec![Step::new(argv)];
        if self == Tools::Busybox {
            steps.extend(groups.iter().map(|group| Step::new(["addgroup", "--", name, group])));
        }
        steps
    }

    /// Changes a user and makes them a member of groups.
    pub fn change_user(
        self,
        name: &str,
        settings: Settings<'_>,
        move_home: bool,
        groups: &[String],
    ) -> Result<Vec<Step>, AccountError> {
        let uid = settings.uid.map(|uid| uid.to_string());
        let values = [
            ("--uid", uid.as_deref()),
            ("--gid", settings.group),
            ("--comment", settings.comment),
            ("--home", settings.home),
            ("--shell", settings.shell),
        ];
        let mut argv = vec!["usermod"];
        argv.extend(values.into_iter().filter_map(|(option, value)| Some([option, value?])).flatten());
        let list = groups.join(",");
        if self == Tools::Busybox {
            if let Some(option) = argv.get(1) {
                let property = option.trim_start_matches('-').replace("gid", "group");
                return Err(AccountError::NeedsShadow { what: "user", name: name.to_owned(), property });
            }
            return Ok(groups.iter().map(|group| Step::new(["addgroup", "--", name, group])).collect());
        }
        if move_home {
            argv.push("--move-home");
        }
        if !groups.is_empty() {
            argv.extend(["--append", "--groups", &list]);
        }
        if argv.len() == 1 {
            return Ok(Vec::new());
        }
        argv.extend(["--", name]);
        Ok(vec![Step::new(argv)])
    }

    /// Sets the second field of a user's line in `/etc/shadow`.
    pub fn set_password(name: &str, field: &str) -> Step {
        Step { input: Some(format!("{name}:{field}\n")), ..Step::new(["chpasswd", "-e"]) }
    }

    /// Takes a mark of being locked away or puts one there.
    pub fn set_locked(self, name: &str, locked: bool) -> Step {
        match (self, locked) {
            (Tools::Shadow, true) => Step::new(["usermod", "--lock", "--", name]),
            (Tools::Shadow, false) => Step::new(["usermod", "--unlock", "--", name]),
            (Tools::Busybox, true) => Step::new(["passwd", "-l", "--", name]),
            (Tools::Busybox, false) => Step::new(["passwd", "-u", "--", name]),
        }
    }

    /// Removes a user.
    pub fn remove_user(self, name: &str, home: bool) -> Step {
        let (program, option) = match self {
            Tools::Shadow => ("userdel", "--remove"),
            Tools::Busybox => ("deluser", "--remove-home"),
        };
        Step::new([program].into_iter().chain(home.then_some(option)).chain(["--", name]))
    }

    /// Makes a group.
    pub fn add_group(self, name: &str, gid: Option<u32>, system: bool) -> Step {
        let gid = gid.map(|gid| gid.to_string());
        let (program, number, option) = match self {
            Tools::Shadow => ("groupadd", "--gid", "--system"),
            Tools::Busybox => ("addgroup", "-g", "-S"),
        };
        let mut argv = vec![program];
        argv.extend(gid.iter().flat_map(|gid| [number, gid]));
        argv.extend(system.then_some(option));
        argv.extend(["--", name]);
        Step::new(argv)
    }

    /// Changes a group's numeric id.
    pub fn change_gid(self, name: &str, gid: u32) -> Result<Step, AccountError> {
        match self {
            Tools::Shadow => Ok(Step::new(["groupmod", "--gid", &gid.to_string(), "--", name])),
            Tools::Busybox => {
                let (name, property) = (name.to_owned(), "gid".to_owned());
                Err(AccountError::NeedsShadow { what: "group", name, property })
            }
        }
    }

    /// Makes a user a member of a group, or not.
    pub fn set_member(self, group: &str, user: &str, member: bool) -> Step {
        match (self, member) {
            (Tools::Shadow, true) => Step::new(["gpasswd", "--add", user, "--", group]),
            (Tools::Shadow, false) => Step::new(["gpasswd", "--delete", user, "--", group]),
            (Tools::Busybox, true) => Step::new(["addgroup", "--", user, group]),
            (Tools::Busybox, false) => Step::new(["delgroup", "--", user, group]),
        }
    }

    /// Removes a group.
    pub fn remove_group(self, name: &str) -> Step {
        Step::new([if self == Tools::Shadow { "groupdel" } else { "delgroup" }, "--", name])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(steps: &[Step]) -> Vec<String> {
        steps.iter().map(|step| format!("{step:?}")).collect()
    }

    #[test]
    fn a_new_user_gets_what_is_asked_for() {
        let settings = Settings {
            uid: Some(1500),
            comment: Some("A B"),
            shell: Some("/bin/ash"),
            ..Settings::default()
        };
        let groups = ["adm".to_owned(), "www-data".to_owned()];
        assert_eq!(
            shown(&Tools::Shadow.add_user("deploy", settings, &groups, false, true)),
            [
                "useradd --uid 1500 --comment A B --shell /bin/ash --groups adm,www-data --create-home -- deploy"
            ]
        );
        assert_eq!(
            shown(&Tools::Busybox.add_user("deploy", settings, &groups, true, false)),
            [
                "adduser -u 1500 -g A B -s /bin/ash -S -DH -- deploy",
                "addgroup -- deploy adm",
                "addgroup -- deploy www-data"
            ]
        );
    }

    #[test]
    fn busybox_changes_members_and_nothing_else() {
        let groups = ["adm".to_owned()];
        let steps = Tools::Busybox.change_user("a", Settings::default(), false, &groups).unwrap();
        assert_eq!(shown(&steps), ["addgroup -- a adm"]);
        let settings = Settings { group: Some("adm"), ..Settings::default() };
        let error = Tools::Busybox.change_user("a", settings, false, &[]).unwrap_err();
        assert!(error.to_string().contains("the group of the user `a`"), "{error}");
        assert!(Tools::Busybox.change_gid("a", 5).is_err());
        let settings = Settings { home: Some("/srv/a"), ..Settings::default() };
        assert_eq!(
            shown(&Tools::Shadow.change_user("a", settings, true, &groups).unwrap()),
            ["usermod --home /srv/a --move-home --append --groups adm -- a"]
        );
    }

    #[test]
    fn a_hash_is_no_argument() {
        let step = Tools::set_password("a", "$6$salt$hash");
        assert_eq!(step.argv, ["chpasswd", "-e"]);
        assert_eq!(step.input.as_deref(), Some("a:$6$salt$hash\n"));
    }
}
