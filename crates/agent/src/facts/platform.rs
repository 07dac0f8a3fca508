//! The distribution, its kernel, and what manages its services and packages.

use engine_protocol::facts::{Kernel, Platform};
use rustix::system::Uname;

use super::{assignments::variable, root::Root};

/// The distribution, from `os-release`.
pub fn read(root: &Root) -> Platform {
    let release = root.read("etc/os-release");
    parse(&if release.is_empty() { root.read("usr/lib/os-release") } else { release })
}

/// Reads `os-release` (see os-release(5)).
pub fn parse(text: &str) -> Platform {
    let name = match variable(text, "ID") {
        id if id.is_empty() => "linux".to_owned(),
        id => id,
    };
    let like = variable(text, "ID_LIKE");
    let family = family(&name).or_else(|| like.split(' ').find_map(family)).unwrap_or(&name).to_owned();
    let (version, codename) = (variable(text, "VERSION_ID"), variable(text, "VERSION_CODENAME"));
    Platform { name, family, version, codename }
}

/// The family that an id of `ID` or `ID_LIKE` belongs to. As Ohai has them, but for Amazon Linux,
/// which is one of `rhel` here: its packages and services are.
fn family(id: &str) -> Option<&'static str> {
    match id {
        "debian" | "ubuntu" | "raspbian" => Some("debian"),
        "rhel" | "centos" | "rocky" | "almalinux" | "ol" | "amzn" => Some("rhel"),
        "fedora" => Some("fedora"),
        "suse" | "opensuse" | "sles" | "opensuse-leap" => Some("suse"),
        "alpine" => Some("alpine"),
        "arch" => Some("arch"),
        _ => None,
    }
}

/// The running kernel.
pub fn kernel(system: &Uname) -> Kernel {
    Kernel {
        name: system.sysname().to_string_lossy().into_owned(),
        release: system.release().to_string_lossy().into_owned(),
    }
}

/// What runs as process 1.
pub fn init_system(root: &Root) -> String {
    let first = root.line("proc/1/comm");
    let name = match first.as_str() {
        _ if root.exists("run/systemd/system") => "systemd",
        "systemd" => "systemd",
        _ if root.exists("run/openrc") => "openrc",
        "init" if root.exists("etc/inittab") => "sysvinit",
        _ => "unknown",
    };
    name.to_owned()
}

/// The package manager whose program is there.
pub fn package_manager(root: &Root) -> String {
    let known = [
        ("apt", "usr/bin/apt-get"),
        ("dnf", "usr/bin/dnf"),
        ("yum", "usr/bin/yum"),
        ("zypper", "usr/bin/zypper"),
        ("apk", "sbin/apk"),
        ("pacman", "usr/bin/pacman"),
    ];
    let found = known.iter().find(|(_, program)| root.exists(program));
    found.map_or("unknown", |(name, _)| name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! release {
        ($name:literal) => {{
            let platform = parse(include_str!(concat!("../../fixtures/os-release/", $name)));
            [platform.name, platform.family, platform.version, platform.codename].join(" ")
        }};
    }

    #[test]
    fn platforms_and_their_families() {
        assert_eq!(release!("debian-12"), "debian debian 12 bookworm");
        assert_eq!(release!("debian-sid"), "debian debian  forky");
        assert_eq!(release!("ubuntu-24.04"), "ubuntu debian 24.04 noble");
        assert_eq!(release!("linuxmint-22"), "linuxmint debian 22 wilma");
        assert_eq!(release!("rocky-9"), "rocky rhel 9.4 ");
        assert_eq!(release!("rhel-9"), "rhel rhel 9.4 ");
        assert_eq!(release!("ol-9"), "ol rhel 9.4 ");
        assert_eq!(release!("amzn-2"), "amzn rhel 2 ");
        assert_eq!(release!("amzn-2023"), "amzn rhel 2023 ");
        assert_eq!(release!("fedora-40"), "fedora fedora 40 ");
        assert_eq!(release!("sles-15"), "sles suse 15.6 ");
        assert_eq!(release!("opensuse-tumbleweed"), "opensuse-tumbleweed suse 20241104 ");
        assert_eq!(release!("alpine-3.20"), "alpine alpine 3.20.3 ");
        assert_eq!(release!("arch"), "arch arch  ");
        assert_eq!(parse("ID=void\n").family, "void");
        assert_eq!((parse("").name.as_str(), parse("").family.as_str()), ("linux", "linux"));
    }

    #[test]
    fn init_systems_are_told_apart_by_what_they_leave() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::at(directory.path());
        assert_eq!(init_system(&root), "unknown");
        std::fs::create_dir_all(root.path("proc/1")).unwrap();
        std::fs::create_dir_all(root.path("etc")).unwrap();
        std::fs::write(root.path("proc/1/comm"), "init\n").unwrap();
        assert_eq!(init_system(&root), "unknown");
        std::fs::write(root.path("etc/inittab"), "").unwrap();
        assert_eq!(init_system(&root), "sysvinit");
        std::fs::create_dir_all(root.path("run/openrc")).unwrap();
        assert_eq!(init_system(&root), "openrc");
        std::fs::create_dir_all(root.path("run/systemd/system")).unwrap();
        assert_eq!(init_system(&root), "systemd");
    }

    #[test]
    fn package_managers_are_found_by_their_programs() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::at(directory.path());
        assert_eq!(package_manager(&root), "unknown");
        std::fs::create_dir_all(root.path("sbin")).unwrap();
        std::fs::write(root.path("sbin/apk"), "").unwrap();
        assert_eq!(package_manager(&root), "apk");
        // Where there is dnf, yum is another name of it.
        std::fs::create_dir_all(root.path("usr/bin")).unwrap();
        for (program, manager) in [("yum", "yum"), ("dnf", "dnf")] {
            std::fs::write(root.path("usr/bin").join(program), "").unwrap();
            assert_eq!(package_manager(&root), manager);
        }
    }
}
