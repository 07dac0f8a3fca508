//! The system as a whole.

use engine_protocol::Action;

use super::*;

pub(super) static HOSTNAME: TypeDefinition = TypeDefinition {
    name: "hostname",
    capability: "system",
    documentation: "The host's name, now and at boot, with its line in `/etc/hosts`. Granted as `hostname`.",
    identity: Some(property("name", ValueType::Text, "The name, with or without domain.")),
    actions: &[Action::Set],
    properties: &[],
    example: "ctx.hostname(\"web-1.example.org\").declare()?;",
    support: LINUX,
};

pub(super) static HOSTS_ENTRY: TypeDefinition = TypeDefinition {
    name: "hosts_entry",
    capability: "system",
    documentation: "A line in `/etc/hosts`. Granted as `hosts:NAME` for each of its names.",
    identity: Some(property("address", ValueType::Text, "The address.")),
    actions: &[Action::Create, Action::Delete],
    properties: &[
        property("hostname", ValueType::Text, "The name. Needed for `create`."),
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
    documentation: "The locale of the system, which is generated where the distribution does that. Granted as `locale`.",
    identity: Some(property("lang", ValueType::Text, "`LANG`, such as `en_US.UTF-8`.")),
    actions: &[Action::Update],
    properties: &[property("variables", ValueType::TextMap, "Further variables, such as `LC_TIME`.")],
    example: "ctx.locale(\"C.UTF-8\").declare()?;",
    support: LINUX,
};

pub(super) static SYSCTL: TypeDefinition = TypeDefinition {
    name: "sysctl",
    capability: "system",
    documentation: "A kernel parameter, now and at boot, in a file of its own in `/etc/sysctl.d`. Granted as `sysctl:KEY`.",
    identity: Some(property("key", ValueType::Text, "Its name with dots.")),
    actions: &[Action::Apply, Action::Remove],
    properties: &[property("value", ValueType::Text, "Its value. Needed for `apply`.")],
    example: "ctx.sysctl(\"net.ipv4.ip_forward\").value(\"1\").declare()?;",
    support: LINUX,
};

pub(super) static KERNEL_MODULE: TypeDefinition = TypeDefinition {
    name: "kernel_module",
    capability: "system",
    documentation: "A kernel module. `install` loads it now and at boot. Granted as `kernel_module:NAME`.",
    identity: Some(property("name", ValueType::Text, "Its name.")),
    actions: &[Action::Install, Action::Uninstall, Action::Load, Action::Unload, Action::Blacklist],
    properties: &[property("options", ValueType::TextList, "Options, such as `numdummies=2`.")],
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
    documentation: "A reboot at the end of the run, after all notifications; the run waits for the node and goes on. Granted as `reboot`.",
    identity: Some(property("name", ValueType::Text, "What asks for it.")),
    actions: &[Action::Nothing, Action::RequestReboot, Action::Cancel],
    properties: &[property("reason", ValueType::Text, "Why, for people.")],
    example: concat!(
        "ctx.reboot(\"new kernel\").reason(\"the kernel was updated\").declare()?;\n",
        "ctx.package(\"linux-image-amd64\")\n",
        "    .action(Action::Upgrade)\n",
        "    .notifies(Action::RequestReboot, \"reboot[new kernel]\", Timing::Immediately)\n",
        "    .declare()?;",
    ),
    support: LINUX,
};
