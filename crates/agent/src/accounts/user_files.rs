//! The files of SSH in a user's home directory, read and written with the user's own rights.

use std::{fs::File, io::Read as _, os::fd::OwnedFd, rc::Rc};

use engine_protocol::Mode;
use rustix::{
    fs::{CWD, FileType, Mode as FileMode, OFlags, fchmod, fstat, mkdirat, openat},
    io::Errno,
};

use super::{
    authorized_keys::{KeysError, keys},
    impersonate::Identity,
    known,
};
use crate::{
    files::{
        FileError,
        attributes::{Attributes, Owner},
        failed, managed,
        state::{self, Body, State, wrong_kind},
        write::Draft,
    },
    provider::{Context, Error},
};

/// More than this is no file of keys.
const FILE_BYTES: u64 = 1024 * 1024;

/// Where a user's keys are.
#[derive(Debug, Clone)]
pub struct UserFiles {
    /// The user's name.
    pub user: String,
    /// Who that is; `None` if an earlier resource would make the user.
    pub identity: Option<Identity>,
    /// The home directory.
    pub home: String,
    /// The directory of SSH in it.
    pub directory: String,
    /// The file of keys in that.
    pub file: String,
}

/// What is there.
#[derive(Debug)]
pub enum Found {
    /// The home directory is missing.
    NoHome,
    /// There is a home directory.
    Home {
        /// Owner and mode of the directory of SSH, if there is one.
        directory: Option<Attributes>,
        /// The file of keys, if there is one.
        file: Option<(Attributes, Body)>,
    },
}

impl UserFiles {
    /// Those of a user who exists, or would by what comes before.
    pub fn of(user: &str, context: &mut Context<'_>) -> Self {
        let accounts = context.node.accounts();
        let account = accounts.user(user);
        let identity = account
            .as_ref()
            .map(|account| Identity { uid: account.uid, groups: accounts.groups_of(account) });
        let home = known::account(user, context).map(|account| account.home).unwrap_or_default();
        let directory = format!("{}/.ssh", home.trim_end_matches('/'));
        let file = format!("{directory}/authorized_keys");
        Self { user: user.to_owned(), identity, home, directory, file }
    }

    /// Who owns them.
    pub fn owner(&self) -> Owner {
        match &self.identity {
            Some(identity) => Owner::Id(identity.uid),
            None => Owner::Predicted(self.user.clone()),
        }
    }

    /// The group of what is made.
    pub fn group(&self) -> Owner {
        match self.identity.as_ref().and_then(|identity| identity.groups.first()) {
            Some(gid) => Owner::Id(*gid),
            None => Owner::Predicted(self.user.clone()),
        }
    }

    fn act<T: Send>(&self, work: impl FnOnce() -> Result<T, FileError> + Send) -> Result<T, Error> {
        let user = || self.user.clone();
        let Some(identity) = &self.identity else { return Err(keys(KeysError::NoUser { user: user() })) };
        identity
            .act(work)
            .map_err(|source| keys(KeysError::Rights { user: user(), source }))?
            .map_err(|source| keys(KeysError::AsUser { user: user(), source }))
    }
}

/// What is there, as earlier resources would leave it.
pub fn look(files: &UserFiles, context: &mut Context<'_>) -> Result<Found, Error> {
    if context.mode == Mode::Plan {
        match planned(files, context)? {
            Planned::Known(found) => return Ok(found),
            Planned::Directory(directory) => {
                // Whether the user may read in it is what would change.
                let because = context.overlay.first_change().unwrap_or_default().to_owned();
                let seen = seen(files).map_err(|_| FileError::Unforeseen { because })?;
                let file = if let Seen::Directory(_, file) = seen { file.map(found) } else { None };
                return owned(files, Some(directory), file);
            }
            Planned::Nothing => {}
        }
    }
    match seen(files)? {
        Seen::NoHome => Ok(Found::NoHome),
        Seen::NoDirectory => Ok(Found::Home { directory: None, file: None }),
        Seen::Directory(attributes, file) => owned(files, Some(attributes), file.map(found)),
    }
}

/// The file as it was read.
fn found((attributes, content): Read) -> (Attributes, Body) {
    (attributes, Body::Bytes(content.into()))
}

fn owned(
    files: &UserFiles,
    directory: Option<Attributes>,
    file: Option<(Attributes, Body)>,
) -> Result<Found, Error> {
    if directory.as_ref().is_some_and(|directory| directory.owner != files.owner()) {
        let (user, path) = (files.user.clone(), files.directory.clone());
        return Err(keys(KeysError::Foreign { user, path }));
    }
    Ok(Found::Home { directory, file })
}

/// What earlier resources would have done.
enum Planned {
    Known(Found),
    /// The directory has other attributes, and its content is that of the node.
    Directory(Attributes),
    Nothing,
}

