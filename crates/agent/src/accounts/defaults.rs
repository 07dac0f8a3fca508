//! What the tools do of themselves when a user is made or removed.

use std::fs;

use crate::command::Run;

/// What `/etc/login.defs` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginDefs {
    /// Whether each new user gets a group of the same name, which goes with the user.
    pub own_groups: bool,
    /// Permission bits of a new home directory.
    pub home_mode: u32,
}

impl LoginDefs {
    /// Those of the node.
    pub fn read() -> Self {
        Self::parse(&fs::read_to_string("/etc/login.defs").unwrap_or_default())
    }

    /// In the format of login.defs(5); what is not there has shadow-utils' own default.
    fn parse(text: &str) -> Self {
        let value = |name: &str| {
            let mut lines = text.lines().rev().map(str::split_whitespace);
            lines.find_map(|mut words| (words.next() == Some(name)).then(|| words.next())).flatten()
        };
        let octal = |name: &str| value(name).and_then(|digits| u32::from_str_radix(digits, 8).ok());
        Self {
            own_groups: value("USERGROUPS_ENAB").is_some_and(|word| word.eq_ignore_ascii_case("yes")),
            home_mode: octal("HOME_MODE").unwrap_or(0o777 & !octal("UMASK").unwrap_or(0o022)),
        }
    }
}

/// What a new user gets if nothing else is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// Primary group, where users have none of their own.
    pub group: u32,
    /// Where home directories are.
    pub homes: String,
    /// Login shell.
    pub shell: String,
    /// What a new home directory begins with.
    pub skeleton: String,
}

impl NewUser {
    /// Those of the node.
    pub fn read() -> Self {
        Self::parse(&Run::new(["useradd", "-D"]).parsed().succeed().unwrap_or_default())
    }

    /// From what `useradd -D` prints.
    fn parse(text: &str) -> Self {
        let value = |name: &str, default: &str| {
            let mut pairs = text.lines().filter_map(|line| line.split_once('='));
            pairs.find(|(key, _)| *key == name).map_or(default, |(_, value)| value).to_owned()
        };
        Self {
            group: value("GROUP", "").parse().unwrap_or(100),
            homes: value("HOME", "/home"),
            shell: value("SHELL", ""),
            skeleton: value("SKEL", "/etc/skel"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From Debian 12 (shadow 4.13), its comments cut.
    const DEBIAN: &str = "# UMASK 077\nMAIL_DIR        /var/mail\n#HOME_MODE\t0700\nUMASK\t\t022\n\
                          USERGROUPS_ENAB yes\nENCRYPT_METHOD SHA512\n";

    #[test]
    fn what_login_defs_says_of_groups_and_homes() {
        assert_eq!(LoginDefs::parse(DEBIAN), LoginDefs { own_groups: true, home_mode: 0o755 });
        // Red Hat and Ubuntu set the mode itself.
        let text = format!("{DEBIAN}HOME_MODE       0750\nUSERGROUPS_ENAB no\n");
        assert_eq!(LoginDefs::parse(&text), LoginDefs { own_groups: false, home_mode: 0o750 });
        assert_eq!(LoginDefs::parse(""), LoginDefs { own_groups: false, home_mode: 0o755 });
    }

    #[test]
    fn what_useradd_says_of_new_users() {
        // From shadow 4.13.
        let text = "GROUP=100\nHOME=/home\nINACTIVE=-1\nEXPIRE=\nSHELL=/bin/sh\nSKEL=/etc/skel\nCREATE_MAIL_SPOOL=no\nLOG_INIT=yes\n";
        let found = NewUser::parse(text);
        assert_eq!((found.group, found.homes.as_str(), found.shell.as_str()), (100, "/home", "/bin/sh"));
        assert_eq!(NewUser::parse("").skeleton, "/etc/skel");
    }
}
