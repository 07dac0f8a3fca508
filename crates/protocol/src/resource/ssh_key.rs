//! Lines of authorized_keys(5).

/// What sshd takes for the type of a key, up to where types differ.
const KINDS: [&str; 5] = ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-sha2-", "webauthn-sk-"];

/// A public key, without the options before it and the comment behind it: two lines with the same key speak of the
/// same login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SshKey<'l> {
    /// For example `ssh-ed25519`.
    pub kind: &'l str,
    /// The key itself.
    pub base64: &'l str,
}

impl<'l> SshKey<'l> {
    /// The key of a line, found as sshd finds it; `None` for blank lines, comments and what is no key.
    pub fn of_line(line: &'l str) -> Option<Self> {
        let line = line.trim_start_matches([' ', '\t']);
        if line.starts_with('#') {
            return None;
        }
        Self::at_start(line).or_else(|| Self::at_start(line[options(line)..].trim_start_matches([' ', '\t'])))
    }

    fn at_start(text: &'l str) -> Option<Self> {
        let mut words = text.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty());
        let (kind, base64) = (words.next()?, words.next()?);
        let known = text.starts_with(kind) && KINDS.iter().any(|known| kind.starts_with(known));
        // A key begins with the length of its type, in four bytes of which three are zero.
        let digits = base64.trim_end_matches('=');
        let sound = base64.len() >= 32
            && base64.starts_with("AAAA")
            && base64.len() - digits.len() <= 2
            && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte));
        (known && sound).then_some(Self { kind, base64 })
    }
}

/// Length of the options that a line begins with: up to a blank that is not between quotes.
fn options(line: &str) -> usize {
    let mut quoted = false;
    let mut bytes = line.bytes().enumerate().peekable();
    while let Some((index, byte)) = bytes.next() {
        match byte {
            b'\\' if bytes.peek().is_some_and(|(_, next)| *next == b'"') => drop(bytes.next()),
            b'"' => quoted = !quoted,
            b' ' | b'\t' if !quoted => return index,
            _ => {}
        }
    }
    line.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIJRm2x4kVJp4tHqMlwsfFI9XoWDiGtf5MsxLUP/hkgFr";

    #[test]
    fn a_key_is_found_behind_its_options() {
        let key = Some(SshKey { kind: "ssh-ed25519", base64: ED });
        for line in [
            format!("ssh-ed25519 {ED}"),
            format!("  ssh-ed25519\t{ED} alice@example.org laptop\r\n"),
            format!("no-pty,command=\"echo \\\"ssh-rsa AAAA\\\"\" ssh-ed25519 {ED} x"),
            format!("from=\"10.0.0.0/8,!10.0.0.1\" ssh-ed25519 {ED}"),
            format!("cert-authority ssh-ed25519 {ED}"),
        ] {
            assert_eq!(SshKey::of_line(&line), key, "{line}");
        }
        let security_key = format!("sk-ssh-ed25519@openssh.com {ED}");
        assert_eq!(SshKey::of_line(&security_key).unwrap().kind, "sk-ssh-ed25519@openssh.com");
    }

    #[test]
    fn what_is_no_key_is_none() {
        for line in [
            String::new(),
            format!("# ssh-ed25519 {ED}"),
            format!("#ssh-ed25519 {ED}"),
            "ssh-ed25519 short".into(),
            format!("command=\"unclosed ssh-ed25519 {ED}"),
            format!("rsa {ED}"),
            format!("ssh-ed25519 {}", ED.replace('V', "%")),
        ] {
            assert_eq!(SshKey::of_line(&line), None, "{line}");
        }
    }
}
