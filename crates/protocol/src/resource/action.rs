//! What can be done with a resource.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! actions {
    ($($variant:ident = $name:literal: $documentation:literal,)*) => {
        /// What can be done with a resource. The words are Chef's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Action { $(#[doc = $documentation] $variant,)* }

        impl Action {
            /// Every action, for parsing and for tests.
            pub const ALL: &'static [Action] = &[$(Action::$variant,)*];

            /// Chef's word for the action.
            pub const fn name(self) -> &'static str {
                match self { $(Action::$variant => $name,)* }
            }

            /// What it means, whatever the type.
            pub const fn documentation(self) -> &'static str {
                match self { $(Action::$variant => $documentation,)* }
            }
        }
    };
}

actions! {
    Nothing = "nothing": "Do nothing unless notified.",
    Install = "install": "Install packages that are missing; make a kernel module load now and at boot.",
    Upgrade = "upgrade": "Install packages, or bring them to the newest version.",
    Remove = "remove": "Remove packages, keeping their configuration; remove a user, group, setting or repository.",
    Purge = "purge": "Remove packages with their configuration.",
    Lock = "lock": "Hold packages at their version; lock a user's password.",
    Unlock = "unlock": "Let packages be upgraded again; unlock a user's password.",
    Create = "create": "Make it exist as described.",
    CreateIfMissing = "create_if_missing": "Make it exist; leave it alone if it does.",
    Delete = "delete": "Make it not exist.",
    Touch = "touch": "Set a file's times to now; make it, empty, if it is missing.",
    Start = "start": "Start a service.",
    Stop = "stop": "Stop a service.",
    Restart = "restart": "Stop and start a service.",
    Reload = "reload": "Make a service read its configuration again.",
    Enable = "enable": "Start a service at boot; keep a mount in `/etc/fstab`.",
    Disable = "disable": "Do not start a service at boot; take a mount out of `/etc/fstab`.",
    Mask = "mask": "Make a service impossible to start.",
    Unmask = "unmask": "Make a masked service possible to start.",
    Run = "run": "Run a command or script.",
    Update = "update": "Install all pending updates; set the locale.",
    Add = "add": "Add a repository.",
    Extract = "extract": "Unpack an archive.",
    Sync = "sync": "Bring a checkout to the newest commit of its revision.",
    Checkout = "checkout": "Clone a repository if there is no checkout; leave it alone if there is.",
    Set = "set": "Set a value of the system.",
    Apply = "apply": "Set a kernel parameter, now and at boot.",
    Load = "load": "Load a kernel module now.",
    Unload = "unload": "Unload a kernel module now.",
    Uninstall = "uninstall": "Unload a kernel module and do not load it at boot.",
    Blacklist = "blacklist": "Keep a kernel module from being loaded by itself.",
    Mount = "mount": "Mount a file system.",
    Unmount = "unmount": "Unmount a file system.",
    Remount = "remount": "Mount a file system again with its options of now.",
    RequestReboot = "request_reboot": "Reboot at the end of the run.",
    Cancel = "cancel": "Take back a request to reboot.",
    Wait = "wait": "Wait until a condition holds.",
}

impl Action {
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
