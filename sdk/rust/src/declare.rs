//! What all declarations have in common.

use std::rc::Rc;

use crate::{
    Error, Result,
    host::{GuardHandle, Handle},
};

macro_rules! actions {
    ($($(#[$meta:meta])* $variant:ident = $name:literal,)*) => {
        /// What can be done with a resource. The words are Chef's; each type knows some of them.
        ///
        /// ```
        /// use engine_sdk::Action;
        /// assert_eq!(Action::CreateIfMissing.name(), "create_if_missing");
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Action { $($(#[$meta])* $variant,)* }

        impl Action {
            /// The engine's word for it.
            pub const fn name(self) -> &'static str {
                match self { $(Action::$variant => $name,)* }
            }

            /// The action of that name.
            ///
            /// ```
            /// use engine_sdk::Action;
            /// assert_eq!(Action::parse("reload"), Some(Action::Reload));
            /// ```
            pub fn parse(name: &str) -> Option<Action> {
                Self::ALL.iter().copied().find(|action| action.name() == name)
            }

            pub(crate) const ALL: &'static [Action] = &[$(Action::$variant,)*];
        }
    };
}

actions! {
    /// Do nothing unless notified.
    Nothing = "nothing",
    /// Install packages that are missing; make a kernel module load now and at boot.
    Install = "install",
    /// Install packages, or bring them to the newest version.
    Upgrade = "upgrade",
    /// Remove packages, keeping their configuration; remove a user, group, setting or repository.
    Remove = "remove",
    /// Remove packages with their configuration.
    Purge = "purge",
    /// Hold packages at their version; lock a user's password.
    Lock = "lock",
    /// Let packages be upgraded again; unlock a user's password.
    Unlock = "unlock",
    /// Make it exist as described.
    Create = "create",
    /// Make it exist; leave it alone if it does.
    CreateIfMissing = "create_if_missing",
    /// Make it not exist.
    Delete = "delete",
    /// Set a file's times to now; make it, empty, if it is missing.
    Touch = "touch",
    /// Start a service.
    Start = "start",
    /// Stop a service.
    Stop = "stop",
    /// Stop and start a service.
    Restart = "restart",
    /// Make a service read its configuration again.
    Reload = "reload",
    /// Start a service at boot; keep a mount in `/etc/fstab`.
    Enable = "enable",
    /// Do not start a service at boot; take a mount out of `/etc/fstab`.
    Disable = "disable",
    /// Make a service impossible to start.
    Mask = "mask",
    /// Make a masked service possible to start.
    Unmask = "unmask",
    /// Run a command or script.
    Run = "run",
    /// Install all pending updates; set the locale.
    Update = "update",
    /// Add a repository.
    Add = "add",
    /// Unpack an archive.
    Extract = "extract",
    /// Bring a checkout to the newest commit of its revision.
    Sync = "sync",
    /// Clone a repository if there is no checkout; leave it alone if there is.
    Checkout = "checkout",
    /// Set a value of the system.
    Set = "set",
    /// Set a kernel parameter, now and at boot.
    Apply = "apply",
    /// Load a kernel module now.
    Load = "load",
    /// Unload a kernel module now.
    Unload = "unload",
    /// Unload a kernel module and do not load it at boot.
    Uninstall = "uninstall",
    /// Keep a kernel module from being loaded by itself.
    Blacklist = "blacklist",
    /// Mount a file system.
    Mount = "mount",
    /// Unmount a file system.
    Unmount = "unmount",
    /// Mount a file system again with its options of now.
    Remount = "remount",
    /// Reboot at the end of the run.
    RequestReboot = "request_reboot",
    /// Take back a request to reboot.
    Cancel = "cancel",
    /// Wait until a condition holds.
    Wait = "wait",
}

impl From<Action> for Vec<Action> {
    fn from(action: Action) -> Self {
        vec![action]
    }
}

/// When a notification is acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timing {
    /// Before the notifying resource is changed.
    Before,
    /// Right after it changed.
    Immediately,
    /// Once, at the end of the event, even if something failed meanwhile.
    Delayed,
}

/// A declared resource: something to notify or to subscribe to.
///
/// ```
/// # use engine_sdk::prelude::*;
/// # fn recipe(ctx: &mut Context) -> Result<()> {
/// let service = ctx.service("nginx").declare()?;
/// ctx.file("/etc/nginx/nginx.conf").notifies(Action::Reload, &service, Timing::Delayed).declare()?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Declared(Rc<Handle>);

/// The other end of a notification: a [`Declared`] resource or a name such as `service[nginx]`,
/// which may be declared later.
///
/// ```
/// # use engine_sdk::prelude::*;
/// # fn recipe(ctx: &mut Context) -> Result<()> {
/// ctx.file("/etc/ssh/sshd_config")
///     .notifies(Action::Reload, "service[ssh]", Timing::Delayed)
///     .declare()?;
/// ctx.service("ssh").declare()?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Target(TargetKind);

#[derive(Debug, Clone)]
enum TargetKind {
    Handle(Declared),
    Named(String),
}

impl From<&Declared> for Target {
    fn from(declared: &Declared) -> Self {
        Target(TargetKind::Handle(declared.clone()))
    }
}

impl From<Declared> for Target {
    fn from(declared: Declared) -> Self {
        Target(TargetKind::Handle(declared))
    }
}

impl From<&str> for Target {
    fn from(name: &str) -> Self {
        Target(TargetKind::Named(name.to_owned()))
    }
}

impl From<String> for Target {
    fn from(name: String) -> Self {
        Target(TargetKind::Named(name))
    }
}

/// A condition that is evaluated on the node, right before the resource that it guards.
///
/// Methods of the context make them, such as [`Context::path_exists`](crate::Context::path_exists) and
/// [`Context::service_running`](crate::Context::service_running). If the condition itself is not
/// allowed, the declaration that uses it fails.
#[derive(Debug, Clone)]
pub struct Guard(Result<Rc<GuardHandle>>);

impl Guard {
    pub(crate) fn new(made: Result<GuardHandle>) -> Self {
        Guard(made.map(Rc::new))
    }
}

/// One name or several.
///
/// ```
/// # use engine_sdk::prelude::*;
/// # fn recipe(ctx: &mut Context) -> Result<()> {
/// ctx.package("nginx").declare()?;
/// ctx.package(["git", "curl"]).declare()?;
/// ctx.package(vec![String::from("vim")]).declare()?;
/// # Ok(()) }
/// ```
pub trait IntoNames {
    /// The names.
    fn into_names(self) -> Vec<String>;
}

impl IntoNames for &str {
    fn into_names(self) -> Vec<String> {
        vec![self.to_owned()]
    }
}

impl IntoNames for String {
    fn into_names(self) -> Vec<String> {
        vec![self]
    }
}

impl IntoNames for &String {
    fn into_names(self) -> Vec<String> {
        vec![self.clone()]
    }
}

impl<S: Into<String>> IntoNames for Vec<S> {
    fn into_names(self) -> Vec<String> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<S: Into<String>, const N: usize> IntoNames for [S; N] {
    fn into_names(self) -> Vec<String> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<S: AsRef<str>> IntoNames for &[S] {
    fn into_names(self) -> Vec<String> {
        self.iter().map(|name| name.as_ref().to_owned()).collect()
    }
}

impl<S: AsRef<str>> IntoNames for &Vec<S> {
    fn into_names(self) -> Vec<String> {
        self.as_slice().into_names()
    }
}

/// What a builder gathers whatever its type.
#[derive(Debug, Clone, Default)]
pub(crate) struct Common {
    pub actions: Vec<Action>,
    pub notifies: Vec<(Action, Target, Timing)>,
    pub subscribes: Vec<(Action, Target, Timing)>,
    pub only_if: Vec<Guard>,
    pub not_if: Vec<Guard>,
    pub retries: Option<u32>,
    pub retry_delay: Option<u32>,
    pub sensitive: Option<bool>,
    pub ignore_failure: Option<bool>,
    pub timeout: Option<u32>,
    pub umask: Option<String>,
    pub confirm: Option<bool>,
    /// What went wrong before the host was asked.
    pub error: Option<Error>,
}

impl Common {
    pub(crate) fn apply(self, handle: Handle) -> Result<Declared> {
        if !self.actions.is_empty() {
            let names: Vec<String> = self.actions.iter().map(|action| action.name().to_owned()).collect();
            handle.action(&names)?;
        }
        for (action, target, timing) in self.notifies {
            match target.0 {
                TargetKind::Handle(target) => handle.notifies(action.name(), &target.0, timing)?,
                TargetKind::Named(name) => handle.notifies_named(action.name(), &name, timing)?,
            }
        }
        for (action, source, timing) in self.subscribes {
            match source.0 {
                TargetKind::Handle(source) => handle.subscribes(action.name(), &source.0, timing)?,
                TargetKind::Named(name) => handle.subscribes_named(action.name(), &name, timing)?,
            }
        }
        for guard in self.only_if {
            handle.only_if(&*guard.0?)?;
        }
        for guard in self.not_if {
            handle.not_if(&*guard.0?)?;
        }
        if let Some(times) = self.retries {
            handle.retries(times)?;
        }
        if let Some(seconds) = self.retry_delay {
            handle.retry_delay(seconds)?;
        }
        if let Some(sensitive) = self.sensitive {
            handle.sensitive(sensitive)?;
        }
        if let Some(ignore) = self.ignore_failure {
            handle.ignore_failure(ignore)?;
        }
        if let Some(seconds) = self.timeout {
            handle.timeout(seconds)?;
        }
        if let Some(mask) = self.umask {
            handle.umask(&mask)?;
        }
        if let Some(confirm) = self.confirm {
            handle.confirm(confirm)?;
        }
        Ok(Declared(Rc::new(handle)))
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::Action;

    #[test]
    fn the_actions_are_those_of_the_engine() {
        let ours: Vec<&str> = Action::ALL.iter().map(|action| action.name()).collect();
        let theirs: Vec<&str> = engine_protocol::Action::ALL.iter().map(|action| action.name()).collect();
        assert_eq!(ours, theirs);
    }
}