fn planned(files: &UserFiles, context: &mut Context<'_>) -> Result<Planned, Error> {
    let directory = match context.overlay.path(&files.directory) {
        // A user who is not there yet cannot be asked; what root finds is only looked at.
        None if files.identity.is_none() => match managed::look(context, &files.directory)? {
            state @ State::Directory { .. } => state,
            State::Absent => State::Absent,
            State::NoParent(_) => return Ok(Planned::Known(Found::NoHome)),
            other => return Err(wrong_kind(&files.directory, &other, "directory").into()),
        },
        None => return Ok(Planned::Nothing),
        Some(state) => state,
    };
    let file = context.overlay.path(&files.file);
    Ok(match (directory, file) {
        (State::Absent, _) => Planned::Known(Found::Home { directory: None, file: None }),
        (State::NoParent(_), _) => Planned::Known(Found::NoHome),
        (State::Directory { attributes, .. }, Some(State::Absent)) => {
            Planned::Known(Found::Home { directory: Some(attributes), file: None })
        }
        (State::Directory { attributes, .. }, Some(State::File { attributes: own, body, .. })) => {
            Planned::Known(Found::Home { directory: Some(attributes), file: Some((own, body)) })
        }
        (State::Directory { .. }, Some(other)) => return Err(wrong_kind(&files.file, &other, "file").into()),
        (State::Directory { attributes, .. }, None) if files.identity.is_some() => {
            Planned::Directory(attributes)
        }
        (State::Directory { .. }, None) => {
            let because = format!("user[{}]", files.user);
            return Err(FileError::Unforeseen { because }.into());
        }
        (other, _) => return Err(wrong_kind(&files.directory, &other, "directory").into()),
    })
}

/// Owner, mode and content of a file.
type Read = (Attributes, Vec<u8>);

/// What is on the node.
enum Seen {
    NoHome,
    NoDirectory,
    Directory(Attributes, Option<Read>),
}

fn seen(files: &UserFiles) -> Result<Seen, Error> {
    files.act(|| {
        let Some(home) = open_directory(CWD, &files.home, &files.home)? else { return Ok(Seen::NoHome) };
        let Some(directory) = open_directory(&home, ".ssh", &files.directory)? else {
            return Ok(Seen::NoDirectory);
        };
        let stat = fstat(&directory).map_err(failed("look at", &files.directory))?;
        Ok(Seen::Directory(state::attributes(&stat), read(&directory, &files.file)?))
    })
}

/// Makes the directory if it is missing, gives it its mode, and replaces the file.
pub fn replace(files: &UserFiles, content: &[u8], directory_mode: u32, file_mode: u32) -> Result<(), Error> {
    let attributes = Attributes { owner: files.owner(), group: files.group(), mode: file_mode };
    files.act(|| {
        let missing = |path: &str| FileError::NoParent { path: files.file.clone(), missing: path.to_owned() };
        let home = open_directory(CWD, &files.home, &files.home)?.ok_or_else(|| missing(&files.home))?;
        match mkdirat(&home, ".ssh", FileMode::from_raw_mode(directory_mode)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(failed("make the directory", &files.directory)(errno)),
        }
        let directory =
            open_directory(&home, ".ssh", &files.directory)?.ok_or_else(|| missing(&files.directory))?;
        let stat = fstat(&directory).map_err(failed("look at", &files.directory))?;
        if stat.st_mode & 0o7777 != directory_mode {
            fchmod(&directory, FileMode::from_raw_mode(directory_mode))
                .map_err(failed("change the mode of", &files.directory))?;
        }
        let mut draft = Draft::new(&Rc::new(directory), &files.file)?;
        draft.add(content)?;
        draft.complete(&attributes)?;
        draft.place()
    })
}

/// Opens a directory; links on the way lead where the user may go.
fn open_directory(
    base: impl std::os::fd::AsFd,
    name: &str,
    path: &str,
) -> Result<Option<OwnedFd>, FileError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match openat(base, name, flags, FileMode::empty()) {
        Ok(directory) => Ok(Some(directory)),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::NOTDIR) => {
            Err(FileError::NotADirectory { path: path.to_owned(), component: path.to_owned() })
        }
        Err(errno) => Err(failed("open the directory", path)(errno)),
    }
}

fn read(directory: &OwnedFd, path: &str) -> Result<Option<Read>, FileError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(directory, "authorized_keys", flags, FileMode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Err(FileError::IsLink { path: path.to_owned() }),
        Err(errno) => return Err(failed("open", path)(errno)),
    };
    let stat = fstat(&file).map_err(failed("look at", path))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(FileError::WrongKind {
            path: path.to_owned(),
            found: "thing of another kind",
            wanted: "file",
        });
    }
    let unread = |source| FileError::System { what: "read", path: path.to_owned(), source };
    let mut content = Vec::new();
    File::from(file).take(FILE_BYTES + 1).read_to_end(&mut content).map_err(unread)?;
    if content.len() as u64 > FILE_BYTES {
        return Err(unread(std::io::Error::other(format!("it is longer than {FILE_BYTES} bytes"))));
    }
    Ok(Some((state::attributes(&stat), content)))
}
