use std::process::Command;

use super::*;

fn options(directory: &Path, config: &str) -> SshOptions {
    let path = directory.join("config");
    std::fs::write(&path, config).unwrap();
    SshOptions { config_file: Some(path), ..SshOptions::default() }
}

fn hops(config: &str, destination: &str) -> Result<Vec<String>, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    let surroundings = Surroundings { home: "/home/me".into(), local_user: Some("me".into()) };
    let destination = Destination::parse_jump(destination).unwrap();
    let hops = resolve(&destination, &options(directory.path(), config), &surroundings)?;
    Ok(hops.iter().map(Hop::label).collect())
}

#[test]
fn jump_hosts() {
    let config = "Host b\n HostName b.x\n ProxyJump u@a:2222\nHost c\n ProxyJump b\nHost d\n ProxyJump a,b\n\
                  Host e\n ProxyJump none\nHost *\n ProxyJump a";
    assert_eq!(hops(config, "a").unwrap(), ["me@a:22"]);
    assert_eq!(hops(config, "e").unwrap(), ["me@e:22"]);
    assert_eq!(hops(config, "other").unwrap(), ["me@a:22", "me@other:22"]);
    assert_eq!(hops(config, "d").unwrap(), ["me@a:22", "me@b.x:22", "me@d:22"]);
    let config = "Host a\n ProxyJump b\nHost b\n ProxyJump a";
    assert!(matches!(hops(config, "a"), Err(ConfigError::JumpLoop(_))));
}

#[test]
fn what_must_not_be_passed_over() {
    for config in ["ProxyCommand nc %h", "RevokedHostKeys /x", "VerifyHostKeyDNS yes", "Match exec true"] {
        assert!(matches!(hops(config, "a"), Err(ConfigError::Unsupported { line: 1, .. })), "{config}");
    }
    for config in ["Port x", "Port", "User \"a", "StrictHostKeyChecking maybe", "ProxyJump a:b"] {
        assert!(matches!(hops(config, "a"), Err(ConfigError::Syntax { line: 1, .. })), "{config}");
    }
    // It cannot hold for this host, and so nobody needs to know.
    assert!(hops("Match originalhost b exec true\n ProxyCommand x", "a").is_ok());
}

#[test]
fn as_openssh_understands_it() {
    let directory = tempfile::tempdir().unwrap();
    let included = directory.path().join("more.conf");
    std::fs::write(&included, "Match host real.example\n User matched\nHost *\n Port 7").unwrap();
    let configs = [
        "Host a b\n Port 1\n Port 2\nHost *\n User u\n Port 3".to_owned(),
        "Host * !a\n Port 9\nHost ?\n User \"one letter\" # why".to_owned(),
        "Host a\n HostName real.example\nMatch host real.example user me\n Port=5\nMatch all\n User all"
            .to_owned(),
        format!("Host a\n HostName real.example\n Include {}\nUser after", included.display()),
        "Match final host *.example\n Port 12\nHost a\n HostName %h.example".to_owned(),
        "Match !host a\n Port 4\nMatch originalhost b,a*\n Port 6".to_owned(),
        "HostName x%%y\nHost A\n User upper".to_owned(),
    ];
    for config in &configs {
        let options = options(directory.path(), config);
        for host in ["a", "b", "long.example"] {
            let output = Command::new("ssh")
                .args(["-G", "-F"])
                .arg(options.config_file.as_ref().unwrap())
                .arg(host)
                .output()
                .expect("install openssh-client");
            let text = String::from_utf8(output.stdout).unwrap();
            let value = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
                line.unwrap_or_else(|| panic!("{config}: {text}")).to_owned()
            };
            let surroundings = Surroundings { home: "/root".into(), local_user: Some(local_user()) };
            let hops = resolve(&Destination::new(host), &options, &surroundings).unwrap();
            assert_eq!(
                (hops[0].host.to_lowercase(), hops[0].port.to_string(), hops[0].user.clone()),
                (value("hostname"), value("port"), value("user")),
                "{host} in {config}"
            );
        }
    }
}

fn local_user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn paths_and_times() {
    let directory = tempfile::tempdir().unwrap();
    let config = "IdentityFile ~/.ssh/%r@%h:%p\nIdentityFile %d/x\nUserKnownHostsFile ~/a /b\n\
                  GlobalKnownHostsFile none\nConnectTimeout 1m30\nStrictHostKeyChecking no\nHostKeyAlias k";
    let surroundings = Surroundings { home: "/home/me".into(), local_user: Some("me".into()) };
    let hop = one(&Destination::new("a"), &options(directory.path(), config), &surroundings).unwrap();
    assert_eq!(hop.identity_files, [PathBuf::from("/home/me/.ssh/me@a:22"), "/home/me/x".into()]);
    assert_eq!(hop.known_hosts, [PathBuf::from("/home/me/a"), "/b".into()]);
    assert_eq!(hop.new_host_keys, Some("/home/me/a".into()));
    assert_eq!(hop.connect_timeout, Duration::from_secs(90));
    assert_eq!(hop.policy, HostKeyPolicy::AcceptNew);
    assert_eq!(hop.host_key_alias.as_deref(), Some("k"));
    assert!(expand("%z", &[]).is_err() && expand("%", &[]).is_err());
}
