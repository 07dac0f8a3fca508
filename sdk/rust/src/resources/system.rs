//! The capability `system`. Written from the engine's resource definitions.

use crate::builder::*;

resources! {
    /// The host's name, now and at boot, on Debian and what comes from it with a line in `/etc/hosts`: that
    /// of 127.0.1.1, unless another one has the name. Granted as `hostname`.
    ///
    /// Actions: [`Set`](Action::Set) (the default).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.hostname("web-1.example.org").declare()?;
    /// # Ok(()) }
    /// ```
    Hostname = system::hostname(name: Text) {}

    /// The line of an address in `/etc/hosts`: it has these names and no others. Granted as `hosts:NAME` for
    /// each of its names, and for each that would go; `localhost` never goes.
    ///
    /// Actions: [`Create`](Action::Create) (the default), [`Delete`](Action::Delete).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.hosts_entry("10.0.0.5").hostname("db.example.org").aliases(["db"]).declare()?;
    /// # Ok(()) }
    /// ```
    HostsEntry = system::hosts_entry(address: Text) {
        /// The name. Needed for `create`; `delete` takes out the address with all its names.
        hostname: Text,
        /// Further names.
        aliases: TextList,
    }

    /// The time zone. Granted as `timezone`.
    ///
    /// Actions: [`Set`](Action::Set) (the default).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.timezone("Etc/UTC").declare()?;
    /// # Ok(()) }
    /// ```
    Timezone = system::timezone(name: Text) {}

    /// The locale that services and logins begin with; it is generated where the distribution does that.
    /// Variables of locales that are not asked for are taken out of the file. Granted as `locale`.
    ///
    /// Actions: [`Update`](Action::Update) (the default).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.locale("C.UTF-8").declare()?;
    /// # Ok(()) }
    /// ```
    Locale = system::locale(lang: Text) {
        /// Further variables, such as `LC_TIME`.
        variables: TextMap,
    }

    /// A kernel parameter, now and at boot, in a file of its own in `/etc/sysctl.d`. `remove` takes away that
    /// file; the value stays until the node is rebooted. Granted as `sysctl:KEY`.
    ///
    /// Actions: [`Apply`](Action::Apply) (the default), [`Remove`](Action::Remove).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.sysctl("net.ipv4.ip_forward").value("1").declare()?;
    /// # Ok(()) }
    /// ```
    Sysctl = system::sysctl(key: Text) {
        /// Its value. Needed for `apply`.
        value: Text,
    }

    /// A kernel module. `install` loads it now and at boot, with its options; `uninstall` takes that back;
    /// `blacklist` unloads it and keeps devices from bringing it. One that is built into the kernel counts as
    /// loaded. The initramfs is left as it is. Granted as `kernel_module:NAME`.
    ///
    /// Actions: [`Install`](Action::Install) (the default), [`Uninstall`](Action::Uninstall),
    /// [`Load`](Action::Load), [`Unload`](Action::Unload), [`Blacklist`](Action::Blacklist).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.kernel_module("br_netfilter").declare()?;
    /// # Ok(()) }
    /// ```
    KernelModule = system::kernel_module(name: Text) {
        /// Options, such as `numdummies=2`. A module that is loaded keeps those that it has.
        options: TextList,
    }

    /// Limits of users' sessions, in a file of its own in `/etc/security/limits.d`. Granted as
    /// `limits:DOMAIN`.
    ///
    /// Actions: [`Create`](Action::Create) (the default), [`Delete`](Action::Delete).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.limits("app").soft([("nofile", "65536")]).hard([("nofile", "65536")]).declare()?;
    /// # Ok(()) }
    /// ```
    Limits = system::limits(domain: Text) {
        /// Soft limits by item, such as `nofile` and `65536`.
        soft: TextMap,
        /// Hard limits by item.
        hard: TextMap,
    }

    /// A reboot at the end of the run, after all notifications; the run waits for the node and goes on. A
    /// request that a broken run left is carried out by the next run that declares the reboot, and its plan
    /// says so. Granted as `reboot`.
    ///
    /// Actions: [`Nothing`](Action::Nothing) (the default), [`RequestReboot`](Action::RequestReboot),
    /// [`Cancel`](Action::Cancel).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.reboot("new kernel").reason("the kernel was updated").declare()?;
    /// ctx.package("linux-image-amd64")
    ///     .action(Action::Upgrade)
    ///     .notifies(Action::RequestReboot, "reboot[new kernel]", Timing::Immediately)
    ///     .declare()?;
    /// # Ok(()) }
    /// ```
    Reboot = system::reboot(name: Text) {
        /// Why, for people.
        reason: Text,
        /// Only if the node's packages need one, as after an update of the kernel: `/run/reboot-required`
        /// with apt, `needs-restarting` with dnf and yum, `needs-rebooting` with zypper. Default false.
        if_needed: Boolean,
    }
}
