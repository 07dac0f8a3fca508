//! Editing `/etc/hosts`: the lines of one address change, all others stay byte by byte.

use std::net::IpAddr;

/// Where it is.
pub const PATH: &str = "/etc/hosts";

/// The names that an address has, in order; `None` if no line begins with it.
pub fn names(text: &[u8], address: IpAddr) -> Option<Vec<String>> {
    let mut found: Option<Vec<String>> = None;
    for line in lines(text) {
        let shown = String::from_utf8_lossy(line);
        if let Some(entry) = Entry::parse(&shown).filter(|entry| entry.address == address) {
            found.get_or_insert_default().extend(entry.names.iter().map(ToString::to_string));
        }
    }
    found
}

/// Whether one line of another address has all these names.
pub fn known_elsewhere(text: &[u8], except: IpAddr, names: &[&str]) -> bool {
    lines(text).any(|line| {
        let shown = String::from_utf8_lossy(line);
        let other = Entry::parse(&shown).filter(|entry| entry.address != except);
        other.is_some_and(|entry| names.iter().all(|name| entry.names.contains(name)))
    })
}

/// The file in which an address has these names and no others. Its first line is changed and keeps its comment, further
/// ones are taken out; a new one comes behind the last line of `after`, else at the end.
pub fn set(text: &[u8], address: IpAddr, names: &[&str], after: Option<IpAddr>) -> Vec<u8> {
    let new = format!("{address}\t{}", names.join(" "));
    let mut edited: Vec<Vec<u8>> = Vec::new();
    let (mut placed, mut behind) = (false, None);
    for line in lines(text) {
        let shown = String::from_utf8_lossy(line);
        let Some(entry) = Entry::parse(&shown) else {
            edited.push(line.to_vec());
            continue;
        };
        if entry.address != address {
            edited.push(line.to_vec());
            if Some(entry.address) == after {
                behind = Some(edited.len());
            }
        } else if !placed {
            placed = true;
            if entry.names == names {
                edited.push(line.to_vec());
            } else {
                edited.push([new.as_bytes(), tail(line)].concat());
            }
        }
    }
    if !placed {
        let index = behind.unwrap_or(edited.len());
        if let Some(before) = edited[..index].last_mut().filter(|before| !before.ends_with(b"\n")) {
            before.push(b'\n');
        }
        edited.insert(index, format!("{new}\n").into_bytes());
    }
    edited.concat()
}

/// The file without an address.
pub fn remove(text: &[u8], address: IpAddr) -> Vec<u8> {
    let other = |line: &&[u8]| {
        Entry::parse(&String::from_utf8_lossy(line)).is_none_or(|entry| entry.address != address)
    };
    lines(text).filter(other).collect::<Vec<_>>().concat()
}

struct Entry<'l> {
    address: IpAddr,
    names: Vec<&'l str>,
}

