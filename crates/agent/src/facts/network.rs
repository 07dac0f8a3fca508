//! Interfaces and addresses, from the kernel's routing socket: no file says which interface an
//! IPv4 address belongs to.

use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use engine_protocol::facts::Interface;
use rustix::{
    io::Errno,
    net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with},
};

const GET_ADDRESSES: u16 = 22;
const NEW_ADDRESS: u16 = 20;
const DONE: u16 = 3;
const REQUEST_DUMP: u16 = 0x301;
const HEADER: usize = 16;
const ADDRESS_HEADER: usize = 8;
const ATTRIBUTE_ADDRESS: u16 = 1;
const ATTRIBUTE_LOCAL: u16 = 2;

/// All interfaces with their addresses, in the order of their kernel indices.
pub fn interfaces() -> Vec<Interface> {
    let addresses = addresses().unwrap_or_default();
    let mut interfaces = BTreeMap::new();
    for entry in fs::read_dir("/sys/class/net").into_iter().flatten().flatten() {
        let index = fs::read_to_string(entry.path().join("ifindex")).unwrap_or_default();
        if let Ok(index) = index.trim().parse::<u32>() {
            interfaces.insert(index, entry.file_name().to_string_lossy().into_owned());
        }
    }
    interfaces
        .into_iter()
        .map(|(index, name)| {
            let mut own: Vec<IpAddr> =
                addresses.iter().filter(|(of, _)| *of == index).map(|(_, address)| *address).collect();
            own.sort_by_key(IpAddr::is_ipv6);
            Interface { name, addresses: own.iter().map(ToString::to_string).collect() }
        })
        .collect()
}

fn addresses() -> Result<Vec<(u32, IpAddr)>, Errno> {
    // Protocol 0 of this family is the routing socket.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    let mut request = Vec::with_capacity(HEADER + ADDRESS_HEADER);
    request.extend(24u32.to_ne_bytes());
    request.extend(GET_ADDRESSES.to_ne_bytes());
    request.extend(REQUEST_DUMP.to_ne_bytes());
    request.extend([0; HEADER - 8 + ADDRESS_HEADER]);
    send(&socket, &request, SendFlags::empty())?;
    let mut found = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let (count, _) = recv(&socket, &mut *buffer, RecvFlags::empty())?;
        if count == 0 || !parse(&buffer[..count], &mut found) {
            return Ok(found);
        }
    }
}

/// Reads addresses with their interface's index from one answer; says whether more will follow.
pub fn parse(mut answer: &[u8], found: &mut Vec<(u32, IpAddr)>) -> bool {
    while let Some((length, kind)) = header(answer) {
        if length < HEADER || length > answer.len() {
            return false;
        }
        if kind == NEW_ADDRESS {
            found.extend(address(&answer[HEADER..length]));
        } else if kind == DONE || kind < NEW_ADDRESS {
            return false;
        }
        answer = answer.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    true
}

fn header(bytes: &[u8]) -> Option<(usize, u16)> {
    let length = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?);
    let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
    Some((usize::try_from(length).ok()?, kind))
}

fn address(message: &[u8]) -> Option<(u32, IpAddr)> {
    let index = u32::from_ne_bytes(message.get(4..8)?.try_into().ok()?);
    let mut attributes = message.get(ADDRESS_HEADER..)?;
    let (mut address, mut local) = (None, None);
    while attributes.len() >= 4 {
        let length = usize::from(u16::from_ne_bytes([attributes[0], attributes[1]]));
        let kind = u16::from_ne_bytes([attributes[2], attributes[3]]);
        let value = attributes.get(4..length)?;
        match kind {
            ATTRIBUTE_ADDRESS => address = ip(value),
            ATTRIBUTE_LOCAL => local = ip(value),
            _ => {}
        }
        attributes = attributes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    // On a point-to-point link the address is the peer's and the local one is our own.
    Some((index, local.or(address)?))
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

    #[test]
    fn loopback_has_its_address() {
        let interfaces = interfaces();
        let loopback = interfaces.iter().find(|interface| interface.name == "lo").unwrap();
        assert!(loopback.addresses.contains(&"127.0.0.1".to_owned()), "{interfaces:?}");
    }

    #[test]
    fn an_answer_that_was_cut_is_no_panic() {
        let mut answer = Vec::new();
        answer.extend(40u32.to_ne_bytes());
        answer.extend(NEW_ADDRESS.to_ne_bytes());
        answer.extend([0; 10]);
        answer.extend([2, 8, 0, 0]);
        answer.extend(7u32.to_ne_bytes());
        for (kind, last) in [(ATTRIBUTE_ADDRESS, 2), (ATTRIBUTE_LOCAL, 1)] {
            answer.extend(8u16.to_ne_bytes());
            answer.extend(kind.to_ne_bytes());
            answer.extend([10, 0, 0, last]);
        }
        for end in 0..answer.len() {
            let mut found = Vec::new();
            parse(&answer[..end], &mut found);
            assert!(found.is_empty());
        }
        let mut found = Vec::new();
        assert!(parse(&answer, &mut found));
        assert_eq!(found, [(7, IpAddr::from([10, 0, 0, 1]))]);
    }
}
