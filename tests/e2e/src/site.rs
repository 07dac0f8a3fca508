//! A fleet of hosts, and the directory of the operator who manages them.

use std::{
    fmt::Write as _,
    net::TcpStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use engine_test_hosts::{Fleet, Host, Options};
use serde_json::Value;

use crate::command::Engine;

/// Real hosts and a stack of them.
pub struct Site {
    /// The hosts.
    pub fleet: Fleet,
    /// The command.
    pub engine: Engine,
    directory: tempfile::TempDir,
}

/// Something of every capability, for the cookbook `probe`.
pub const PROBE_GRANTS: &str = r#"
packages = ["*"]
repositories = ["**"]
files = ["/srv/**", "/home/probe-user/**", "/etc/probe"]
downloads = ["**"]
services = ["*"]
units = ["probe*"]
schedules = ["probe*"]
users = ["probe*"]
groups = ["probe*"]
sudoers = ["probe*"]
system = ["**"]
storage = ["**"]
execute = [["sleep", "*"], ["touch", "*"], ["/srv/work", "**"], ["sh", "/srv/work", "*"]]
network = ["**"]
"#;

/// Everything.
const ALL_GRANTS: &str = r#"
packages = ["*"]
repositories = ["**"]
files = ["/**"]
downloads = ["**"]
services = ["*"]
units = ["*"]
schedules = ["*"]
users = ["*"]
groups = ["*"]
sudoers = ["*"]
system = ["**"]
storage = ["**"]
execute = [["**"]]
network = ["**"]
"#;

/// A line for the beginning of a stack file.
const BUILT_IN_OFF: &str = "built_in = { hosts = false, hostname = false, time_sync = false }\n";

/// The top of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Site {
    /// Boots hosts. They go down when this is dropped.
    pub fn up(fleet: &str, hosts: &[&str]) -> Self {
        let mut options = Options::new(fleet, hosts.len());
        options.names = hosts.iter().map(ToString::to_string).collect();
        Self::boot(options)
    }

    fn boot(mut options: Options) -> Self {
        options.tied = true;
        let fleet = Fleet::up(&options).expect("the hosts boot");
        let directory = tempfile::tempdir().expect("there is a directory for temporary files");
        std::fs::create_dir(directory.path().join("stacks")).expect("it can be written to");
        let engine = Engine {
            directory: directory.path().to_owned(),
            ssh_config: fleet.ssh_config(),
            environment: Vec::new(),
        };
        Site { fleet, engine, directory }
    }

    /// A host.
    pub fn host(&self, name: &str) -> &Host {
        self.fleet.host(name).expect("the fleet has this host")
    }

    /// Writes the stack file. What engine does by itself is off unless the text speaks of it: most tests count.
    pub fn write_stack(&self, text: &str) {
        let off = if text.contains("built_in") { "" } else { BUILT_IN_OFF };
        std::fs::write(self.directory.path().join("stacks/test.toml"), format!("{off}{text}"))
            .expect("it can be written to");
    }

    /// The stack file.
    pub fn stack(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("stacks/test.toml")).expect("it was written")
    }

    /// The instances' tables: every host in the layer of its name without the number.
    pub fn instances(&self) -> String {
        let mut text = String::new();
        for host in self.fleet.hosts() {
            let layer = host.name().rsplit_once('-').map_or(host.name(), |(layer, _)| layer);
            let _ = write!(
                text,
                "\n[instances.{0}]\nlayers = [\"{layer}\"]\nhost = \"{0}\"\naddress = \"{1}\"\n",
                host.name(),
                host.address()
            );
        }
        text
    }

    /// A stack of one layer `node`, whose setup declares just these resources, in order.
    ///
    /// Each is an object in the words of `cookbooks/probe`.
    pub fn write_probe_stack(&self, resources: &Value, more: &str) {
        self.write_stack(&format!(
            "update_on_setup = false\n{more}\n\
             [cookbooks.probe]\npath = \"{}\"\n[cookbooks.probe.grants]\n{PROBE_GRANTS}\
             [layers.node]\nsetup = [\"probe\"]\n\
             [layers.node.attributes.probe]\nresources = '''{resources}'''\n{}",
            repository().join("tests/e2e/cookbooks/probe").display(),
            self.instances()
        ));
    }

    /// Boots one host of each of these kinds, `KIND-1`, with loop devices of its own if they are wanted.
    pub fn up_guests(fleet: &str, guests: &[&str], devices: bool) -> Self {
        let mut options = Options::new(fleet, guests.len());
        options.names = guests.iter().map(|guest| format!("{guest}-1")).collect();
        for (name, guest) in options.names.clone().into_iter().zip(guests) {
            options.guests.insert(name, guest.parse().expect("there is such a kind of host"));
        }
        if devices {
            options.devices.extend(options.names.iter().cloned());
        }
        Self::boot(options)
    }

    /// A stack of one layer `node`, which declares just these resources at these events, with everything granted.
    pub fn write_open_stack(&self, resources: &Value, events: &[&str]) {
        let lists: Vec<String> = events.iter().map(|event| format!("{event} = [\"probe\"]\n")).collect();
        let lists = lists.concat();
        self.write_stack(&format!(
            "update_on_setup = false\n\
             [cookbooks.probe]\npath = \"{}\"\n[cookbooks.probe.grants]\n{ALL_GRANTS}\
             [layers.node]\n{lists}\
             [layers.node.attributes.probe]\nresources = '''{resources}'''\n{}",
            repository().join("tests/e2e/cookbooks/probe").display(),
            self.instances()
        ));
    }

    /// A stack of one instance alone, whose setup declares just these resources, with everything granted.
    pub fn write_conformance_stack(&self, instance: &str, resources: &Value) {
        let host = self.host(instance);
        self.write_stack(&format!(
            "update_on_setup = false\n\
             [cookbooks.probe]\npath = \"{}\"\n[cookbooks.probe.grants]\n{ALL_GRANTS}\
             [layers.node]\nsetup = [\"probe\"]\n\
             [layers.node.attributes.probe]\nresources = '''{resources}'''\n\
             [instances.{instance}]\nlayers = [\"node\"]\nhost = \"{instance}\"\naddress = \"{}\"\n",
            repository().join("tests/e2e/cookbooks/probe").display(),
            host.address()
        ));
    }
}

/// Switches a host on and waits until this machine reaches it: the kernel here takes an address for dead for a moment
/// longer than it is.
pub fn switch_on(host: &Host) {
    host.start().expect("the host boots");
    let address = (host.address(), 22).into();
    eventually("the host can be reached", || {
        TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
    });
}

/// Waits until it is so, at most half a minute: for what happens by itself on a host.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "after 30 s it is still not so: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
