//! Kernel parameters as sysctl.d(5) has them.

/// Path below `/proc/sys`. What the first separator is, the others are; the other character is part of names.
pub fn path(key: &str) -> String {
    match key.find(['.', '/']) {
        Some(first) if key[first..].starts_with('.') => {
            let swapped = key.chars().map(|c| match c {
                '.' => '/',
                '/' => '.',
                other => other,
            });
            swapped.collect()
        }
        _ => key.to_owned(),
    }
}

/// A value with single blanks: the kernel writes tabs.
pub fn normal(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Name of the file that a parameter has of its own.
pub fn file_name(key: &str) -> String {
    format!("99-engine-{}.conf", key.replace('/', "+"))
}

/// The file of a parameter.
pub fn render(key: &str, value: &str) -> String {
    format!("# Written by engine; what is changed here is lost.\n{key} = {value}\n")
}

/// The value that a file gives a parameter: the last one. A `-` before the name says that it may fail.
pub fn value(text: &str, key: &str) -> Option<String> {
    let lines = text.lines().rev().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
    let set = lines.filter_map(|line| line.split_once('='));
    let mut set = set.filter(|(name, _)| path(name.trim().trim_start_matches('-')) == path(key));
    set.next().map(|(_, value)| normal(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_separator_says_what_separates() {
        for (key, expected) in [
            ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
            ("net.ipv4.conf.enp3s0/200.forwarding", "net/ipv4/conf/enp3s0.200/forwarding"),
            ("net/ipv4/conf/enp3s0.200/forwarding", "net/ipv4/conf/enp3s0.200/forwarding"),
            ("kernel", "kernel"),
        ] {
            assert_eq!(path(key), expected);
        }
        assert_eq!(file_name("net.ipv4.conf.a/b.c"), "99-engine-net.ipv4.conf.a+b.c.conf");
    }

    #[test]
    fn the_last_value_counts() {
        let text = "# vm.swappiness = 1\n;vm.swappiness=2\n vm.swappiness = 10 \n-vm/swappiness=  20\nvm.swappiness_x=3\nodd\n";
        assert_eq!(value(text, "vm.swappiness").as_deref(), Some("20"));
        assert_eq!(value(text, "vm.other"), None);
        assert_eq!(
            value(&render("net.ipv4.tcp_rmem", "4096 87380 6291456"), "net.ipv4.tcp_rmem").as_deref(),
            Some("4096 87380 6291456")
        );
        assert_eq!(normal("4096\t87380\t6291456\n"), "4096 87380 6291456");
    }
}
