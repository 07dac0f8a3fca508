//! What a recipe declares, in the form in which it travels: validated, in order, immutable.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::grants::Grants;

/// Position of a resource in its node run, counted from 0 over all batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceId(pub u32);

/// An ordered collection of resources: what Chef calls the resource collection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// The resources, in the order of declaration; ids are ascending.
    pub resources: Vec<Resource>,
    /// What each cookbook that declared one of them may do.
    pub grants: Vec<CookbookGrants>,
}

impl Collection {
    /// The grants of a cookbook; `None` if it has none at all.
    pub fn grants_of(&self, cookbook: &str) -> Option<&Grants> {
        self.grants.iter().find(|entry| entry.cookbook == cookbook).map(|entry| &entry.grants)
    }
}

/// The grants that a cookbook's resources are checked against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CookbookGrants {
    /// Name of the cookbook.
    pub cookbook: String,
    /// What it may do.
    pub grants: Grants,
}

/// One declared resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Its position in the node run.
    pub id: ResourceId,
    /// The type's name as the recipe wrote it, for example `template`.
    pub kind: String,
    /// The name that identifies it among its type, for example a path.
    pub name: String,
    /// Who declared it.
    pub origin: Origin,
    /// What shall be done, in order; `[Nothing]` waits for a notification.
    pub actions: Vec<Action>,
    /// The state that is wanted.
    pub spec: Spec,
    /// What all resources have.
    pub common: Common,
}

/// Chef's form of naming a resource: `file[/etc/motd]`. A sensitive command is its own name, so it
/// is named by its position instead: `execute[sensitive #3]`.
impl fmt::Display for Resource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.spec {
            Spec::Execute(_) if self.common.sensitive => {
                write!(formatter, "{}[sensitive #{}]", self.kind, self.id.0)
            }
            _ => write!(formatter, "{}[{}]", self.kind, self.name),
        }
    }
}

/// The recipe that declared a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Name of the cookbook, `engine` for what is built in.
    pub cookbook: String,
    /// Name of the recipe.
    pub recipe: String,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}::{}", self.cookbook, self.recipe)
    }
}

/// What can be done with a resource. The words are Chef's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Do nothing unless notified.
    Nothing,
    /// Install packages that are missing.
    Install,
    /// Install packages, or bring them to the newest version.
    Upgrade,
    /// Remove packages, keeping their configuration; remove a user or group.
    Remove,
    /// Remove packages with their configuration.
    Purge,
    /// Make it exist as described.
    Create,
    /// Make it exist; leave it alone if it does.
    CreateIfMissing,
    /// Make it not exist.
    Delete,
    /// Start a service.
    Start,
    /// Stop a service.
    Stop,
    /// Stop and start a service.
    Restart,
    /// Make a service read its configuration again.
    Reload,
    /// Start a service at boot.
    Enable,
    /// Do not start a service at boot.
    Disable,
    /// Run a command.
    Run,
    /// Install all pending updates.
    Update,
}

impl Action {
    /// Every action, for parsing and for tests.
    pub const ALL: &'static [Action] = &[
        Action::Nothing,
        Action::Install,
        Action::Upgrade,
        Action::Remove,
        Action::Purge,
        Action::Create,
        Action::CreateIfMissing,
        Action::Delete,
        Action::Start,
        Action::Stop,
        Action::Restart,
        Action::Reload,
        Action::Enable,
        Action::Disable,
        Action::Run,
        Action::Update,
    ];

    /// Chef's word for the action.
    pub const fn name(self) -> &'static str {
        match self {
            Action::Nothing => "nothing",
            Action::Install => "install",
            Action::Upgrade => "upgrade",
            Action::Remove => "remove",
            Action::Purge => "purge",
            Action::Create => "create",
            Action::CreateIfMissing => "create_if_missing",
            Action::Delete => "delete",
            Action::Start => "start",
            Action::Stop => "stop",
            Action::Restart => "restart",
            Action::Reload => "reload",
            Action::Enable => "enable",
            Action::Disable => "disable",
            Action::Run => "run",
            Action::Update => "update",
        }
    }

    /// The action of that name.
    pub fn parse(name: &str) -> Option<Action> {
        Action::ALL.iter().copied().find(|action| action.name() == name)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The wanted state, by type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spec {
    /// One or more packages, handled in one transaction.
    Package(PackageSpec),
    /// All pending updates of the distribution.
    PackageUpdate(PackageUpdateSpec),
    /// A regular file, whatever its content came from.
    File(FileSpec),
    /// A directory.
    Directory(DirectorySpec),
    /// A symbolic link.
    Link(LinkSpec),
    /// A service.
    Service(ServiceSpec),
    /// A user.
    User(UserSpec),
    /// A group.
    Group(GroupSpec),
    /// A command.
    Execute(ExecuteSpec),
}

/// Packages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageSpec {
    /// Names, at least one.
    pub names: Vec<String>,
    /// The version wanted, only with one name.
    pub version: Option<String>,
}

