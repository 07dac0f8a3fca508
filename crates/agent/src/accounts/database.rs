//! What the node knows of its users and groups. The program is static and has no name service switch of its own: it
//! reads `/etc/passwd` and `/etc/group`, and asks `getent` for what is not there.

use std::{collections::HashMap, fs, time::Duration};

use super::valid_name;
use crate::command::Run;

/// How long a directory service may take to answer.
const LOOKUP: Duration = Duration::from_secs(20);

/// A line of `/etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Numeric id.
    pub uid: u32,
    /// Id of the primary group.
    pub gid: u32,
    /// GECOS field.
    pub comment: String,
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
}

/// A line of `/etc/group`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Name.
    pub name: String,
    /// Numeric id.
    pub gid: u32,
    /// Members, primary ones not included.
    pub members: Vec<String>,
}

/// Users in the format of `/etc/passwd`; lines that make no sense are left out.
pub fn parse_users(text: &str) -> Vec<User> {
    text.lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, uid, gid, comment, home, shell] = fields[..] else { return None };
            Some(User {
                name: name.to_owned(),
                uid: uid.parse().ok()?,
                gid: gid.parse().ok()?,
                comment: comment.to_owned(),
                home: home.to_owned(),
                shell: shell.to_owned(),
            })
        })
        .collect()
}

/// Groups in the format of `/etc/group`; lines that make no sense are left out.
pub fn parse_groups(text: &str) -> Vec<Group> {
    text.lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, gid, members] = fields[..] else { return None };
            let members = members.split(',').filter(|member| !member.is_empty());
            Some(Group {
                name: name.to_owned(),
                gid: gid.parse().ok()?,
                members: members.map(ToOwned::to_owned).collect(),
            })
        })
        .collect()
}

/// The users and groups of the node.
#[derive(Debug, Default)]
pub struct Accounts {
    users: Vec<User>,
    groups: Vec<Group>,
    asked_users: HashMap<String, Option<User>>,
    asked_groups: HashMap<String, Option<Group>>,
}

impl Accounts {
    /// Reads the node's files.
    pub fn read() -> Self {
        let text = |path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Self {
            users: parse_users(&text("/etc/passwd").unwrap_or_default()),
            groups: parse_groups(&text("/etc/group").unwrap_or_default()),
            ..Self::default()
        }
    }

    /// A user by name.
    pub fn user(&mut self, name: &str) -> Option<User> {
        if let Some(user) = self.users.iter().find(|user| user.name == name) {
            return Some(user.clone());
        }
        self.asked_users
            .entry(name.to_owned())
            .or_insert_with(|| parse_users(&ask("passwd", name)?).into_iter().next())
            .clone()
    }

    /// A group by name.
    pub fn group(&mut self, name: &str) -> Option<Group> {
        if let Some(group) = self.groups.iter().find(|group| group.name == name) {
            return Some(group.clone());
        }
        self.asked_groups
            .entry(name.to_owned())
            .or_insert_with(|| parse_groups(&ask("group", name)?).into_iter().next())
            .clone()
    }

    /// A group's id by its name.
    pub fn group_id(&mut self, name: &str) -> Option<u32> {
        self.group(name).map(|group| group.gid)
    }

    /// A user's id by its name.
    pub fn user_id(&mut self, name: &str) -> Option<u32> {
        self.user(name).map(|user| user.uid)
    }

    /// Ids of the groups that a user is in, of local groups; the primary one first.
    pub fn groups_of(&self, user: &User) -> Vec<u32> {
        let others = self.groups.iter().filter(|group| group.members.contains(&user.name));
        let others = others.map(|group| group.gid).filter(|gid| *gid != user.gid);
        [user.gid].into_iter().chain(others).collect()
    }

    /// Local users whose primary group this is.
    pub fn users_of_primary(&self, gid: u32) -> Vec<String> {
        let users = self.users.iter().filter(|user| user.gid == gid);
        users.map(|user| user.name.clone()).collect()
    }

    /// Local groups that list a user as a member.
    pub fn groups_with_member(&self, user: &str) -> Vec<String> {
        let groups = self.groups.iter().filter(|group| group.members.iter().any(|member| member == user));
        groups.map(|group| group.name.clone()).collect()
    }

    /// A user's name by its id, of local users.
    pub fn user_name(&self, uid: u32) -> Option<String> {
        self.users.iter().find(|user| user.uid == uid).map(|user| user.name.clone())
    }

    /// A group's name by its id, of local groups.
    pub fn group_name(&self, gid: u32) -> Option<String> {
        self.groups.iter().find(|group| group.gid == gid).map(|group| group.name.clone())
    }
}

fn ask(database: &str, name: &str) -> Option<String> {
    if !valid_name(name) {
        return None;
    }
    Run::new(["getent", "--", database, name]).timeout(LOOKUP).parsed().succeed().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_read_as_the_system_writes_them() {
        let text = "root:x:0:0:root:/root:/bin/bash\n# comment\nbroken:x:a:b:::\n\
                    www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n+nis\n";
        let users = parse_users(text);
        assert_eq!(
            users.iter().map(|user| (user.name.as_str(), user.uid)).collect::<Vec<_>>(),
            [("root", 0), ("www-data", 33)]
        );
        assert_eq!(users[1].shell, "/usr/sbin/nologin");
    }

    #[test]
    fn groups_are_read_with_their_members() {
        let groups = parse_groups("root:x:0:\nadm:x:4:syslog,admin\n");
        assert_eq!(groups[0].members, [""; 0]);
        assert_eq!(groups[1].members, ["syslog", "admin"]);
    }
}
