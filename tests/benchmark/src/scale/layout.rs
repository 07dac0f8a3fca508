//! Where the simulated nodes are and what they are called: for those who serve them and those who connect.

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// How many there can be: all of `127.77.0.0/16` that ends with neither 0 nor 255.
pub const MOST: usize = 256 * 254;

/// The layers, which the nodes are in by turns; a stack needs one node for each.
pub const LAYERS: [&str; 3] = ["web", "app", "db"];

/// The name of a node, counted from 0.
pub fn name(node: usize) -> String {
    format!("node-{:04}", node + 1)
}

/// Where it listens: addresses of this machine alone.
pub fn address(node: usize) -> IpAddr {
    let [third, fourth] = parts(node);
    Ipv4Addr::new(127, 77, third, fourth).into()
}

/// What it says its address is: one that others could reach it at.
pub fn shown_address(node: usize) -> String {
    let [third, fourth] = parts(node);
    format!("10.77.{third}.{fourth}")
}

fn parts(node: usize) -> [u8; 2] {
    [node / 254, node % 254 + 1].map(|part| u8::try_from(part).unwrap_or(u8::MAX))
}

/// The operator's key.
pub fn key(directory: &Path) -> PathBuf {
    directory.join("id")
}

/// The keys of the nodes.
pub fn known_hosts(directory: &Path) -> PathBuf {
    directory.join("known_hosts")
}

/// How to reach the nodes.
pub fn ssh_config(directory: &Path) -> PathBuf {
    directory.join("ssh_config")
}

/// A stack of three layers: what most real ones are like, one layer looking at the other.
pub fn stack(directory: &Path, nodes: usize, files: usize, cookbook: &Path) -> anyhow::Result<String> {
    let quoted = |path: &Path| -> anyhow::Result<String> {
        Ok(serde_json::to_string(path.to_str().context("a path is not UTF-8")?)?)
    };
    let mut text = format!(
        "update_on_setup = false\n\n[ssh]\nconfig = {}\nuser = \"root\"\n\n\
         [attributes.benchmark]\nfiles = {files}\npeers = \"app\"\n\n[cookbooks.benchmark]\npath = {}\n\
         [cookbooks.benchmark.grants]\nfiles = [\"/srv/benchmark\", \"/srv/benchmark/**\"]\n\n\
         [layers.web]\nsetup = [\"benchmark::files\"]\nconfigure = [\"benchmark::peers\"]\n\
         [layers.app]\nsetup = [\"benchmark::files\"]\n\
         [layers.db]\nsetup = [\"benchmark::files\"]\n",
        quoted(&ssh_config(directory))?,
        quoted(cookbook)?
    );
    for node in 0..nodes {
        let layer = LAYERS[node % LAYERS.len()];
        write!(
            text,
            "\n[instances.{0}]\nlayers = [\"{layer}\"]\nhost = \"{0}\"\naddress = \"{1}\"\n",
            name(node),
            shown_address(node)
        )?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_node_has_an_address_of_this_machine_for_itself() {
        let all: BTreeSet<IpAddr> = (0..MOST).map(address).collect();
        assert_eq!(all.len(), MOST);
        assert!(all.iter().all(IpAddr::is_loopback));
    }
}
