//! Two real hosts through everything that can be done to them.
#![cfg(feature = "real-hosts")]

mod common;

use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Outcome, says, ssh};
use engine_test_hosts::{Fleet, Host, Options, Power, default_dir, leftovers};

fn connects(host: &Host) -> bool {
    TcpStream::connect_timeout(&(host.address(), 22).into(), Duration::from_secs(1)).is_ok()
}

#[test]
fn a_fleet_from_up_to_down() -> Outcome {
    let dir = default_dir("harness-test");
    let mut options = Options::new("harness-test", 2);
    options.names = vec!["lb-1".into()];
    options.tied = true;
    let fleet = Fleet::up(&options)?;
    let subnet = fleet.subnet();
    assert_eq!(fleet.state_dir(), dir);
    let (lb, app) = (fleet.host("lb-1")?, fleet.host("app-1")?);

    accounts(lb)?;
    network(lb, app)?;
    freeze(app)?;
    power(app)?;
    disk(app)?;
    second_look(&fleet, &dir)?;

    fleet.down()?;
    assert_eq!(leftovers(&dir, subnet)?, Vec::<String>::new());
    assert!(!dir.exists());
    Fleet::down_at(&dir)?;
    Ok(())
}

fn accounts(host: &Host) -> Outcome {
    assert_eq!(says(host, "root", "hostname; id -u")?, "lb-1\n0");
    assert_eq!(says(host, "operator", "id -u; sudo id -u")?, "1000\n0");
    assert_eq!(says(host, "nosudo", "id -u")?, "1001");
    assert!(!ssh(host, "nosudo", "sudo -n id")?.status.success());
    assert_eq!(host.check_exec(["cat", "/proc/1/comm"])?, "systemd\n");
    assert_eq!(host.check_exec(["pwd"])?, "/\n");
    assert_eq!(host.exec(["sh", "-c", "exit 7"])?.status.code(), Some(7));
    Ok(())
}

fn network(lb: &Host, app: &Host) -> Outcome {
    let reach = format!("exec 3<>/dev/tcp/{}/22", app.address());
    let reaches = || lb.exec(["timeout", "1", "bash", "-c", &reach]);
    assert!(reaches()?.status.success());
    app.cut()?;
    app.cut()?;
    assert!(app.is_cut()? && !lb.is_cut()?);
    assert!(!connects(app) && connects(lb));
    assert!(!reaches()?.status.success());
    // A cut host is still there for whoever needs no network.
    assert_eq!(app.check_exec(["hostname"])?, "app-1\n");
    app.heal()?;
    app.heal()?;
    assert!(connects(app) && reaches()?.status.success());
    // And nobody gets out: there is no route and no name service.
    assert_eq!(app.check_exec(["ip", "route"])?.lines().count(), 1);
    assert_eq!(app.check_exec(["cat", "/etc/resolv.conf"])?, "");
    Ok(())
}

fn freeze(app: &Host) -> Outcome {
    app.freeze()?;
    assert_eq!(app.power()?, Power::Frozen);
    assert!(connects(app), "the kernel of a frozen host still answers");
    assert!(!ssh(app, "root", "true")?.status.success());
    assert_eq!(app.check_exec(["hostname"])?, "app-1\n");
    app.thaw()?;
    assert_eq!(app.power()?, Power::Running);
    says(app, "root", "true")?;
    Ok(())
}

fn power(app: &Host) -> Outcome {
    says(app, "root", "echo kept > /var/kept")?;
    let mut session = app.ssh().arg("sleep 60").spawn()?;
    std::thread::sleep(Duration::from_secs(1));
    app.kill()?;
    assert_eq!(app.power()?, Power::Stopped);
    assert!(!connects(app));
    std::thread::sleep(Duration::from_millis(500));
    assert!(session.try_wait()?.is_none(), "a peer hears nothing");
    session.kill()?;
    session.wait()?;
    assert!(app.exec(["true"]).is_err());
    app.start()?;
    app.start()?;
    assert_eq!(says(app, "root", "cat /var/kept")?, "kept");

    let before = app.init_pid();
    app.reboot()?;
    assert_ne!(app.init_pid(), before);
    assert_eq!(says(app, "root", "cat /var/kept")?, "kept");
    // A reboot nobody announced, through the front door.
    let before = app.init_pid().ok_or("runs")?;
    ssh(app, "operator", "sudo systemctl reboot")?;
    app.wait_reboot(before)?;
    says(app, "root", "true")?;

    app.stop()?;
    assert_eq!(app.power()?, Power::Stopped);
    app.stop()?;
    app.start()?;
    says(app, "root", "test -e /var/kept")?;

    let id = says(app, "root", "cat /etc/machine-id")?;
    app.cut()?;
    app.freeze()?;
    app.reset()?;
    assert!(ssh(app, "root", "test -e /var/kept")?.status.code() == Some(1));
    assert_eq!(says(app, "root", "cat /etc/machine-id")?, id);
    Ok(())
}

fn disk(app: &Host) -> Outcome {
    app.fill_disk("/var/lib/full", 4096)?;
    let output = ssh(app, "root", "head -c 100000 /dev/zero > /var/lib/full/file")?;
    assert!(String::from_utf8_lossy(&output.stderr).contains("No space left"));
    app.free_disk("/var/lib/full")?;
    says(app, "root", "head -c 100000 /dev/zero > /var/lib/full/file")?;
    let start = Instant::now();
    says(app, "root", "apt-get install -y -q curl >&2 && curl --version >&2")?;
    assert!(start.elapsed() < Duration::from_mins(2));
    Ok(())
}

fn second_look(fleet: &Fleet, dir: &Path) -> Outcome {
    let again = Fleet::open(dir)?;
    assert_eq!(again.hosts().len(), 2);
    assert_eq!(again.ssh_config(), fleet.ssh_config());
    assert!(again.host("db-1").is_err());
    assert!(!leftovers(dir, fleet.subnet())?.is_empty());
    Ok(())
}
