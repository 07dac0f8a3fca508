//! The provider of symbolic links.

use engine_protocol::{Action, Resource, resource::LinkSpec};

use super::{
    FileError, file,
    state::{State, look, parent, wrong_kind},
    write,
};
use crate::{
    overlay::Prediction,
    provider::{Check, Context, Error, done, property, unsupported},
};

/// Checks a link.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r LinkSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let path = &spec.path;
    let state = look(context, path)?;
    match (action, &state) {
        (Action::Create | Action::CreateIfMissing, State::NoParent(_)) if context.opaque().is_some() => {
            Ok(Check::Unknown(context.opaque().unwrap_or_default()))
        }
        (Action::CreateIfMissing, State::Link(_)) | (Action::Delete, State::Absent | State::NoParent(_)) => {
            Ok(Check::UpToDate)
        }
        (Action::Create, State::Link(to)) if *to == spec.to => Ok(Check::UpToDate),
        (Action::Create | Action::CreateIfMissing, State::Absent | State::Link(_)) => {
            let old = if let State::Link(to) = &state { Some(to.clone()) } else { None };
            let prediction = Prediction::Path(path.clone(), State::Link(spec.to.clone()));
            let change = property("to", old, Some(spec.to.clone()));
            Ok(Check::differs(vec![change], vec![prediction], move |context| {
                let directory = parent(context, path)?
                    .map_err(|missing| FileError::NoParent { path: path.clone(), missing })?;
                write::replace_link(&directory, path, &spec.to)?;
                Ok(Vec::new())
            }))
        }
        (Action::Delete, State::Link(_)) => {
            let prediction = Prediction::Path(path.clone(), State::Absent);
            Ok(Check::differs(vec![done("deleted")], vec![prediction], move |context| {
                file::delete(path, context)?;
                Ok(Vec::new())
            }))
        }
        (Action::Create | Action::CreateIfMissing | Action::Delete, _) => {
            Err(wrong_kind(path, &state, "symbolic link").into())
        }
        _ => Err(unsupported(resource, action)),
    }
}
