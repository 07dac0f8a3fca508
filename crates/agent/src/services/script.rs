//! What an init script says of itself: which commands it knows, and where its process is found.

/// What Debian's scripts leave the commands to, as their interpreter or by sourcing it.
const INIT_D_SCRIPT: &str = "/lib/init/init-d-script";

/// What a script knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Commands {
    /// `status`, with the exit statuses of the LSB.
    pub status: bool,
    /// `restart`.
    pub restart: bool,
    /// `reload`.
    pub reload: bool,
}

/// The commands that a script knows.
pub fn commands(script: &str) -> Commands {
    let code =
        || script.lines().map(str::trim).filter(|line| line.starts_with("#!") || !line.starts_with('#'));
    if code().any(|line| line.contains(INIT_D_SCRIPT)) {
        // See init-d-script(5).
        let reloads = ["RELOAD_SIGNAL=", "do_reload", "alias do_reload="];
        let reload = code().any(|line| reloads.iter().any(|start| line.starts_with(start)));
        return Commands { status: true, restart: true, reload };
    }
    let interpreter = code().next().unwrap_or_default();
    if interpreter.ends_with("openrc-run") || interpreter.ends_with("/runscript") {
        // See openrc-run(8).
        let reload = code().any(|line| line.starts_with("extra_") && line.contains("reload"));
        return Commands { status: true, restart: true, reload };
    }
    let has = |wanted: &str| labels(script).any(|label| label == wanted);
    Commands { status: has("status"), restart: has("restart"), reload: has("reload") }
}

/// The labels of a script's `case` statements: words before a closing parenthesis, separated by bars.
fn labels(script: &str) -> impl Iterator<Item = &str> {
    let lines = script.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let heads = lines.flat_map(|line| {
        let parts = line.split(')');
        let count = parts.clone().count() - 1;
        parts.take(count).map(|part| {
            // Back to where a statement can begin.
            let part = part.rsplit(";;").next().unwrap_or(part);
            part.rsplit(" in ").next().unwrap_or(part).trim().trim_start_matches('(')
        })
    });
    heads.flat_map(|head| {
        let words: Vec<&str> = head.split('|').map(|word| word.trim().trim_matches(['"', '\''])).collect();
        if words.iter().all(|word| is_label(word)) { words } else { Vec::new() }
    })
}

fn is_label(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_*".contains(&byte))
}

/// Whether a script's header names a runlevel that it starts in.
pub fn has_runlevels(script: &str) -> bool {
    let header = script.lines().filter_map(|line| line.strip_prefix('#'));
    let mut levels = header.filter_map(|line| line.trim().strip_prefix("Default-Start:"));
    levels.any(|levels| !levels.trim().is_empty())
}

/// Where a script's daemon writes its process id: what the script says, else where most do.
pub fn pid_files(script: &str, name: &str) -> Vec<String> {
    let value = |line: &str, key: &str| {
        let rest = line.strip_prefix(key)?.trim_start();
        Some(rest.trim_matches(['"', '\'']).to_owned())
    };
    let own_name = script.lines().find_map(|line| value(line, "NAME=")).unwrap_or_else(|| name.to_owned());
    let said = script.lines().filter_map(|line| {
        let path = value(line, "# pidfile:")
            .or_else(|| value(line, "PIDFILE="))
            .or_else(|| value(line, "pidfile="))?;
        Some(path.replace("${NAME}", &own_name).replace("$NAME", &own_name))
    });
    let said: Vec<String> = said.filter(|path| path.starts_with('/') && !path.contains('$')).collect();
    if said.is_empty() { vec![format!("/run/{name}.pid"), format!("/run/{name}/{name}.pid")] } else { said }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `/etc/init.d/cron` of Debian 12, package cron 3.0pl1-162.
    const CRON: &str = r#"#!/bin/sh
# Default-Start:     2 3 4 5
# Default-Stop:
NAME=cron
PIDFILE=/var/run/crond.pid
case "$1" in
start)	log_daemon_msg "Starting periodic command scheduler" "cron"
        log_end_msg $?
	;;
stop)	log_daemon_msg "Stopping periodic command scheduler" "cron"
        ;;
