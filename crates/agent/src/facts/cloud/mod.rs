//! The cloud that the node is a machine of: found in the firmware, then asked.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use engine_protocol::facts::Cloud;

use super::{root::Root, virtualization::Firmware};

pub mod imds;
mod remembered;

/// Where a cloud is asked.
#[derive(Debug, Clone)]
pub struct Service {
    /// EC2's instance metadata.
    pub address: SocketAddr,
    /// How long the answers may take together.
    pub limit: Duration,
    /// Where to keep them, for when there are none.
    pub memory: Option<PathBuf>,
}

impl Default for Service {
    fn default() -> Self {
        let address = (Ipv4Addr::new(169, 254, 169, 254), 80).into();
        Service { address, limit: Duration::from_millis(250), memory: None }
    }
}

/// What the firmware of an EC2 instance says. Nitro's says all of it, Xen's nothing more than that it is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    instance_id: String,
    instance_type: String,
}

/// Whether this is an EC2 instance. No other machine is to wait for an address that nobody has.
pub fn detect(root: &Root) -> Option<Found> {
    let firmware = Firmware::read(root);
    if firmware.vendor == "Amazon EC2" {
        let tag = root.line("sys/class/dmi/id/board_asset_tag");
        return Some(Found {
            instance_id: if tag.starts_with("i-") { tag } else { String::new() },
            instance_type: firmware.product,
        });
    }
    let on_xen = root.line("sys/hypervisor/uuid").starts_with("ec2")
        || root.line("sys/class/dmi/id/product_uuid").to_ascii_lowercase().starts_with("ec2")
        || firmware.bios_version.contains("amazon");
    on_xen.then(Found::default)
}

impl Service {
    /// What the instance metadata say. If they do not answer, what they said earlier in this boot,
    /// else what the firmware says.
    pub fn ask(&self, found: Found, boot_id: &str) -> Cloud {
        let memory = self.memory.as_deref();
        let earlier = memory.and_then(|path| remembered::read(path, boot_id));
        let Ok(cloud) = imds::ask(self.address, self.limit, earlier.as_ref()) else {
            return earlier.unwrap_or_else(|| from_firmware(found));
        };
        if let Some(path) = memory
            && earlier.as_ref() != Some(&cloud)
        {
            remembered::write(path, boot_id, &cloud);
        }
        cloud
    }
}

fn from_firmware(Found { instance_id, instance_type }: Found) -> Cloud {
    Cloud { provider: imds::PROVIDER.to_owned(), instance_id, instance_type, ..Cloud::default() }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{
        imds::tests::{LIMIT, Manner, everything, service},
        *,
    };

    fn machine(files: &[(&str, &str)]) -> Option<Found> {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::at(directory.path());
        for (path, text) in files {
            let path = root.path("sys").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        detect(&root)
    }

    #[test]
    fn instances_are_known_by_their_firmware() {
        let nitro = [
            ("class/dmi/id/sys_vendor", "Amazon EC2\n"),
            ("class/dmi/id/product_name", "t3.micro\n"),
            ("class/dmi/id/board_asset_tag", "i-0123456789abcdef0\n"),
        ];
        let found = Found { instance_id: "i-0123456789abcdef0".into(), instance_type: "t3.micro".into() };
        assert_eq!(machine(&nitro), Some(found));
        assert_eq!(
            machine(&[("hypervisor/uuid", "ec2e1916-9099-7caf-fd21-012345abcdef\n")]),
            Some(Found::default())
        );
        assert_eq!(machine(&[("class/dmi/id/product_uuid", "EC2E1916-9099\n")]), Some(Found::default()));
        assert_eq!(machine(&[("class/dmi/id/bios_version", "4.11.amazon\n")]), Some(Found::default()));
        assert_eq!(machine(&[("class/dmi/id/sys_vendor", "QEMU\n")]), None);
        assert_eq!(machine(&[]), None);
    }

    #[test]
    fn what_was_said_holds_for_the_boot_when_nobody_answers() {
        let directory = tempfile::tempdir().unwrap();
        let memory = Some(directory.path().join("cloud"));
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let at = |address| Service { address, limit: LIMIT, memory: memory.clone() };
        let found = Found { instance_id: "i-1".into(), ..Found::default() };
        assert_eq!(at(nobody).ask(found.clone(), "boot").instance_id, "i-1");
        let (address, asked) = service(Manner::Keep, &[]);
        assert_eq!(at(address).ask(found.clone(), "boot"), everything());
        let cold = asked.try_iter().count();
        assert_eq!(at(nobody).ask(found.clone(), "boot"), everything());
        assert_eq!(at(address).ask(found.clone(), "boot"), everything());
        assert!(asked.try_iter().count() < cold);
        assert_eq!(at(nobody).ask(found, "next boot").region, "");
    }
}
