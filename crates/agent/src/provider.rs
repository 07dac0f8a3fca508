//! What all providers have in common: a check that changes nothing and says what is different, and
//! the step that makes the difference go away.

use std::time::Instant;

use engine_protocol::{Action, Change, FromAgent, Grants, Mode, Resource, Spec};
use sha2::{Digest, Sha256};

use crate::{
    accounts::{self, AccountError, groups, users},
    command::CommandError,
    downloads::{self, DownloadError},
    execute::{self, ExecuteError},
    files::{self, FileError, directory, file, link},
    network::{self, NetworkError},
    node::Node,
    overlay::{Overlay, Prediction},
    packages::{self, PackageError},
    releases::{self, ReleaseError},
    reporter::Reporter,
    revert::RevertError,
    schedules::{self, ScheduleError},
    services::{self, ServiceError},
    storage::{self, StorageError},
    system::{self, SystemError},
};

/// Why a resource could not be checked or applied.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file, directory or link.
    #[error(transparent)]
    File(#[from] FileError),
    /// A package.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A service.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A user or group.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// Something from elsewhere.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The releases of an app.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// Something on the network.
    #[error(transparent)]
    Network(NetworkError),
    /// A job.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// A setting of the system.
    #[error(transparent)]
    System(#[from] SystemError),
    /// Swap, a mount or a volume.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A command that the recipe wants.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// What would have to be put back if nobody confirms.
    #[error(transparent)]
    Revert(#[from] RevertError),
    /// A program that a provider needs.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// It waited, and the controller said stop or is gone: no failure of the resource.
    #[error("stopped while it waited")]
    Stopped,
    /// No provider does this.
    #[error("a {kind} has no action `{action}`")]
    Unsupported {
        /// Type of the resource.
        kind: String,
        /// The action.
        action: Action,
    },
}

impl Error {
    /// Whether the message may quote what a sensitive resource hides: content, arguments, output.
    ///
    /// Here and in the errors below, every kind is named, so that a new one must be decided on: only what cannot quote
    /// more than names and paths is shown.
    pub fn may_quote(&self) -> bool {
        match self {
            Error::Stopped | Error::Revert(_) | Error::Unsupported { .. } => false,
            Error::File(error) => error.may_quote(),
            Error::Package(error) => error.may_quote(),
            Error::Service(error) => error.may_quote(),
            Error::Account(error) => error.may_quote(),
            Error::Download(error) => error.may_quote(),
            Error::Release(error) => error.may_quote(),
            Error::Network(error) => error.may_quote(),
            Error::Schedule(error) => error.may_quote(),
            Error::System(error) => error.may_quote(),
            Error::Storage(error) => error.may_quote(),
            Error::Execute(error) => error.may_quote(),
            Error::Command(_) => true,
        }
    }
}

/// Makes the difference; returns changes that are known only afterwards, such as output.
pub type Apply<'r> = Box<dyn FnOnce(&mut Context<'_>) -> Result<Vec<Change>, Error> + 'r>;

/// What a check found.
pub enum Check<'r> {
    /// Nothing is to do.
    UpToDate,
    /// The resource itself says no, for example `creates`.
    Skipped(String),
    /// It depends on a change that is not made yet; plan mode only.
    Unknown(String),
    /// There is a difference.
    Differs(Difference<'r>),
}

/// A difference between what is and what is wanted.
pub struct Difference<'r> {
    /// What is different.
    pub changes: Vec<Change>,
    /// What the node would be like afterwards.
    pub predictions: Vec<Prediction>,
    /// In a plan: a digest of what `changes` leave out, so that a plan that is kept can tell it from another.
    pub hidden: Option<u64>,
    /// Makes the difference go away.
    pub apply: Apply<'r>,
}

impl<'r> Check<'r> {
    /// A difference.
    pub fn differs(
        changes: Vec<Change>,
        predictions: Vec<Prediction>,
        apply: impl FnOnce(&mut Context<'_>) -> Result<Vec<Change>, Error> + 'r,
    ) -> Self {
        Check::Differs(Difference { changes, predictions, hidden: None, apply: Box::new(apply) })
    }

    /// The same, with a digest of what its changes leave out.
    #[must_use]
    pub fn hiding(self, digest: Option<u64>) -> Self {
        match self {
            Check::Differs(difference) => Check::Differs(Difference { hidden: digest, ..difference }),
            check => check,
        }
    }
}

/// What a provider works with.
pub struct Context<'a> {
    /// Whether the node may be changed.
    pub mode: Mode,
    /// The grants of the cookbook that declared the resource; `None` for what is built in.
    pub grants: Option<&'a Grants>,
    /// The node.
    pub node: &'a mut Node,
    /// What earlier resources would have changed; empty in apply mode.
    pub overlay: &'a Overlay,
    /// Where progress is told.
    pub reporter: &'a mut dyn Reporter,
    /// Whether waiting is in vain because the controller said stop or is gone.
    pub stopping: &'a dyn Fn() -> bool,
    /// Permission bits that what is made anew does not get, unless a mode is set.
    pub umask: u32,
    /// When the try must have ended. Commands know it by themselves; whoever waits must look.
    pub deadline: Instant,
}

