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
        (Action::CreateIfMissing, State::File { .. })
        | (Action::Delete, State::Absent | State::NoParent(_)) => Check::UpToDate,
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
        (Action::Delete, State::File { body, .. }) => {
            let prediction = Prediction::Path(spec.path.clone(), State::Absent);
            Check::differs(vec![done("deleted")], vec![prediction], move |context| {
                backup::keep(&context.node.settings.state_dir, &spec.path, &body, spec.backup)?;
                delete(&spec.path, context)?;
                Ok(Vec::new())
            })
        }
        (Action::Delete, state) => return Err(wrong_kind(&spec.path, &state, "file").into()),
        (_, state) if makes => return Err(wrong_kind(&spec.path, &state, "file").into()),
        _ => return Ok(None),
    }))
}

/// Deletes a file or link.
pub(super) fn delete(path: &str, context: &mut Context<'_>) -> Result<(), FileError> {
    let directory =
        parent(context, path)?.map_err(|missing| FileError::NoParent { path: path.to_owned(), missing })?;
    unlinkat(&*directory, split(path).1, AtFlags::empty()).map_err(failed("delete", path))?;
    write::sync_directory(&*directory, path)
}
