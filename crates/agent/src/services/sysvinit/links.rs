//! The links of runlevels, `/etc/rc2.d/S01nginx`: what starts and stops when.

use std::fs;

/// The runlevels of a system that serves, and what runs once on the way to them.
const SERVING: [char; 5] = ['2', '3', '4', '5', 'S'];

/// Whether a service starts at boot.
pub fn is_enabled(name: &str) -> bool {
    SERVING.iter().any(|level| {
        // RHEL has the directories below `/etc/rc.d` and links to them.
        let entries = fs::read_dir(format!("/etc/rc{level}.d")).into_iter().flatten();
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        starts(name, names)
    })
}

/// Whether one of a runlevel's links starts a service: `S`, two digits, its name.
pub fn starts<S: AsRef<str>>(name: &str, links: impl IntoIterator<Item = S>) -> bool {
    links.into_iter().any(|link| {
        let rest = link.as_ref().strip_prefix('S');
        rest.and_then(|rest| rest.split_at_checked(2)).is_some_and(|(order, service)| {
            order.bytes().all(|digit| digit.is_ascii_digit()) && service == name
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ls` of Debian 12 with sysvinit-core 3.06, where `ssh` was disabled in runlevel 2 with `update-rc.d`.
    const RC2: &str = "K01ssh\nREADME\nS01bootlogs\nS01cron\nS01dbus\nS01sudo\nS02rmnologin\nS03rc.local\n";
    const RC0: &str = "K01cron\nK01ssh\nREADME\n";

    #[test]
    fn a_link_that_starts_has_an_order_and_the_whole_name() {
        assert!(starts("cron", RC2.lines()));
        assert!(starts("rc.local", RC2.lines()));
        assert!(!starts("cro", RC2.lines()) && !starts("ron", RC2.lines()) && !starts("1cron", RC2.lines()));
        assert!(!starts("README", RC2.lines()));
    }

    #[test]
    fn a_link_that_stops_does_not_start() {
        assert!(!starts("ssh", RC2.lines()));
        assert!(!starts("cron", RC0.lines()));
    }
}
