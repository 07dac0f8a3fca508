//! The system as a whole.

use engine_protocol::Action;

use super::*;

pub(super) static HOSTNAME: TypeDefinition = TypeDefinition {
    name: "hostname",
    capability: "system",
    documentation: "The host's name, now and at boot, on Debian and what comes from it with a line in `/etc/hosts`: that of 127.0.1.1, unless another one has the name. Granted as `hostname`.",
    identity: Some(property("name", ValueType::Text, "The name, with or without domain.")),
    actions: &[Action::Set],
    properties: &[],
    example: "ctx.hostname(\"web-1.example.org\").declare()?;",
    support: LINUX,
};

pub(super) static HOSTS_ENTRY: TypeDefinition = TypeDefinition {
    name: "hosts_entry",
    capability: "system",
    documentation: "The line of an address in `/etc/hosts`: it has these names and no others. Granted as `hosts:NAME` for each of its names, and for each that would go; `localhost` never goes.",
    identity: Some(property("address", ValueType::Text, "The address.")),
    actions: &[Action::Create, Action::Delete],
    properties: &[
        property(
            "hostname",
            ValueType::Text,
            "The name. Needed for `create`; `delete` takes out the address with all its names.",
        ),
        property("aliases", ValueType::TextList, "Further names."),
    ],
    example: "ctx.hosts_entry(\"10.0.0.5\").hostname(\"db.example.org\").aliases([\"db\"]).declare()?;",
    support: LINUX,
};

pub(super) static TIMEZONE: TypeDefinition = TypeDefinition {
    name: "timezone",
    capability: "system",
    documentation: "The time zone. Granted as `timezone`.",
    identity: Some(property("name", ValueType::Text, "Its name, such as `Europe/Berlin`.")),
    actions: &[Action::Set],
    properties: &[],
    example: "ctx.timezone(\"Etc/UTC\").declare()?;",
    support: LINUX,
};

pub(super) static LOCALE: TypeDefinition = TypeDefinition {
    name: "locale",
    capability: "system",
    documentation: "The locale that services and logins begin with; it is generated where the distribution does that. Variables of locales that are not asked for are taken out of the file. Granted as `locale`.",
    identity: Some(property("lang", ValueType::Text, "`LANG`, such as `en_US.UTF-8`.")),
    actions: &[Action::Update],
    properties: &[property("variables", ValueType::TextMap, "Further variables, such as `LC_TIME`.")],
    example: "ctx.locale(\"C.UTF-8\").declare()?;",
    support: LINUX,
};

pub(super) static SYSCTL: TypeDefinition = TypeDefinition {
    name: "sysctl",
    capability: "system",
    documentation: "A kernel parameter, now and at boot, in a file of its own in `/etc/sysctl.d`. `remove` takes away that file; the value stays until the node is rebooted. Granted as `sysctl:KEY`.",
    identity: Some(property(
        "key",
        ValueType::Text,
        "Its name with dots; a dot in the name of an interface is written as `/`, as in sysctl.d(5).",
    )),
    actions: &[Action::Apply, Action::Remove],
    properties: &[property("value", ValueType::Text, "Its value. Needed for `apply`.")],
    example: "ctx.sysctl(\"net.ipv4.ip_forward\").value(\"1\").declare()?;",
    support: LINUX,
};

pub(super) static KERNEL_MODULE: TypeDefinition = TypeDefinition {
    name: "kernel_module",
    capability: "system",
    documentation: "A kernel module. `install` loads it now and at boot, with its options; `uninstall` takes that back; `blacklist` unloads it and keeps devices from bringing it. One that is built into the kernel counts as loaded. The initramfs is left as it is. Granted as `kernel_module:NAME`.",
    identity: Some(property("name", ValueType::Text, "Its name.")),
    actions: &[Action::Install, Action::Uninstall, Action::Load, Action::Unload, Action::Blacklist],
    properties: &[property(
        "options",
        ValueType::TextList,
        "Options, such as `numdummies=2`. A module that is loaded keeps those that it has.",
    )],
    example: "ctx.kernel_module(\"br_netfilter\").declare()?;",
    support: PARTS,
};

pub(super) static LIMITS: TypeDefinition = TypeDefinition {
    name: "limits",
    capability: "system",
    documentation: "Limits of users' sessions, in a file of its own in `/etc/security/limits.d`. Granted as `limits:DOMAIN`.",
    identity: Some(property("domain", ValueType::Text, "A user, `@group` or `*`.")),
    actions: &[Action::Create, Action::Delete],
    properties: &[
        property("soft", ValueType::TextMap, "Soft limits by item, such as `nofile` and `65536`."),
        property("hard", ValueType::TextMap, "Hard limits by item."),
    ],
    example: "ctx.limits(\"app\").soft([(\"nofile\", \"65536\")]).hard([(\"nofile\", \"65536\")]).declare()?;",
    support: LINUX,
};

pub(super) static REBOOT: TypeDefinition = TypeDefinition {
    name: "reboot",
    capability: "system",
    documentation: "A reboot at the end of the run, after all notifications; the run waits for the node and goes on. A request that a broken run left is carried out by the next run that declares the reboot, and its plan says so. Granted as `reboot`.",
    identity: Some(property("name", ValueType::Text, "What asks for it.")),
    actions: &[Action::Nothing, Action::RequestReboot, Action::Cancel],
    properties: &[
        property("reason", ValueType::Text, "Why, for people."),
        property(
            "if_needed",
            ValueType::Boolean,
            "Only if the node's packages need one, as after an update of the kernel: `/run/reboot-required` with apt, `needs-restarting` with dnf and yum, `needs-rebooting` with zypper. Default false.",
        ),
    ],
    example: concat!(
        "ctx.reboot(\"new kernel\").reason(\"the kernel was updated\").declare()?;\n",
        "ctx.package(\"linux-image-amd64\")\n",
        "    .action(Action::Upgrade)\n",
        "    .notifies(Action::RequestReboot, \"reboot[new kernel]\", Timing::Immediately)\n",
        "    .declare()?;",
    ),
    support: LINUX,
};
