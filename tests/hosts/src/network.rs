//! A bridge of the fleet's own, a network namespace for each host, and the rules that cut them off.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use crate::command::{capture, command, run, run_with_input};
use crate::error::{IoContext, Result};

/// The network of one fleet: `10.77.<subnet>.0/24`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Network {
    subnet: u8,
}

/// The place of one host on the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    /// The network namespace.
    pub(crate) netns: String,
    /// The interface on the bridge.
    pub(crate) interface: String,
    /// The address inside.
    pub(crate) address: Ipv4Addr,
    /// The hardware address inside: stable, so that nobody's neighbour table goes stale.
    mac: String,
}

impl Network {
    pub(crate) fn new(subnet: u8) -> Self {
        Self { subnet }
    }

    /// The name of the bridge.
    pub(crate) fn bridge(self) -> String {
        format!("engine-th{}", self.subnet)
    }

    /// The address of this machine on the bridge.
    pub(crate) fn gateway(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, self.subnet, 1)
    }

    fn cidr(self) -> String {
        format!("10.77.{}.0/24", self.subnet)
    }

    fn table(self) -> String {
        format!("engine_th{}", self.subnet)
    }

    /// The place of the host with this number, counted from 0.
    pub(crate) fn port(self, index: u8) -> Port {
        let subnet = self.subnet;
        Port {
            netns: format!("{}-{index}", self.bridge()),
            interface: format!("eth{subnet}h{index}"),
            address: Ipv4Addr::new(10, 77, subnet, index + 11),
            mac: format!("02:77:00:00:{subnet:02x}:{:02x}", index + 11),
        }
    }

    /// Makes the bridge and the rules. Nothing of an earlier one may be left.
    pub(crate) fn create(self) -> Result<()> {
        let bridge = self.bridge();
        run("ip", ["link", "add", &bridge, "type", "bridge", "forward_delay", "0"])?;
        // Nothing from a host leaves this machine, and nothing for a host does when it is gone.
        for (family, key, value) in [("ipv4", "forwarding", "0"), ("ipv6", "disable_ipv6", "1")] {
            let path = format!("/proc/sys/net/{family}/conf/{bridge}/{key}");
            if Path::new(&path).exists() {
                fs::write(&path, value).at("write", path)?;
            }
        }
        let address = format!("{}/24", self.gateway());
        run("ip", ["address", "add", &address, "dev", &bridge])?;
        run("ip", ["link", "set", &bridge, "up"])?;
        run("ip", ["route", "add", "unreachable", &self.cidr(), "metric", UNREACHABLE])?;
        run_with_input("nft", &["-f", "-"], &rules(&self.table())).map(drop)
    }

    /// Removes whatever is there of the network.
    pub(crate) fn remove(self) -> Result<()> {
        let prefix = format!("{}-", self.bridge());
        for name in namespaces()? {
            if name.starts_with(&prefix) {
                run("ip", ["netns", "delete", &name])?;
            }
        }
        let bridge = self.bridge();
        if link_exists(&bridge) {
            // The interfaces of dead hosts go a moment after their namespaces.
            for name in interfaces(&bridge)? {
                let output = capture(command("ip").args(["link", "delete", &name]))?;
                drop(output);
            }
            run("ip", ["link", "delete", &bridge])?;
        }
        let route = ["route", "show", "type", "unreachable", &self.cidr()];
        if !run("ip", route)?.trim().is_empty() {
            let route = ["route", "delete", "unreachable", &self.cidr(), "metric", UNREACHABLE];
            run("ip", route)?;
        }
        if self.has_table()? {
            run("nft", ["delete", "table", "bridge", &self.table()])?;
        }
        Ok(())
    }

    /// What of the network is there, one line each.
    pub(crate) fn present(self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let prefix = format!("{}-", self.bridge());
        found.extend(
            namespaces()?
                .into_iter()
                .filter(|name| name.starts_with(&prefix))
                .map(|name| format!("network namespace {name}")),
        );
        if link_exists(&self.bridge()) {
            found.push(format!("bridge {}", self.bridge()));
        }
        let route = run("ip", ["route", "show", "type", "unreachable", &self.cidr()])?;
        found.extend(route.lines().map(|line| format!("route {}", line.trim())));
        if self.has_table()? {
            found.push(format!("nft table {}", self.table()));
        }
        Ok(found)
    }

    fn has_table(self) -> Result<bool> {
        let line = format!("table bridge {}", self.table());
        Ok(run("nft", ["list", "tables"])?.lines().any(|l| l == line))
    }

    /// Plugs a host in: its namespace, its cable and its address.
    pub(crate) fn plug(self, port: &Port) -> Result<()> {
        let Port { netns, interface, mac, .. } = port;
        run("ip", ["netns", "add", netns])?;
        run(
            "ip",
            [
                "link", "add", interface, "type", "veth", "peer", "name", "host0", "address", mac, "netns",
                netns,
            ],
        )?;
        run("ip", ["link", "set", interface, "master", &self.bridge(), "up"])?;
        let script =
            format!("link set lo up\nlink set host0 up\naddress add {}/24 dev host0\n", port.address);
        run_with_input("ip", &["-n", netns, "-batch", "-"], &script).map(drop)
    }

    /// Drops every IP packet from and to a host.
    pub(crate) fn cut(self, port: &Port) -> Result<()> {
        self.set(port, "")
    }

    /// Lets packets through again.
    pub(crate) fn heal(self, port: &Port) -> Result<()> {
        self.set(port, "delete")
    }

    fn set(self, port: &Port, then: &str) -> Result<()> {
        let element = format!("bridge {} cut {{ \"{}\" }}", self.table(), port.interface);
        // Adding twice is fine, deleting what is missing is not: so add first.
        let mut script = format!("add element {element}\n");
        if !then.is_empty() {
            let _ = writeln!(script, "{then} element {element}");
        }
        run_with_input("nft", &["-f", "-"], &script).map(drop)
    }

    /// Whether a host is cut off.
    pub(crate) fn is_cut(self, port: &Port) -> Result<bool> {
        let table = self.table();
        let list = run("nft", ["list", "set", "bridge", &table, "cut"])?;
        Ok(list.contains(&format!("\"{}\"", port.interface)))
    }
}

