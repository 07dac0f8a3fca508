//! Forms that values must have.

use super::Lowered;
use crate::error::{Code, ContractError};

pub(super) fn invalid(property: &str, message: impl Into<String>) -> ContractError {
    ContractError::new(Code::InvalidValue, message).on(property)
}

/// Checks an argument vector.
pub(crate) fn arguments(argv: &[String]) -> Lowered<()> {
    arguments_of("argv", argv)
}

pub(super) fn arguments_of(property: &str, argv: &[String]) -> Lowered<()> {
    if argv.first().is_none_or(String::is_empty) {
        return Err(invalid(property, "name a program"));
    }
    if argv.iter().any(|argument| argument.contains('\0')) {
        return Err(invalid(property, "an argument must not contain a NUL byte"));
    }
    Ok(())
}

/// Checks that a path is absolute and says one thing only.
pub(crate) fn absolute(property: &str, path: &str) -> Lowered<()> {
    let problem = if !path.starts_with('/') {
        "it must be absolute"
    } else if path.contains('\0') {
        "it must not contain a NUL byte"
    } else if path != "/" && path[1..].split('/').any(|part| matches!(part, "" | "." | "..")) {
        "it must not contain `.`, `..`, a double slash or a slash at its end"
    } else {
        return Ok(());
    };
    Err(invalid(property, format!("the path `{}` is not allowed: {problem}", path.escape_debug())))
}

/// Checks a name that tools get as an argument.
pub(crate) fn plain(property: &str, name: &str) -> Lowered<()> {
    let good = !name.is_empty()
        && !name.starts_with('-')
        && name.chars().all(|c| c.is_alphanumeric() || "._-+:@~$\\".contains(c));
    if good {
        Ok(())
    } else {
        Err(invalid(property, format!("`{}` is not allowed here", name.escape_debug())))
    }
}

/// Checks a name of a file, without its directory.
pub(super) fn file_name(property: &str, name: &str) -> Lowered<()> {
    let good = !name.is_empty()
        && !name.starts_with(['-', '.'])
        && name.len() <= 200
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-@:".contains(&byte));
    if good {
        Ok(())
    } else {
        let name = name.escape_debug();
        Err(invalid(property, format!("`{name}` cannot name a file; use letters, digits and `._-@:`")))
    }
}

/// Checks that a text stays on its line.
pub(super) fn line(property: &str, text: &str) -> Lowered<()> {
    if text.contains(['\n', '\r', '\0']) {
        return Err(invalid(property, "a line break or a NUL byte is not allowed here"));
    }
    Ok(())
}

/// Checks an `http` or `https` URL with a path.
pub(crate) fn url(property: &str, text: &str) -> Lowered<()> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let good = rest.is_some_and(|rest| rest.contains('/') && !rest.starts_with('/'))
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    if good {
        Ok(())
    } else {
        let text = text.escape_debug();
        Err(invalid(property, format!("`{text}` is no URL such as `https://example.org/path`")))
    }
}

/// Checks `host:port`.
pub(crate) fn address(property: &str, text: &str) -> Lowered<()> {
    let good = text.rsplit_once(':').is_some_and(|(host, port)| {
        let bracketed = host.starts_with('[') && host.ends_with(']');
        let host_good = !host.is_empty()
            && (bracketed || !host.contains(':'))
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte));
        host_good && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if good {
        Ok(())
    } else {
        let text = text.escape_debug();
        Err(invalid(property, format!("`{text}` is no address such as `127.0.0.1:8080`")))
    }
}

pub(super) fn mode(property: &str, text: &str) -> Lowered<u32> {
    octal(text).ok_or_else(|| {
        let text = text.escape_debug();
        invalid(property, format!("`{text}` is no mode; write octal digits such as `0644`"))
    })
}

/// Permission bits in three to five octal digits.
pub(crate) fn octal(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let good = (3..=5).contains(&digits.len()) && digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
    good.then(|| u32::from_str_radix(digits, 8).ok()).flatten().filter(|mode| *mode <= 0o7777)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal() {
        assert_eq!(mode("mode", "0644"), Ok(0o644));
        assert_eq!(mode("mode", "755"), Ok(0o755));
        assert_eq!(mode("mode", "01777"), Ok(0o1777));
        for bad in ["", "7", "0888", "rw-r--r--", "17777", "+644"] {
            assert!(mode("mode", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_cannot_be_taken_for_options() {
        for bad in ["", "-x", "a b", "a;b", "a/b", "a\n"] {
            assert!(plain("name", bad).is_err(), "{bad:?}");
        }
        for good in ["nginx", "libstdc++6", "getty@tty1", "1000"] {
            assert!(plain("name", good).is_ok(), "{good}");
        }
    }

    #[test]
    fn addresses_have_a_host_and_a_port() {
        for good in ["127.0.0.1:80", "db.example.org:5432", "[::1]:80"] {
            assert!(address("address", good).is_ok(), "{good}");
        }
        for bad in ["", "80", "host", "host:", "host:0", "host:65536", ":80", "a b:80", "::1:80x"] {
            assert!(address("address", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_of_files_stay_in_their_directory() {
        for bad in ["", ".", "..", ".hidden", "a/b", "a\0", "a b", "-x", "a\n"] {
            assert!(file_name("name", bad).is_err(), "{bad:?}");
        }
        assert!(file_name("name", "nginx-1.2_x").is_ok());
    }
}
