//! What the kernel says of its modules.

use std::{fs, path::Path};

/// How a module is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Module {
    /// It was loaded.
    Loaded,
    /// It is a part of the kernel, and stays.
    BuiltIn,
    /// It is not there.
    Absent,
}

/// One form for a module's name: `-` and `_` are the same in it.
pub fn normal(name: &str) -> String {
    name.replace('-', "_")
}

/// How a module of the running kernel is there.
pub fn state(name: &str, release: &str) -> Module {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let loaded = text("/proc/modules");
    let built_in = text(&format!("/lib/modules/{release}/modules.builtin"));
    let known = Path::new("/sys/module").join(normal(name)).is_dir();
    judge(name, &loaded, &built_in, known)
}

/// From `/proc/modules`, `modules.builtin`, and whether `/sys/module` has it: there are loaded ones as well as those of
/// the kernel's own that have parameters.
fn judge(name: &str, loaded: &str, built_in: &str, known: bool) -> Module {
    let name = normal(name);
    if loaded.lines().any(|line| line.split(' ').next() == Some(&*name)) {
        return Module::Loaded;
    }
    let file = |line: &str| {
        let file = line.rsplit('/').next().unwrap_or_default();
        normal(file.split(".ko").next().unwrap_or_default())
    };
    if known || built_in.lines().any(|line| file(line) == name) { Module::BuiltIn } else { Module::Absent }
}

/// The options that a file of modprobe.d(5) gives a module.
pub fn options(text: &str, name: &str) -> Option<String> {
    let lines = text.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["options", module, ref options @ ..] if normal(module) == normal(name) => {
                Some(options.join(" "))
            }
            _ => None,
        }
    });
    let all: Vec<String> = lines.collect();
    (!all.is_empty()).then(|| all.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From Debian 12, kernel 6.1.
    const LOADED: &str = "br_netfilter 32768 0 - Live 0xffffffffc09d8000\nbridge 311296 1 br_netfilter, Live 0xffffffffc0942000\n\
        snd_hda_intel 57344 0 - Live 0xffffffffc0700000\n";

    /// The same.
    const BUILT_IN: &str =
        "kernel/drivers/block/loop.ko\nkernel/crypto/crc32c-generic.ko\nkernel/fs/ext4/ext4.ko\n";

    #[test]
    fn a_module_is_found_however_it_is_spelled() {
        let state = |name, known| judge(name, LOADED, BUILT_IN, known);
        assert_eq!(state("br_netfilter", true), Module::Loaded);
        assert_eq!(state("snd-hda-intel", true), Module::Loaded);
        assert_eq!(state("crc32c_generic", false), Module::BuiltIn);
        assert_eq!(state("loop", true), Module::BuiltIn);
        assert_eq!(state("tun", true), Module::BuiltIn);
        assert_eq!(state("br", false), Module::Absent);
        assert_eq!(judge("dummy", "", "", false), Module::Absent);
    }

    #[test]
    fn options_are_read_as_modprobe_reads_them() {
        let text =
            "# x\noptions snd-hda-intel model=a\nalias a b\noptions snd_hda_intel index=1  power_save=0\n";
        assert_eq!(options(text, "snd_hda_intel").as_deref(), Some("model=a index=1 power_save=0"));
        assert_eq!(options(text, "other"), None);
    }
}
