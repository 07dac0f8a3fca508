//! What is mounted, from `/proc/self/mountinfo` (see proc(5)).

use std::path::Path;

use engine_protocol::facts::Filesystem;
use rustix::fs::statvfs;

use super::root::Root;

/// Made up by the kernel, without storage: of no use to recipes, and many.
const MADE_UP: [&str; 25] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "cpuset",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fuse.gvfsd-fuse",
    "fuse.lxcfs",
    "fuse.portal",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "sysfs",
    "tracefs",
];

/// Nor is what lies among it to hide or to hold parts of it.
const OF_THE_KERNEL: [&str; 2] = ["/proc/", "/sys/"];

/// What comes and goes below these is of logins, services and containers, not of the node.
const TRANSIENT: [&str; 9] = [
    "/run/user/",
    "/run/credentials/",
    "/run/containerd/",
    "/run/docker/",
    "/run/netns/",
    "/var/lib/containerd/",
    "/var/lib/containers/",
    "/var/lib/docker/",
    "/var/lib/kubelet/",
];

/// Everything that is mounted.
pub fn read(root: &Root) -> Vec<Filesystem> {
    let mounts = parse(&root.read("proc/self/mountinfo"));
    let elsewhere: Vec<String> = mounts
        .iter()
        .filter(|mount| !is_here(&mount.filesystem.fs_type))
        .map(|mount| format!("{}/", mount.filesystem.mount_point))
        .collect();
    // The way to a mount must not lead over a server either.
    let reachable = |place: &str| !elsewhere.iter().any(|above| place.starts_with(above));
    mounts
        .into_iter()
        .map(|Mount { device_number, mut filesystem }| {
            if filesystem.device == "/dev/root"
                && let Some(device) = device(root, &device_number)
            {
                filesystem.device = device;
            }
            // ZFS's file systems share out what is free: their sizes move.
            let steady = is_here(&filesystem.fs_type) && filesystem.fs_type != "zfs";
            if steady && reachable(&filesystem.mount_point) {
                filesystem.size_bytes = size(&filesystem.mount_point);
            }
            filesystem
        })
        .collect()
}

/// The device behind a name that kernels without an initial RAM disk give to their root.
fn device(root: &Root, number: &str) -> Option<String> {
    let event = root.read(&format!("sys/dev/block/{number}/uevent"));
    event.lines().find_map(|line| line.strip_prefix("DEVNAME=")).map(|name| format!("/dev/{name}"))
}

fn size(mount_point: &str) -> Option<u64> {
    let found = statvfs(Path::new(mount_point)).ok()?;
    Some(found.f_blocks.saturating_mul(found.f_frsize))
}

/// Whether the node itself has the file system. A server that is gone would not answer at all, nor
/// would a program in user space that hangs.
fn is_here(fs_type: &str) -> bool {
    const ELSEWHERE: [&str; 15] = [
        "9p", "afs", "beegfs", "ceph", "cifs", "coda", "gfs", "gfs2", "lustre", "ncpfs", "nfs", "nfs4",
        "ocfs2", "smb3", "smbfs",
    ];
    !(fs_type.starts_with("fuse") || fs_type == "virtiofs" || ELSEWHERE.contains(&fs_type))
}

/// A mount, before its size is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Major and minor number, for example `254:1`.
    pub device_number: String,
    /// What is known of it.
    pub filesystem: Filesystem,
}

/// Reads `/proc/self/mountinfo`. Of several mounts at one place the last is seen.
pub fn parse(mountinfo: &str) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    for mount in mountinfo.lines().filter_map(mount) {
        let place = &mount.filesystem.mount_point;
        mounts.retain(|other| other.filesystem.mount_point != *place);
        mounts.push(mount);
    }
    mounts.retain(|mount| is_of_the_node(&mount.filesystem));
    mounts
}

fn is_of_the_node(filesystem: &Filesystem) -> bool {
    let fs_type = filesystem.fs_type.as_str();
    !(MADE_UP.contains(&fs_type)
        || TRANSIENT
            .iter()
            .chain(&OF_THE_KERNEL)
            .any(|directory| filesystem.mount_point.starts_with(directory)))
}

fn mount(line: &str) -> Option<Mount> {
    let (own, shared) = line.split_once(" - ")?;
    let mut own = own.split(' ').skip(2);
    let (device_number, _root, mount_point, options) = (own.next()?, own.next()?, own.next()?, own.next()?);
    let mut shared = shared.split(' ');
    let (fs_type, source, more) = (shared.next()?, shared.next()?, shared.next().unwrap_or_default());
    let mut all: Vec<String> = Vec::new();
    for option in options.split(',').chain(more.split(',')).filter(|option| !option.is_empty()) {
        // Whether it can be written to is said twice; the mount's own word is the first.
        let contradicts = matches!(option, "ro" | "rw") && !all.is_empty();
        if !contradicts && !all.iter().any(|known| known == option) {
            all.push(unescaped(option));
        }
    }
    Some(Mount {
        device_number: device_number.to_owned(),
        filesystem: Filesystem {
            device: unescaped(source),
            mount_point: unescaped(mount_point),
            fs_type: fs_type.to_owned(),
            size_bytes: None,
            options: all,
        },
    })
}

