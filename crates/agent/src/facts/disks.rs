//! Disks and their partitions, from `/sys/block`.

use engine_protocol::facts::{Disk, Partition};

use super::root::Root;

/// The kernel counts the size of disks in these, whatever sectors they have.
const SECTOR: u64 = 512;

/// What is a block device and no disk: memory, files, floppies, optical drives, and what is made of disks.
const OTHERS: [&str; 8] = ["loop", "ram", "zram", "fd", "sr", "dm-", "md", "nbd"];

/// All disks that have a medium.
pub fn read(root: &Root) -> Vec<Disk> {
    let names = root.names("sys/block").into_iter();
    names.filter(|name| !is_other(name)).filter_map(|name| disk(root, name)).collect()
}

fn is_other(name: &str) -> bool {
    OTHERS.iter().any(|other| {
        name.strip_prefix(other).is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
    })
}

fn disk(root: &Root, name: String) -> Option<Disk> {
    let at = |file: &str| format!("sys/block/{name}/{file}");
    let size_bytes = root.number::<u64>(&at("size")).filter(|size| *size > 0)? * SECTOR;
    // One path of several to the same disk.
    if root.line(&at("hidden")) == "1" {
        return None;
    }
    let serials = ["device/serial", "serial"].map(|file| root.line(&at(file)));
    Some(Disk {
        size_bytes,
        model: root.line(&at("device/model")),
        serial: serials.into_iter().find(|serial| !serial.is_empty()).unwrap_or_default(),
        rotational: root.line(&at("queue/rotational")) == "1",
        removable: root.line(&at("removable")) == "1",
        partitions: partitions(root, &name),
        name,
    })
}

fn partitions(root: &Root, disk: &str) -> Vec<Partition> {
    let names = root.names(&format!("sys/block/{disk}")).into_iter();
    let mut partitions: Vec<(u32, Partition)> = names
        // A partition's name begins with its disk's.
        .filter(|name| name.starts_with(disk))
        .filter_map(|name| {
            let number = root.number(&format!("sys/block/{disk}/{name}/partition"))?;
            let size = root.number::<u64>(&format!("sys/block/{disk}/{name}/size"))?;
            Some((number, Partition { name, size_bytes: size * SECTOR }))
        })
        .collect();
    partitions.sort_by_key(|(number, _)| *number);
    partitions.into_iter().map(|(_, partition)| partition).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(root: &Root, path: &str, text: &str) {
        let path = root.path("sys/block").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn disks_with_what_they_call_themselves_and_their_partitions() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::at(directory.path());
        for (path, text) in [
            ("nvme0n1/size", "16777216\n"),
            ("nvme0n1/device/model", "Amazon Elastic Block Store              \n"),
            ("nvme0n1/device/serial", "vol0a1b2c3d4e5f60718\n"),
            ("nvme0n1/queue/rotational", "0\n"),
            ("nvme0n1/removable", "0\n"),
            ("nvme0n1/nvme0n1p1/partition", "1\n"),
            ("nvme0n1/nvme0n1p1/size", "16775168\n"),
            ("nvme0n1/nvme0n1p128/partition", "128\n"),
            ("nvme0n1/nvme0n1p128/size", "2048\n"),
            ("nvme0n1/nvme0n1p14/partition", "14\n"),
            ("nvme0n1/nvme0n1p14/size", "8192\n"),
            ("sdb/size", "7814037168\n"),
            ("sdb/queue/rotational", "1\n"),
            ("sdb/removable", "1\n"),
            ("sdc/size", "0\n"),
            ("nvme1c0n1/size", "8\n"),
            ("nvme1c0n1/hidden", "1\n"),
            ("dm-0/size", "8\n"),
            ("md127/size", "8\n"),
            ("loop3/size", "8\n"),
            ("sr0/size", "8\n"),
            ("srdisk/size", "8\n"),
        ] {
            write(&root, path, text);
        }
        let disks = read(&root);
        let names: Vec<_> = disks.iter().map(|disk| disk.name.as_str()).collect();
        assert_eq!(names, ["nvme0n1", "sdb", "srdisk"]);
        let partition = |name: &str, size_bytes| Partition { name: name.into(), size_bytes };
        assert_eq!(
            disks[0],
            Disk {
                name: "nvme0n1".into(),
                size_bytes: 8 << 30,
                model: "Amazon Elastic Block Store".into(),
                serial: "vol0a1b2c3d4e5f60718".into(),
                rotational: false,
                removable: false,
                partitions: vec![
                    partition("nvme0n1p1", 16_775_168 * 512),
                    partition("nvme0n1p14", 4 << 20),
                    partition("nvme0n1p128", 1 << 20),
                ],
            }
        );
        assert!(disks[1].rotational && disks[1].removable && disks[1].size_bytes == 4_000_787_030_016);
    }
}
