//! The table of resource types. Names, actions and defaults are Chef's where Chef has the resource.
//!
//! Types of one capability stand together; the order here is the order in the WIT files.

use engine_protocol::Action;

use crate::definition::{PropertyDefinition, TypeDefinition, ValueType};

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
    "Permission bits in octal digits, such as `0644`. Left alone if not set; 0644 for a new file, 0755 for a new directory.",
);
const PATH: PropertyDefinition =
    property("path", ValueType::Text, "Absolute path, without `.`, `..` or double slashes.");
const FILE_ACTIONS: &[Action] = &[Action::Create, Action::CreateIfMissing, Action::Delete];

/// Every resource type.
pub const TYPES: &[TypeDefinition] = &[
    TypeDefinition {
        name: "package",
        capability: "packages",
        documentation: "Packages of the distribution, all handled in one transaction.",
        identity: Some(property("names", ValueType::TextList, "Names, at least one.")),
        actions: &[Action::Install, Action::Upgrade, Action::Remove, Action::Purge],
        properties: &[property(
            "version",
            ValueType::Text,
            "The version to install, as the package manager writes it. Only with one name.",
        )],
    },
    TypeDefinition {
        name: "package_update",
        capability: "packages",
        documentation: "All pending updates of the distribution. Needs a grant for all packages (`*`).",
        identity: None,
        actions: &[Action::Update],
        properties: &[],
    },
    TypeDefinition {
        name: "file",
        capability: "files",
        documentation: "A regular file with content that the recipe has at hand.",
        identity: Some(PATH),
        actions: FILE_ACTIONS,
        properties: &[
            property(
                "content",
                ValueType::Text,
                "Content. If none is set, an existing file keeps its own and a new one is empty.",
            ),
            property("content_bytes", ValueType::Bytes, "Content that is not text; instead of `content`."),
            OWNER,
            GROUP,
            MODE,
        ],
    },
    TypeDefinition {
        name: "template",
        capability: "files",
        documentation: "A regular file rendered from a template in the cookbook (Jinja syntax; an undefined variable is an error).",
        identity: Some(PATH),
        actions: FILE_ACTIONS,
        properties: &[
            property("source", ValueType::Text, "Path below the cookbook's `templates` directory."),
            property(
                "variables",
                ValueType::Text,
                "A JSON object; its keys are the template's variables. `node` (facts) and `attributes` are always there.",
            ),
            OWNER,
            GROUP,
            MODE,
        ],
    },
    TypeDefinition {
        name: "cookbook_file",
        capability: "files",
        documentation: "A regular file that travels in the cookbook.",
        identity: Some(PATH),
        actions: FILE_ACTIONS,
        properties: &[
            property("source", ValueType::Text, "Path below the cookbook's `files` directory."),
            OWNER,
            GROUP,
            MODE,
        ],
    },
    TypeDefinition {
        name: "directory",
        capability: "files",
        documentation: "A directory.",
        identity: Some(PATH),
        actions: &[Action::Create, Action::Delete],
        properties: &[
            property(
                "recursive",
                ValueType::Boolean,
                "Make missing parents; with `delete`, delete what is in it. Default false.",
            ),
            OWNER,
            GROUP,
            MODE,
        ],
    },
    TypeDefinition {
        name: "link",
        capability: "files",
        documentation: "A symbolic link.",
        identity: Some(PATH),
        actions: &[Action::Create, Action::Delete],
        properties: &[property("to", ValueType::Text, "What the link points to. Needed for `create`.")],
    },
    TypeDefinition {
        name: "service",
        capability: "services",
        documentation: "A service of the node's service manager.",
        identity: Some(property("name", ValueType::Text, "Name, without `.service`.")),
        actions: &[
            Action::Nothing,
            Action::Start,
            Action::Stop,
            Action::Restart,
            Action::Reload,
            Action::Enable,
            Action::Disable,
        ],
        properties: &[],
    },
    TypeDefinition {
        name: "user",
        capability: "users",
        documentation: "A user account.",
        identity: Some(property("name", ValueType::Text, "Login name.")),
        actions: &[Action::Create, Action::Remove],
        properties: &[
            property("uid", ValueType::Integer, "Numeric id."),
            property("group", ValueType::Text, "Primary group, by name or id."),
            property(
                "groups",
                ValueType::TextList,
                "Supplementary groups that the user must be in; others are left alone.",
            ),
            property("comment", ValueType::Text, "The GECOS field: the full name, usually."),
            property("home", ValueType::Text, "Home directory."),
            property("shell", ValueType::Text, "Login shell."),
            property(
                "manage_home",
                ValueType::Boolean,
                "Make the home directory of a new user. Default false.",
            ),
            property("system", ValueType::Boolean, "Make a system account. Default false."),
        ],
    },
    TypeDefinition {
        name: "group",
        capability: "groups",
        documentation: "A group.",
        identity: Some(property("name", ValueType::Text, "Name.")),
        actions: &[Action::Create, Action::Remove],
        properties: &[
            property("gid", ValueType::Integer, "Numeric id."),
            property("members", ValueType::TextList, "Users that must be members; others are left alone."),
            property("system", ValueType::Boolean, "Make a system group. Default false."),
        ],
    },
    TypeDefinition {
        name: "execute",
        capability: "execute",
        documentation: "A command: a program and its arguments, never a line for a shell.",
        identity: Some(property("argv", ValueType::TextList, "Program and arguments.")),
        actions: &[Action::Run],
        properties: &[
            property("creates", ValueType::Text, "Skip the command if something is at this absolute path."),
            property("cwd", ValueType::Text, "Working directory. Default `/`."),
            property(
                "environment",
                ValueType::TextMap,
                "Environment variables, on top of a minimal environment.",
            ),
            property("user", ValueType::Text, "User to run as. Default: the agent's, usually root."),
            property(
                "timeout",
                ValueType::Integer,
                "Seconds after which the command is killed. Default 3600.",
            ),
            property("returns", ValueType::IntegerList, "Exit statuses that mean success. Default 0."),
        ],
    },
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
