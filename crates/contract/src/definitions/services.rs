//! Services, units and schedules.

use engine_protocol::Action;

use super::*;

pub(super) static SERVICE: TypeDefinition = TypeDefinition {
    name: "service",
    capability: "services",
    documentation: "A service of the node's service manager. Whether an init script's service runs says its `status`; of a script that has none, the process decides: the one in its pid file, else one of its name. Only systemd can mask.",
    identity: Some(property("name", ValueType::Text, "Name, without `.service`.")),
    actions: &[
        Action::Nothing,
        Action::Start,
        Action::Stop,
        Action::Restart,
        Action::Reload,
        Action::Enable,
        Action::Disable,
        Action::Mask,
        Action::Unmask,
    ],
    properties: &[],
    example: "ctx.service(\"nginx\").action([Action::Enable, Action::Start]).declare()?;",
    support: INIT_SYSTEMS,
};

pub(super) static SYSTEMD_UNIT: TypeDefinition = TypeDefinition {
    name: "systemd_unit",
    capability: "units",
    documentation: "A unit of systemd in `/etc/systemd/system`. systemd reads its files again when one changed. `delete` stops and disables the unit first, unless the system has another one of that name, which then counts again.",
    identity: Some(property("name", ValueType::Text, "Name with its kind, such as `app.service`.")),
    actions: &[
        Action::Nothing,
        Action::Create,
        Action::Delete,
        Action::Enable,
        Action::Disable,
        Action::Start,
        Action::Stop,
        Action::Restart,
        Action::Reload,
        Action::Mask,
        Action::Unmask,
    ],
    properties: &[
        property("content", ValueType::Text, "The unit file. Needed for `create`."),
        property(
            "verify",
            ValueType::Boolean,
            "Let `systemd-analyze verify` look at it before it is put in place; in a plan as well. Default true.",
        ),
    ],
    example: concat!(
        "ctx.systemd_unit(\"app.service\")\n",
        "    .content(\"[Service]\\nExecStart=/usr/local/bin/app\\n\\n[Install]\\nWantedBy=multi-user.target\\n\")\n",
        "    .action([Action::Create, Action::Enable, Action::Start])\n",
        "    .declare()?;",
    ),
    support: SYSTEMD,
};

pub(super) static CRON: TypeDefinition = TypeDefinition {
    name: "cron",
    capability: "schedules",
    documentation: "A cron job, in a file of its own in `/etc/cron.d`, which root alone can read. Its command needs a grant of `execute`. The cron daemon has to be installed by a package.",
    identity: Some(property("name", ValueType::Text, "Name of the job and of its file.")),
    actions: &[Action::Create, Action::Delete],
    properties: &[
        property("minute", ValueType::Text, "Minute, as in crontab(5). Default `*`."),
        property("hour", ValueType::Text, "Hour. Default `*`."),
        property("day", ValueType::Text, "Day of the month. Default `*`."),
        property("month", ValueType::Text, "Month. Default `*`."),
        property("weekday", ValueType::Text, "Day of the week. Default `*`."),
        property(
            "time",
            ValueType::Text,
            "A word such as `@daily` or `@reboot`, instead of the five fields.",
        ),
        property("command", ValueType::TextList, "Program and arguments. Needed for `create`."),
        property("user", ValueType::Text, "User that it runs as. Default root."),
        property(
            "environment",
            ValueType::TextMap,
            "Environment variables. Each needs a grant of `environment`.",
        ),
        property(
            "mailto",
            ValueType::Text,
            "Where output is mailed to; empty for nowhere. Default: left to cron.",
        ),
    ],
    example: "ctx.cron(\"backup\").hour(\"3\").minute(\"30\").command([\"/usr/local/bin/backup\", \"--all\"]).declare()?;",
    support: LINUX,
};

pub(super) static TIMER: TypeDefinition = TypeDefinition {
    name: "timer",
    capability: "schedules",
    documentation: "A command that systemd starts at set times: a timer, which is enabled and started, and a service of the same name. Times are kept to the second. Its command needs a grant of `execute`.",
    identity: Some(property("name", ValueType::Text, "Name of both units, without extension.")),
    actions: &[Action::Create, Action::Delete],
    properties: &[
        property("on_calendar", ValueType::Text, "When, as in systemd.time(7): `daily`, `Mon *-*-* 03:30`."),
        property(
            "on_boot_seconds",
            ValueType::Integer,
            "Seconds after boot; at once if that is past already.",
        ),
        property(
            "interval_seconds",
            ValueType::Integer,
            "Seconds between the start of one run and the next.",
        ),
        property(
            "randomized_delay_seconds",
            ValueType::Integer,
            "Seconds by which each start is delayed at random, at the most. Default 0.",
        ),
        property(
            "persistent",
            ValueType::Boolean,
            "Make up for a start that was missed while the node was off. Default false.",
        ),
        property("command", ValueType::TextList, "Program and arguments. Needed for `create`."),
        property(
            "environment",
            ValueType::TextMap,
            "Environment variables. Each needs a grant of `environment`.",
        ),
        property("user", ValueType::Text, "User that it runs as. Default root."),
    ],
    example: concat!(
        "ctx.timer(\"backup\")\n",
        "    .on_calendar(\"*-*-* 03:30\")\n",
        "    .persistent(true)\n",
        "    .command([\"/usr/local/bin/backup\"])\n",
        "    .declare()?;",
    ),
    support: SYSTEMD,
};