impl Context<'_> {
    /// Tells that the agent waits for something.
    pub fn waiting(&mut self, resource: &Resource, message: String) {
        self.reporter.send(&FromAgent::Waiting { resource: resource.id, message });
        self.reporter.flush();
    }

    /// Permission bits of something new for which no mode is set.
    pub fn default_mode(&self, all: u32) -> u32 {
        all & !self.umask
    }

    /// In plan mode, the resource whose unforeseeable change may matter here.
    pub fn opaque(&self) -> Option<String> {
        self.overlay.opaque().filter(|_| self.mode == Mode::Plan).map(ToOwned::to_owned)
    }
}

/// Checks one action of a resource; changes nothing.
pub fn check<'r>(
    resource: &'r Resource,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    if context.mode == Mode::Plan
        && let Some(path) = path_of(&resource.spec)
        && let Some(because) = context.overlay.mounted_over(path).or_else(|| context.overlay.tree_above(path))
    {
        return Ok(Check::Unknown(because.to_owned()));
    }
    match check_spec(resource, action, context) {
        Err(Error::File(FileError::Unforeseen { because })) => Ok(Check::Unknown(because)),
        checked => checked,
    }
}

fn check_spec<'r>(
    resource: &'r Resource,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    match &resource.spec {
        Spec::File(spec) => file::check(resource, spec, action, context),
        Spec::Directory(spec) => directory::check(resource, spec, action, context),
        Spec::Link(spec) => link::check(resource, spec, action, context),
        Spec::Package(spec) => packages::check(resource, spec, action, context),
        Spec::PackageUpdate(spec) => packages::check_update(resource, spec, action, context),
        Spec::Service(spec) => services::check(resource, spec, action, context),
        Spec::User(spec) => users::check(resource, spec, action, context),
        Spec::Group(spec) => groups::check(resource, spec, action, context),
        Spec::Execute(spec) => execute::check(resource, spec, action, context),
        Spec::AptRepository(spec) => packages::apt_repository::check(resource, spec, action, context),
        Spec::YumRepository(spec) => packages::yum_repository::check(resource, spec, action, context),
        Spec::RemoteDirectory(spec) => files::remote_directory::check(resource, spec, action, context),
        Spec::LineInFile(spec) => files::edit::line::check(resource, spec, action, context),
        Spec::BlockInFile(spec) => files::edit::block::check(resource, spec, action, context),
        Spec::IniSetting(spec) => files::edit::ini::check(resource, spec, action, context),
        Spec::Archive(spec) => files::archive::check(resource, spec, action, context),
        Spec::RemoteFile(spec) => downloads::remote_file::check(resource, spec, action, context),
        Spec::Git(spec) => downloads::git::check(resource, spec, action, context),
        Spec::Release(spec) => releases::check(spec, context),
        Spec::SystemdUnit(spec) => services::unit::check(resource, spec, action, context),
        Spec::Cron(spec) => schedules::cron::check(resource, spec, action, context),
        Spec::Timer(spec) => schedules::timer::check(resource, spec, action, context),
        Spec::AuthorizedKeys(spec) => accounts::authorized_keys::check(resource, spec, action, context),
        Spec::Sudoers(spec) => accounts::sudoers::check(resource, spec, action, context),
        Spec::Hostname(spec) => system::hostname::check(resource, spec, action, context),
        Spec::HostsEntry(spec) => system::hosts_entry::check(resource, spec, action, context),
        Spec::Timezone(spec) => system::timezone::check(resource, spec, action, context),
        Spec::Locale(spec) => system::locale::check(resource, spec, action, context),
        Spec::Sysctl(spec) => system::sysctl::check(resource, spec, action, context),
        Spec::KernelModule(spec) => system::kernel_module::check(resource, spec, action, context),
        Spec::Limits(spec) => system::limits::check(resource, spec, action, context),
        Spec::Reboot(spec) => system::reboot::check(resource, spec, action, context),
        Spec::SwapFile(spec) => storage::swap_file::check(resource, spec, action, context),
        Spec::Mount(spec) => storage::mount::check(resource, spec, action, context),
        Spec::Volume(spec) => storage::volume::check(resource, spec, action, context),
        Spec::Script(spec) => execute::script::check(resource, spec, action, context),
        Spec::WaitFor(spec) => network::wait_for::check(resource, spec, action, context),
    }
}

