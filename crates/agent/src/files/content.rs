//! What all regular files have in common that a resource makes or changes: content, owner, group and mode, checked
//! before it is put in place and kept when it is replaced.

use std::borrow::Cow;

use engine_protocol::{
    Change,
    resource::{Access, Verify},
};
use rustix::fs::{Timespec, Timestamps, futimens};

use super::{
    FileError,
    attributes::{self, Attributes},
    backup,
    body::Body,
    diff, failed,
    state::{State, parent},
    verify,
    write::Draft,
};
use crate::{
    overlay::Prediction,
    provider::{Check, Context, Error, done},
};

/// What a regular file shall be.
#[derive(Debug)]
pub struct Wanted<'r> {
    /// Where.
    pub path: &'r str,
    /// Content; `None` leaves that of an existing file alone and makes a missing one empty.
    pub content: Option<Cow<'r, [u8]>>,
    /// Owner and mode.
    pub access: Cow<'r, Access>,
    /// What new content must pass.
    pub verify: &'r Verify,
    /// How many replaced versions are kept.
    pub backup: u32,
    /// Set its times to now, which is a change each time.
    pub touch: bool,
}

/// The way from the file that is there, or from none, to the one that is wanted.
#[derive(Debug)]
pub struct Step {
    /// What is different.
    pub changes: Vec<Change>,
    /// What its content will be.
    pub body: Body,
    /// What owner and mode will be.
    pub attributes: Attributes,
    /// The content that is replaced.
    pub replaced: Option<Body>,
    /// Its content is new, whether another one is replaced or there is none.
    pub is_new: bool,
    /// A new file takes its place. Otherwise it is the same with other attributes.
    pub rewrite: bool,
}

impl Step {
    /// From `state`, which is [`State::Absent`] or [`State::File`].
    pub fn new(
        context: &mut Context<'_>,
        path: &str,
        state: &State,
        content: Option<&[u8]>,
        access: &Access,
    ) -> Result<Self, FileError> {
        let (present, old, links) = match state {
            State::File { attributes, body, links } => (Some(attributes), Some(body), *links),
            _ => (None, None, 0),
        };
        let attributes = attributes::wanted(context, path, access, present, context.default_mode(0o666))?;
        let mut changes = Vec::new();
        let (body, is_new) = match (content, old) {
            (Some(bytes), Some(old)) if old.equals(path, bytes)? => (old.clone(), false),
            (None, Some(old)) => (old.clone(), false),
            (bytes, old) => {
                let body = Body::Bytes(bytes.unwrap_or_default().into());
                if old.is_none() {
                    changes.push(done("created"));
                }
                if old.is_some() || body.size()? > 0 {
                    changes.push(diff::change(path, old, &body)?);
                }
                (body, true)
            }
        };
        changes.extend(attributes::compare(context, access, present, &attributes));
        let replaced = if is_new { old.cloned() } else { None };
        // Another name of the same file may be one that the grant does not cover, so what has several is replaced
        // rather than changed in place.
        Ok(Self { changes, body, attributes, replaced, is_new, rewrite: is_new || links > 1 })
    }

    /// What would be there afterwards.
    pub fn state(&self) -> State {
        State::File { attributes: self.attributes.clone(), body: self.body.clone(), links: 1 }
    }

    /// Makes it so.
    fn apply(&self, wanted: &Wanted<'_>, context: &mut Context<'_>) -> Result<(), Error> {
        let path = wanted.path;
        if self.rewrite {
            let directory = parent(context, path)?
                .map_err(|missing| FileError::NoParent { path: path.to_owned(), missing })?;
            let mut draft = Draft::new(&directory, path)?;
            draft.add_from(&mut self.body.reader())?;
            draft.complete(&self.attributes)?;
            if self.is_new {
                verify::command(wanted.verify, path, &draft)?;
            }
            if let Some(replaced) = &self.replaced {
                backup::keep(&context.node.settings.state_dir, path, replaced, wanted.backup)?;
            }
            draft.place()?;
            return Ok(());
        }
        let Body::OnDisk(file, _) = &self.body else {
            return Err(FileError::Changed { path: path.to_owned() }.into());
        };
        if wanted.touch {
            futimens(&**file, &NOW).map_err(failed("set the times of", path))?;
        }
        attributes::set(&**file, path, &self.attributes)?;
        Ok(())
    }
}

const NOW: Timestamps = {
    let now = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
    Timestamps { last_access: now, last_modification: now }
};

/// Checks a file of which `state` is there: [`State::Absent`] or [`State::File`].
pub fn check<'r>(wanted: Wanted<'r>, state: &State, context: &mut Context<'_>) -> Result<Check<'r>, Error> {
    let mut step = Step::new(context, wanted.path, state, wanted.content.as_deref(), &wanted.access)?;
    if step.is_new {
        verify::format(wanted.verify, wanted.path, &step.body)?;
    }
    if wanted.touch && !matches!(state, State::Absent) {
        step.changes.push(done("touched"));
    }
    if step.changes.is_empty() {
        return Ok(Check::UpToDate);
    }
    let prediction = Prediction::Path(wanted.path.to_owned(), step.state());
    Ok(Check::differs(std::mem::take(&mut step.changes), vec![prediction], move |context| {
        step.apply(&wanted, context)?;
        Ok(Vec::new())
    }))
}
