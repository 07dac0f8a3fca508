//! Which machine this is, and since when it runs.

use super::root::Root;

/// When the node was booted, from `/proc/stat`, in seconds since 1970. The kernel moves it when the
/// clock is set, and not when the clock is kept right little by little.
pub fn boot_time(stat: &str) -> u64 {
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "));
    line.and_then(|seconds| seconds.trim().parse().ok()).unwrap_or(0)
}

/// The kernel's random id of this boot.
pub fn boot_id(root: &Root) -> String {
    root.line("proc/sys/kernel/random/boot_id")
}

/// The installation's id. An image that has never been booted says `uninitialized`.
pub fn machine_id(root: &Root) -> String {
    let paths = ["etc/machine-id", "var/lib/dbus/machine-id"];
    let mut ids = paths.iter().map(|path| root.line(path));
    ids.find(|id| !id.is_empty() && id != "uninitialized").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_the_boot_is_read() {
        let stat = "cpu  1 2 3\nintr 5 0\nctxt 19\nbtime 1763870429\nprocesses 7\n";
        assert_eq!((boot_time(stat), boot_time("")), (1_763_870_429, 0));
    }

    #[test]
    fn an_image_has_no_id_yet() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::at(directory.path());
        std::fs::create_dir_all(root.path("etc")).unwrap();
        std::fs::create_dir_all(root.path("var/lib/dbus")).unwrap();
        std::fs::write(root.path("etc/machine-id"), "uninitialized\n").unwrap();
        assert_eq!(machine_id(&root), "");
        std::fs::write(root.path("var/lib/dbus/machine-id"), "3d1219c7c4c5404aaa1f6d2a48adfda4\n").unwrap();
        assert_eq!(machine_id(&root), "3d1219c7c4c5404aaa1f6d2a48adfda4");
    }
}
