//! The provider of reboots at the end of a run.
//!
//! A request is kept in the state directory with the id of the boot that it is for, so that one that was made before
//! the controller died is carried out by the next run that declares the reboot, and none is once the node has booted for
//! another reason. A plan says so.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use engine_protocol::{Action, Change, Mode, Resource, resource::RebootSpec};

use super::SystemError;
use crate::{
    command::Run,
    node::Node,
    overlay::{Overlay, Prediction},
    packages::manager,
    provider::{Check, Context, Error, property, unsupported},
};

/// Key of the request among predicted values.
const KEY: &str = "reboot";

/// Checks a request.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r RebootSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let mut reason = spec.reason.clone().unwrap_or_else(|| spec.name.clone());
    if spec.if_needed && action == Action::RequestReboot {
        if context.mode == Mode::Plan
            && let Some(because) = context.opaque()
        {
            return Ok(Check::Unknown(because));
        }
        let Some(why) = manager::of(context)?.reboot_required() else { return Ok(Check::UpToDate) };
        reason = format!("{reason}: {why}");
    }
    let planned = match context.mode {
        Mode::Plan => context.overlay.value(KEY).map(|value| value.map(ToOwned::to_owned)),
        Mode::Apply => None,
    };
    let requested = planned.unwrap_or_else(|| context.node.reboot.clone());
    let wanted = match action {
        Action::RequestReboot => Some(reason),
        Action::Cancel => None,
        _ => return Err(unsupported(resource, action)),
    };
    // One reboot is enough, whoever asks for it.
    if requested.is_some() == wanted.is_some() {
        return Ok(Check::UpToDate);
    }
    let changes: Vec<Change> = vec![property("reboot at the end of the run", requested, wanted.clone())];
    let predictions = vec![Prediction::Value(KEY.to_owned(), wanted.clone())];
    Ok(Check::differs(changes, predictions, move |context| {
        keep(context.node, wanted.as_deref())
            .map_err(|source| SystemError::Reboot { path: path(&context.node.settings.state_dir), source })?;
        context.node.reboot = wanted;
        context.node.reboot_recalled = false;
        Ok(Vec::new())
    }))
}

fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("reboot")
}

fn keep(node: &Node, reason: Option<&str>) -> std::io::Result<()> {
    let path = path(&node.settings.state_dir);
    let Some(reason) = reason else { return fs::remove_file(path) };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&node.settings.state_dir)?;
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(format!("{}\n{reason}\n", node.facts.boot_id).as_bytes())?;
    file.sync_all()
}

/// Remembers a request that an earlier agent took and that this boot has not answered yet.
pub fn recall(node: &mut Node) {
    let path = path(&node.settings.state_dir);
    let Ok(text) = fs::read_to_string(&path) else { return };
    match text.split_once('\n') {
        Some((boot_id, reason)) if boot_id == node.facts.boot_id && !boot_id.is_empty() => {
            node.reboot = Some(reason.trim_end().to_owned());
            node.reboot_recalled = true;
        }
        // Another file of this name is written over when it is needed.
        _ => drop(fs::remove_file(&path)),
    }
}

/// Why the node is to be rebooted at the end of this run, if it is.
pub fn due(node: &Node) -> Option<String> {
    node.reboot.clone().filter(|_| node.reboot_declared)
}

/// Why an earlier run wanted a reboot that has not come yet, unless the plan so far takes that back.
pub fn owed(node: &Node, overlay: &Overlay) -> Option<String> {
    let reason = node.reboot.as_ref().filter(|_| node.reboot_recalled)?;
    (overlay.value(KEY) != Some(None)).then(|| reason.clone())
}

/// Makes the node go down. The program that is asked ends at once; what runs is ended by the init system.
pub fn carry_out(node: &mut Node) -> Result<(), SystemError> {
    let argv: &[&str] = match node.facts.init_system.as_str() {
        "systemd" => &["systemctl", "--no-ask-password", "reboot"],
        "openrc" => &["reboot"],
        _ => &["shutdown", "-r", "now"],
    };
    let run = Run::new(argv).timeout(Duration::from_mins(1));
    run.succeed()
        .map_err(|source| SystemError::Tool { what: "the node cannot be rebooted".to_owned(), source })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use engine_protocol::Facts;

    use super::*;
    use crate::node::Settings;

    fn node(state_dir: &Path, boot_id: &str) -> Node {
        let settings = Settings { state_dir: state_dir.to_owned(), lock_wait: Duration::ZERO };
        let mut node = Node::new(settings, Facts { boot_id: boot_id.into(), ..Facts::default() });
        recall(&mut node);
        node
    }

    #[test]
    fn a_request_outlives_the_agent_but_not_the_boot() {
        let state = tempfile::tempdir().unwrap();
        let asked = node(state.path(), "a");
        assert_eq!(asked.reboot, None);
        keep(&asked, Some("new kernel")).unwrap();
        let mut next = node(state.path(), "a");
        assert_eq!(owed(&next, &Overlay::default()), Some("new kernel".to_owned()));
        // Nobody declares it any more.
        assert_eq!(due(&next), None);
        next.reboot_declared = true;
        assert_eq!(due(&next), Some("new kernel".to_owned()));
        assert_eq!(node(state.path(), "b").reboot, None);
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
    }
}
