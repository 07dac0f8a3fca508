//! Keys, known hosts and a client configuration: everything `ssh -F` needs.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use crate::command::run;
use crate::error::{IoContext, Result};

/// The files of a fleet that have to do with SSH.
#[derive(Debug, Clone)]
pub(crate) struct SshFiles {
    dir: PathBuf,
}

impl SshFiles {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// The private key every account of every host accepts.
    pub(crate) fn identity(&self) -> PathBuf {
        self.dir.join("id_ed25519")
    }

    pub(crate) fn known_hosts(&self) -> PathBuf {
        self.dir.join("known_hosts")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir.join("config")
    }

    /// The private key by which a host proves that it is itself.
    pub(crate) fn host_key(&self, host: &str) -> PathBuf {
        self.dir.join(format!("host-{host}"))
    }

    /// Makes the keys and writes the client files.
    pub(crate) fn create(&self, hosts: &[(String, Ipv4Addr)]) -> Result<()> {
        fs::create_dir_all(&self.dir).at("create", &self.dir)?;
        keygen(&self.identity(), "test-hosts")?;
        let mut known = String::new();
        for (name, address) in hosts {
            let key = self.host_key(name);
            keygen(&key, name)?;
            let public = read_public(&key)?;
            let _ = writeln!(known, "{name},{address} {}", without_comment(&public));
        }
        let path = self.known_hosts();
        fs::write(&path, known).at("write", &path)?;
        let path = self.config();
        fs::write(&path, render_config(hosts, &self.identity(), &self.known_hosts())).at("write", &path)
    }
}

/// The public half of a key.
pub(crate) fn read_public(key: &Path) -> Result<String> {
    let path = key.with_extension("pub");
    fs::read_to_string(&path).at("read", path)
}

fn keygen(path: &Path, comment: &str) -> Result<()> {
    let args = ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"];
    let args = args.iter().map(AsRef::as_ref).chain([path.as_os_str()]);
    run("ssh-keygen", args).map(drop)
}

fn without_comment(public: &str) -> String {
    public.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

fn render_config(hosts: &[(String, Ipv4Addr)], identity: &Path, known_hosts: &Path) -> String {
    let mut text = String::from("# Written by test-hosts.\n");
    for (name, address) in hosts {
        let _ = write!(
            text,
            "\nHost {name}\n    HostName {address}\n    User root\n    IdentityFile \"{}\"\n    \
             UserKnownHostsFile \"{}\"\n",
            identity.display(),
            known_hosts.display()
        );
        for line in [
            "IdentitiesOnly yes",
            "GlobalKnownHostsFile /dev/null",
            "StrictHostKeyChecking yes",
            "BatchMode yes",
        ] {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_needs_nothing_else() {
        let hosts = [("app-1".to_owned(), Ipv4Addr::new(10, 77, 0, 11))];
        let text = render_config(&hosts, Path::new("/s/id"), Path::new("/s/known"));
        assert!(text.contains("Host app-1\n    HostName 10.77.0.11\n    User root\n"));
        assert!(text.contains("IdentityFile \"/s/id\"\n    UserKnownHostsFile \"/s/known\"\n"));
        assert!(text.contains("StrictHostKeyChecking yes\n"));
    }

    #[test]
    fn comments_stay_out_of_known_hosts() {
        assert_eq!(without_comment("ssh-ed25519 AAAA someone\n"), "ssh-ed25519 AAAA");
    }
}
