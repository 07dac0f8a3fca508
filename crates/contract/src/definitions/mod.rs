//! The table of resource types. Names, actions and defaults are Chef's where Chef has the resource.
//!
//! Types of one capability stand together; the order here is the order in the WIT files.

#![allow(clippy::wildcard_imports, reason = "the tables use most of what stands here")]

use engine_protocol::Action;

use crate::definition::{Proof, PropertyDefinition, Support, TypeDefinition, ValueType};

mod accounts;
mod commands;
mod downloads;
mod files;
mod packages;
mod services;
mod storage;
mod system;

const fn property(name: &'static str, value: ValueType, documentation: &'static str) -> PropertyDefinition {
    PropertyDefinition { name, value, documentation }
}

const OWNER: PropertyDefinition = property(
    "owner",
    ValueType::Text,
    "User name or numeric id. Left alone if not set; root for something new.",
);
const GROUP: PropertyDefinition = property(
    "group",
    ValueType::Text,
    "Group name or numeric id. Left alone if not set; root for something new.",
);
const MODE: PropertyDefinition = property(
    "mode",
    ValueType::Text,
    "Permission bits in octal digits, such as `0644`. Left alone if not set; something new gets what `umask` leaves of 0666, or of 0777 for a directory.",
);
const PATH: PropertyDefinition =
    property("path", ValueType::Text, "Absolute path, without `.`, `..` or double slashes.");
const VERIFY: PropertyDefinition = property(
    "verify",
    ValueType::Text,
    "A format that new content must be well-formed in: `json`, `yaml`, `toml`, `ini` or `systemd`. The file is left as it is otherwise.",
);
const VERIFY_COMMAND: PropertyDefinition = property(
    "verify_command",
    ValueType::TextList,
    "A command (program and arguments) that must succeed before new content is put in place; `{path}` stands for the file with the new content. Needs a grant of `execute`.",
);
const BACKUP: PropertyDefinition = property(
    "backup",
    ValueType::Integer,
    "How many replaced or deleted versions are kept below `/var/lib/engine/backup`. Default 0.",
);
const CREATES: PropertyDefinition =
    property("creates", ValueType::Text, "Skip it if something is at this absolute path.");
const CWD: PropertyDefinition = property("cwd", ValueType::Text, "Working directory. Default `/`.");
const ENVIRONMENT: PropertyDefinition = property(
    "environment",
    ValueType::TextMap,
    "Environment variables, on top of a minimal environment. Each needs a grant of `environment`.",
);
const RUN_USER: PropertyDefinition =
    property("user", ValueType::Text, "User to run as. Default: the agent's, usually root.");
const RUN_GROUP: PropertyDefinition =
    property("group", ValueType::Text, "Group to run as. Default: the user's.");
const RETURNS: PropertyDefinition =
    property("returns", ValueType::IntegerList, "Exit statuses that mean success. Default 0.");
const LIVE_STREAM: PropertyDefinition =
    property("live_stream", ValueType::Boolean, "Report output while it runs. Default false.");
const FILE_ACTIONS: &[Action] = &[Action::Create, Action::CreateIfMissing, Action::Delete, Action::Touch];

const LINUX: &[Support] = &[Support("Linux", Proof::RealHosts)];
const ACCOUNT_TOOLS: &[Support] =
    &[Support("shadow-utils", Proof::RealHosts), Support("busybox", Proof::Fixtures)];
const SYSTEMD: &[Support] = &[Support("systemd", Proof::RealHosts)];
const APT: &[Support] = &[Support("apt", Proof::RealHosts)];
const DNF: &[Support] =
    &[Support("dnf", Proof::RealHosts), Support("yum", Proof::Fixtures), Support("zypper", Proof::Fixtures)];
const PACKAGE_MANAGERS: &[Support] = &[
    Support("apt", Proof::RealHosts),
    Support("dnf", Proof::RealHosts),
    Support("yum", Proof::Fixtures),
    Support("zypper", Proof::Fixtures),
    Support("apk", Proof::Fixtures),
    Support("pacman", Proof::Fixtures),
];
const INIT_SYSTEMS: &[Support] = &[
    Support("systemd", Proof::RealHosts),
    Support("sysvinit", Proof::RealHosts),
    Support("openrc", Proof::Fixtures),
];
const PARTS: &[Support] = &[Support("Linux", Proof::Fixtures)];

/// Every resource type.
pub static TYPES: &[&TypeDefinition] = &[
    &packages::PACKAGE,
    &packages::PACKAGE_UPDATE,
    &packages::APT_REPOSITORY,
    &packages::YUM_REPOSITORY,
    &files::FILE,
    &files::TEMPLATE,
    &files::COOKBOOK_FILE,
    &files::DIRECTORY,
    &files::REMOTE_DIRECTORY,
    &files::LINK,
    &files::LINE_IN_FILE,
    &files::BLOCK_IN_FILE,
    &files::INI_SETTING,
    &files::ARCHIVE,
    &downloads::REMOTE_FILE,
    &downloads::GIT,
    &services::SERVICE,
    &services::SYSTEMD_UNIT,
    &services::CRON,
    &services::TIMER,
    &accounts::USER,
    &accounts::AUTHORIZED_KEYS,
    &accounts::GROUP,
    &accounts::SUDOERS,
    &system::HOSTNAME,
    &system::HOSTS_ENTRY,
    &system::TIMEZONE,
    &system::LOCALE,
    &system::SYSCTL,
    &system::KERNEL_MODULE,
    &system::LIMITS,
    &system::REBOOT,
    &storage::SWAP_FILE,
    &storage::MOUNT,
    &storage::VOLUME,
    &commands::EXECUTE,
    &commands::SCRIPT,
    &commands::WAIT_FOR,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_capabilities_contiguous() {
        let names: BTreeSet<_> = TYPES.iter().map(|definition| definition.name).collect();
        assert_eq!(names.len(), TYPES.len());
        let capabilities = crate::definition::capabilities();
        assert_eq!(capabilities.iter().collect::<BTreeSet<_>>().len(), capabilities.len());
        for definition in TYPES {
            let properties: BTreeSet<_> =
                definition.properties.iter().map(|property| property.name).collect();
            assert_eq!(properties.len(), definition.properties.len(), "{}", definition.name);
            assert!(!definition.actions.is_empty());
        }
    }
}
