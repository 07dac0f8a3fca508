//! The provider of regular files.

use std::borrow::Cow;

use engine_protocol::{Action, Resource, resource::FileSpec};
use rustix::fs::{AtFlags, unlinkat};

use super::{
    FileError, backup,
    content::{self, Wanted},
    failed, split,
    state::{State, look, parent, wrong_kind},
    write,
};
use crate::{
    overlay::Prediction,
    provider::{Check, Context, Error, done, unsupported},
};

/// Checks a file.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r FileSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    check_spec(spec, action, context)?.ok_or_else(|| unsupported(resource, action))
}

/// Checks what a file shall be; nothing if files have no such action.
pub(super) fn check_spec<'r>(
    spec: &'r FileSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Option<Check<'r>>, Error> {
    let state = look(context, &spec.path)?;
    let makes = matches!(action, Action::Create | Action::CreateIfMissing | Action::Touch);
    Ok(Some(match (action, state) {
        (_, State::NoParent(_)) if makes && context.opaque().is_some() => {
            Check::Unknown(context.opaque().unwrap_or_default())
        }
        (Action::CreateIfMissing, State::File { .. }) => Check::UpToDate,
        (_, state @ (State::Absent | State::File { .. })) if makes => {
            let wanted = Wanted {
                path: &spec.path,
                content: spec.content.as_ref().map(|content| Cow::Borrowed(content.0.as_slice())),
                access: Cow::Borrowed(&spec.access),
                verify: &spec.verify,
                backup: spec.backup,
                touch: action == Action::Touch,
            };
            content::check(wanted, &state, context)?
        }
        (Action::Delete, state) => check_delete(&spec.path, spec.backup, state)?,
        (_, state) if makes => return Err(wrong_kind(&spec.path, &state, "file").into()),
        _ => return Ok(None),
    }))
}

/// Checks a file that shall not be there.
pub(crate) fn check_delete(path: &str, backup: u32, state: State) -> Result<Check<'_>, Error> {
    match state {
        State::Absent | State::NoParent(_) => Ok(Check::UpToDate),
        State::File { body, .. } => {
            let prediction = Prediction::Path(path.to_owned(), State::Absent);
            Ok(Check::differs(vec![done("deleted")], vec![prediction], move |context| {
                backup::keep(&context.node.settings.state_dir, path, &body, backup)?;
                delete(path, context)?;
                Ok(Vec::new())
            }))
        }
        state => Err(wrong_kind(path, &state, "file").into()),
    }
}

/// Deletes a file or link.
pub(super) fn delete(path: &str, context: &mut Context<'_>) -> Result<(), FileError> {
    let directory =
        parent(context, path)?.map_err(|missing| FileError::NoParent { path: path.to_owned(), missing })?;
    unlinkat(&*directory, split(path).1, AtFlags::empty()).map_err(failed("delete", path))?;
    write::sync_directory(&*directory, path)
}
