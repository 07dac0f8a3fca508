//! Whether the node is a container or a virtual machine, in the words of systemd-detect-virt(1).

use super::root::Root;

/// What the firmware says of the machine, from `/sys/class/dmi/id`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Firmware {
    /// For example `Amazon EC2`.
    pub vendor: String,
    /// For example `t3.micro`.
    pub product: String,
    /// For example `Amazon EC2`.
    pub board_vendor: String,
    /// For example `Xen`.
    pub bios_vendor: String,
    /// For example `4.11.amazon`.
    pub bios_version: String,
}

impl Firmware {
    /// Reads `/sys/class/dmi/id`.
    pub fn read(root: &Root) -> Self {
        let field = |name: &str| root.line(&format!("sys/class/dmi/id/{name}"));
        Firmware {
            vendor: field("sys_vendor"),
            product: field("product_name"),
            board_vendor: field("board_vendor"),
            bios_vendor: field("bios_vendor"),
            bios_version: field("bios_version"),
        }
    }
}

/// The innermost one: a container on a virtual machine is a container.
pub fn read(root: &Root) -> String {
    container(root).unwrap_or_else(|| machine(&hypervisor(), &Firmware::read(root)).to_owned())
}

fn container(root: &Root) -> Option<String> {
    // What container managers tell their process 1 systemd writes down for everybody.
    let environment = root.read("proc/1/environ");
    let told = environment.split('\0').find_map(|variable| variable.strip_prefix("container="));
    let names = [root.line("run/systemd/container"), told.unwrap_or_default().to_owned()];
    if let Some(name) = names.into_iter().find(|name| !name.is_empty()) {
        return Some(name);
    }
    let signs = [("run/.containerenv", "podman"), (".dockerenv", "docker")];
    if let Some((_, name)) = signs.iter().find(|(path, _)| root.exists(path)) {
        return Some((*name).to_owned());
    }
    if root.exists("proc/vz") && !root.exists("proc/bc") {
        return Some("openvz".to_owned());
    }
    let release = root.read("proc/sys/kernel/osrelease");
    ["Microsoft", "WSL"].iter().any(|sign| release.contains(sign)).then(|| "wsl".to_owned())
}

/// The vendor in the processor's leaf for hypervisors; empty without one.
#[cfg(target_arch = "x86_64")]
fn hypervisor() -> String {
    use std::arch::x86_64::__cpuid;
    const PRESENT: u32 = 1 << 31;
    if __cpuid(1).ecx & PRESENT == 0 {
        return String::new();
    }
    let leaf = __cpuid(0x4000_0000);
    let bytes = [leaf.ebx, leaf.ecx, leaf.edx].map(u32::to_le_bytes).concat();
    String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned()
}

#[cfg(not(target_arch = "x86_64"))]
fn hypervisor() -> String {
    String::new()
}

/// The hypervisor below this machine, of the processor's word for it and of the firmware.
pub fn machine(hypervisor: &str, firmware: &Firmware) -> &'static str {
    // These say who they are in the firmware, whatever hypervisor they use.
    let built_on_others = ["oracle", "xen", "amazon", "parallels", "google"];
    let by_firmware = by_firmware(firmware);
    let by_processor = match hypervisor {
        "" => None,
        "KVMKVMKVM" | "Linux KVM Hv" => Some("kvm"),
        "VMwareVMware" => Some("vmware"),
        "Microsoft Hv" => Some("microsoft"),
        "XenVMMXenVMM" => Some("xen"),
        "TCGTCGTCGTCG" => Some("qemu"),
        "bhyve bhyve " => Some("bhyve"),
        "QNXQVMBSQG" => Some("qnx"),
        "ACRNACRNACRN" => Some("acrn"),
        "SRESRESRESRE" => Some("sre"),
        _ => Some("vm-other"),
    };
    match (by_firmware, by_processor) {
        (Some(name), _) if built_on_others.contains(&name) => name,
        (Some(name), None | Some("vm-other")) | (_, Some(name)) => name,
        (None, None) => "none",
    }
}

