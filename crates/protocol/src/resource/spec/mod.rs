//! The wanted state, by type.

use serde::{Deserialize, Serialize};

mod accounts;
mod commands;
mod files;
mod packages;
mod releases;
mod services;
mod storage;
mod system;

pub use accounts::*;
pub use commands::*;
pub use files::*;
pub use packages::*;
pub use releases::*;
pub use services::*;
pub use storage::*;
pub use system::*;

/// The wanted state, by type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spec {
    /// Packages.
    Package(PackageSpec),
    /// Pending updates.
    PackageUpdate(PackageUpdateSpec),
    /// A repository for apt.
    AptRepository(AptRepositorySpec),
    /// A repository for dnf and yum, and for zypper.
    YumRepository(YumRepositorySpec),
    /// A regular file.
    File(FileSpec),
    /// A directory.
    Directory(DirectorySpec),
    /// A directory with files from the cookbook.
    RemoteDirectory(RemoteDirectorySpec),
    /// A symbolic link.
    Link(LinkSpec),
    /// A line in a file that others own.
    LineInFile(LineInFileSpec),
    /// Lines between two marks in a file that others own.
    BlockInFile(BlockInFileSpec),
    /// A setting in a file of sections, keys and values.
    IniSetting(IniSettingSpec),
    /// An archive that is unpacked.
    Archive(ArchiveSpec),
    /// A file from a URL.
    RemoteFile(RemoteFileSpec),
    /// A checkout of a git repository.
    Git(GitSpec),
    /// The releases of an app. No cookbook can declare it.
    Release(ReleaseSpec),
    /// A service.
    Service(ServiceSpec),
    /// A unit of systemd.
    SystemdUnit(SystemdUnitSpec),
    /// A line in `/etc/cron.d`.
    Cron(CronSpec),
    /// A timer of systemd and the service that it starts.
    Timer(TimerSpec),
    /// A user.
    User(UserSpec),
    /// A group.
    Group(GroupSpec),
    /// SSH keys that a user may log in with.
    AuthorizedKeys(AuthorizedKeysSpec),
    /// A file in `/etc/sudoers.d`.
    Sudoers(SudoersSpec),
    /// The host's name.
    Hostname(HostnameSpec),
    /// A line in `/etc/hosts`.
    HostsEntry(HostsEntrySpec),
    /// The time zone.
    Timezone(TimezoneSpec),
    /// The locale of the system.
    Locale(LocaleSpec),
    /// A kernel parameter.
    Sysctl(SysctlSpec),
    /// A kernel module.
    KernelModule(KernelModuleSpec),
    /// Limits of the resources of users' sessions.
    Limits(LimitsSpec),
    /// A reboot at the end of the run.
    Reboot(RebootSpec),
    /// A swap file.
    SwapFile(SwapFileSpec),
    /// A mount.
    Mount(MountSpec),
    /// A file system on a whole device.
    Volume(VolumeSpec),
    /// A command, never a shell string.
    Execute(ExecuteSpec),
    /// A text for an interpreter.
    Script(ScriptSpec),
    /// Something to wait for; all that is set must hold.
    WaitFor(WaitForSpec),
}
