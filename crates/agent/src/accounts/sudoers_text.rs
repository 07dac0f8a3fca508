//! The text of files in `/etc/sudoers.d`, as sudoers(5) has it.

use std::fmt::Write as _;

use engine_protocol::resource::SudoersSpec;

/// Characters that end a name unless a backslash is before them.
const IN_NAMES: &str = "@!=:,()\\\"#% \t";

/// Characters that end the arguments of a command unless a backslash is before them.
const IN_ARGUMENTS: &str = ",:=#";

/// The file that a resource wants: one line for each user and group.
pub fn render(spec: &SudoersSpec) -> String {
    let mut text = String::from("# Written by engine; what is changed here is lost.\n");
    let users = spec.users.iter().map(|user| name(user));
    let groups = spec.groups.iter().map(|group| format!("%{}", name(group)));
    let tag = if spec.nopasswd { "NOPASSWD: " } else { "" };
    let commands: Vec<String> = spec.commands.iter().map(|command| escape_arguments(command)).collect();
    for who in users.chain(groups) {
        let _ = writeln!(text, "{who} ALL=({}) {tag}{}", spec.runas, commands.join(", "));
    }
    text
}

/// A name of a user or group. A `+` before it would make it a netgroup.
fn name(name: &str) -> String {
    let mut escaped = escape(name, IN_NAMES);
    if escaped.starts_with('+') {
        escaped.insert(0, '\\');
    }
    escaped
}

/// A command in the words of sudoers(5). What would end it in the middle of its arguments is escaped, since each is one
/// command; what is escaped already, and regular expressions, are left alone.
fn escape_arguments(command: &str) -> String {
    let command = command.trim();
    // Before the path there can be a digest, tags and options, which have these characters of right.
    let program = command.split_inclusive([' ', '\t']).scan(0, |begin, word| {
        let place = *begin;
        *begin += word.len();
        Some((place, word))
    });
    let is_program = |word: &str| {
        let word = word.trim().trim_start_matches('!');
        word.starts_with('/')
            || matches!(word, "sudoedit" | "list")
            || word.rsplit(':').next().is_some_and(|last| last.starts_with('/'))
    };
    let Some((place, word)) = program.into_iter().find(|(_, word)| is_program(word)) else {
        return command.to_owned();
    };
    let (head, arguments) = command.split_at(place + word.len());
    if arguments.trim_start().starts_with('^') {
        return command.to_owned();
    }
    let mut text = head.to_owned();
    let mut rest = arguments.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\\' => {
                text.push('\\');
                // At the end of the line it would make the next line part of this one.
                text.push(rest.next().unwrap_or('\\'));
            }
            _ if IN_ARGUMENTS.contains(character) => text.extend(['\\', character]),
            _ => text.push(character),
        }
    }
    text
}

fn escape(text: &str, special: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if special.contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// Whether sudo's main file makes it read all files of a directory.
pub fn includes(text: &str, directory: &str) -> bool {
    text.lines().any(|line| {
        let mut words = line.split_whitespace();
        let word = words.next();
        matches!(word, Some("@includedir" | "#includedir"))
            && words.next().is_some_and(|path| path.trim_matches('"').trim_end_matches('/') == directory)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_user_and_group_has_a_line() {
        let spec = SudoersSpec {
            name: "deploy".into(),
            users: vec!["deploy".into(), "DOMAIN\\bob".into(), "+odd".into()],
            groups: vec!["admins".into()],
            commands: vec!["/usr/bin/systemctl restart app".into(), "!/bin/su".into()],
            runas: "root".into(),
            nopasswd: true,
        };
        let commands = "NOPASSWD: /usr/bin/systemctl restart app, !/bin/su";
        let expected = format!(
            "# Written by engine; what is changed here is lost.\ndeploy ALL=(root) {commands}\n\
             DOMAIN\\\\bob ALL=(root) {commands}\n\\+odd ALL=(root) {commands}\n%admins ALL=(root) {commands}\n"
        );
        assert_eq!(render(&spec), expected);
    }

    #[test]
    fn an_argument_does_not_end_its_command() {
        for (command, expected) in [
            ("ALL", "ALL"),
            ("/bin/rsync -e ssh a:b x=y,z #1", "/bin/rsync -e ssh a\\:b x\\=y\\,z \\#1"),
            ("/bin/cat a\\:b\\*", "/bin/cat a\\:b\\*"),
            ("/bin/cat end\\", "/bin/cat end\\\\"),
            ("sha256:abc= /bin/ls a=b", "sha256:abc= /bin/ls a\\=b"),
            ("NOEXEC:/bin/less a,b", "NOEXEC:/bin/less a\\,b"),
            ("CWD=/srv NOEXEC: /bin/less a,b", "CWD=/srv NOEXEC: /bin/less a\\,b"),
            ("/bin/cat ^/var/log/[a-z:]+$", "/bin/cat ^/var/log/[a-z:]+$"),
            ("sudoedit /etc/a:b", "sudoedit /etc/a\\:b"),
            ("/bin/true \"\"", "/bin/true \"\""),
        ] {
            assert_eq!(escape_arguments(command), expected);
        }
    }

    #[test]
    fn the_directory_is_read_if_it_says_so() {
        // Debian 12 and RHEL 8.
        for text in [
            "a\n@includedir /etc/sudoers.d\n",
            "#includedir /etc/sudoers.d\n",
            "@includedir \"/etc/sudoers.d/\"",
        ] {
            assert!(includes(text, "/etc/sudoers.d"), "{text}");
        }
        for text in
            ["", "# includedir /etc/sudoers.d", "@includedir /etc/other.d", "##includedir /etc/sudoers.d"]
        {
            assert!(!includes(text, "/etc/sudoers.d"), "{text}");
        }
    }
}
