//! What is given to engine and to the baselines: a stack, scripts that do the same, hosts without any of it.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use engine_test_hosts::Host;

/// Where the files go on a host.
const PLACE: &str = "/srv/benchmark";

/// A directory with a stack and scripts for some hosts.
pub struct Fixture {
    directory: tempfile::TempDir,
    /// Names of the hosts.
    pub names: Vec<String>,
}

impl Fixture {
    /// Writes everything. Hosts are names and addresses.
    pub fn new(
        hosts: &[(String, String)],
        files: usize,
        config: &Path,
        cookbook: &Path,
    ) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let names: Vec<String> = hosts.iter().map(|(name, _)| name.clone()).collect();
        fs::write(directory.path().join("benchmark.toml"), stack(hosts, files, config, cookbook)?)?;
        for name in &names {
            fs::write(directory.path().join(format!("{name}.sh")), script(name, files))?;
        }
        Ok(Fixture { directory, names })
    }

    /// Where the scripts are.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The stack file.
    pub fn stack(&self) -> PathBuf {
        self.path().join("benchmark.toml")
    }

    /// The live state.
    pub fn state(&self) -> PathBuf {
        self.path().join("state.db")
    }

    /// Forgets that the instances are online.
    pub fn forget(&self) -> anyhow::Result<()> {
        for entry in fs::read_dir(self.path())? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("state.db") {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

fn stack(hosts: &[(String, String)], files: usize, config: &Path, cookbook: &Path) -> anyhow::Result<String> {
    let quoted = |path: &Path| -> anyhow::Result<String> {
        Ok(serde_json::to_string(path.to_str().context("a path is not UTF-8")?)?)
    };
    let mut text = format!(
        "update_on_setup = false\nbuilt_in = {{ hosts = false, hostname = false, time_sync = false }}\n\n[ssh]\nconfig = {}\nuser = \"root\"\n\n\
         [attributes.benchmark]\nfiles = {files}\n\n[cookbooks.benchmark]\npath = {}\n\
         [cookbooks.benchmark.grants]\nfiles = [\"{PLACE}/**\"]\n\n\
         [layers.app]\nsetup = [\"benchmark::files\"]\n",
        quoted(config)?,
        quoted(cookbook)?
    );
    for (name, address) in hosts {
        write!(
            text,
            "\n[instances.{name}]\nlayers = [\"app\"]\nhost = \"{name}\"\naddress = \"{address}\"\n"
        )?;
    }
    Ok(text)
}

/// What somebody with OpenSSH alone would write: put the file beside, compare, replace.
fn script(host: &str, files: usize) -> String {
    let mut text = format!(
        "set -eu\nchanged=0\nmkdir -p {PLACE}\n\
         put() {{\n  cat >\"$1.new\"\n  if cmp -s \"$1.new\" \"$1\"; then rm \"$1.new\"; else\n    \
         chmod 0644 \"$1.new\"; mv \"$1.new\" \"$1\"; changed=$((changed + 1))\n  fi\n}}\n"
    );
    for number in 0..files {
        let content = include_str!("../cookbook/templates/file.conf")
            .replace("{{ number }}", &number.to_string())
            .replace("{{ port }}", &(10_000 + number).to_string())
            .replace("{{ node.hostname }}", host);
        // Writing to a String cannot fail.
        let _ = write!(text, "put {PLACE}/file-{number:03}.conf <<'END'\n{content}END\n");
    }
    text.push_str("echo \"changed $changed\"\n");
    text
}

/// Removes the files from a host and, if told so, the agent.
pub fn clear(hosts: &[Host], agent: bool) -> anyhow::Result<()> {
    for host in hosts {
        host.check_exec(["rm", "-rf", PLACE])?;
        if agent {
            host.check_exec(["rm", "-rf", "/var/lib/engine"])?;
        }
    }
    Ok(())
}

/// The files of all hosts, with what changes when one is written.
pub fn files(hosts: &[Host]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for host in hosts {
        let listed = host.check_exec(["find", PLACE, "-type", "f", "-printf", "%p %i %s %C@\n"])?;
        for line in listed.lines() {
            let (path, stamp) = line.split_once(' ').context("find prints a path and more")?;
            all.insert(format!("{}:{path}", host.name()), stamp.to_owned());
        }
    }
    Ok(all)
}
