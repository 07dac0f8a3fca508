//! The provider of directories with files from the cookbook.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::CString,
};

use engine_protocol::{
    Action, Mode, Resource,
    resource::{Access, RemoteDirectorySpec},
};

use super::{
    FileError,
    attributes::{self, Attributes},
    body::Body,
    content::Step,
    directory,
    report::Report,
    state::{State, look, wrong_kind},
    tree::{self, Root},
    write::{Batch, Draft},
};
use crate::{
    overlay::Prediction,
    provider::{Check, Context, Error, done, unsupported},
};

/// Checks it.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r RemoteDirectorySpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let state = look(context, &spec.path)?;
    match (action, state) {
        (Action::Create, State::NoParent(_)) if context.opaque().is_some() => {
            Ok(Check::Unknown(context.opaque().unwrap_or_default()))
        }
        (Action::Create, state @ (State::Absent | State::Directory { .. })) => {
            match Work::find(spec, &state, context) {
                // A command before it may unmount it.
                Err(Error::File(FileError::Mounted { .. })) if context.opaque().is_some() => {
                    Ok(Check::Unknown(context.opaque().unwrap_or_default()))
                }
                found => found.map(|work| work.into_check(spec)),
            }
        }
        (Action::Delete, State::Absent | State::NoParent(_)) => Ok(Check::UpToDate),
        (Action::Delete, State::Directory { fresh, .. }) => {
            directory::check_delete(&spec.path, true, fresh, context)
        }
        (Action::Create | Action::Delete, state) => Err(wrong_kind(&spec.path, &state, "directory").into()),
        _ => Err(unsupported(resource, action)),
    }
}

/// What is to be done, all by paths below the directory.
struct Work<'r> {
    report: Report,
    predictions: Vec<Prediction>,
    /// Directories that are made or given attributes, the outer ones first.
    directories: Vec<(&'r str, Make, Attributes)>,
    files: Vec<(&'r str, FileWork<'r>, Attributes)>,
    /// What is not in the cookbook: directory and name.
    deletions: Vec<(&'r str, CString)>,
}

/// Whether a directory is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Make {
    New,
    Attributes,
}

/// What is done with a file.
enum FileWork<'r> {
    Write(&'r [u8]),
    Attributes,
}

impl<'r> Work<'r> {
    fn find(spec: &'r RemoteDirectorySpec, top: &State, context: &mut Context<'_>) -> Result<Self, Error> {
        let root = match top {
            State::Directory { fresh: false, .. } => Root::open(context, &spec.path)?,
            _ => Root::fresh(&spec.path),
        };
        let mut finder = Finder {
            spec,
            root,
            work: Work {
                report: Report::new(Vec::new()),
                predictions: Vec::new(),
                directories: Vec::new(),
                files: Vec::new(),
                deletions: Vec::new(),
            },
            planning: context.mode == Mode::Plan,
            new: BTreeSet::new(),
            fresh: BTreeSet::new(),
        };
        finder.directory("", top, context)?;
        let below: BTreeSet<&str> = spec.files.iter().flat_map(|(path, _)| tree::above(path)).collect();
        for path in &below {
            let state = finder.look(path, context)?;
            finder.directory(path, &state, context)?;
        }
        let access = Access { mode: spec.files_mode, ..spec.access.clone() };
        for (path, content) in &spec.files {
            finder.file(path, &content.0, &access, context)?;
        }
        if spec.purge {
            finder.purge(&below, context)?;
        }
        Ok(finder.work)
    }

    fn into_check(self, spec: &'r RemoteDirectorySpec) -> Check<'r> {
        let Self { report, predictions, directories, files, deletions } = self;
        let hidden = report.hidden();
        let changes = report.finish();
        if changes.is_empty() {
            return Check::UpToDate;
        }
        Check::differs(changes, predictions, move |context| {
            if let Some(("", Make::New, attributes)) = directories.first() {
                directory::make(context, &spec.path, attributes)?;
            }
            let mut root = Root::open(context, &spec.path)?;
            for (path, _, _) in
                directories.iter().filter(|(path, make, _)| *make == Make::New && !path.is_empty())
            {
                root.make(path)?;
            }
            let mut batch = Batch::default();
            for (path, work, attributes) in &files {
                let (full, parent) = (root.full(path), root.parent(path)?);
                match work {
                    FileWork::Write(content) => {
                        let mut draft = Draft::new(&parent, &full)?;
                        draft.add(content)?;
                        batch.add(draft, attributes)?;
                    }
                    FileWork::Attributes => match root.look(context, path)? {
                        State::File { body: Body::OnDisk(file, _), .. } => {
                            attributes::set(&*file, &full, attributes)?;
                        }
                        state => return Err(wrong_kind(&full, &state, "file").into()),
                    },
                }
            }
            batch.place()?;
            for (directory, name) in &deletions {
                root.delete(directory, name)?;
            }
            // The inner ones first: a directory may lose the permission to be worked in.
            for (path, _, attributes) in directories.iter().rev() {
                root.set_attributes(path, attributes)?;
            }
            root.finish(batch)?;
            Ok(Vec::new())
        })
        .hiding(hidden)
    }
}

/// Finds what is to be done.
struct Finder<'r> {
    spec: &'r RemoteDirectorySpec,
    root: Root,
    work: Work<'r>,
    planning: bool,
    /// Directories that are not there.
    new: BTreeSet<&'r str>,
    /// Directories that earlier resources would make: nothing on the node is in them.
    fresh: BTreeSet<&'r str>,
}

