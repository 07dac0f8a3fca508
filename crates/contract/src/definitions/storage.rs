//! Swap, mounts and volumes.

use engine_protocol::Action;

use super::*;

pub(super) static SWAP_FILE: TypeDefinition = TypeDefinition {
    name: "swap_file",
    capability: "storage",
    documentation: "A swap file, used now and at boot. It is made anew when its size changes. A file that is no swap is left alone.",
    identity: Some(property("path", ValueType::Text, "Absolute path.")),
    actions: &[Action::Create, Action::Remove],
    properties: &[property("size_mib", ValueType::Integer, "Size in MiB. Needed for `create`.")],
    example: "ctx.swap_file(\"/swapfile\").size_mib(2048).declare()?;",
    support: LINUX,
};

pub(super) static MOUNT: TypeDefinition = TypeDefinition {
    name: "mount",
    capability: "storage",
    documentation: "A mount, and its line in `/etc/fstab`.",
    identity: Some(property("mount_point", ValueType::Text, "Absolute path of a directory that exists.")),
    actions: &[Action::Mount, Action::Unmount, Action::Remount, Action::Enable, Action::Disable],
    properties: &[
        property(
            "device",
            ValueType::Text,
            "Device, `UUID=…`, `LABEL=…`, or what the file system takes. Needed for `mount` and `enable`.",
        ),
        property("filesystem", ValueType::Text, "Type of the file system. Default `auto`."),
        property("options", ValueType::TextList, "Options. Default `defaults`."),
        property("dump", ValueType::Integer, "Fifth field of fstab(5). Default 0."),
        property("pass", ValueType::Integer, "Sixth field of fstab(5). Default 2."),
    ],
    example: concat!(
        "ctx.directory(\"/srv/scratch\").declare()?;\n",
        "ctx.mount(\"/srv/scratch\")\n",
        "    .device(\"tmpfs\")\n",
        "    .filesystem(\"tmpfs\")\n",
        "    .options([\"size=64m\"])\n",
        "    .action([Action::Mount, Action::Enable])\n",
        "    .declare()?;",
    ),
    support: LINUX,
};

pub(super) static VOLUME: TypeDefinition = TypeDefinition {
    name: "volume",
    capability: "storage",
    documentation: "A file system on a whole device: made if the device is blank, mounted now and at boot, grown when the device has grown. A device on which `blkid` finds anything, or whose first and last MiB are not zeros, is never formatted.",
    identity: Some(property("device", ValueType::Text, "Absolute path of the device.")),
    actions: &[Action::Create],
    properties: &[
        property(
            "mount_point",
            ValueType::Text,
            "Absolute path of where it is mounted; made if it is missing. Needed.",
        ),
        property("filesystem", ValueType::Text, "`ext4` or `xfs`. Default `ext4`."),
        property("options", ValueType::TextList, "Mount options. Default `defaults` and `nofail`."),
        property("label", ValueType::Text, "Label of a new file system."),
    ],
    example: "ctx.volume(\"/dev/nvme1n1\").mount_point(\"/srv/data\").declare()?;",
    support: LINUX,
};
