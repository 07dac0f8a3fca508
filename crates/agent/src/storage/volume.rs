//! The provider of file systems on whole devices.
//!
//! A device is made into one only if it is blank: `blkid -p`, which looks for any file system, partition table, RAID or
//! LVM, finds nothing, and both its ends are zeros. Whatever else is on it is left alone.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    os::unix::fs::FileTypeExt,
};

use engine_protocol::{Action, Change, Mode, Resource, resource::VolumeSpec};
use rustix::{fs::statvfs, io::Errno};

use super::{
    StorageError,
    fstab::Entry,
    mount::{self, fstab_change, put_fstab},
    superblock::{self, Filesystem},
    table, tool,
};
use crate::{
    command::Run,
    files::{
        attributes::{Attributes, Owner},
        managed, state,
    },
    overlay::Prediction,
    provider::{Check, Context, Error, property, unsupported},
};

/// What is on a device.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    Blank,
    Filesystem { kind: String, uuid: String },
    Other(String),
}

/// Checks a volume.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r VolumeSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    if action != Action::Create {
        return Err(unsupported(resource, action));
    }
    let device = mount::resolve(&spec.device);
    let bytes = device_bytes(&device)?;
    let mut changes: Vec<Change> = Vec::new();
    let mut predictions = Vec::new();
    let planned = match context.mode {
        Mode::Plan => context.overlay.value(&key(&device)).flatten().map(ToOwned::to_owned),
        Mode::Apply => None,
    };
    if planned.is_some() {
        // A resource before this one does all of it; two volumes on one device are the same.
        return Ok(Check::UpToDate);
    }
    let uuid = match probe(&device)? {
        Found::Blank if !is_zero_at_both_ends(&device, bytes)? => {
            let found = "it has data of a kind that blkid does not know".to_owned();
            return Err(StorageError::NotBlank { device: spec.device.clone(), found }.into());
        }
        Found::Blank => {
            changes.push(property("filesystem", None, Some(spec.filesystem.clone())));
            None
        }
        Found::Filesystem { kind, uuid } if kind == spec.filesystem => Some(uuid),
        Found::Filesystem { kind, .. } => {
            let found = format!("it has a file system of type {kind}, not {}", spec.filesystem);
            return Err(StorageError::NotBlank { device: spec.device.clone(), found }.into());
        }
        Found::Other(found) => {
            return Err(StorageError::NotBlank { device: spec.device.clone(), found }.into());
        }
    };
    let mounted = check_mounts(spec, &device, context, &mut changes, &mut predictions)?;
    let mut grow = uuid.is_some().then(|| read_superblock(&device)).transpose()?.flatten();
    if mounted {
        let read = |errno: Errno| StorageError::Read { path: spec.mount_point.clone(), source: errno.into() };
        let now = statvfs(&spec.mount_point).map_err(read)?;
        grow = grow.map(|filesystem| filesystem.mounted(now.f_blocks * now.f_frsize));
    }
    let grow = grow.filter(|filesystem| filesystem.can_grow(bytes));
    if let Some(filesystem) = grow {
        let mib = |bytes: u64| Some(format!("{} MiB", bytes / (1024 * 1024)));
        changes.push(property("size", mib(filesystem.bytes()), mib(bytes)));
    }
    // The UUID of a file system is known once it is made.
    let fstab = match &uuid {
        Some(uuid) => fstab_change(&entry(spec, uuid), true, context)?.map(|(_, old)| old),
        None => Some(None),
    };
    if let Some(old) = &fstab {
        let new = entry(spec, uuid.as_deref().unwrap_or("…")).line();
        changes.push(property("at boot", old.clone(), Some(new)));
    }
    if changes.is_empty() {
        return Ok(Check::UpToDate);
    }
    predictions.push(Prediction::Value(key(&device), Some(spec.mount_point.clone())));
    Ok(Check::differs(changes, predictions, move |context| {
        let uuid = match uuid {
            Some(uuid) => uuid,
            None => make(spec, &device)?,
        };
        if !mounted {
            make_mount_point(&spec.mount_point, context)?;
            mount::mount(&device, &spec.mount_point, &spec.filesystem, &options(spec))?;
        }
        if let Some(filesystem) = grow {
            self::grow(filesystem, &device, &spec.mount_point)?;
        }
        if let Some((file, _)) = fstab_change(&entry(spec, &uuid), true, context)? {
            put_fstab(&file, context)?;
        }
        Ok(Vec::new())
    }))
}

