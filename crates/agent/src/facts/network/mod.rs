//! Interfaces, their addresses, and where packets for the rest of the world go.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use engine_protocol::facts::{Address, Interface};

pub mod netlink;
pub mod outward;

use netlink::{NEW_ADDRESS, NEW_LINK, Netlink, attributes, body, number_u32};
use outward::Outward;

/// What is known of the network.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// All interfaces, in the order of their kernel indices.
    pub interfaces: Vec<Interface>,
    /// How the node speaks IPv4.
    pub ipv4: Outward,
    /// How the node speaks IPv6.
    pub ipv6: Outward,
}

/// An interface as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    index: u32,
    is_loopback: bool,
    facts: Interface,
}

/// An address as the kernel has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assigned {
    index: u32,
    address: IpAddr,
    prefix: u8,
    /// How far it reaches; 0 is the whole world.
    scope: u8,
    flags: u32,
}

/// `IFLA_EXT_MASK`.
const EXTENSIONS: u16 = 29;
/// `RTEXT_FILTER_SKIP_STATS`: adding up what every interface sent takes longer than all else.
const WITHOUT_STATISTICS: [u8; 4] = 8u32.to_ne_bytes();

/// `IFA_F_TEMPORARY`, which for IPv4 means another thing.
const TEMPORARY: u32 = 0x01;
/// `IFA_F_DEPRECATED`.
const DEPRECATED: u32 = 0x20;

impl Assigned {
    /// Made up for privacy, for a day.
    fn is_temporary(&self) -> bool {
        self.address.is_ipv6() && self.flags & TEMPORARY != 0
    }
}

/// Asks the kernel.
pub fn read() -> Network {
    Netlink::open().map(|kernel| found(&kernel)).unwrap_or_default()
}

fn found(kernel: &Netlink) -> Network {
    let links =
        kernel.dump(NEW_LINK, &body(&[0; 16], &[(EXTENSIONS, &WITHOUT_STATISTICS)])).unwrap_or_default();
    let mut links: Vec<Link> = links.iter().filter_map(|message| link(message)).collect();
    links.sort_by_key(|link| link.index);
    let assigned = kernel.dump(NEW_ADDRESS, &[0; 8]).unwrap_or_default();
    let mut assigned: Vec<Assigned> = assigned.iter().filter_map(|message| address(message)).collect();
    assigned.retain(|assigned| !assigned.is_temporary());
    let [ipv4, ipv6] = outward::WORLD.map(|address| {
        let route = outward::route_to(kernel, address);
        outward::choose(&links, &assigned, route, address.is_ipv6())
    });
    Network { interfaces: interfaces(links, &assigned), ipv4, ipv6 }
}

fn interfaces(links: Vec<Link>, assigned: &[Assigned]) -> Vec<Interface> {
    let with_addresses = |link: Link| {
        let mut own: Vec<&Assigned> = assigned.iter().filter(|address| address.index == link.index).collect();
        own.sort_by_key(|address| address.address.is_ipv6());
        let text = |of: &Assigned| Address { address: of.address.to_string(), prefix: of.prefix };
        Interface { addresses: own.into_iter().map(text).collect(), ..link.facts }
    };
    links.into_iter().map(with_addresses).collect()
}

/// Reads a message with an interface: `struct ifinfomsg` and attributes.
pub fn link(message: &[u8]) -> Option<Link> {
    const HEADER: usize = 16;
    const ADDRESS: u16 = 1;
    const NAME: u16 = 3;
    const MTU: u16 = 4;
    const STATE: u16 = 16;
    /// `IFF_LOOPBACK`.
    const LOOPBACK: u32 = 8;
    /// `IF_OPER_UNKNOWN` and what follows it.
    const STATES: [&str; 7] = ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"];
    let index = number_u32(message, 4)?;
    let is_loopback = number_u32(message, 8)? & LOOPBACK != 0;
    let mut facts = Interface::default();
    let mut state = 0;
    for (kind, value) in attributes(message, HEADER) {
        match kind {
            ADDRESS => facts.mac_address = hardware_address(value),
            NAME => facts.name = String::from_utf8_lossy(value).replace('\0', ""),
            MTU => facts.mtu = number_u32(value, 0)?,
            STATE => state = usize::from(*value.first()?),
            _ => {}
        }
    }
    let state = STATES.get(state).copied().unwrap_or("unknown").to_owned();
    Some(Link { index, is_loopback, facts: Interface { state, ..facts } })
}

