//! The capability `schedules`. Written from the engine's resource definitions.

use crate::builder::*;

resources! {
    /// A cron job, in a file of its own in `/etc/cron.d`, which root alone can read. Its command needs a
    /// grant of `execute`. The cron daemon has to be installed by a package.
    ///
    /// Actions: [`Create`](Action::Create) (the default), [`Delete`](Action::Delete).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.cron("backup").hour("3").minute("30").command(["/usr/local/bin/backup", "--all"]).declare()?;
    /// # Ok(()) }
    /// ```
    Cron = schedules::cron(name: Text) {
        /// Minute, as in crontab(5). Default `*`.
        minute: Text,
        /// Hour. Default `*`.
        hour: Text,
        /// Day of the month. Default `*`.
        day: Text,
        /// Month. Default `*`.
        month: Text,
        /// Day of the week. Default `*`.
        weekday: Text,
        /// A word such as `@daily` or `@reboot`, instead of the five fields.
        time: Text,
        /// Program and arguments. Needed for `create`.
        command: TextList,
        /// User that it runs as. Default root.
        user: Text,
        /// Environment variables. Each needs a grant of `environment`.
        environment: TextMap,
        /// Where output is mailed to; empty for nowhere. Default: left to cron.
        mailto: Text,
    }

    /// A command that systemd starts at set times: a timer, which is enabled and started, and a service of
    /// the same name. Times are kept to the second. Its command needs a grant of `execute`.
    ///
    /// Actions: [`Create`](Action::Create) (the default), [`Delete`](Action::Delete).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.timer("backup")
    ///     .on_calendar("*-*-* 03:30")
    ///     .persistent(true)
    ///     .command(["/usr/local/bin/backup"])
    ///     .declare()?;
    /// # Ok(()) }
    /// ```
    Timer = schedules::timer(name: Text) {
        /// When, as in systemd.time(7): `daily`, `Mon *-*-* 03:30`.
        on_calendar: Text,
        /// Seconds after boot; at once if that is past already.
        on_boot_seconds: Integer,
        /// Seconds between the start of one run and the next.
        interval_seconds: Integer,
        /// Seconds by which each start is delayed at random, at the most. Default 0.
        randomized_delay_seconds: Integer,
        /// Make up for a start that was missed while the node was off. Default false.
        persistent: Boolean,
        /// Program and arguments. Needed for `create`.
        command: TextList,
        /// Environment variables. Each needs a grant of `environment`.
        environment: TextMap,
        /// User that it runs as. Default root.
        user: Text,
    }
}
