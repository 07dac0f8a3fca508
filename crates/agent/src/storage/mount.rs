//! The provider of mounts.

use std::{
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt},
};

use engine_protocol::{Action, Mode, Resource, resource::MountSpec};

use super::{
    StorageError,
    fstab::{self, Entry},
    table::{self, Mounted},
    tool,
};
use crate::{
    command::Run,
    files::{managed, state},
    overlay::Prediction,
    provider::{Check, Context, Error, done, property, unsupported},
};

/// Checks a mount.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r MountSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    match action {
        Action::Mount => check_mount(spec, context),
        Action::Unmount => check_unmount(spec, context),
        Action::Remount => check_remount(spec, context),
        Action::Enable => check_fstab(&entry(spec), true, context),
        Action::Disable => check_fstab(&entry(spec), false, context),
        _ => Err(unsupported(resource, action)),
    }
}

fn options(spec: &MountSpec) -> String {
    if spec.options.is_empty() { "defaults".to_owned() } else { spec.options.join(",") }
}

fn entry(spec: &MountSpec) -> Entry {
    Entry {
        device: spec.device.clone(),
        mount_point: spec.mount_point.clone(),
        filesystem: spec.filesystem.clone(),
        options: options(spec),
        dump: spec.dump,
        pass: spec.pass,
    }
}

/// What is mounted at a mount point: the newest of what lies over one another there.
pub(super) fn mounted_at(mount_point: &str) -> Result<Option<Mounted>, StorageError> {
    Ok(table::mounts()?.into_iter().rfind(|mounted| mounted.mount_point == mount_point))
}

/// What is mounted at a mount point, or would be by what comes before.
fn source_at(mount_point: &str, context: &Context<'_>) -> Result<Option<String>, StorageError> {
    if context.mode == Mode::Plan
        && let Some(planned) = context.overlay.mounted(mount_point)
    {
        return Ok(planned.map(ToOwned::to_owned));
    }
    Ok(mounted_at(mount_point)?.map(|mounted| mounted.source))
}

/// The device that `UUID=…`, `LABEL=…` or a link below `/dev` stands for.
pub(super) fn resolve(device: &str) -> String {
    let by = [("UUID=", "by-uuid"), ("LABEL=", "by-label"), ("PARTUUID=", "by-partuuid")];
    let path = by.iter().find_map(|(prefix, directory)| {
        Some(format!("/dev/disk/{directory}/{}", device.strip_prefix(prefix)?))
    });
    let real = |path: &str| fs::canonicalize(path).ok().map(|real| real.to_string_lossy().into_owned());
    match path {
        // Without udev there are no links; findfs(8) looks at the devices themselves.
        Some(path) => real(&path).or_else(|| real(find(device)?.trim())),
        None if device.starts_with("/dev/") => real(device),
        None => None,
    }
    .unwrap_or_else(|| device.to_owned())
}

fn find(tag: &str) -> Option<String> {
    let found = Run::new(["findfs", tag]).parsed().finish().ok()?;
    found.status.success().then_some(found.output)
}

/// Whether both are the same: by name, or by number, for a device may have more than one node.
pub(super) fn is_device(source: &str, device: &str) -> bool {
    let (source, device) = (resolve(source), resolve(device));
    let number = |path: &str| {
        let metadata = fs::metadata(path).ok().filter(|metadata| metadata.file_type().is_block_device());
        metadata.map(|metadata| metadata.rdev())
    };
    source == device || number(&source).is_some_and(|number_of| number(&device) == Some(number_of))
}

fn check_mount<'r>(spec: &'r MountSpec, context: &mut Context<'_>) -> Result<Check<'r>, Error> {
    let mount_point = &spec.mount_point;
    if let Some(source) = source_at(mount_point, context)? {
        let bind = spec.options.iter().any(|option| matches!(option.as_str(), "bind" | "rbind"));
        if bind || is_device(&source, &spec.device) {
            return Ok(Check::UpToDate);
        }
        let (path, wanted) = (mount_point.clone(), spec.device.clone());
        return Err(StorageError::Occupied { path, found: source, wanted }.into());
    }
    let grants = context.grants.take();
    let there = state::look(context, mount_point);
    context.grants = grants;
    if !matches!(there?, state::State::Directory { .. }) {
        return match context.opaque() {
            Some(because) => Ok(Check::Unknown(because)),
            None => Err(StorageError::NoMountPoint { path: mount_point.clone() }.into()),
        };
    }
    let changes = vec![property("mounted", None, Some(spec.device.clone()))];
    Ok(Check::differs(
        changes,
        vec![Prediction::Mounted(mount_point.clone(), Some(spec.device.clone()))],
        move |_| {
            mount(&spec.device, mount_point, &spec.filesystem, &options(spec))?;
            Ok(Vec::new())
        },
    ))
}