/// The kernel writes spaces and the like as a backslash and three octal digits.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let octal =
            after.get(..3).filter(|digits| byte == b'\\' && digits.iter().all(|c| (b'0'..b'8').contains(c)));
        rest = if let Some(digits) = octal {
            let digits = digits.iter().map(|digit| digit - b'0');
            bytes.push(digits.fold(0u8, |value, digit| value.wrapping_mul(8).wrapping_add(digit)));
            &after[3..]
        } else {
            bytes.push(byte);
            after
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(mountinfo: &str) -> Vec<String> {
        parse(mountinfo)
            .into_iter()
            .map(|mount| {
                let it = mount.filesystem;
                format!("{} {} {} {}", it.device, it.mount_point, it.fs_type, it.options.join(","))
            })
            .collect()
    }

    #[test]
    fn what_the_kernel_makes_up_is_left_out() {
        assert_eq!(
            said(include_str!("../../fixtures/mountinfo/debian-12")),
            [
                "/dev/vda1 / ext4 rw,relatime,errors=remount-ro",
                "tmpfs /run tmpfs rw,nosuid,nodev,noexec,relatime,size=403100k,mode=755",
                "tmpfs /dev/shm tmpfs rw,nosuid,nodev",
                "tmpfs /run/lock tmpfs rw,nosuid,nodev,noexec,relatime,size=5120k",
                "/dev/vda15 /boot/efi vfat rw,relatime,fmask=0022,dmask=0022,codepage=437,iocharset=ascii,shortname=mixed,utf8,errors=remount-ro",
                "files.example.org:/export/home /home nfs4 rw,relatime,vers=4.2,rsize=1048576,hard,proto=tcp,sec=sys,addr=192.0.2.9",
                "/dev/mapper/data-my data /srv/my data xfs ro,noatime,attr2,inode64",
                "/dev/vdb /var/lib/docker btrfs rw,relatime,space_cache=v2,subvolid=256,subvol=/@docker",
            ]
        );
    }

    #[test]
    fn the_last_mount_at_a_place_hides_those_before() {
        let text = "1 0 8:1 / /data rw - ext4 /dev/sda1 rw\n2 1 8:2 / /data ro - xfs /dev/sdb1 rw\n";
        assert_eq!(said(text), ["/dev/sdb1 /data xfs ro"]);
        let automatic = "1 0 0:1 / /net rw - autofs systemd-1 rw\n2 1 0:2 / /net rw - nfs a:/ rw\n";
        assert_eq!(said(automatic), ["a:/ /net nfs rw"]);
    }

    #[test]
    fn only_a_whole_escape_is_one() {
        assert_eq!(unescaped(r"a\040b\134c\04"), r"a b\c\04");
        assert_eq!(unescaped(r"\"), r"\");
        for line in ["", "1 2", "1 0 8:1 / /data", "1 0 8:1 / /data rw - ext4"] {
            assert!(mount(line).is_none(), "{line}");
        }
    }

    #[test]
    fn a_root_without_a_name_is_found_by_its_number() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::at(directory.path());
        let number = root.path("sys/dev/block/259:1");
        std::fs::create_dir_all(&number).unwrap();
        std::fs::create_dir_all(root.path("proc/self")).unwrap();
        std::fs::write(number.join("uevent"), "MAJOR=259\nMINOR=1\nDEVNAME=nvme0n1p1\nDEVTYPE=partition\n")
            .unwrap();
        std::fs::write(root.path("proc/self/mountinfo"), "1 0 259:1 / / rw - ext4 /dev/root rw\n").unwrap();
        let root = read(&root);
        assert_eq!(root[0].device, "/dev/nvme0n1p1");
        assert!(root[0].size_bytes.is_some_and(|size| size > 0));
    }

    #[test]
    fn nobody_else_is_asked_for_sizes() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::at(directory.path());
        std::fs::create_dir_all(root.path("proc/self")).unwrap();
        let text = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:1 / /usr rw - nfs4 a:/ rw\n\
                    3 2 0:2 / /usr/bin rw - ext4 /dev/sdb1 rw\n4 1 0:3 / /sys rw - zfs pool rw\n\
                    5 1 0:4 / /dev rw - fuse.sshfs me@a: rw\n6 1 0:5 / /etc rw - tmpfs tmpfs rw\n";
        std::fs::write(root.path("proc/self/mountinfo"), text).unwrap();
        let sized = read(&root).into_iter().filter(|mount| mount.size_bytes.is_some());
        assert_eq!(sized.map(|mount| mount.mount_point).collect::<Vec<_>>(), ["/", "/etc"]);
    }
}