/// Pending updates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageUpdateSpec {}

/// A regular file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSpec {
    /// Absolute path.
    pub path: String,
    /// Content; `None` leaves the content of an existing file alone and makes a missing one empty.
    pub content: Option<Content>,
    /// Owner and mode.
    pub access: Access,
}

/// Bytes of a file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content(pub Vec<u8>);

impl fmt::Debug for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(&self.0) {
            Ok(text) => write!(formatter, "{text:?}"),
            Err(_) => write!(formatter, "{} bytes", self.0.len()),
        }
    }
}

/// Who owns a file or directory and what its mode is; `None` leaves what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// User name or numeric id.
    pub owner: Option<String>,
    /// Group name or numeric id.
    pub group: Option<String>,
    /// Permission bits, at most `0o7777`.
    pub mode: Option<u32>,
}

/// A directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectorySpec {
    /// Absolute path.
    pub path: String,
    /// Make missing parents; with `Delete`, delete what is in it.
    pub recursive: bool,
    /// Owner and mode.
    pub access: Access,
}

/// A symbolic link.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkSpec {
    /// Absolute path of the link.
    pub path: String,
    /// What it points to.
    pub to: String,
}

/// A service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSpec {
    /// Name without `.service`.
    pub name: String,
}

/// A user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSpec {
    /// Login name.
    pub name: String,
    /// Numeric id.
    pub uid: Option<u32>,
    /// Primary group, by name or id.
    pub group: Option<String>,
    /// Supplementary groups the user must be in; others are left alone.
    pub groups: Vec<String>,
    /// GECOS field.
    pub comment: Option<String>,
    /// Home directory.
    pub home: Option<String>,
    /// Login shell.
    pub shell: Option<String>,
    /// Make the home directory of a new user.
    pub manage_home: bool,
    /// Make a system account.
    pub system: bool,
}

/// A group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSpec {
    /// Name.
    pub name: String,
    /// Numeric id.
    pub gid: Option<u32>,
    /// Users that must be members; others are left alone.
    pub members: Vec<String>,
    /// Make a system group.
    pub system: bool,
}

/// A command, never a shell string.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecuteSpec {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Skip the command if this path exists.
    pub creates: Option<String>,
    /// Working directory.
    pub cwd: Option<String>,
    /// Environment variables on top of a minimal environment, in order.
    pub environment: Vec<(String, String)>,
    /// User to run as.
    pub user: Option<String>,
    /// Seconds after which the command is killed; Chef's default is 3600.
    pub timeout_seconds: u32,
    /// Exit statuses that mean success.
    pub returns: Vec<i32>,
}

/// What all resources have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Common {
    /// Whom to tell when this resource changed.
    pub notifies: Vec<Notification>,
    /// All must hold, or the resource is skipped.
    pub only_if: Vec<Guard>,
    /// None may hold, or the resource is skipped.
    pub not_if: Vec<Guard>,
    /// How often to try again after a failure.
    pub retries: u32,
    /// Seconds between tries.
    pub retry_delay_seconds: u32,
    /// Never show content, arguments or output.
    pub sensitive: bool,
    /// Go on after a failure.
    pub ignore_failure: bool,
}

/// A notification from the resource that holds it to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// What the target shall do.
    pub action: Action,
    /// The target.
    pub target: ResourceId,
    /// When.
    pub timing: Timing,
}

/// When a notification is acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// Before the notifying resource is changed.
    Before,
    /// Right after it changed.
    Immediately,
    /// Once, at the end of the node run.
    Delayed,
}

/// A condition that is evaluated on the node, right before the resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// Holds if the command exits with 0.
    Command {
        /// Program and arguments.
        argv: Vec<String>,
    },
    /// Holds if something is at the path; a dangling link counts.
    PathExists {
        /// Absolute path.
        path: String,
    },
}

impl fmt::Display for Guard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Guard::Command { argv } => write!(formatter, "command `{}`", argv.join(" ")),
            Guard::PathExists { path } => write!(formatter, "path `{path}` exists"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_found_by_its_name() {
        for action in Action::ALL {
            assert_eq!(Action::parse(action.name()), Some(*action));
        }
        assert_eq!(Action::parse("explode"), None);
    }
}