impl<'r> Finder<'r> {
    /// What is at a path whose directory was looked at before.
    fn look(&mut self, path: &str, context: &mut Context<'_>) -> Result<State, FileError> {
        if self.new.contains(tree::halves(path).0) {
            return Ok(State::Absent);
        }
        self.root.look(context, path)
    }

    fn directory(
        &mut self,
        path: &'r str,
        state: &State,
        context: &mut Context<'_>,
    ) -> Result<(), FileError> {
        let full = self.root.full(path);
        let (present, fresh) = match state {
            State::Directory { attributes, fresh } => (Some(attributes), *fresh),
            State::Absent => (None, true),
            other => return Err(wrong_kind(&full, other, "directory")),
        };
        if fresh {
            self.fresh.insert(path);
        }
        let access = &self.spec.access;
        let wanted = attributes::wanted(context, &full, access, present, context.default_mode(0o777))?;
        let mut changes = attributes::compare(context, access, present, &wanted);
        let make = if present.is_some() { Make::Attributes } else { Make::New };
        if make == Make::New {
            changes.insert(0, done("created"));
            self.new.insert(path);
        } else if changes.is_empty() {
            return Ok(());
        }
        self.work
            .predictions
            .push(Prediction::Path(full, State::Directory { attributes: wanted.clone(), fresh }));
        if path.is_empty() {
            self.work.report = Report::new(changes);
        } else {
            self.work.report.add(path, changes);
        }
        self.work.directories.push((path, make, wanted));
        Ok(())
    }

    fn file(
        &mut self,
        path: &'r str,
        content: &'r [u8],
        access: &Access,
        context: &mut Context<'_>,
    ) -> Result<(), FileError> {
        let (full, state) = (self.root.full(path), self.look(path, context)?);
        if !matches!(state, State::Absent | State::File { .. }) {
            return Err(wrong_kind(&full, &state, "file"));
        }
        let step = Step::new(context, &full, &state, Some(content), access)?;
        if step.changes.is_empty() {
            return Ok(());
        }
        if self.planning {
            // Not the body that is open: there may be more files than may be open.
            let body = Body::Bytes(content.into());
            let state = State::File { attributes: step.attributes.clone(), body, links: 1 };
            self.work.predictions.push(Prediction::Path(full, state));
        }
        let work = if step.rewrite { FileWork::Write(content) } else { FileWork::Attributes };
        self.work.report.add(path, step.changes);
        self.work.files.push((path, work, step.attributes));
        Ok(())
    }

    /// Finds what is there and not in the cookbook, in each directory that is.
    fn purge(&mut self, below: &BTreeSet<&'r str>, context: &mut Context<'_>) -> Result<(), FileError> {
        let files = self.spec.files.iter().map(|(path, _)| path.as_str());
        let wanted: BTreeSet<&str> = below.iter().copied().chain(files).collect();
        for directory in [""].into_iter().chain(below.iter().copied()) {
            if self.new.contains(directory) {
                continue;
            }
            for (name, on_node) in self.names(directory, context)? {
                let path = below_of(directory, &name.to_string_lossy());
                if wanted.contains(path.as_str()) {
                    continue;
                }
                if on_node {
                    self.root.check_deletion(directory, &name)?;
                }
                self.work.report.delete(&path);
                self.work.predictions.push(Prediction::Path(self.root.full(&path), State::Absent));
                self.work.deletions.push((directory, name));
            }
        }
        Ok(())
    }

    /// What is in a directory, and whether it is on the node or only predicted.
    fn names(
        &mut self,
        directory: &str,
        context: &mut Context<'_>,
    ) -> Result<BTreeMap<CString, bool>, FileError> {
        let on_node = if self.fresh.contains(directory) { Vec::new() } else { self.root.names(directory)? };
        let mut names: BTreeMap<_, _> = on_node.into_iter().map(|name| (name, true)).collect();
        for (name, present) in context.overlay.entries(&self.root.full(directory)) {
            let Ok(name) = CString::new(name) else { continue };
            if present {
                names.entry(name).or_insert(false);
            } else {
                names.remove(&name);
            }
        }
        Ok(names)
    }
}

/// The path of something in a directory, which is empty for the outermost.
fn below_of(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}
