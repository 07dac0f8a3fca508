//! Swap, mounts and volumes.

use engine_protocol::{
    Action, Spec,
    resource::{MountSpec, SwapFileSpec, VolumeSpec},
};

use super::{Declared, Lowered, absolute, invalid, missing};

/// Largest swap file, in MiB.
const MAXIMUM_SWAP_MIB: u64 = 1024 * 1024;

pub(super) fn swap_file(declared: &Declared<'_>) -> Lowered<Spec> {
    let size_mib: Option<u64> = declared.number("size_mib")?;
    match size_mib {
        None | Some(0) if declared.does(&[Action::Create]) => {
            return Err(missing("size_mib", "say how large it shall be"));
        }
        Some(size) if size > MAXIMUM_SWAP_MIB => {
            return Err(invalid("size_mib", format!("at most {MAXIMUM_SWAP_MIB} MiB")));
        }
        _ => {}
    }
    Ok(Spec::SwapFile(SwapFileSpec { path: declared.path()?, size_mib: size_mib.unwrap_or(0) }))
}

fn options(declared: &Declared<'_>) -> Lowered<Vec<String>> {
    let options = declared.lines("options")?;
    if options.iter().any(|option| option.contains([',', '\\']) || option.contains(char::is_whitespace)) {
        return Err(invalid("options", "each is one option, without comma or space"));
    }
    Ok(options)
}

fn filesystem(declared: &Declared<'_>, default: &str) -> Lowered<String> {
    Ok(declared.plain("filesystem")?.unwrap_or_else(|| default.to_owned()))
}

pub(super) fn mount(declared: &Declared<'_>) -> Lowered<Spec> {
    let mount_point = declared.identity_text();
    absolute("mount_point", &mount_point)?;
    if mount_point == "/" && declared.does(&[Action::Unmount]) {
        return Err(invalid("mount_point", "the root file system cannot be unmounted"));
    }
    let device = declared.line("device")?.unwrap_or_default();
    if device.starts_with('-') || device.contains(char::is_whitespace) {
        return Err(invalid("device", format!("`{}` is not allowed here", device.escape_debug())));
    }
    if device.is_empty() && declared.does(&[Action::Mount, Action::Enable]) {
        return Err(missing("device", "say what shall be mounted"));
    }
    Ok(Spec::Mount(MountSpec {
        mount_point,
        device,
        filesystem: filesystem(declared, "auto")?,
        options: options(declared)?,
        dump: declared.number("dump")?.unwrap_or(0),
        pass: declared.number("pass")?.unwrap_or(2),
    }))
}

pub(super) fn volume(declared: &Declared<'_>) -> Lowered<Spec> {
    let device = declared.identity_text();
    absolute("device", &device)?;
    if !device.starts_with("/dev/") {
        return Err(invalid("device", "a device is below `/dev`"));
    }
    let mount_point = declared.needed_path("mount_point")?;
    if mount_point == "/" {
        return Err(invalid("mount_point", "a volume is not mounted over the root directory"));
    }
    let filesystem = filesystem(declared, "ext4")?;
    if !matches!(filesystem.as_str(), "ext4" | "xfs") {
        return Err(invalid("filesystem", "it must be `ext4` or `xfs`"));
    }
    let label = declared.plain("label")?;
    if label.as_ref().is_some_and(|label| label.len() > if filesystem == "xfs" { 12 } else { 16 }) {
        return Err(invalid("label", "a label has at most 16 bytes, and 12 on xfs"));
    }
    Ok(Spec::Volume(VolumeSpec { device, mount_point, filesystem, options: options(declared)?, label }))
}