fn key(device: &str) -> String {
    format!("volume:{device}")
}

fn options(spec: &VolumeSpec) -> String {
    // Without `nofail` a volume that is detached keeps the node from booting.
    if spec.options.is_empty() { "defaults,nofail".to_owned() } else { spec.options.join(",") }
}

fn entry(spec: &VolumeSpec, uuid: &str) -> Entry {
    Entry {
        device: format!("UUID={uuid}"),
        mount_point: spec.mount_point.clone(),
        filesystem: spec.filesystem.clone(),
        options: options(spec),
        dump: 0,
        pass: 2,
    }
}

/// Size of a block device in bytes.
fn device_bytes(device: &str) -> Result<u64, StorageError> {
    let read = |source| StorageError::Read { path: device.to_owned(), source };
    let metadata = match std::fs::metadata(device) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(StorageError::NoDevice { device: device.to_owned() });
        }
        Err(error) => return Err(read(error)),
    };
    if !metadata.file_type().is_block_device() {
        return Err(StorageError::NotADevice { device: device.to_owned() });
    }
    let mut file = File::open(device).map_err(read)?;
    file.seek(SeekFrom::End(0)).map_err(read)
}

/// Whether the first and the last MiB are zeros. What blkid does not know may be worth as much: the data of a database
/// or of a cipher without a header.
fn is_zero_at_both_ends(device: &str, size: u64) -> Result<bool, StorageError> {
    const END: u64 = 1024 * 1024;
    let read = |source| StorageError::Read { path: device.to_owned(), source };
    let mut file = File::open(device).map_err(read)?;
    for start in [0, size.saturating_sub(END)] {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(start)).map_err(read)?;
        file.by_ref().take(END).read_to_end(&mut bytes).map_err(read)?;
        if bytes.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn read_superblock(device: &str) -> Result<Option<Filesystem>, StorageError> {
    let read = |source| StorageError::Read { path: device.to_owned(), source };
    let mut bytes = Vec::with_capacity(superblock::BYTES);
    let file = File::open(device).map_err(read)?;
    file.take(superblock::BYTES as u64).read_to_end(&mut bytes).map_err(read)?;
    Ok(superblock::read(&bytes))
}

/// Looks for any signature on the device.
fn probe(device: &str) -> Result<Found, StorageError> {
    let run = Run::new(["blkid", "--probe", "--output", "export", "--", device]).parsed();
    let finished = run.finish().map_err(tool(format!("what is on `{device}` cannot be found out")))?;
    match finished.status.code() {
        Some(0) => Ok(parse_probe(&finished.output)),
        // blkid(8): nothing was found; 8 is said of what is ambivalent.
        Some(2) => Ok(Found::Blank),
        _ => Ok(Found::Other("blkid finds signatures of more than one kind".to_owned())),
    }
}

fn parse_probe(output: &str) -> Found {
    let field = |name: &str| {
        let value = output.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.map(ToOwned::to_owned)
    };
    match (field("TYPE"), field("PTTYPE"), field("USAGE")) {
        (Some(kind), None, Some(usage)) if usage == "filesystem" => {
            Found::Filesystem { kind, uuid: field("UUID").unwrap_or_default() }
        }
        (Some(kind), _, _) => Found::Other(format!("it has {kind}")),
        (None, Some(table), _) => Found::Other(format!("it has a partition table ({table})")),
        (None, None, _) => Found::Other("it has something that blkid does not name".to_owned()),
    }
}

/// Looks where the device is mounted; says whether it is where it shall be.
fn check_mounts(
    spec: &VolumeSpec,
    device: &str,
    context: &mut Context<'_>,
    changes: &mut Vec<Change>,
    predictions: &mut Vec<Prediction>,
) -> Result<bool, Error> {
    let mounts = table::mounts()?;
    let at = mounts.iter().rfind(|mounted| mounted.mount_point == spec.mount_point);
    if let Some(mounted) = at {
        if mount::is_device(&mounted.source, device) {
            return Ok(true);
        }
        return Err(StorageError::Occupied {
            path: spec.mount_point.clone(),
            found: mounted.source.clone(),
            wanted: spec.device.clone(),
        }
        .into());
    }
    if let Some(mounted) = mounts.iter().find(|mounted| mount::is_device(&mounted.source, device)) {
        return Err(StorageError::Elsewhere {
            device: spec.device.clone(),
            found: mounted.mount_point.clone(),
            wanted: spec.mount_point.clone(),
        }
        .into());
    }
    let found = {
        let grants = context.grants.take();
        let found = state::look(context, &spec.mount_point);
        context.grants = grants;
        found?
    };
    match found {
        state::State::Directory { .. } | state::State::Absent | state::State::NoParent(_) => {}
        other => return Err(state::wrong_kind(&spec.mount_point, &other, "directory").into()),
    }
    changes.push(property("mounted", None, Some(spec.mount_point.clone())));
    let attributes = Attributes { owner: Owner::Id(0), group: Owner::Id(0), mode: 0o755 };
    let directory = state::State::Directory { attributes, fresh: true };
    predictions.push(Prediction::Path(spec.mount_point.clone(), directory));
    predictions.push(Prediction::Mounted(spec.mount_point.clone(), Some(device.to_owned())));
    Ok(false)
}

/// Makes the file system; returns its UUID.
fn make(spec: &VolumeSpec, device: &str) -> Result<String, StorageError> {
    let program = format!("mkfs.{}", spec.filesystem);
    let mut argv = vec![program.as_str(), "-q"];
    if let Some(label) = &spec.label {
        argv.extend(["-L", label]);
    }
    argv.extend(["--", device]);
    let package = if spec.filesystem == "xfs" { "xfsprogs" } else { "e2fsprogs" };
    Run::new(argv).succeed().map_err(tool(format!(
        "no {} can be made on `{device}` ({program} is in {package})",
        spec.filesystem
    )))?;
    match probe(device)? {
        Found::Filesystem { uuid, .. } => Ok(uuid),
        _ => Err(StorageError::NotBlank {
            device: device.to_owned(),
            found: "what mkfs made is not what blkid finds".to_owned(),
        }),
    }
}

fn make_mount_point(path: &str, context: &mut Context<'_>) -> Result<(), Error> {
    managed::directory(context, path)
}

fn grow(filesystem: Filesystem, device: &str, mount_point: &str) -> Result<(), StorageError> {
    let argv = match filesystem {
        Filesystem::Ext4(_) => ["resize2fs", device],
        Filesystem::Xfs { .. } => ["xfs_growfs", mount_point],
    };
    Run::new(argv).succeed().map_err(tool(format!("the file system on `{device}` cannot grow")))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// util-linux 2.38.1.
    #[test]
    fn what_blkid_finds() {
        let ext4 = "DEVNAME=/dev/loop0\nLABEL=data\nUUID=29c1f9bb-53f9-4de8-8ad3-b4c29f5b8d1b\nVERSION=1.0\n\
                    FSBLOCKSIZE=1024\nBLOCK_SIZE=1024\nFSLASTBLOCK=65536\nFSSIZE=62259200\nTYPE=ext4\nUSAGE=filesystem\n";
        let uuid = "29c1f9bb-53f9-4de8-8ad3-b4c29f5b8d1b".to_owned();
        assert_eq!(parse_probe(ext4), Found::Filesystem { kind: "ext4".into(), uuid });
        let table = "DEVNAME=/dev/vda\nPTUUID=2f3c\nPTTYPE=gpt\n";
        assert_eq!(parse_probe(table), Found::Other("it has a partition table (gpt)".into()));
        let lvm = "DEVNAME=/dev/vdb\nUUID=x\nTYPE=LVM2_member\nUSAGE=raid\n";
        assert_eq!(parse_probe(lvm), Found::Other("it has LVM2_member".into()));
    }
}
