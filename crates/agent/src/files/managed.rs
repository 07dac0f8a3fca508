//! Files of the system that a provider keeps whole: drop-in files, for example. They are compared and replaced as
//! the `file` resource does it, but belong to no grant of paths: the resource that keeps them has been granted.

use engine_protocol::{
    Action, Change,
    resource::{Access, Content, DirectorySpec, FileSpec, Format},
};

use super::{
    FileError,
    attributes::{Attributes, Owner},
    content::Step,
    directory, file, split, state, write,
};
use crate::{
    overlay::Prediction,
    provider::{Check, Context, Error},
};

/// A file of the system, which belongs to root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Managed {
    spec: FileSpec,
    action: Action,
    /// Directories above it that are missing are made.
    with_directory: bool,
}

/// What is different, and what the node would be like afterwards.
pub type Parts = (Vec<Change>, Vec<Prediction>);

impl Managed {
    /// A file that shall have this content and these permission bits.
    pub fn present(path: &str, content: impl Into<Vec<u8>>, mode: u32) -> Self {
        let access = Access { owner: Some("0".into()), group: Some("0".into()), mode: Some(mode) };
        let content = Some(Content(content.into()));
        Self {
            spec: FileSpec { path: path.to_owned(), content, access, ..FileSpec::default() },
            action: Action::Create,
            with_directory: false,
        }
    }

    /// The same; directories above it that are missing are made, as root's.
    #[must_use]
    pub fn with_directory(mut self) -> Self {
        self.with_directory = true;
        self
    }

    /// A file that shall have this content; owner and mode stay what they are, and are root's and 0644 of a new one.
    pub fn edited(
        context: &mut Context<'_>,
        path: &str,
        content: impl Into<Vec<u8>>,
    ) -> Result<Self, FileError> {
        let mut managed = Self::present(path, content, 0o644);
        if matches!(look(context, path)?, state::State::File { .. }) {
            managed.spec.access = Access::default();
        }
        Ok(managed)
    }

    /// New content must be well-formed in a format.
    #[must_use]
    pub fn well_formed(mut self, format: Format) -> Self {
        self.spec.verify.format = Some(format);
        self
    }

    /// A file that shall not be there.
    pub fn absent(path: &str) -> Self {
        let spec = FileSpec { path: path.to_owned(), ..FileSpec::default() };
        Self { spec, action: Action::Delete, with_directory: false }
    }

    /// What was at a path, so that it can be put back.
    pub fn as_it_was(path: &str, state: &state::State) -> Result<Self, FileError> {
        let state::State::File { attributes, body, .. } = state else { return Ok(Self::absent(path)) };
        let mut managed = Self::present(path, body.read(path, u64::MAX)?, attributes.mode);
        let name = |owner: &Owner| match owner {
            Owner::Id(id) => id.to_string(),
            Owner::Predicted(name) => name.clone(),
        };
        managed.spec.access.owner = Some(name(&attributes.owner));
        managed.spec.access.group = Some(name(&attributes.group));
        Ok(managed)
    }

    /// What makes a `file` resource of it.
    pub fn into_spec(self) -> (FileSpec, Action) {
        (self.spec, self.action)
    }

    /// What is there now, so that it can be put back.
    pub fn before(&self, context: &mut Context<'_>) -> Result<Self, FileError> {
        let path = &self.spec.path;
        Self::as_it_was(path, &look(context, path)?)
    }

    /// What is different; nothing if it is as it shall be.
    pub fn compare(&self, context: &mut Context<'_>) -> Result<Option<Parts>, Error> {
        if self.with_directory
            && let state::State::NoParent(missing) = look(context, &self.spec.path)?
        {
            let (changes, file) = self.compare_with_nothing(context)?;
            let above = self.spec.path.match_indices('/').map(|(index, _)| &self.spec.path[..index]);
            let mut predictions: Vec<Prediction> = above
                .filter(|directory| directory.len() >= missing.len())
                .map(|directory| Prediction::Path(directory.to_owned(), new_directory(context)))
                .collect();
            predictions.extend(file);
            return Ok(Some((changes, predictions)));
        }
        self.with_own_grants(context, |managed, context| {
            match file::check_spec(&managed.spec, managed.action, context)? {
                Some(Check::Differs(difference)) => Ok(Some((difference.changes, difference.predictions))),
                Some(Check::Unknown(because)) => Err(FileError::Unforeseen { because }.into()),
                _ => Ok(None),
            }
        })
    }

    /// What is different if nothing is there, not even the directory: something earlier would bring that.
    pub fn compare_with_nothing(&self, context: &mut Context<'_>) -> Result<Parts, Error> {
        let content = self.spec.content.as_ref().map(|content| content.0.as_slice());
        let step = Step::new(context, &self.spec.path, &state::State::Absent, content, &self.spec.access)?;
        let prediction = Prediction::Path(self.spec.path.clone(), step.state());
        Ok((step.changes, vec![prediction]))
    }

    /// Makes it as it shall be.
    pub fn put(&self, context: &mut Context<'_>) -> Result<(), Error> {
        if self.with_directory {
            directory(context, split(&self.spec.path).0)?;
        }
        self.with_own_grants(context, |managed, context| {
            if let Some(Check::Differs(difference)) =
                file::check_spec(&managed.spec, managed.action, context)?
            {
                (difference.apply)(context)?;
            }
            Ok(())
        })
    }

    fn with_own_grants<T>(
        &self,
        context: &mut Context<'_>,
        work: impl FnOnce(&Self, &mut Context<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let grants = context.grants.take();
        let result = work(self, context);
        context.grants = grants;
        result
    }
}

fn new_directory(context: &Context<'_>) -> state::State {
    let attributes =
        Attributes { owner: Owner::Id(0), group: Owner::Id(0), mode: context.default_mode(0o777) };
    state::State::Directory { attributes, fresh: true }
}

/// Makes a directory of the system and its missing parents; leaves one that is there alone.
pub fn directory(context: &mut Context<'_>, path: &str) -> Result<(), Error> {
    let grants = context.grants.take();
    let spec = DirectorySpec { path: path.to_owned(), recursive: true, ..DirectorySpec::default() };
    let made = match directory::check_spec(&spec, Action::Create, context) {
        Ok(Some(Check::Differs(difference))) => (difference.apply)(context).map(drop),
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    };
    context.grants = grants;
    made
}

/// Makes a symbolic link of the system, in place of a link or file that is there.
pub fn put_link(context: &mut Context<'_>, path: &str, to: &str) -> Result<(), Error> {
    let grants = context.grants.take();
    let parent = state::parent(context, path);
    context.grants = grants;
    let directory = parent?.map_err(|missing| FileError::NoParent { path: path.to_owned(), missing })?;
    Ok(write::replace_link(&directory, path, to)?)
}

/// What is at a path of the system, as earlier resources would leave it.
pub fn look(context: &mut Context<'_>, path: &str) -> Result<state::State, FileError> {
    let grants = context.grants.take();
    let state = state::look(context, path);
    context.grants = grants;
    state
}

/// The content of a file of the system, as earlier resources would leave it; `None` if there is none.
pub fn read(context: &mut Context<'_>, path: &str) -> Result<Option<Vec<u8>>, FileError> {
    match look(context, path)? {
        state::State::File { body, .. } => body.read(path, u64::MAX).map(Some),
        state::State::Absent | state::State::NoParent(_) => Ok(None),
        other => Err(state::wrong_kind(path, &other, "file")),
    }
}