impl Port {
    /// Takes the cable out, and with the namespace every socket a dead host has left: no peer
    /// hears of its end.
    pub(crate) fn unplug(&self) -> Result<()> {
        if namespaces()?.contains(&self.netns) {
            run("ip", ["netns", "delete", &self.netns])?;
        }
        if link_exists(&self.interface) {
            // The kernel takes it away with the namespace, which may be faster than we are.
            let output = capture(command("ip").args(["link", "delete", &self.interface]))?;
            drop(output);
        }
        Ok(())
    }

    /// Takes the carrier away, so that nothing a dying host still sends gets out.
    pub(crate) fn silence(&self) -> Result<()> {
        if link_exists(&self.interface) {
            run("ip", ["link", "set", &self.interface, "down"])?;
        }
        Ok(())
    }
}

/// Behind every route a machine has in earnest.
const UNREACHABLE: &str = "4278198272";

fn rules(table: &str) -> String {
    let chain = |hook: &str| {
        let mut rules = String::new();
        for side in ["iifname", "oifname"] {
            if (hook, side) != ("input", "oifname") && (hook, side) != ("output", "iifname") {
                let _ = writeln!(rules, "    ether type {{ ip, ip6 }} {side} @cut drop");
            }
        }
        format!("  chain {hook} {{\n    type filter hook {hook} priority 0; policy accept;\n{rules}  }}\n")
    };
    format!(
        "table bridge {table} {{\n  set cut {{ type ifname; }}\n{}{}{}}}\n",
        chain("input"),
        chain("forward"),
        chain("output")
    )
}

fn link_exists(name: &str) -> bool {
    Path::new("/sys/class/net").join(name).exists()
}

fn interfaces(bridge: &str) -> Result<Vec<String>> {
    let dir = Path::new("/sys/class/net").join(bridge).join("brif");
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir).at("read", &dir)? {
        let entry = entry.at("read", &dir)?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}

fn namespaces() -> Result<Vec<String>> {
    let dir = Path::new("/run/netns");
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).at("read", dir)? {
        let entry = entry.at("read", dir)?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_the_kernel() {
        let network = Network::new(255);
        let port = network.port(199);
        assert!(network.bridge().len() <= 15);
        assert!(port.interface.len() <= 15);
        assert_eq!(port.address, Ipv4Addr::new(10, 77, 255, 210));
        assert_eq!(port.mac, "02:77:00:00:ff:d2");
    }

    #[test]
    fn rules_drop_ip_both_ways_and_leave_the_rest() {
        let rules = rules("t");
        assert_eq!(rules.matches("drop").count(), 4);
        assert!(rules.contains("hook output priority 0"));
        assert!(!rules.contains("arp"));
    }
}