restart) log_daemon_msg "Restarting periodic command scheduler" "cron"
        ;;
reload|force-reload) log_daemon_msg "Reloading configuration files for periodic command scheduler" "cron"
        ;;
status)
        status_of_proc -p $PIDFILE $DAEMON $NAME && exit 0 || exit $?
        ;;
*)	log_action_msg "Usage: /etc/init.d/cron {start|stop|status|restart|reload|force-reload}"
        exit 2
        ;;
esac
"#;

    /// From `/etc/init.d/hwclock.sh` of Debian 12, package util-linux-extra 2.38.1-5+deb12u3.
    const HWCLOCK: &str = r#"#!/bin/sh
    case "$1" in
        start)
            # start is handled by /usr/lib/udev/rules.d/85-hwclock.rules.
            return 0
            ;;
        stop|restart|reload|force-reload)
            # Updates the Hardware Clock with the System Clock time.
            # This will *override* any changes made to the Hardware Clock,
            # for example by the Linux kernel when NTP is in use.
            log_action_msg "Saving the system clock to /dev/$HCTOSYS_DEVICE"
            if /sbin/hwclock --rtc=/dev/$HCTOSYS_DEVICE --systohc; then
                verbose_log_action_msg "Hardware Clock updated to `date`"
            fi
            ;;
        *)
            log_success_msg "Usage: hwclock.sh {stop|reload|force-reload|show}"
"#;

    fn all(script: &str) -> (bool, bool, bool) {
        let Commands { status, restart, reload } = commands(script);
        (status, restart, reload)
    }

    #[test]
    fn the_commands_are_the_labels_of_the_case() {
        assert_eq!(all(CRON), (true, true, true));
        assert_eq!(all(HWCLOCK), (false, true, true));
        assert_eq!(
            all("case \"$1\" in start) a;; stop) b;; (status | \"reload\") c;; *) exit 3;; esac"),
            (true, false, true)
        );
    }

    #[test]
    fn words_elsewhere_are_no_commands() {
        let script = "status() {\n  pidofproc x\n}\n# status)\necho $(status) (see restart)\ncase $1 in\nstart)\n;;\nesac\n";
        assert_eq!(all(script), (false, false, false));
    }

    #[test]
    fn some_interpreters_know_the_commands_themselves() {
        assert_eq!(all("#!/usr/bin/env /lib/init/init-d-script\nDAEMON=/usr/sbin/x\n"), (true, true, false));
        assert_eq!(all("#!/lib/init/init-d-script\nRELOAD_SIGNAL=1\n"), (true, true, true));
        // procps of Debian 12.
        let sourced = "#! /bin/sh\nset \"$0\" \"$@\"; INIT_D_SCRIPT_SOURCED=true . /lib/init/init-d-script\n";
        assert_eq!(all(&format!("{sourced}do_reload() {{ call do_start_cmd; }}\n")), (true, true, true));
        assert_eq!(all("#!/sbin/openrc-run\ncommand=/bin/x\n"), (true, true, false));
        assert_eq!(all("#!/sbin/openrc-run\nextra_started_commands=\"reload\"\n"), (true, true, true));
    }

    #[test]
    fn a_header_says_when_it_starts() {
        assert!(has_runlevels(CRON));
        assert!(!has_runlevels("#!/bin/sh\n# Default-Start:\n# Default-Stop: 0 6\n"));
        assert!(!has_runlevels("#!/bin/sh\nexit 0\n"));
    }

    #[test]
    fn the_pid_file_is_the_one_of_the_script() {
        assert_eq!(pid_files(CRON, "cron"), ["/var/run/crond.pid"]);
        assert_eq!(
            pid_files("NAME=exim4\nPIDFILE=\"/run/$NAME/${NAME}.pid\"\n", "mail"),
            ["/run/exim4/exim4.pid"]
        );
        assert_eq!(pid_files("# pidfile: /var/run/httpd/httpd.pid\n", "httpd"), ["/var/run/httpd/httpd.pid"]);
        assert_eq!(pid_files("PIDFILE=\"$(find-pid)\"\n", "app"), ["/run/app.pid", "/run/app/app.pid"]);
    }
}