fn by_firmware(firmware: &Firmware) -> Option<&'static str> {
    const KNOWN: [(&str, &str); 15] = [
        ("KVM", "kvm"),
        ("OpenStack", "kvm"),
        ("KubeVirt", "kvm"),
        ("Amazon EC2", "amazon"),
        ("QEMU", "qemu"),
        ("VMware", "vmware"),
        ("VMW", "vmware"),
        ("innotek GmbH", "oracle"),
        ("VirtualBox", "oracle"),
        ("Xen", "xen"),
        ("Bochs", "bochs"),
        ("Parallels", "parallels"),
        ("BHYVE", "bhyve"),
        ("Hyper-V", "microsoft"),
        ("Google Compute Engine", "google"),
    ];
    let fields = [&firmware.product, &firmware.vendor, &firmware.board_vendor, &firmware.bios_vendor];
    let found = fields
        .iter()
        .find_map(|field| KNOWN.iter().find(|(sign, _)| field.starts_with(sign)))
        .map(|(_, name)| *name);
    // EC2 rents whole machines as well, `m5.metal` and `m7i.metal-48xl` for example.
    found.filter(|name| *name != "amazon" || !firmware.product.contains(".metal"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firmware(vendor: &str, product: &str) -> Firmware {
        Firmware { vendor: vendor.into(), product: product.into(), ..Firmware::default() }
    }

    #[test]
    fn machines_are_named_as_systemd_names_them() {
        let cases = [
            ("KVMKVMKVM", firmware("Amazon EC2", "t3.micro"), "amazon"),
            ("", firmware("Amazon EC2", "m7g.large"), "amazon"),
            ("", firmware("Amazon EC2", "m5.metal"), "none"),
            ("", firmware("Amazon EC2", "m7i.metal-48xl"), "none"),
            ("XenVMMXenVMM", firmware("Xen", "HVM domU"), "xen"),
            ("KVMKVMKVM", firmware("QEMU", "Standard PC (Q35 + ICH9, 2009)"), "kvm"),
            ("TCGTCGTCGTCG", firmware("QEMU", "Standard PC (i440FX + PIIX, 1996)"), "qemu"),
            ("", firmware("QEMU", "KVM Virtual Machine"), "kvm"),
            ("VMwareVMware", firmware("VMware, Inc.", "VMware Virtual Platform"), "vmware"),
            ("Microsoft Hv", firmware("Microsoft Corporation", "Virtual Machine"), "microsoft"),
            ("KVMKVMKVM", firmware("Google", "Google Compute Engine"), "google"),
            ("KVMKVMKVM", firmware("innotek GmbH", "VirtualBox"), "oracle"),
            ("KVMKVMKVM", Firmware::default(), "kvm"),
            ("SomethingNew", Firmware::default(), "vm-other"),
            ("", firmware("Dell Inc.", "PowerEdge R640"), "none"),
        ];
        for (hypervisor, firmware, name) in cases {
            assert_eq!(machine(hypervisor, &firmware), name, "{hypervisor} {firmware:?}");
        }
    }

    #[test]
    fn a_container_is_what_its_manager_says() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::at(directory.path());
        assert_eq!(container(&root), None);
        std::fs::write(root.path(".dockerenv"), "").unwrap();
        assert_eq!(container(&root).as_deref(), Some("docker"));
        std::fs::create_dir_all(root.path("proc/1")).unwrap();
        std::fs::write(root.path("proc/1/environ"), "TERM=linux\0container=lxc\0").unwrap();
        assert_eq!(container(&root).as_deref(), Some("lxc"));
        std::fs::create_dir_all(root.path("run/systemd")).unwrap();
        std::fs::write(root.path("run/systemd/container"), "systemd-nspawn\n").unwrap();
        assert_eq!(read(&root), "systemd-nspawn");
    }
}
