//! What the node is, read from files and from the kernel; no process is started.
//!
//! Each module reads one domain: the parsers are pure functions of what was read.

use std::path::Path;

use engine_protocol::facts::Facts;
use rustix::{process::geteuid, system::uname};

pub mod accounts;
pub mod assignments;
pub mod cloud;
pub mod cpu;
pub mod disks;
pub mod filesystems;
pub mod machine;
pub mod memory;
pub mod names;
pub mod network;
pub mod platform;
pub mod regional;
pub mod root;
pub mod security;
pub mod virtualization;

use root::Root;

/// Where facts come from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The directory that files are read below.
    pub root: Root,
    /// Who answers for the cloud.
    pub cloud: cloud::Service,
}

/// Finds out what this node is.
pub fn collect() -> Facts {
    Sources::default().collect()
}

impl Sources {
    /// This node, with what its cloud said kept in the agent's own directory.
    pub fn of(state_dir: &Path) -> Self {
        let cloud = cloud::Service { memory: Some(state_dir.join("cloud")), ..cloud::Service::default() };
        Sources { cloud, ..Sources::default() }
    }

    /// Finds out what the node is.
    pub fn collect(&self) -> Facts {
        // The cloud is asked while everything else is read.
        std::thread::scope(|scope| {
            let cloud = cloud::detect(&self.root)
                .map(|found| scope.spawn(|| self.cloud.ask(found, &machine::boot_id(&self.root))));
            let mut facts = self.read();
            facts.cloud = cloud.and_then(|asked| asked.join().ok());
            if let Some(cloud) = &facts.cloud {
                facts.fqdn = names::in_cloud(&facts.fqdn, &cloud.local_hostname);
            }
            facts.domain = names::domain(&facts.fqdn);
            facts
        })
    }

    fn read(&self) -> Facts {
        let root = &self.root;
        let system = uname();
        let nodename = system.nodename().to_string_lossy();
        let cpu = cpu::read(root);
        let memory = memory::parse(&root.read("proc/meminfo"));
        let network = network::read();
        Facts {
            hostname: names::hostname(&nodename),
            fqdn: names::fqdn(&nodename, &root.read("etc/hosts")),
            domain: String::new(),
            platform: platform::read(root),
            kernel: platform::kernel(&system),
            architecture: system.machine().to_string_lossy().into_owned(),
            cpu_count: cpu.count,
            cpu_model: cpu.model,
            cpu_cores: cpu.cores,
            cpu_sockets: cpu.sockets,
            memory_bytes: memory.total_bytes,
            swap_bytes: memory.swap_bytes,
            virtualization: virtualization::read(root),
            cloud: None,
            disks: disks::read(root),
            filesystems: filesystems::read(root),
            ipaddress: network.ipv4.address,
            ip6address: network.ipv6.address,
            default_interface: [network.ipv4.interface, network.ipv6.interface]
                .into_iter()
                .find(|interface| !interface.is_empty())
                .unwrap_or_default(),
            default_gateway: network.ipv4.gateway,
            default_ip6_gateway: network.ipv6.gateway,
            interfaces: network.interfaces,
            init_system: platform::init_system(root),
            package_manager: platform::package_manager(root),
            users: accounts::users(&root.read("etc/passwd")),
            groups: accounts::groups(&root.read("etc/group")),
            timezone: regional::timezone(root),
            locale: regional::locale(root),
            selinux: security::selinux(root),
            boot_time: machine::boot_time(&root.read("proc/stat")),
            boot_id: machine::boot_id(root),
            machine_id: machine::machine_id(root),
            user_id: geteuid().as_raw(),
        }
    }
}
