//! Declares any resource from JSON. Written from the engine's resource definitions; its tests say how to write it anew.

mod downloads;
mod execute;
mod files;
mod groups;
mod network;
mod packages;
mod repositories;
mod schedules;
mod services;
mod storage;
mod sudoers;
mod system;
mod units;
mod users;

use engine_sdk::prelude::*;

use crate::value::{Common, Wanted};

/// Declares one resource.
pub(crate) fn declare(ctx: &Context, mut wanted: Wanted) -> Result<()> {
    let general = Common::take(ctx, &mut wanted)?;
    match wanted.resource.as_str() {
        "remote_file" | "git" => downloads::declare(ctx, &mut wanted, general)?,
        "execute" | "script" => execute::declare(ctx, &mut wanted, general)?,
        "file"
        | "template"
        | "cookbook_file"
        | "directory"
        | "remote_directory"
        | "link"
        | "line_in_file"
        | "block_in_file"
        | "ini_setting"
        | "archive" => files::declare(ctx, &mut wanted, general)?,
        "group" => groups::declare(ctx, &mut wanted, general)?,
        "wait_for" => network::declare(ctx, &mut wanted, general)?,
        "package" | "package_update" => packages::declare(ctx, &mut wanted, general)?,
        "apt_repository" | "yum_repository" => repositories::declare(ctx, &mut wanted, general)?,
        "cron" | "timer" => schedules::declare(ctx, &mut wanted, general)?,
        "service" => services::declare(ctx, &mut wanted, general)?,
        "swap_file" | "mount" | "volume" => storage::declare(ctx, &mut wanted, general)?,
        "sudoers" => sudoers::declare(ctx, &mut wanted, general)?,
        "hostname"
        | "hosts_entry"
        | "timezone"
        | "locale"
        | "sysctl"
        | "kernel_module"
        | "limits"
        | "reboot" => system::declare(ctx, &mut wanted, general)?,
        "systemd_unit" => units::declare(ctx, &mut wanted, general)?,
        "user" | "authorized_keys" => users::declare(ctx, &mut wanted, general)?,
        other => return Err(wanted.unknown(other)),
    }
    wanted.nothing_left()
}