/// The path that a resource manages, if it is about one.
fn path_of(spec: &Spec) -> Option<&str> {
    match spec {
        Spec::File(spec) => Some(&spec.path),
        Spec::Directory(spec) => Some(&spec.path),
        Spec::RemoteDirectory(spec) => Some(&spec.path),
        Spec::Link(spec) => Some(&spec.path),
        Spec::LineInFile(spec) => Some(&spec.path),
        Spec::BlockInFile(spec) => Some(&spec.path),
        Spec::IniSetting(spec) => Some(&spec.path),
        Spec::Archive(spec) => Some(&spec.path),
        Spec::RemoteFile(spec) => Some(&spec.path),
        Spec::Git(spec) => Some(&spec.path),
        Spec::SwapFile(spec) => Some(&spec.path),
        Spec::Release(spec) => Some(&spec.path),
        _ => None,
    }
}

/// The beginning of a SHA-256: tells what is not shown from other things that are not shown.
pub fn digest(bytes: impl AsRef<[u8]>) -> u64 {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    u64::from_be_bytes(*digest.first_chunk().unwrap_or(&[0; 8]))
}

/// The error for an action that a resource does not have.
pub fn unsupported(resource: &Resource, action: Action) -> Error {
    Error::Unsupported { kind: resource.kind.clone(), action }
}

/// A property's change.
pub fn property(name: &str, old: Option<String>, new: Option<String>) -> Change {
    Change::Property { name: name.to_owned(), old, new }
}

/// Something done.
pub fn done(what: &str) -> Change {
    Change::Done { what: what.to_owned() }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{path::PathBuf, time::Duration};

    use engine_protocol::Facts;

    use super::*;
    use crate::{command::Tail, node::Settings};

    struct Nobody;

    impl Reporter for Nobody {
        fn send(&mut self, _: &FromAgent) {}
        fn flush(&mut self) {}
    }

    /// Works with a node of which nothing is known.
    pub(crate) fn with_context<T>(
        mode: Mode,
        overlay: &Overlay,
        work: impl FnOnce(&mut Context<'_>) -> T,
    ) -> T {
        let settings = Settings { state_dir: PathBuf::from("/nonexistent"), lock_wait: Duration::ZERO };
        work(&mut Context {
            mode,
            grants: None,
            node: &mut Node::new(settings, Facts::default()),
            overlay,
            reporter: &mut Nobody,
            stopping: &|| false,
            umask: 0o022,
            deadline: Instant::now() + Duration::from_mins(1),
        })
    }

    const SECRET: &str = "hunter2";

    fn refused() -> CommandError {
        CommandError::Stopped { command: SECRET.to_owned() }
    }

    #[test]
    fn no_error_of_a_sensitive_resource_quotes_what_a_program_was_given_or_printed() {
        let (name, output) = (String::new, || Tail(SECRET.to_owned()));
        let errors: [Error; 10] = [
            refused().into(),
            ExecuteError::Command(refused()).into(),
            ServiceError::Refused { name: name(), output: output() }.into(),
            ServiceError::Manager { name: name(), source: refused(), log: output() }.into(),
            ServiceError::NotRunning { name: name(), state: name(), log: output() }.into(),
            ScheduleError::Calendar { name: name(), calendar: name(), output: output() }.into(),
            ScheduleError::Tool { what: name(), source: refused() }.into(),
            SystemError::Tool { what: name(), source: refused() }.into(),
            StorageError::Tool { what: name(), source: refused() }.into(),
            PackageError::Manager { what: name(), source: refused() }.into(),
        ];
        for error in errors {
            assert!(error.to_string().contains(SECRET) && error.may_quote(), "{error:?}");
        }
    }

    #[test]
    fn an_error_that_only_names_things_is_shown() {
        let missing = FileError::NoFile { path: "/etc/motd".to_owned() };
        assert!(!Error::from(ServiceError::NotFound { name: "nginx".to_owned() }).may_quote());
        assert!(!Error::from(ScheduleError::File(missing)).may_quote());
        let edit = FileError::Edit {
            path: "/etc/motd".to_owned(),
            error: files::edit::EditError::MarkInside { mark: SECRET.to_owned() },
        };
        // What is wrapped decides.
        assert!(Error::from(ServiceError::File(edit)).may_quote());
    }
}
