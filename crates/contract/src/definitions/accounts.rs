//! Users, groups and what they may do.

use engine_protocol::Action;

use super::*;

pub(super) static USER: TypeDefinition = TypeDefinition {
    name: "user",
    capability: "users",
    documentation: "A user account.",
    identity: Some(property("name", ValueType::Text, "Login name.")),
    actions: &[Action::Create, Action::Remove, Action::Lock, Action::Unlock],
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
            "password",
            ValueType::Text,
            "The password's hash, as in `/etc/shadow`. Never shown. Who is locked stays locked.",
        ),
        property(
            "manage_home",
            ValueType::Boolean,
            "Make the home directory of a new user, move it when `home` changes; with `remove`, delete it. A `home` other than `/home/NAME` then needs a grant of `files` for all below it. Default false.",
        ),
        property("system", ValueType::Boolean, "Make a system account. Default false."),
    ],
    example: "ctx.user(\"deploy\").shell(\"/bin/bash\").groups([\"www-data\"]).manage_home(true).declare()?;",
    support: ACCOUNT_TOOLS,
};

pub(super) static AUTHORIZED_KEYS: TypeDefinition = TypeDefinition {
    name: "authorized_keys",
    capability: "users",
    documentation: "SSH keys that a user may log in with, in `.ssh/authorized_keys` of the home directory. A key that is there with other options or another comment gets these. Needs a grant of `users` for the user.",
    identity: Some(property("user", ValueType::Text, "The user, who must exist.")),
    actions: &[Action::Create, Action::Delete],
    properties: &[
        property("keys", ValueType::TextList, "Lines of authorized_keys(5): options, type, key, comment."),
        property("exclusive", ValueType::Boolean, "With `create`, take out all other keys. Default false."),
    ],
    example: concat!(
        "ctx.authorized_keys(\"deploy\")\n",
        "    .keys([\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGV4YW1wbGVleGFtcGxlZXhhbXBsZWV4YW1wbGVleGFt alice\"])\n",
        "    .exclusive(true)\n",
        "    .declare()?;",
    ),
    support: LINUX,
};

pub(super) static GROUP: TypeDefinition = TypeDefinition {
    name: "group",
    capability: "groups",
    documentation: "A group.",
    identity: Some(property("name", ValueType::Text, "Name.")),
    actions: &[Action::Create, Action::Remove],
    properties: &[
        property("gid", ValueType::Integer, "Numeric id."),
        property("members", ValueType::TextList, "Users that must be members; others are left alone."),
        property("excluded_members", ValueType::TextList, "Users that must not be members."),
        property("system", ValueType::Boolean, "Make a system group. Default false."),
    ],
    example: "ctx.group(\"deploy\").gid(700).members([\"alice\"]).declare()?;",
    support: ACCOUNT_TOOLS,
};

pub(super) static SUDOERS: TypeDefinition = TypeDefinition {
    name: "sudoers",
    capability: "sudoers",
    documentation: "A file in `/etc/sudoers.d`. `visudo` looks at it before it goes live, so a mistake never locks anybody out.",
    identity: Some(property("name", ValueType::Text, "Name of the file: no dot, no `~` at its end.")),
    actions: &[Action::Create, Action::Delete],
    properties: &[
        property("users", ValueType::TextList, "Users that it is for."),
        property("groups", ValueType::TextList, "Groups that it is for, without `%`."),
        property(
            "commands",
            ValueType::TextList,
            "Commands that they may run, as in sudoers(5); `,`, `:` and `=` in arguments are escaped by themselves. Default `ALL`.",
        ),
        property("runas", ValueType::Text, "Users that they may run them as. Default `ALL`."),
        property("nopasswd", ValueType::Boolean, "Without a password. Default false."),
    ],
    example: concat!(
        "ctx.sudoers(\"deploy\")\n",
        "    .users([\"deploy\"])\n",
        "    .commands([\"/usr/bin/systemctl restart app\"])\n",
        "    .nopasswd(true)\n",
        "    .declare()?;",
    ),
    support: LINUX,
};
