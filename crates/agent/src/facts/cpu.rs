//! Processors. Their model is asked of the processor itself: `/proc/cpuinfo` has it on x86 alone, and
//! opening it takes some kernels 10 ms, in which they measure frequencies.

use std::collections::BTreeSet;

use super::root::Root;

/// The processors that are online.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Logical processors.
    pub count: u32,
    /// What the processor calls itself; empty if it does not.
    pub model: String,
    /// Cores; 0 if the kernel does not say.
    pub cores: u32,
    /// Sockets; 0 if the kernel does not say.
    pub sockets: u32,
}

const DIRECTORY: &str = "sys/devices/system/cpu";

/// Reads `/sys/devices/system/cpu`.
pub fn read(root: &Root) -> Cpu {
    let online = parse_list(&root.line(&format!("{DIRECTORY}/online")));
    let topology = |name: &str| {
        let values = online.iter().map(|cpu| root.line(&format!("{DIRECTORY}/cpu{cpu}/topology/{name}")));
        let distinct: BTreeSet<String> = values.filter(|value| !value.is_empty()).collect();
        count(distinct.len())
    };
    Cpu {
        count: count(online.len()).max(1),
        model: model(root),
        // Processors of one core are one another's siblings.
        cores: topology("thread_siblings_list"),
        sockets: topology("physical_package_id"),
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Reads processors in the kernel's form of lists, for example `0-3,6`.
pub fn parse_list(list: &str) -> Vec<u32> {
    list.trim()
        .split(',')
        .filter_map(|range| {
            let (low, high) = range.split_once('-').unwrap_or((range, range));
            Some(low.parse::<u32>().ok()?..=high.parse::<u32>().ok()?)
        })
        .flatten()
        .collect()
}

#[cfg(target_arch = "x86_64")]
fn model(_: &Root) -> String {
    use std::arch::x86_64::__cpuid;
    const BRAND: u32 = 0x8000_0002;
    if __cpuid(0x8000_0000).eax < BRAND + 2 {
        return String::new();
    }
    let leaves = [0, 1, 2].map(|part| __cpuid(BRAND + part));
    brand(&leaves.map(|leaf| [leaf.eax, leaf.ebx, leaf.ecx, leaf.edx]))
}

#[cfg(not(target_arch = "x86_64"))]
fn model(root: &Root) -> String {
    let register = root.line(&format!("{DIRECTORY}/cpu0/regs/identification/midr_el1"));
    arm_core(&register).unwrap_or_default().to_owned()
}

/// The text in the registers of CPUID's brand string.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "others have no CPUID"))]
fn brand(registers: &[[u32; 4]; 3]) -> String {
    let bytes: Vec<u8> = registers.iter().flatten().flat_map(|register| register.to_le_bytes()).collect();
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The name of a core that servers have, of its MIDR_EL1: implementer in bits 24 to 31, part in 4 to 15.
#[cfg_attr(target_arch = "x86_64", allow(dead_code, reason = "Arm's registers are on Arm"))]
fn arm_core(midr: &str) -> Option<&'static str> {
    let register = u64::from_str_radix(midr.trim_start_matches("0x"), 16).ok()?;
    match ((register >> 24) & 0xff, (register >> 4) & 0xfff) {
        (0x41, 0xd08) => Some("Cortex-A72"),
        (0x41, 0xd0c) => Some("Neoverse-N1"),
        (0x41, 0xd40) => Some("Neoverse-V1"),
        (0x41, 0xd49) => Some("Neoverse-N2"),
        (0x41, 0xd4f) => Some("Neoverse-V2"),
        (0xc0, 0xac3) => Some("Ampere-1"),
        (0xc0, 0xac4) => Some("Ampere-1a"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_processors_are_read() {
        assert_eq!(parse_list("0-3,6\n"), [0, 1, 2, 3, 6]);
        assert_eq!(parse_list("0\n"), [0]);
        assert!(parse_list("").is_empty() && parse_list("3-1").is_empty() && parse_list("x").is_empty());
    }

    #[test]
    fn threads_of_a_core_and_cores_of_a_socket_are_counted_once() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::at(directory.path());
        // Two sockets of two cores of two threads; the last processor is offline.
        for cpu in 0..8 {
            let topology = root.path(&format!("{DIRECTORY}/cpu{cpu}/topology"));
            std::fs::create_dir_all(&topology).unwrap();
            std::fs::write(topology.join("thread_siblings_list"), format!("{},{}\n", cpu % 4, cpu % 4 + 4))
                .unwrap();
            std::fs::write(topology.join("physical_package_id"), format!("{}\n", cpu % 2)).unwrap();
        }
        std::fs::write(root.path(DIRECTORY).join("online"), "0-6\n").unwrap();
        let cpu = read(&root);
        assert_eq!((cpu.count, cpu.cores, cpu.sockets), (7, 4, 2));
        let nothing = read(&Root::at("/nowhere"));
        assert_eq!((nothing.count, nothing.cores, nothing.sockets), (1, 0, 0));
    }

    #[test]
    fn a_brand_is_text_in_registers() {
        let registers = |text: &[u8; 48]| {
            let word = |at: usize| u32::from_le_bytes(text[at..at + 4].try_into().unwrap());
            [0, 16, 32].map(|leaf| [word(leaf), word(leaf + 4), word(leaf + 8), word(leaf + 12)])
        };
        let brand = |text| brand(&registers(text));
        assert_eq!(
            brand(b"Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz\0\0"),
            "Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz"
        );
        assert_eq!(
            brand(b"      Intel(R) Core(TM) i7-4770 CPU @ 3.40GHz\0\0\0"),
            "Intel(R) Core(TM) i7-4770 CPU @ 3.40GHz"
        );
        assert_eq!(brand(&[0; 48]), "");
    }

    #[test]
    fn cores_of_servers_have_names() {
        assert_eq!(arm_core("0x00000000413fd0c1"), Some("Neoverse-N1"));
        assert_eq!(arm_core("0x00000000411fd401"), Some("Neoverse-V1"));
        assert_eq!((arm_core("0x0000000000000000"), arm_core("")), (None, None));
    }
}
