//! Package managers on the packages that every host carries.
#![cfg(feature = "real-hosts")]

mod common;

use common::{Outcome, says, tied};
use engine_test_hosts::{Fleet, Guest, Host};

const APT: &str = "apt-get -y -q=2 -o Dpkg::Use-Pty=0";

/// The last line of what a command says.
fn ends(host: &Host, command: &str) -> Result<String, Box<dyn std::error::Error>> {
    Ok(says(host, "root", command)?.lines().last().unwrap_or_default().to_owned())
}

#[test]
fn apt_has_every_kind_of_update() -> Outcome {
    let mut options = tied("hk-apt", 211, &["apt-1", "apt-2"]);
    options.guests.insert("apt-2".into(), Guest::Sysvinit);
    let fleet = Fleet::up(&options)?;
    for host in fleet.hosts() {
        // Known without a look at the network.
        host.cut()?;
        apt(host)?;
    }
    fleet.down()?;
    Ok(())
}

fn apt(host: &Host) -> Outcome {
    let run = |command: &str| host.check_exec(["sh", "-c", command]);
    run(&format!("{APT} install engine-probe=1.0 engine-probe-extra=1.0"))?;
    assert_eq!(run("engine-probe; engine-probe-extra")?, "1.0\n1.0\n");
    let pending = run("apt-get -s upgrade | grep ^Inst")?;
    assert_eq!(
        pending,
        "Inst engine-probe [1.0] (1.1 Debian-Security:1/stable-security [all])\n\
         Inst engine-probe-extra [1.0] (1.1 Probes:1/stable [all])\n"
    );
    run("apt-mark hold engine-probe")?;
    run(&format!("{APT} upgrade"))?;
    assert_eq!(run("engine-probe; engine-probe-extra")?, "1.0\n1.1\n");
    run(&format!("apt-mark unhold engine-probe; {APT} upgrade"))?;
    run(&format!("{APT} install --allow-downgrades engine-probe-extra=1.0"))?;
    assert_eq!(run("engine-probe; engine-probe-extra")?, "1.1\n1.0\n");

    // A file on disk, and a configuration file that both sides changed.
    let local = "/var/lib/test-hosts/local/engine-probe-local";
    run(&format!("{APT} install {local}_1.0_all.deb"))?;
    run("echo mine > /etc/engine-probe-local.conf")?;
    assert!(run(&format!("{APT} install {local}_1.1_all.deb")).is_err(), "dpkg asks which is to stay");
    run("dpkg --configure --force-confold engine-probe-local")?;
    assert_eq!(run("cat /etc/engine-probe-local.conf; engine-probe-local")?, "mine\n1.1\n");

    // A repository that is not known yet: its signature counts.
    let only = "-o Dir::Etc::sourcelist=sources.list.d/more.list -o Dir::Etc::sourceparts=-";
    let add = |key: &str, rest: &str| {
        let line =
            format!("deb [signed-by=/var/lib/test-hosts/{key}.asc] file:/var/lib/test-hosts/more {rest}");
        run(&format!("echo '{line}' > /etc/apt/sources.list.d/more.list; {APT} {only} update"))
    };
    let codename = run(". /etc/os-release; printf $VERSION_CODENAME")?;
    assert!(run("apt-cache show engine-probe-more").is_err());
    assert!(add("probes", &format!("{codename} main")).is_err(), "another key signed it");
    for rest in [format!("{codename} main"), "./".to_owned()] {
        add("more", &rest)?;
        run(&format!("{APT} install engine-probe-more; {APT} purge engine-probe-more"))?;
        assert!(run("test -e /etc/engine-probe-more.conf").is_err());
    }
    Ok(())
}

#[test]
fn dnf_has_every_kind_of_update() -> Outcome {
    let mut options = tied("hk-dnf", 212, &["dnf-1"]);
    options.guests.insert("dnf-1".into(), Guest::Dnf);
    let fleet = Fleet::up(&options)?;
    let host = fleet.host("dnf-1")?;
    assert!(says(host, "root", "ls /usr/bin/apt-get").is_err());
    assert_eq!(says(host, "root", "cat /proc/1/comm; rpm -qa")?, "systemd\ntest-hosts-release-1-1.noarch");

    // The key is asked for by the first package that it signed.
    says(host, "root", "dnf -y -q install engine-probe-1.0 engine-probe-extra-1.0")?;
    assert_eq!(
        says(host, "root", "engine-probe; engine-probe-extra; rpm -qa | grep -c gpg-pubkey")?,
        "1.0\n1.0\n1"
    );
    assert!(says(host, "root", "dnf -q check-update").is_err(), "updates are pending");
    assert_eq!(
        ends(host, "dnf -q updateinfo list --security")?,
        "engine-probe-1.1 Important/Sec. engine-probe-1.1-1.noarch"
    );
    says(host, "root", "dnf -y -q upgrade --security")?;
    assert_eq!(says(host, "root", "engine-probe; engine-probe-extra")?, "1.1\n1.0");
    says(host, "root", "dnf -y -q versionlock add engine-probe-extra-1.0; dnf -y -q upgrade")?;
    assert_eq!(says(host, "root", "engine-probe-extra")?, "1.0");
    says(host, "root", "dnf -y -q versionlock clear; dnf -y -q upgrade; dnf -y -q downgrade engine-probe")?;
    assert_eq!(says(host, "root", "engine-probe; engine-probe-extra")?, "1.0\n1.1");
    says(host, "root", "dnf -y -q remove engine-probe engine-probe-extra; test ! -e /usr/bin/engine-probe")?;

    let local = "/var/lib/test-hosts/local/engine-probe-local";
    says(host, "root", &format!("dnf -y -q install {local}-1.0-1.noarch.rpm"))?;
    says(host, "root", "echo mine > /etc/engine-probe-local.conf")?;
    says(host, "root", &format!("dnf -y -q install {local}-1.1-1.noarch.rpm"))?;
    assert_eq!(says(host, "root", "cat /etc/engine-probe-local.conf; engine-probe-local")?, "mine\n1.1");
    says(host, "root", "ls /etc/engine-probe-local.conf.rpmnew")?;

    // A repository that is not known yet: its signature counts.
    let add = |key: &str| {
        let lines = format!(
            "[more]\nname=more\nbaseurl=file:///var/lib/test-hosts/more\n\
             gpgcheck=1\ngpgkey=file:///var/lib/test-hosts/{key}.asc"
        );
        says(host, "root", &format!("cat > /etc/yum.repos.d/more.repo <<'END'\n{lines}\nEND"))
    };
    assert!(says(host, "root", "dnf -y -q install engine-probe-more").is_err());
    add("probes")?;
    assert!(says(host, "root", "dnf -y -q install engine-probe-more").is_err(), "another key signed it");
    add("more")?;
    says(host, "root", "dnf -y -q install engine-probe-more; engine-probe-more")?;
    host.reboot()?;
    assert_eq!(says(host, "root", "engine-probe-more")?, "1.1");
    fleet.down()?;
    Ok(())
}
