//! The names of the other instances, in a block of `/etc/hosts` that is engine's own.
//!
//! Configure keeps it: who is online is in it, and who left is not. Setup makes it where there is none, so that setup
//! recipes find who is there already; else it leaves it alone, for while a whole stack is set up nobody is online.

use std::{collections::HashSet, net::IpAddr};

use engine_contract::Value;
use engine_model::{Command, Instance, Name};
use engine_protocol::{Action, resource::Guard};

use super::{BuiltInResource, Situation};

/// The file.
const PATH: &str = "/etc/hosts";

/// Name of the block, which stands in its marks.
const BLOCK: &str = "hosts";

/// The line that the block begins with.
const MARK: &str = "# BEGIN engine: hosts";

pub(super) fn resources(situation: &Situation<'_>) -> Vec<BuiltInResource> {
    let switch = situation.stack.built_in.hosts;
    let wanted = situation.wants(switch) && (switch.is_some() || !situation.is_application_container());
    if !wanted || !matches!(situation.command, Command::Setup | Command::Configure) {
        return Vec::new();
    }
    let mut names: HashSet<&Name> = situation.online.iter().collect();
    names.insert(&situation.instance.name);
    let known = situation.stack.instances.iter().filter(|instance| names.contains(&instance.name));
    let lines: Vec<String> = known.filter_map(line).collect();
    let block = BuiltInResource::new("hosts", "block_in_file")
        .named(BLOCK)
        .with("path", Value::Text(PATH.to_owned()));
    if lines.is_empty() {
        return vec![block.action(Action::Delete)];
    }
    let block = block.with("content", Value::Text(lines.join("\n") + "\n"));
    if situation.command == Command::Configure {
        return vec![block];
    }
    let has_one = ["grep", "-qxF", "-e", MARK, PATH].map(str::to_owned).to_vec();
    vec![block.not_if(Guard::Command { argv: has_one })]
}

/// The line of an instance, as in hosts(5). None for an address that is a name, which the file cannot hold, or that
/// every machine has for itself, as it has the name `localhost`.
fn line(instance: &Instance) -> Option<String> {
    let address: IpAddr = instance.address.parse().ok()?;
    if address.is_loopback() || address.is_unspecified() {
        return None;
    }
    let hostname = instance.hostname.as_str();
    let mut names: Vec<&str> = Vec::new();
    for name in [hostname, hostname.split('.').next().unwrap_or_default(), instance.name.as_str()] {
        if name != "localhost" && !names.contains(&name) {
            names.push(name);
        }
    }
    (!names.is_empty()).then(|| format!("{address} {}", names.join(" ")))
}
