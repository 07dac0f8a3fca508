//! Processes of a service, for init scripts that do not say whether it runs.

use std::{ffi::OsStr, fs, path::Path};

/// Bytes that the kernel keeps of a process's name.
const COMM_BYTES: usize = 15;

/// Whether a service's daemon runs: by its process id if a file has it, else by its name.
pub fn runs(name: &str, pid_files: &[String]) -> bool {
    pid_files.iter().any(|path| by_pid_file(path)) || by_name(name)
}

fn by_pid_file(path: &str) -> bool {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace()
        .next()
        .and_then(|pid| pid.parse::<u32>().ok())
        .is_some_and(|pid| fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| lives(&stat)))
}

fn by_name(name: &str) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let mut processes = processes
        .filter(|entry| entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()));
    processes.any(|entry| {
        let read = |file: &str| fs::read(entry.path().join(file)).unwrap_or_default();
        let stat = read("stat");
        lives(&String::from_utf8_lossy(&stat)) && is_called(name, &read("comm"), &read("cmdline"))
    })
}

/// Whether a process is none that only waits to be buried.
fn lives(stat: &str) -> bool {
    // The name before the state may have any character.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Whether a process has this name, by what it runs or by what it calls itself.
fn is_called(name: &str, comm: &[u8], cmdline: &[u8]) -> bool {
    let comm = comm.strip_suffix(b"\n").unwrap_or(comm);
    let short = &name.as_bytes()[..name.len().min(COMM_BYTES)];
    let program = cmdline.split(|byte| *byte == 0).next().unwrap_or_default();
    let program = String::from_utf8_lossy(program);
    comm == short || Path::new(&*program).file_name() == Some(OsStr::new(name))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_is_found_by_its_name_or_its_program() {
        assert!(is_called("cron", b"cron\n", b"/usr/sbin/cron\0-f\0"));
        assert!(is_called("a-very-long-daemon-name", b"a-very-long-dae\n", b""));
        assert!(is_called("postgres", b"main\n", b"/usr/lib/postgresql/15/bin/postgres\0-D\0/var/lib\0"));
        assert!(!is_called("cron", b"vi\n", b"vi\0/etc/init.d/cron\0"));
        assert!(!is_called("cron", b"crond\n", b"/usr/sbin/crond\0"));
    }

    #[test]
    fn a_dead_process_does_not_run() {
        assert!(lives("7 (a) b) S 1 7 7 0"));
        assert!(!lives("7 (a) b) Z 1 7 7 0"));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pid").to_string_lossy().into_owned();
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        fs::write(&path, format!("{}\n", child.id())).unwrap();
        assert!(by_pid_file(&path));
        child.kill().unwrap();
        // It is dead once it can be buried, and stays a zombie until it is.
        child.wait().unwrap();
        assert!(!by_pid_file(&path));
        assert!(!by_pid_file("/nonexistent"));
    }
}
