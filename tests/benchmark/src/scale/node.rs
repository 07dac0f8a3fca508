//! A simulated node: says and answers what an agent would, and does nothing.

use std::{io, time::Duration};

use engine_protocol::{
    Change, Collection, Earlier, Facts, FromAgent, Outcome, Resource, Spec, Status, ToAgent,
    facts::{Address, Disk, Filesystem, Group, Interface, Kernel, Platform, User},
    frame,
    message::End,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::layout;

/// What the script that starts the agent says before it becomes the agent.
const AGENT_STARTS: &[u8] = b"\nENGINE-READY\n";

/// Plays the agent of a node from its start to the end of its input. Everything that it is to do it calls changed,
/// after a pause for each batch.
pub async fn play(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    node: usize,
    delay: Duration,
) -> io::Result<()> {
    let facts = Box::new(facts(node));
    stream.write_all(AGENT_STARTS).await?;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    send(&mut stream, &FromAgent::Hello { version, facts: facts.clone() }).await?;
    loop {
        match receive(&mut stream).await? {
            None => return Ok(()),
            Some(ToAgent::Apply(collection)) => {
                tokio::time::sleep(delay).await;
                apply(&mut stream, &collection).await?;
                send(&mut stream, &FromAgent::Applied { end: End::Complete, facts: facts.clone() }).await?;
            }
            Some(ToAgent::Finish) => {
                let finished = FromAgent::Finished { end: End::Complete, reboot: None, hidden: Vec::new() };
                send(&mut stream, &finished).await?;
            }
            Some(ToAgent::Lock) => send(&mut stream, &FromAgent::Locked { held: true }).await?,
            Some(_) => {}
        }
    }
}

/// All outcomes in one piece, as the agent sends those that come quickly one after the other.
async fn apply(stream: &mut (impl AsyncWrite + Unpin), collection: &Collection) -> io::Result<()> {
    let mut frames = Vec::new();
    for resource in &collection.resources {
        for action in &resource.actions {
            let outcome = Outcome {
                resource: resource.id,
                action: *action,
                status: Status::Changed,
                changes: changes(resource),
                notified_by: None,
                duration_us: 500,
                earlier: Earlier::default(),
            };
            frames.extend(encoded(&FromAgent::Outcome(outcome))?);
        }
    }
    stream.write_all(&frames).await?;
    stream.flush().await
}

/// As long as the real ones.
fn changes(resource: &Resource) -> Vec<Change> {
    let property = |name: &str, new: &str| Change::Property {
        name: name.to_owned(),
        old: None,
        new: Some(new.to_owned()),
    };
    match &resource.spec {
        Spec::File(file) => {
            let content = file.content.as_ref().map(|content| content.0.as_slice()).unwrap_or_default();
            let content = String::from_utf8_lossy(content);
            let lines = content.lines().flat_map(|line| ["+", line, "\n"]);
            let unified = lines.collect();
            vec![Change::Diff { unified, truncated: false }, property("mode", "0644")]
        }
        _ => vec![property("state", "present")],
    }
}

fn encoded(message: &FromAgent) -> io::Result<Vec<u8>> {
    frame::encode(message).map_err(io::Error::other)
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), message: &FromAgent) -> io::Result<()> {
    stream.write_all(&encoded(message)?).await?;
    stream.flush().await
}

async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<ToAgent>> {
    let mut header = [0; frame::HEADER_BYTES];
    match stream.read_exact(&mut header).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    };
    let mut body = vec![0; frame::length(header).map_err(io::Error::other)?];
    stream.read_exact(&mut body).await?;
    frame::decode(&body).map(Some).map_err(io::Error::other)
}

/// Those of a server of usual size.
fn facts(node: usize) -> Facts {
    let name = layout::name(node);
    let address = |address: String, prefix| Address { address, prefix };
    let interface = |name: &str, addresses| Interface {
        name: name.to_owned(),
        mac_address: "02:00:00:00:00:01".to_owned(),
        mtu: 1500,
        state: "up".to_owned(),
        addresses,
    };
    let filesystem = |device: &str, mount_point: &str| Filesystem {
        device: device.to_owned(),
        mount_point: mount_point.to_owned(),
        fs_type: "ext4".to_owned(),
        size_bytes: Some(100 << 30),
        options: ["rw", "relatime"].map(str::to_owned).to_vec(),
    };
    let user = |id: u32| User {
        name: format!("system-user-{id}"),
        uid: id,
        gid: id,
        home: format!("/var/lib/system-user-{id}"),
        shell: "/usr/sbin/nologin".to_owned(),
    };
    Facts {
        hostname: name.clone(),
        fqdn: format!("{name}.example.com"),
        domain: "example.com".to_owned(),
        platform: Platform {
            name: "debian".to_owned(),
            family: "debian".to_owned(),
            version: "12".to_owned(),
            codename: "bookworm".to_owned(),
        },
        kernel: Kernel { name: "Linux".to_owned(), release: "6.1.0-18-amd64".to_owned() },
        architecture: "x86_64".to_owned(),
        cpu_count: 8,
        cpu_model: "AMD EPYC 7R13 Processor".to_owned(),
        cpu_cores: 4,
        cpu_sockets: 1,
        memory_bytes: 16 << 30,
        virtualization: "kvm".to_owned(),
        disks: vec![Disk { name: "vda".to_owned(), size_bytes: 100 << 30, ..Disk::default() }],
        filesystems: vec![filesystem("/dev/vda1", "/"), filesystem("/dev/vda2", "/var")],
        interfaces: vec![
            interface("lo", vec![address("127.0.0.1".to_owned(), 8), address("::1".to_owned(), 128)]),
            interface("eth0", vec![address(layout::shown_address(node), 16)]),
        ],
        ipaddress: layout::shown_address(node),
        default_interface: "eth0".to_owned(),
        default_gateway: "10.77.0.1".to_owned(),
        init_system: "systemd".to_owned(),
        package_manager: "apt".to_owned(),
        users: (0..30).map(user).collect(),
        groups: (0..50)
            .map(|gid| Group { name: format!("system-group-{gid}"), gid, members: Vec::new() })
            .collect(),
        timezone: "Etc/UTC".to_owned(),
        locale: "C.UTF-8".to_owned(),
        selinux: "disabled".to_owned(),
        boot_time: 1_700_000_000,
        boot_id: format!("00000000-0000-0000-0000-{node:012}"),
        machine_id: format!("{node:032x}"),
        ..Facts::default()
    }
}
