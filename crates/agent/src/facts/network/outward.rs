//! How the node speaks to the rest of the world: by which interface and router, and from which address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    Assigned, DEPRECATED, Link, ip,
    netlink::{NEW_ROUTE, Netlink, attributes, body, number_u32},
};

/// Somewhere in the rest of the world: the root name server `a`. Nothing is sent to it; the kernel is
/// asked which way it would take, whatever the size of its routing table.
pub const WORLD: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(198, 41, 0, 4)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0x503, 0xba3e, 0, 0, 0, 2, 0x30)),
];

const HEADER: usize = 12;
const DESTINATION: u16 = 1;
const INTERFACE: u16 = 4;
const GATEWAY: u16 = 5;
const SOURCE: u16 = 7;
/// `RTA_VIA`: a router that is reached in the other family.
const VIA: u16 = 18;

/// The way out, by IPv4 or by IPv6.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outward {
    /// The node's own address.
    pub address: String,
    /// Name of the interface; empty if no way leads out.
    pub interface: String,
    /// The router; empty without one.
    pub gateway: String,
}

/// A route that the kernel chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    index: u32,
    gateway: Option<IpAddr>,
    source: Option<IpAddr>,
}

/// Asks the kernel for its way to an address.
pub fn route_to(kernel: &Netlink, address: IpAddr) -> Option<Route> {
    let (family, octets) = match address {
        IpAddr::V4(address) => (2, address.octets().to_vec()),
        IpAddr::V6(address) => (10, address.octets().to_vec()),
    };
    let bits = u8::try_from(octets.len() * 8).unwrap_or(u8::MAX);
    let mut header = [0; HEADER];
    header[..2].copy_from_slice(&[family, bits]);
    route(&kernel.ask(NEW_ROUTE, &body(&header, &[(DESTINATION, &octets)])).ok()??)
}

/// Reads a message with a route, `struct rtmsg` and attributes; none if it leads nowhere.
pub fn route(message: &[u8]) -> Option<Route> {
    const UNICAST: u8 = 1;
    if *message.get(7)? != UNICAST {
        return None;
    }
    let mut route = Route { index: 0, gateway: None, source: None };
    for (kind, value) in attributes(message, HEADER) {
        match kind {
            INTERFACE => route.index = number_u32(value, 0)?,
            GATEWAY => route.gateway = ip(value),
            // A number for the family stands before the address.
            VIA => route.gateway = ip(value.get(2..)?),
            SOURCE => route.source = ip(value),
            _ => {}
        }
    }
    (route.index != 0).then_some(route)
}

/// What the route means. Without one the node speaks from the first address that it has for the
/// world; where the kernel would speak from an address of a day, from one that stays.
pub fn choose(links: &[Link], assigned: &[Assigned], route: Option<Route>, is_ipv6: bool) -> Outward {
    let is_loopback = |index| links.iter().any(|link| link.index == index && link.is_loopback);
    let usable = |of: &&Assigned| {
        of.address.is_ipv6() == is_ipv6
            && of.scope == 0
            && of.flags & DEPRECATED == 0
            && !is_loopback(of.index)
    };
    let first_of = |index| assigned.iter().filter(usable).find(|of| of.index == index).map(|of| of.address);
    let text = |address: Option<IpAddr>| address.map(|address| address.to_string()).unwrap_or_default();
    let Some(route) = route else {
        let address = links.iter().find_map(|link| first_of(link.index));
        return Outward { address: text(address), ..Outward::default() };
    };
    let lasting = route.source.filter(|source| assigned.iter().any(|of| of.address == *source));
    let interface = links.iter().find(|link| link.index == route.index);
    Outward {
        address: text(lasting.or_else(|| first_of(route.index))),
        interface: interface.map(|link| link.facts.name.clone()).unwrap_or_default(),
        gateway: text(route.gateway),
    }
}

#[cfg(test)]
mod tests {
    use engine_protocol::facts::Interface;

    use super::*;

    const UNICAST: [u8; HEADER] = [2, 32, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0];

    fn link(index: u32, name: &str) -> Link {
        let facts = Interface { name: name.into(), ..Interface::default() };
        Link { index, is_loopback: name == "lo", facts }
    }

    fn address(index: u32, address: &str, flags: u32) -> Assigned {
        let scope = if address.starts_with("fe80") { 253 } else { 0 };
        Assigned { index, address: address.parse().unwrap(), prefix: 24, scope, flags }
    }

    #[test]
    fn the_kernels_answer_is_read() {
        let (index, gateway, source) = (4u32.to_ne_bytes(), [192, 0, 2, 1], [192, 0, 2, 7]);
        let all: [(u16, &[u8]); 4] =
            [(15, &254u32.to_ne_bytes()), (INTERFACE, &index), (SOURCE, &source), (GATEWAY, &gateway)];
        let expected = Route { index: 4, gateway: Some(gateway.into()), source: Some(source.into()) };
        assert_eq!(route(&body(&UNICAST, &all)), Some(expected));
        let via =
            [&10u16.to_ne_bytes()[..], &[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]].concat();
        let other = route(&body(&UNICAST, &[(INTERFACE, &index), (VIA, &via)])).unwrap();
        assert_eq!(other.gateway, Some("fe80::1".parse().unwrap()));
        let mut unreachable = UNICAST;
        unreachable[7] = 7;
        assert_eq!(route(&body(&unreachable, &all)), None);
        assert_eq!((route(&UNICAST), route(&[2, 0, 0])), (None, None));
    }

    #[test]
    fn the_address_is_what_the_kernel_speaks_from_or_the_first_that_lasts() {
        let links = [link(1, "lo"), link(2, "eth0"), link(3, "eth1")];
        let assigned = [
            address(1, "127.0.0.1", 0),
            address(1, "203.0.113.1", 0),
            address(2, "10.0.0.5", 0),
            address(3, "198.51.100.7", 0),
            address(3, "192.0.2.7", 0),
            address(3, "fe80::1", 0),
            address(3, "fd00::7", DEPRECATED),
            address(3, "fd00::8", 0),
        ];
        let by = |source: Option<&str>, gateway: &str| {
            let source = source.map(|source| source.parse().unwrap());
            Some(Route { index: 3, gateway: Some(gateway.parse().unwrap()), source })
        };
        let found = |address: &str, interface: &str, gateway: &str| Outward {
            address: address.into(),
            interface: interface.into(),
            gateway: gateway.into(),
        };
        let choose = |route, is_ipv6| choose(&links, &assigned, route, is_ipv6);
        assert_eq!(
            choose(by(Some("192.0.2.7"), "192.0.2.1"), false),
            found("192.0.2.7", "eth1", "192.0.2.1")
        );
        assert_eq!(choose(by(None, "192.0.2.1"), false).address, "198.51.100.7");
        // An address that is not among those that last.
        assert_eq!(choose(by(Some("fd00::1234"), "fe80::99"), true), found("fd00::8", "eth1", "fe80::99"));
        assert_eq!(choose(None, false), found("10.0.0.5", "", ""));
        assert_eq!(choose(None, true), found("fd00::8", "", ""));
    }
}
