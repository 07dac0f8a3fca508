//! The provider of regular files.

use engine_protocol::{Action, Resource, resource::FileSpec};
use rustix::fs::{AtFlags, unlinkat};

use super::{
    FileError, attributes, diff, failed, split,
    state::{Body, State, look, parent, wrong_kind},
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
    Ok(Some(match (action, &state) {
        (Action::Create | Action::CreateIfMissing, State::NoParent(_)) if context.opaque().is_some() => {
            Check::Unknown(context.opaque().unwrap_or_default())
        }
        (Action::CreateIfMissing, State::File { .. })
        | (Action::Delete, State::Absent | State::NoParent(_)) => Check::UpToDate,
        (Action::Create | Action::CreateIfMissing, State::Absent | State::File { .. }) => {
            check_create(spec, &state, context)?
        }
        (Action::Delete, State::File { .. }) => {
            let prediction = Prediction::Path(spec.path.clone(), State::Absent);
            Check::differs(vec![done("deleted")], vec![prediction], move |context| {
                delete(&spec.path, context)?;
                Ok(Vec::new())
            })
        }
        (Action::Create | Action::CreateIfMissing | Action::Delete, _) => {
            return Err(wrong_kind(&spec.path, &state, "file").into());
        }
        _ => return Ok(None),
    }))
}

fn check_create<'r>(
    spec: &'r FileSpec,
    state: &State,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let path = &spec.path;
    let (present, body, links) = match state {
        State::File { attributes, body, links } => (Some(attributes), Some(body), *links),
        _ => (None, None, 0),
    };
    let wanted = attributes::wanted(context, path, &spec.access, present, context.default_mode(0o666))?;
    let bytes = spec.content.as_ref().map(|bytes| bytes.0.as_slice());
    let mut changes = Vec::new();
    let rewrite = match (bytes, body) {
        (Some(bytes), Some(body)) if body.equals(path, bytes)? => false,
        (Some(bytes), Some(body)) => {
            let old = body.read(path, diff::TEXT_BYTES + 1)?;
            changes.push(diff::change(Some((&old, body.size())), bytes));
            true
        }
        (None, Some(_)) => false,
        (bytes, None) => {
            changes.push(done("created"));
            if let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) {
                changes.push(diff::change(None, bytes));
            }
            true
        }
    };
    changes.extend(attributes::compare(context, &spec.access, present, &wanted));
    if changes.is_empty() {
        return Ok(Check::UpToDate);
    }
    let new_body = match (bytes, body) {
        (Some(bytes), _) => Body::Bytes(bytes.into()),
        (None, Some(body)) => body.clone(),
        (None, None) => Body::Bytes([].into()),
    };
    // Another name of the same file may be one that the grant does not cover, so what has several
    // is replaced rather than changed in place.
    let rewrite = rewrite || links > 1;
    let predicted = State::File { attributes: wanted.clone(), body: new_body.clone(), links: 1 };
    Ok(Check::differs(changes, vec![Prediction::Path(path.clone(), predicted)], move |context| {
        let directory =
            parent(context, path)?.map_err(|missing| FileError::NoParent { path: path.clone(), missing })?;
        if rewrite {
            let bytes = new_body.read(path, u64::MAX)?;
            write::replace(&directory, split(path).1, path, &bytes, &wanted)?;
        } else if let Body::OnDisk(file, _) = &new_body {
            attributes::set(&**file, path, &wanted)?;
        } else {
            set_in_place(context, path, &wanted)?;
        }
        Ok(Vec::new())
    }))
}

/// Gives the file that is there now its attributes.
fn set_in_place(
    context: &mut Context<'_>,
    path: &str,
    wanted: &attributes::Attributes,
) -> Result<(), FileError> {
    match look(context, path)? {
        State::File { body: Body::OnDisk(file, _), .. } => attributes::set(&*file, path, wanted),
        state => Err(wrong_kind(path, &state, "file")),
    }
}

/// Deletes a file or link.
pub(super) fn delete(path: &str, context: &mut Context<'_>) -> Result<(), FileError> {
    let directory =
        parent(context, path)?.map_err(|missing| FileError::NoParent { path: path.to_owned(), missing })?;
    unlinkat(&*directory, split(path).1, AtFlags::empty()).map_err(failed("delete", path))?;
    write::sync_directory(&*directory, path)
}
