//! `engine instance ssh`: the user's own ssh program, told what the stack file says.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, ExitCode},
};

use engine_model::{Connection, Instance, SshSettings};

use crate::{arguments::SshArguments, commands, errors::Failure};

/// Becomes ssh, or a shell here.
pub(super) fn ssh(arguments: &SshArguments) -> Result<ExitCode, Failure> {
    let manifest = commands::unfinished_manifest(&arguments.stack)?;
    let instance = super::find(&manifest, &arguments.instance)?;
    let argv = match &instance.connection {
        Connection::Local => local(&arguments.command),
        Connection::Ssh { .. } => {
            remote(&manifest.stack.ssh, instance, arguments.ssh_config.as_deref(), &arguments.command)
        }
    };
    let program = argv[0].to_string_lossy().into_owned();
    // Only who could not be replaced comes back.
    let error = Command::new(&argv[0]).args(&argv[1..]).exec();
    let failure = Failure::failed(format!("{program} cannot be started: {error}"));
    Err(match (&instance.connection, error.kind()) {
        (Connection::Ssh { .. }, io::ErrorKind::NotFound) => failure.hint(
            "install an ssh program, on Debian the package openssh-client; runs need none, engine speaks SSH itself",
        ),
        _ => failure,
    })
}

fn local(command: &[OsString]) -> Vec<OsString> {
    if command.is_empty() {
        let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
        return vec![shell.unwrap_or_else(|| "/bin/sh".into())];
    }
    command.to_vec()
}

/// The words of the command. What the stack file leaves open, ssh finds in its own configuration.
fn remote(
    defaults: &SshSettings,
    instance: &Instance,
    config: Option<&Path>,
    command: &[OsString],
) -> Vec<OsString> {
    let Connection::Ssh { host, user, port, identity_file } = &instance.connection else {
        return Vec::new();
    };
    let mut argv: Vec<OsString> = vec!["ssh".into()];
    let mut add = |words: &[&OsStr]| argv.extend(words.iter().map(OsString::from));
    let option = |name: &str, value: &OsStr| {
        let mut option = OsString::from(name);
        option.push("=");
        option.push(value);
        option
    };
    if let Some(config) = config.or(defaults.config.as_deref()) {
        add(&["-F".as_ref(), config.as_os_str()]);
    }
    if let Some(known_hosts) = &defaults.known_hosts {
        // It is read instead of all others, as by engine. ssh takes the value apart at spaces.
        let mut quoted = OsString::from("\"");
        quoted.push(known_hosts);
        quoted.push("\"");
        add(&["-o".as_ref(), &option("UserKnownHostsFile", &quoted)]);
        add(&["-o".as_ref(), "GlobalKnownHostsFile=/dev/null".as_ref()]);
    }
    if let Some(accept) = defaults.accept_new_host_keys {
        let policy = if accept { "accept-new" } else { "yes" };
        add(&["-o".as_ref(), &option("StrictHostKeyChecking", policy.as_ref())]);
    }
    if let Some(timeout) = defaults.connect_timeout {
        add(&["-o".as_ref(), &option("ConnectTimeout", timeout.as_secs().to_string().as_ref())]);
    }
    if let Some(user) = user.as_ref().or(defaults.user.as_ref()) {
        add(&["-l".as_ref(), user.as_ref()]);
    }
    if let Some(port) = port {
        add(&["-p".as_ref(), port.to_string().as_ref()]);
    }
    if let Some(key) = identity_file.as_ref().or(defaults.identity_file.as_ref()) {
        add(&["-i".as_ref(), key.as_os_str()]);
    }
    add(&["--".as_ref(), host.as_ref()]);
    argv.extend(command.iter().cloned());
    argv
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn instance(connection: Connection) -> Instance {
        Instance {
            name: "web-1".parse().unwrap(),
            layers: Vec::new(),
            connection,
            address: String::new(),
            hostname: String::new(),
            registered: true,
        }
    }

    fn words(ssh: &SshSettings, connection: Connection, config: Option<&str>, command: &[&str]) -> String {
        let command: Vec<OsString> = command.iter().map(OsString::from).collect();
        let argv = remote(ssh, &instance(connection), config.map(Path::new), &command);
        argv.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn the_instance_wins_over_the_stack_and_what_neither_says_is_left_to_ssh() {
        let bare = Connection::Ssh { host: "h".into(), user: None, port: None, identity_file: None };
        assert_eq!(words(&SshSettings::default(), bare.clone(), None, &[]), "ssh|--|h");
        let ssh = SshSettings {
            config: Some("/etc/c".into()),
            known_hosts: Some("/my hosts".into()),
            accept_new_host_keys: Some(true),
            user: Some("all".into()),
            identity_file: Some("/k".into()),
            connect_timeout: Some(Duration::from_secs(4)),
            sudo: true,
        };
        assert_eq!(
            words(&ssh, bare, None, &["ls", "-l"]),
            "ssh|-F|/etc/c|-o|UserKnownHostsFile=\"/my hosts\"|-o|GlobalKnownHostsFile=/dev/null|-o|\
             StrictHostKeyChecking=accept-new|-o|ConnectTimeout=4|-l|all|-i|/k|--|h|ls|-l"
        );
        let own = Connection::Ssh {
            host: "h".into(),
            user: Some("me".into()),
            port: Some(2222),
            identity_file: Some("/mine".into()),
        };
        let ssh = SshSettings { user: ssh.user, identity_file: ssh.identity_file, ..SshSettings::default() };
        assert_eq!(words(&ssh, own, Some("/other"), &[]), "ssh|-F|/other|-l|me|-p|2222|-i|/mine|--|h");
    }
}
