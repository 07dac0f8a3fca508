//! What the node is called.

/// The host name without domain, of the kernel's node name.
pub fn hostname(nodename: &str) -> String {
    nodename.split('.').next().unwrap_or_default().to_owned()
}

/// The fully qualified name: the first name with a dot that `/etc/hosts` has beside the host name.
pub fn fqdn(nodename: &str, hosts: &str) -> String {
    if nodename.contains('.') {
        return nodename.to_owned();
    }
    let names = hosts.lines().map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        line.split_whitespace().skip(1).collect::<Vec<_>>()
    });
    let own = |names: &Vec<&str>| names.contains(&nodename);
    let long = names.filter(own).flatten().find(|name| name.starts_with(&format!("{nodename}.")));
    long.unwrap_or(nodename).to_owned()
}

/// The fully qualified name of a machine whose own files know none: the cloud's, if it is about the
/// same host name. Its name servers would say the same.
pub fn in_cloud(fqdn: &str, local_hostname: &str) -> String {
    let longer = local_hostname.strip_prefix(fqdn).is_some_and(|rest| rest.starts_with('.'));
    if longer && !fqdn.contains('.') { local_hostname } else { fqdn }.to_owned()
}

/// What follows the first dot.
pub fn domain(fqdn: &str) -> String {
    fqdn.split_once('.').map_or("", |(_, domain)| domain).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_name_comes_from_the_hosts_file() {
        let hosts = "127.0.0.1 localhost\n127.0.1.1 web1.example.org web1 # me\n";
        assert_eq!(fqdn("web1", hosts), "web1.example.org");
        assert_eq!(fqdn("db1", hosts), "db1");
        assert_eq!(fqdn("a.example.org", hosts), "a.example.org");
        assert_eq!(domain("web1.example.org"), "example.org");
        assert_eq!((domain("db1").as_str(), hostname("a.example.org").as_str()), ("", "a"));
    }

    #[test]
    fn a_cloud_completes_the_name_it_gave_and_no_other() {
        assert_eq!(in_cloud("ip-10-0-0-5", "ip-10-0-0-5.ec2.internal"), "ip-10-0-0-5.ec2.internal");
        assert_eq!(in_cloud("web1", "ip-10-0-0-5.ec2.internal"), "web1");
        assert_eq!(
            in_cloud("ip-10-0-0-5.example.org", "ip-10-0-0-5.example.org.x"),
            "ip-10-0-0-5.example.org"
        );
        assert_eq!(in_cloud("web1", ""), "web1");
    }
}
