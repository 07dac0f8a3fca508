//! The kernel's routing socket (see rtnetlink(7)): no file says which interface an IPv4 address
//! belongs to.

use std::os::fd::OwnedFd;

use rustix::{
    io::Errno,
    net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with},
};

/// `RTM_NEWLINK`.
pub const NEW_LINK: u16 = 16;
/// `RTM_NEWADDR`.
pub const NEW_ADDRESS: u16 = 20;
/// `RTM_NEWROUTE`.
pub const NEW_ROUTE: u16 = 24;

const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `NLM_F_REQUEST`.
const REQUEST: u16 = 0x001;
/// `NLM_F_DUMP`.
const DUMP: u16 = 0x300;
const HEADER: usize = 16;

/// A connection to the kernel.
#[derive(Debug)]
pub struct Netlink(OwnedFd);

impl Netlink {
    /// Opens one. Anybody may.
    pub fn open() -> Result<Self, Errno> {
        // Protocol 0 of this family is the routing socket.
        socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None).map(Netlink)
    }

    /// Everything that the kernel has of a kind: the bodies of its messages. A header of zeros asks for all.
    pub fn dump(&self, kind: u16, header: &[u8]) -> Result<Vec<Vec<u8>>, Errno> {
        self.exchange(kind, REQUEST | DUMP, header)
    }

    /// What the kernel has of a kind for one question.
    pub fn ask(&self, kind: u16, question: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
        Ok(self.exchange(kind, REQUEST, question)?.pop())
    }

    fn exchange(&self, kind: u16, flags: u16, body: &[u8]) -> Result<Vec<Vec<u8>>, Errno> {
        let length = HEADER + body.len();
        let mut request = Vec::with_capacity(length);
        request.extend(u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes());
        // What asks for a kind is numbered two above it.
        request.extend((kind + 2).to_ne_bytes());
        request.extend(flags.to_ne_bytes());
        request.resize(HEADER, 0);
        request.extend(body);
        send(&self.0, &request, SendFlags::empty())?;
        let mut found = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let (count, _) = recv(&self.0, &mut *buffer, RecvFlags::empty())?;
            let more = messages(&buffer[..count], kind, &mut found);
            // The answer to one question is one message, with nothing to end it.
            if count == 0 || !more || flags & DUMP == 0 {
                return Ok(found);
            }
        }
    }
}

/// Takes the messages of a kind out of one answer; says whether more will follow.
pub fn messages(mut answer: &[u8], kind: u16, found: &mut Vec<Vec<u8>>) -> bool {
    while let (Some(length), Some(of)) = (number_u32(answer, 0), number_u16(answer, 4)) {
        let length = length as usize;
        if length < HEADER || length > answer.len() || matches!(of, ERROR | DONE) {
            return false;
        }
        if of == kind {
            found.push(answer[HEADER..length].to_vec());
        }
        answer = answer.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    true
}

/// The attributes after a header of `header` bytes, by their numbers.
pub fn attributes(message: &[u8], header: usize) -> impl Iterator<Item = (u16, &[u8])> {
    /// Bits that say how an attribute is written.
    const FLAGS: u16 = 0xc000;
    let mut rest = message.get(header..).unwrap_or_default();
    std::iter::from_fn(move || {
        let length = usize::from(number_u16(rest, 0)?);
        let kind = number_u16(rest, 2)? & !FLAGS;
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The number of two bytes at a place.
pub fn number_u16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// The number of four bytes at a place.
pub fn number_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// A header and attributes after it.
pub fn body(header: &[u8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = header.to_vec();
    for (kind, value) in attributes {
        body.extend(u16::try_from(value.len() + 4).unwrap_or(u16::MAX).to_ne_bytes());
        body.extend(kind.to_ne_bytes());
        body.extend(*value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut message = u32::try_from(HEADER + body.len()).unwrap().to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.resize(HEADER, 0);
        message.extend(body);
        message
    }

    #[test]
    fn messages_of_other_kinds_are_passed_over_and_the_last_ends_it() {
        let mut answer = message(NEW_LINK, b"link");
        answer.extend(message(NEW_ROUTE, b"route..."));
        let mut found = Vec::new();
        assert!(messages(&answer, NEW_ROUTE, &mut found));
        assert_eq!(found, [b"route..."]);
        answer.extend(message(DONE, b"0000"));
        assert!(!messages(&answer, NEW_ROUTE, &mut found));
        assert!(!messages(&message(ERROR, b""), NEW_ROUTE, &mut found));
    }

    #[test]
    fn an_answer_that_was_cut_is_no_panic() {
        let answer = message(NEW_ADDRESS, &body(&[0; 8], &[(1, &[10, 0, 0, 2]), (3, b"eth0\0")]));
        for end in 0..answer.len() {
            let mut found = Vec::new();
            messages(&answer[..end], NEW_ADDRESS, &mut found);
            assert!(found.is_empty());
            let of = attributes(&answer[HEADER..end.max(HEADER)], 8).count();
            assert!(of <= 2);
        }
        assert_eq!(
            attributes(&answer[HEADER..], 8).collect::<Vec<_>>(),
            [(1, [10, 0, 0, 2].as_slice()), (3, b"eth0\0")]
        );
    }
}
