//! Accounts and groups of the node's own files. Those of a directory service are not facts: asking it
//! takes time and a process.

use engine_protocol::facts::{Group, User};

use crate::accounts::{parse_groups, parse_users};

/// Accounts of `/etc/passwd`.
pub fn users(passwd: &str) -> Vec<User> {
    let users = parse_users(passwd).into_iter();
    users
        .map(|user| User {
            name: user.name,
            uid: user.uid,
            gid: user.gid,
            home: user.home,
            shell: user.shell,
        })
        .collect()
}

/// Groups of `/etc/group`.
pub fn groups(group: &str) -> Vec<Group> {
    let groups = parse_groups(group).into_iter();
    groups.map(|group| Group { name: group.name, gid: group.gid, members: group.members }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_come_without_their_comments() {
        let users = users("root:x:0:0:Charlie &:/root:/bin/bash\n");
        assert_eq!(
            users,
            [User { name: "root".into(), uid: 0, gid: 0, home: "/root".into(), shell: "/bin/bash".into() }]
        );
        let groups = groups("adm:x:4:syslog,ubuntu\n");
        assert_eq!(groups[0].members, ["syslog", "ubuntu"]);
    }
}