pub(super) fn mount(
    device: &str,
    mount_point: &str,
    filesystem: &str,
    options: &str,
) -> Result<(), StorageError> {
    Run::new(["mount", "-t", filesystem, "-o", options, "--", device, mount_point])
        .succeed()
        .map_err(tool(format!("`{device}` cannot be mounted on `{mount_point}`")))?;
    Ok(())
}

fn check_unmount<'r>(spec: &'r MountSpec, context: &mut Context<'_>) -> Result<Check<'r>, Error> {
    let mount_point = &spec.mount_point;
    let Some(source) = source_at(mount_point, context)? else { return Ok(Check::UpToDate) };
    let changes = vec![property("mounted", Some(source), None)];
    Ok(Check::differs(changes, vec![Prediction::Mounted(mount_point.clone(), None)], move |_| {
        Run::new(["umount", "--", mount_point])
            .succeed()
            .map_err(tool(format!("`{mount_point}` cannot be unmounted")))?;
        Ok(Vec::new())
    }))
}

fn check_remount<'r>(spec: &'r MountSpec, context: &mut Context<'_>) -> Result<Check<'r>, Error> {
    let mount_point = &spec.mount_point;
    if source_at(mount_point, context)?.is_none() {
        return Ok(Check::Skipped(format!("nothing is mounted on `{mount_point}`")));
    }
    Ok(Check::differs(vec![done("mounted again")], Vec::new(), move |_| {
        let options = format!("remount,{}", options(spec));
        Run::new(["mount", "-o", &options, "--", mount_point])
            .succeed()
            .map_err(tool(format!("`{mount_point}` cannot be mounted again")))?;
        Ok(Vec::new())
    }))
}

/// Looks for the entry in `/etc/fstab`, or for none in its place.
fn check_fstab<'r>(entry: &Entry, wanted: bool, context: &mut Context<'_>) -> Result<Check<'r>, Error> {
    let Some((file, old)) = fstab_change(entry, wanted, context)? else { return Ok(Check::UpToDate) };
    let Some((_, predictions)) = file.compare(context)? else { return Ok(Check::UpToDate) };
    let changes = vec![property("at boot", old, wanted.then(|| entry.line()))];
    Ok(Check::differs(changes, predictions, move |context| {
        put_fstab(&file, context)?;
        Ok(Vec::new())
    }))
}

/// What `/etc/fstab` shall be, and the line there is; nothing if it is so.
pub(super) fn fstab_change(
    entry: &Entry,
    wanted: bool,
    context: &mut Context<'_>,
) -> Result<Option<(managed::Managed, Option<String>)>, Error> {
    let text = managed::read(context, fstab::PATH)?.unwrap_or_default();
    let old = fstab::find(&text, entry);
    if if wanted { old.as_ref() == Some(entry) } else { old.is_none() } {
        return Ok(None);
    }
    let new = if wanted { fstab::set(&text, entry) } else { fstab::remove(&text, entry) };
    Ok(Some((managed::Managed::present(fstab::PATH, new, 0o644), old.map(|old| old.line()))))
}

/// Writes `/etc/fstab`. systemd makes units of it, which it does not look at again by itself.
pub(super) fn put_fstab(file: &managed::Managed, context: &mut Context<'_>) -> Result<(), Error> {
    file.put(context)?;
    if context.node.facts.init_system == "systemd" {
        Run::new(["systemctl", "daemon-reload"])
            .succeed()
            .map_err(tool("systemd cannot read /etc/fstab again"))?;
    }
    Ok(())
}