fn hardware_address(bytes: &[u8]) -> String {
    // Tunnels have an IP address here, loopback has zeros.
    if bytes.len() < 6 || bytes.iter().all(|byte| *byte == 0) {
        return String::new();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

/// Reads a message with an address: `struct ifaddrmsg` and attributes.
pub fn address(message: &[u8]) -> Option<Assigned> {
    const HEADER: usize = 8;
    const ADDRESS: u16 = 1;
    const LOCAL: u16 = 2;
    const FLAGS: u16 = 8;
    let (prefix, mut flags, scope) = (*message.get(1)?, u32::from(*message.get(2)?), *message.get(3)?);
    let index = number_u32(message, 4)?;
    let (mut address, mut local) = (None, None);
    for (kind, value) in attributes(message, HEADER) {
        match kind {
            ADDRESS => address = ip(value),
            LOCAL => local = ip(value),
            // There are more flags than fit in the header.
            FLAGS => flags = number_u32(value, 0)?,
            _ => {}
        }
    }
    // On a point-to-point link the address is the peer's and the local one is our own.
    Some(Assigned { index, address: local.or(address)?, prefix, scope, flags })
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into()),
        16 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link_header(index: u32, flags: u32) -> Vec<u8> {
        [0, 0, index, flags].into_iter().skip(1).flat_map(u32::to_ne_bytes).chain([0; 4]).collect()
    }

    #[test]
    fn loopback_has_its_address() {
        let network = read();
        let loopback = network.interfaces.iter().find(|interface| interface.name == "lo").unwrap();
        let own = Address { address: "127.0.0.1".into(), prefix: 8 };
        assert!(loopback.addresses.contains(&own), "{loopback:?}");
        assert!(loopback.mtu > 0 && loopback.mac_address.is_empty());
        assert!(!network.ipv4.address.starts_with("127."), "{network:?}");
    }

    #[test]
    fn an_interface_is_read() {
        let mac = [2, 0xfc, 0, 0, 0, 0x1f];
        let message = body(
            &link_header(4, 0x1043),
            &[(3, b"eth0\0"), (16, &[6]), (4, &1400u32.to_ne_bytes()), (1, &mac), (2, &[0xff; 6])],
        );
        let read = link(&message).unwrap();
        assert_eq!((read.index, read.is_loopback), (4, false));
        let expected = Interface {
            name: "eth0".into(),
            mac_address: "02:fc:00:00:00:1f".into(),
            mtu: 1400,
            state: "up".into(),
            addresses: Vec::new(),
        };
        assert_eq!(read.facts, expected);
        let tunnel = link(&body(&link_header(9, 0x10091), &[(3, b"gre0\0"), (1, &[10, 0, 0, 1])])).unwrap();
        assert_eq!((tunnel.facts.mac_address.as_str(), tunnel.facts.state.as_str()), ("", "unknown"));
        assert!(link(&link_header(1, 0x49)).unwrap().is_loopback);
        assert_eq!(link(&[0; 7]), None);
    }

    #[test]
    fn an_address_is_our_own_and_not_the_peers() {
        let header = |family, prefix, flags| [family, prefix, flags, 0, 7, 0, 0, 0];
        let message = body(&header(2, 32, 0x80), &[(1, &[10, 0, 0, 2]), (2, &[10, 0, 0, 1])]);
        let read = address(&message).unwrap();
        assert_eq!((read.index, read.address, read.prefix), (7, IpAddr::from([10, 0, 0, 1]), 32));
        assert_eq!(address(&header(2, 24, 0)), None);
    }

    #[test]
    fn only_addresses_of_ipv6_are_temporary() {
        let header = |family, flags| [family, 64, flags, 0, 2, 0, 0, 0];
        let v6 = address(&body(&header(10, 1), &[(1, &[0xfd; 16]), (8, &0x301u32.to_ne_bytes())])).unwrap();
        assert!(v6.is_temporary());
        let wide = address(&body(&header(10, 0), &[(1, &[0xfd; 16]), (8, &0x220u32.to_ne_bytes())])).unwrap();
        assert!(!wide.is_temporary() && wide.flags & DEPRECATED != 0);
        let v4 = address(&body(&header(2, 1), &[(2, &[10, 0, 0, 9])])).unwrap();
        assert!(!v4.is_temporary());
    }

    #[test]
    fn addresses_of_an_interface_begin_with_ipv4() {
        let facts = |name: &str| Interface { name: name.into(), ..Interface::default() };
        let links = ["lo", "eth0"].map(facts).into_iter().zip(1..);
        let links = links.map(|(facts, index)| Link { index, is_loopback: index == 1, facts }).collect();
        let of = |index, address: &str, prefix| Assigned {
            index,
            address: address.parse().unwrap(),
            prefix,
            scope: 0,
            flags: 0,
        };
        let found = interfaces(links, &[of(2, "fd00::2", 64), of(1, "127.0.0.1", 8), of(2, "192.0.2.2", 24)]);
        let texts: Vec<_> =
            found[1].addresses.iter().map(|of| format!("{}/{}", of.address, of.prefix)).collect();
        assert_eq!(texts, ["192.0.2.2/24", "fd00::2/64"]);
    }
}