impl<'l> Entry<'l> {
    fn parse(line: &'l str) -> Option<Self> {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        Some(Self { address: words.next()?.parse().ok()?, names: words.collect() })
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n')
}

/// A line's comment with the blanks before it, and its end.
fn tail(line: &[u8]) -> &[u8] {
    let comment = line.iter().position(|byte| *byte == b'#').unwrap_or(line.len());
    let blank =
        line[..comment].iter().rposition(|byte| !byte.is_ascii_whitespace()).map_or(0, |last| last + 1);
    &line[blank..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// From Debian 12, with lines as people add them.
    const HOSTS: &str = "127.0.0.1\tlocalhost\n127.0.1.1\tapp-1\n\n# The following lines are desirable for IPv6 capable hosts\n\
        ::1     ip6-localhost ip6-loopback\nfe00::0 ip6-localnet\n10.0.0.5 db.example.org   db # primary\n  10.0.0.6\tcache";

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn shown(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_is_changed_where_it_is_and_keeps_its_comment() {
        let edited = set(HOSTS.as_bytes(), ip("10.0.0.5"), &["db2.example.org"], None);
        assert_eq!(
            shown(&edited),
            HOSTS.replace("10.0.0.5 db.example.org   db # primary", "10.0.0.5\tdb2.example.org # primary")
        );
        let same = set(HOSTS.as_bytes(), ip("10.0.0.5"), &["db.example.org", "db"], None);
        assert_eq!(shown(&same), HOSTS);
        let last = set(HOSTS.as_bytes(), ip("10.0.0.6"), &["memcached"], None);
        assert_eq!(shown(&last), HOSTS.replace("  10.0.0.6\tcache", "10.0.0.6\tmemcached"));
        // The same address, spelled otherwise.
        let six = set(HOSTS.as_bytes(), ip("0:0::1"), &["ip6-localhost", "ip6-loopback"], None);
        assert_eq!(shown(&six), HOSTS);
    }

    #[test]
    fn a_new_line_comes_at_the_end_or_behind_another() {
        let edited = set(HOSTS.as_bytes(), ip("10.0.0.7"), &["new", "n"], None);
        assert_eq!(shown(&edited), format!("{HOSTS}\n10.0.0.7\tnew n\n"));
        let text = "127.0.0.1 localhost\n10.0.0.1 a\n";
        let edited = set(text.as_bytes(), ip("127.0.1.1"), &["host"], Some(ip("127.0.0.1")));
        assert_eq!(shown(&edited), "127.0.0.1 localhost\n127.0.1.1\thost\n10.0.0.1 a\n");
        assert_eq!(shown(&set(b"", ip("::1"), &["a"], None)), "::1\ta\n");
    }

    #[test]
    fn several_lines_of_an_address_become_one() {
        let text = "10.0.0.1 a\n10.0.0.2 x\n10.0.0.1 b # old\n";
        assert_eq!(names(text.as_bytes(), ip("10.0.0.1")), Some(vec!["a".into(), "b".into()]));
        assert_eq!(shown(&set(text.as_bytes(), ip("10.0.0.1"), &["a"], None)), "10.0.0.1 a\n10.0.0.2 x\n");
        assert_eq!(shown(&remove(text.as_bytes(), ip("10.0.0.1"))), "10.0.0.2 x\n");
        assert_eq!(names(text.as_bytes(), ip("10.0.0.3")), None);
    }

    #[test]
    fn a_name_may_have_another_address() {
        let known = |names: &[&str]| known_elsewhere(HOSTS.as_bytes(), ip("127.0.1.1"), names);
        assert!(known(&["db.example.org", "db"]));
        assert!(!known(&["app-1"]) && !known(&["db", "cache"]));
    }

    fn line() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            prop::collection::vec(any::<u8>().prop_filter("one line", |byte| *byte != b'\n'), 0..30),
            "[ \t]{0,2}(10\\.0\\.0\\.[1-3]|::1|fe80::1%eth0)[ \t]{1,3}[a-c](\\.x)?( [a-c]){0,2} ?(#.*)?"
                .prop_map(String::into_bytes),
        ]
    }

    proptest! {
        #[test]
        fn editing_twice_is_editing_once_and_other_lines_stay(
            lines in prop::collection::vec(line(), 0..8),
            ended in any::<bool>(),
            last in 1..4_u8,
        ) {
            let mut text = lines.join(&b'\n');
            if ended {
                text.push(b'\n');
            }
            let address = IpAddr::from([10, 0, 0, last]);
            let once = set(&text, address, &["a", "b.x"], Some(ip("10.0.0.1")));
            prop_assert_eq!(names(&once, address), Some(vec!["a".to_owned(), "b.x".to_owned()]));
            prop_assert_eq!(&set(&once, address, &["a", "b.x"], None), &once);
            let gone = remove(&text, address);
            prop_assert_eq!(names(&gone, address), None);
            prop_assert_eq!(&remove(&gone, address), &gone);
            let rest = |text: &[u8]| remove(text, address).trim_ascii_end().to_vec();
            prop_assert_eq!(rest(&once), rest(&text));
        }
    }
}
