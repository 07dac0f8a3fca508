//! Ways into a host: one that needs nothing of it, and SSH.

use std::ffi::OsStr;
use std::process::{Command, Output};

use crate::command::{capture, command, run_command};
use crate::error::{Error, Result};
use crate::machine::Host;

impl Host {
    pub(crate) fn running_init(&self) -> Result<u32> {
        self.init_pid().ok_or_else(|| Error::NotRunning(self.name.clone()))
    }

    /// A command that runs inside as root, without network, sshd or login: it works on a host
    /// that is cut off, and reads what a frozen one holds.
    pub fn command<I, S>(&self, argv: I) -> Result<Command>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let init = self.running_init()?.to_string();
        let mut command = command("nsenter");
        command
            .args(["--target", &init, "--mount", "--uts", "--ipc", "--net", "--pid"])
            .args(["--root", "--wd", "--", "/usr/bin/env", "-i"])
            .args(["HOME=/root", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"])
            .arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .args(argv);
        Ok(command)
    }

    /// Runs a command inside as root and captures what it says, whatever its status.
    pub fn exec<I, S>(&self, argv: I) -> Result<Output>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        capture(&mut self.command(argv)?)
    }

    /// Runs a command inside that must succeed, and returns its standard output.
    pub fn check_exec<I, S>(&self, argv: I) -> Result<String>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        run_command(&mut self.command(argv)?)
    }

    /// An SSH command to this host as root; add `-l operator` or `-l nosudo` for the others.
    pub fn ssh(&self) -> Command {
        let mut command = command("ssh");
        command.arg("-F").arg(self.ssh.config()).arg(&self.name);
        command
    }
}
