//! Declares any resource from JSON. Written from the engine's resource definitions; its tests say how to write it
//! anew.

use engine_sdk::prelude::*;

use crate::value::{Common, Wanted};

/// Declares one resource.
pub(crate) fn declare(ctx: &Context, mut wanted: Wanted) -> Result<()> {
    let general = Common::take(ctx, &mut wanted)?;
    match wanted.resource.as_str() {
        "package" => {
            let mut builder = ctx.package(wanted.names()?);
            if let Some(value) = wanted.text("version")? {
                builder = builder.version(value);
            }
            if let Some(value) = wanted.text("source")? {
                builder = builder.source(value);
            }
            common!(builder, general).declare()?;
        }
        "package_update" => {
            let mut builder = ctx.package_update();
            if let Some(value) = wanted.boolean("security_only")? {
                builder = builder.security_only(value);
            }
            common!(builder, general).declare()?;
        }
        "apt_repository" => {
            let mut builder = ctx.apt_repository(wanted.name()?);
            if let Some(value) = wanted.text("uri")? {
                builder = builder.uri(value);
            }
            if let Some(value) = wanted.text("distribution")? {
                builder = builder.distribution(value);
            }
            if let Some(value) = wanted.text_list("components")? {
                builder = builder.components(value);
            }
            if let Some(value) = wanted.text_list("architectures")? {
                builder = builder.architectures(value);
            }
            if let Some(value) = wanted.text("key")? {
                builder = builder.key(value);
            }
            if let Some(value) = wanted.text("key_source")? {
                builder = builder.key_source(value);
            }
            if let Some(value) = wanted.boolean("trusted")? {
                builder = builder.trusted(value);
            }
            common!(builder, general).declare()?;
        }
        "yum_repository" => {
            let mut builder = ctx.yum_repository(wanted.name()?);
            if let Some(value) = wanted.text("description")? {
                builder = builder.description(value);
            }
            if let Some(value) = wanted.text("baseurl")? {
                builder = builder.baseurl(value);
            }
            if let Some(value) = wanted.text("mirrorlist")? {
                builder = builder.mirrorlist(value);
            }
            if let Some(value) = wanted.text("metalink")? {
                builder = builder.metalink(value);
            }
            if let Some(value) = wanted.text_list("gpgkey")? {
                builder = builder.gpgkey(value);
            }
            if let Some(value) = wanted.text("key_source")? {
                builder = builder.key_source(value);
            }
            if let Some(value) = wanted.boolean("gpgcheck")? {
                builder = builder.gpgcheck(value);
            }
            if let Some(value) = wanted.boolean("enabled")? {
                builder = builder.enabled(value);
            }
            if let Some(value) = wanted.integer("priority")? {
                builder = builder.priority(value);
            }
            common!(builder, general).declare()?;
        }
        "file" => {
            let mut builder = ctx.file(wanted.name()?);
            if let Some(value) = wanted.text("content")? {
                builder = builder.content(value);
            }
            if let Some(value) = wanted.bytes("content_bytes")? {
                builder = builder.content_bytes(value);
            }
            if let Some(value) = wanted.text("owner")? {
                builder = builder.owner(value);
            }
            if let Some(value) = wanted.text("group")? {
                builder = builder.group(value);
            }
            if let Some(value) = wanted.text("mode")? {
                builder = builder.mode(value);
            }
            if let Some(value) = wanted.text("verify")? {
                builder = builder.verify(value);
            }
            if let Some(value) = wanted.text_list("verify_command")? {
                builder = builder.verify_command(value);
            }
            if let Some(value) = wanted.integer("backup")? {
                builder = builder.backup(value);
            }
            common!(builder, general).declare()?;
        }
        "template" => {
            let mut builder = ctx.template(wanted.name()?);
            if let Some(value) = wanted.text("source")? {
                builder = builder.source(value);
            }
            if let Some(value) = wanted.json("variables")? {
                builder = builder.variables(&value);
            }
            if let Some(value) = wanted.text("owner")? {
                builder = builder.owner(value);
            }
            if let Some(value) = wanted.text("group")? {
                builder = builder.group(value);
            }
            if let Some(value) = wanted.text("mode")? {
                builder = builder.mode(value);
            }
            if let Some(value) = wanted.text("verify")? {
                builder = builder.verify(value);
            }
            if let Some(value) = wanted.text_list("verify_command")? {
                builder = builder.verify_command(value);
            }
            if let Some(value) = wanted.integer("backup")? {
                builder = builder.backup(value);
            }
            common!(builder, general).declare()?;
        }
        "cookbook_file" => {
            let mut builder = ctx.cookbook_file(wanted.name()?);
            if let Some(value) = wanted.text("source")? {
                builder = builder.source(value);
            }
            if let Some(value) = wanted.text("owner")? {
                builder = builder.owner(value);
            }
            if let Some(value) = wanted.text("group")? {
                builder = builder.group(value);
            }
            if let Some(value) = wanted.text("mode")? {
                builder = builder.mode(value);
            }
            if let Some(value) = wanted.text("verify")? {
                builder = builder.verify(value);
            }
            if let Some(value) = wanted.text_list("verify_command")? {
                builder = builder.verify_command(value);
            }
            if let Some(value) = wanted.integer("backup")? {
                builder = builder.backup(value);
            }
            common!(builder, general).declare()?;
        }
        "directory" => {
            let mut builder = ctx.directory(wanted.name()?);
            if let Some(value) = wanted.boolean("recursive")? {
                builder = builder.recursive(value);
            }
            if let Some(value) = wanted.text("owner")? {
                builder = builder.owner(value);
            }
            if let Some(value) = wanted.text("group")? {
                builder = builder.group(value);
            }
            if let Some(value) = wanted.text("mode")? {
                builder = builder.mode(value);
            }
            common!(builder, general).declare()?;
        }
        "remote_directory" => {
            let mut builder = ctx.remote_directory(wanted.name()?);
            if let Some(value) = wanted.text("source")? {
                builder = builder.source(value);
            }
            if let Some(value) = wanted.boolean("purge")? {
                builder = builder.purge(value);
            }
            if let Some(value) = wanted.text("owner")? {
                builder = builder.owner(value);
            }
            if let Some(value) = wanted.text("group")? {
                builder = builder.group(value);
            }
            if let Some(value) = wanted.text("mode")? {
                builder = builder.mode(value);
            }
            if let Some(value) = wanted.text("files_mode")? {
                builder = builder.files_mode(value);
            }
            common!(builder, general).declare()?;
        }
        "link" => {
            let mut builder = ctx.link(wanted.name()?);
            if let Some(value) = wanted.text("to")? {
                builder = builder.to(value);
            }
            common!(builder, general).declare()?;
        }
        "line_in_file" => {
            let mut builder = ctx.line_in_file(wanted.name()?);
            if let Some(value) = wanted.text("path")? {
                builder = builder.path(value);
            }
            if let Some(value) = wanted.text("line")? {
                builder = builder.line(value);
            }
            if let Some(value) = wanted.text("pattern")? {
                builder = builder.pattern(value);
            }
            if let Some(value) = wanted.text("after")? {
                builder = builder.after(value);
            }
            if let Some(value) = wanted.text("before")? {
                builder = builder.before(value);
            }
            if let Some(value) = wanted.text("verify")? {
                builder = builder.verify(value);
            }
            if let Some(value) = wanted.text_list("verify_command")? {
                builder = builder.verify_command(value);
            }
            if let Some(value) = wanted.integer("backup")? {
                builder = builder.backup(value);
            }
            common!(builder, general).declare()?;
        }
        "block_in_file" => {
            let mut builder = ctx.block_in_file(wanted.name()?);
            if let Some(value) = wanted.text("path")? {
                builder = builder.path(value);
            }
            if let Some(value) = wanted.text("content")? {
                builder = builder.content(value);
            }
            if let Some(value) = wanted.text("comment")? {
                builder = builder.comment(value);
            }
            if let Some(value) = wanted.text("comment_end")? {
                builder = builder.comment_end(value);
            }
            if let Some(value) = wanted.text("after")? {
                builder = builder.after(value);
            }
            if let Some(value) = wanted.text("before")? {
                builder = builder.before(value);
            }
            if let Some(value) = wanted.text("verify")? {
                builder = builder.verify(value);
            }
            if let Some(value) = wanted.text_list("verify_command")? {
                builder = builder.verify_command(value);
            }
            if let Some(value) = wanted.integer("backup")? {
                builder = builder.backup(value);
            }
            common!(builder, general).declare()?;
        }
        "ini_setting" => {
            let mut builder = ctx.ini_setting(wanted.name()?);
            if let Some(value) = wanted.text("path")? {
                builder = builder.path(value);
            }
            if let Some(value) = wanted.text("section")? {
                builder = builder.section(value);
            }
            if let Some(value) = wanted.text("key")? {
                builder = builder.key(value);
            }
            if let Some(value) = wanted.text("value")? {
                builder = builder.value(value);
            }
            if let Some(value) = wanted.text("separator")? {
                builder = builder.separator(value);
            }
            if let Some(value) = wanted.text("verify")? {
                builder = builder.verify(value);
            }
            if let Some(value) = wanted.text_list("verify_command")? {
                builder = builder.verify_command(value);
            }
            if let Some(value) = wanted.integer("backup")? {
                builder = builder.backup(value);
            }
            common!(builder, general).declare()?;
        }
        "archive" => {
            let mut builder = ctx.archive(wanted.name()?);
            if let Some(value) = wanted.text("source")? {
                builder = builder.source(value);
            }
            if let Some(value) = wanted.integer("strip_components")? {
                builder = builder.strip_components(value);
            }
            if let Some(value) = wanted.text("owner")? {
                builder = builder.owner(value);
            }
            if let Some(value) = wanted.text("group")? {
                builder = builder.group(value);
            }
            common!(builder, general).declare()?;
        }
        "remote_file" => {
            let mut builder = ctx.remote_file(wanted.name()?);
            if let Some(value) = wanted.text("source")? {
                builder = builder.source(value);
            }
            if let Some(value) = wanted.text("checksum")? {
                builder = builder.checksum(value);
            }
            if let Some(value) = wanted.text_map("headers")? {
                builder = builder.headers(value);
            }
            if let Some(value) = wanted.text("owner")? {
                builder = builder.owner(value);
            }
            if let Some(value) = wanted.text("group")? {
                builder = builder.group(value);
            }
            if let Some(value) = wanted.text("mode")? {
                builder = builder.mode(value);
            }
            if let Some(value) = wanted.text("verify")? {
                builder = builder.verify(value);
            }
            if let Some(value) = wanted.text_list("verify_command")? {
                builder = builder.verify_command(value);
            }
            if let Some(value) = wanted.integer("backup")? {
                builder = builder.backup(value);
            }
            common!(builder, general).declare()?;
        }
        "git" => {
            let mut builder = ctx.git(wanted.name()?);
            if let Some(value) = wanted.text("repository")? {
                builder = builder.repository(value);
            }
            if let Some(value) = wanted.text("revision")? {
                builder = builder.revision(value);
            }
            if let Some(value) = wanted.integer("depth")? {
                builder = builder.depth(value);
            }
            if let Some(value) = wanted.boolean("enable_submodules")? {
                builder = builder.enable_submodules(value);
            }
            if let Some(value) = wanted.text("user")? {
                builder = builder.user(value);
            }
            common!(builder, general).declare()?;
        }
        "service" => {
            let builder = ctx.service(wanted.name()?);
            common!(builder, general).declare()?;
        }
        "systemd_unit" => {
            let mut builder = ctx.systemd_unit(wanted.name()?);
            if let Some(value) = wanted.text("content")? {
                builder = builder.content(value);
            }
            if let Some(value) = wanted.boolean("verify")? {
                builder = builder.verify(value);
            }
            common!(builder, general).declare()?;
        }
        "cron" => {
            let mut builder = ctx.cron(wanted.name()?);
            if let Some(value) = wanted.text("minute")? {
                builder = builder.minute(value);
            }
            if let Some(value) = wanted.text("hour")? {
                builder = builder.hour(value);
            }
            if let Some(value) = wanted.text("day")? {
                builder = builder.day(value);
            }
            if let Some(value) = wanted.text("month")? {
                builder = builder.month(value);
            }
            if let Some(value) = wanted.text("weekday")? {
                builder = builder.weekday(value);
            }
            if let Some(value) = wanted.text("time")? {
                builder = builder.time(value);
            }
            if let Some(value) = wanted.text_list("command")? {
                builder = builder.command(value);
            }
            if let Some(value) = wanted.text("user")? {
                builder = builder.user(value);
            }
            if let Some(value) = wanted.text_map("environment")? {
                builder = builder.environment(value);
            }
            if let Some(value) = wanted.text("mailto")? {
                builder = builder.mailto(value);
            }
            common!(builder, general).declare()?;
        }
        "timer" => {
            let mut builder = ctx.timer(wanted.name()?);
            if let Some(value) = wanted.text("on_calendar")? {
                builder = builder.on_calendar(value);
            }
            if let Some(value) = wanted.integer("on_boot_seconds")? {
                builder = builder.on_boot_seconds(value);
            }
            if let Some(value) = wanted.integer("interval_seconds")? {
                builder = builder.interval_seconds(value);
            }
            if let Some(value) = wanted.integer("randomized_delay_seconds")? {
                builder = builder.randomized_delay_seconds(value);
            }
            if let Some(value) = wanted.boolean("persistent")? {
                builder = builder.persistent(value);
            }
            if let Some(value) = wanted.text_list("command")? {
                builder = builder.command(value);
            }
            if let Some(value) = wanted.text_map("environment")? {
                builder = builder.environment(value);
            }
            if let Some(value) = wanted.text("user")? {
                builder = builder.user(value);
            }
            common!(builder, general).declare()?;
        }
        "user" => {
            let mut builder = ctx.user(wanted.name()?);
            if let Some(value) = wanted.integer("uid")? {
                builder = builder.uid(value);
            }
            if let Some(value) = wanted.text("group")? {
                builder = builder.group(value);
            }
            if let Some(value) = wanted.text_list("groups")? {
                builder = builder.groups(value);
            }
            if let Some(value) = wanted.text("comment")? {
                builder = builder.comment(value);
            }
            if let Some(value) = wanted.text("home")? {
                builder = builder.home(value);
            }
            if let Some(value) = wanted.text("shell")? {
                builder = builder.shell(value);
            }
            if let Some(value) = wanted.text("password")? {
                builder = builder.password(value);
            }
            if let Some(value) = wanted.boolean("manage_home")? {
                builder = builder.manage_home(value);
            }
            if let Some(value) = wanted.boolean("system")? {
                builder = builder.system(value);
            }
            common!(builder, general).declare()?;
        }
        "authorized_keys" => {
            let mut builder = ctx.authorized_keys(wanted.name()?);
            if let Some(value) = wanted.text_list("keys")? {
                builder = builder.keys(value);
            }
            if let Some(value) = wanted.boolean("exclusive")? {
                builder = builder.exclusive(value);
            }
            common!(builder, general).declare()?;
        }
        "group" => {
            let mut builder = ctx.group(wanted.name()?);
            if let Some(value) = wanted.integer("gid")? {
                builder = builder.gid(value);
            }
            if let Some(value) = wanted.text_list("members")? {
                builder = builder.members(value);
            }
            if let Some(value) = wanted.text_list("excluded_members")? {
                builder = builder.excluded_members(value);
            }
            if let Some(value) = wanted.boolean("system")? {
                builder = builder.system(value);
            }
            common!(builder, general).declare()?;
        }
        "sudoers" => {
            let mut builder = ctx.sudoers(wanted.name()?);
            if let Some(value) = wanted.text_list("users")? {
                builder = builder.users(value);
            }
            if let Some(value) = wanted.text_list("groups")? {
                builder = builder.groups(value);
            }
            if let Some(value) = wanted.text_list("commands")? {
                builder = builder.commands(value);
            }
            if let Some(value) = wanted.text("runas")? {
                builder = builder.runas(value);
            }
            if let Some(value) = wanted.boolean("nopasswd")? {
                builder = builder.nopasswd(value);
            }
            common!(builder, general).declare()?;
        }
        "hostname" => {
            let builder = ctx.hostname(wanted.name()?);
            common!(builder, general).declare()?;
        }
        "hosts_entry" => {
            let mut builder = ctx.hosts_entry(wanted.name()?);
            if let Some(value) = wanted.text("hostname")? {
                builder = builder.hostname(value);
            }
            if let Some(value) = wanted.text_list("aliases")? {
                builder = builder.aliases(value);
            }
            common!(builder, general).declare()?;
        }
        "timezone" => {
            let builder = ctx.timezone(wanted.name()?);
            common!(builder, general).declare()?;
        }
        "locale" => {
            let mut builder = ctx.locale(wanted.name()?);
            if let Some(value) = wanted.text_map("variables")? {
                builder = builder.variables(value);
            }
            common!(builder, general).declare()?;
        }
        "sysctl" => {
            let mut builder = ctx.sysctl(wanted.name()?);
            if let Some(value) = wanted.text("value")? {
                builder = builder.value(value);
            }
            common!(builder, general).declare()?;
        }
        "kernel_module" => {
            let mut builder = ctx.kernel_module(wanted.name()?);
            if let Some(value) = wanted.text_list("options")? {
                builder = builder.options(value);
            }
            common!(builder, general).declare()?;
        }
        "limits" => {
            let mut builder = ctx.limits(wanted.name()?);
            if let Some(value) = wanted.text_map("soft")? {
                builder = builder.soft(value);
            }
            if let Some(value) = wanted.text_map("hard")? {
                builder = builder.hard(value);
            }
            common!(builder, general).declare()?;
        }
        "reboot" => {
            let mut builder = ctx.reboot(wanted.name()?);
            if let Some(value) = wanted.text("reason")? {
                builder = builder.reason(value);
            }
            if let Some(value) = wanted.boolean("if_needed")? {
                builder = builder.if_needed(value);
            }
            common!(builder, general).declare()?;
        }
        "swap_file" => {
            let mut builder = ctx.swap_file(wanted.name()?);
            if let Some(value) = wanted.integer("size_mib")? {
                builder = builder.size_mib(value);
            }
            common!(builder, general).declare()?;
        }
        "mount" => {
            let mut builder = ctx.mount(wanted.name()?);
            if let Some(value) = wanted.text("device")? {
                builder = builder.device(value);
            }
            if let Some(value) = wanted.text("filesystem")? {
                builder = builder.filesystem(value);
            }
            if let Some(value) = wanted.text_list("options")? {
                builder = builder.options(value);
            }
            if let Some(value) = wanted.integer("dump")? {
                builder = builder.dump(value);
            }
            if let Some(value) = wanted.integer("pass")? {
                builder = builder.pass(value);
            }
            common!(builder, general).declare()?;
        }
        "volume" => {
            let mut builder = ctx.volume(wanted.name()?);
            if let Some(value) = wanted.text("mount_point")? {
                builder = builder.mount_point(value);
            }
            if let Some(value) = wanted.text("filesystem")? {
                builder = builder.filesystem(value);
            }
            if let Some(value) = wanted.text_list("options")? {
                builder = builder.options(value);
            }
            if let Some(value) = wanted.text("label")? {
                builder = builder.label(value);
            }
            common!(builder, general).declare()?;
        }
        "execute" => {
            let mut builder = ctx.execute(wanted.names()?);
            if let Some(value) = wanted.text("creates")? {
                builder = builder.creates(value);
            }
            if let Some(value) = wanted.text("cwd")? {
                builder = builder.cwd(value);
            }
            if let Some(value) = wanted.text_map("environment")? {
                builder = builder.environment(value);
            }
            if let Some(value) = wanted.text("user")? {
                builder = builder.user(value);
            }
            if let Some(value) = wanted.text("group")? {
                builder = builder.group(value);
            }
            if let Some(value) = wanted.integer_list("returns")? {
                builder = builder.returns(value);
            }
            if let Some(value) = wanted.boolean("live_stream")? {
                builder = builder.live_stream(value);
            }
            common!(builder, general).declare()?;
        }
        "script" => {
            let mut builder = ctx.script(wanted.name()?);
            if let Some(value) = wanted.text_list("interpreter")? {
                builder = builder.interpreter(value);
            }
            if let Some(value) = wanted.text("code")? {
                builder = builder.code(value);
            }
            if let Some(value) = wanted.text("source")? {
                builder = builder.source(value);
            }
            if let Some(value) = wanted.text("creates")? {
                builder = builder.creates(value);
            }
            if let Some(value) = wanted.text("cwd")? {
                builder = builder.cwd(value);
            }
            if let Some(value) = wanted.text_map("environment")? {
                builder = builder.environment(value);
            }
            if let Some(value) = wanted.text("user")? {
                builder = builder.user(value);
            }
            if let Some(value) = wanted.text("group")? {
                builder = builder.group(value);
            }
            if let Some(value) = wanted.integer_list("returns")? {
                builder = builder.returns(value);
            }
            if let Some(value) = wanted.boolean("live_stream")? {
                builder = builder.live_stream(value);
            }
            common!(builder, general).declare()?;
        }
        "wait_for" => {
            let mut builder = ctx.wait_for(wanted.name()?);
            if let Some(value) = wanted.text("address")? {
                builder = builder.address(value);
            }
            if let Some(value) = wanted.text("url")? {
                builder = builder.url(value);
            }
            if let Some(value) = wanted.integer_list("statuses")? {
                builder = builder.statuses(value);
            }
            if let Some(value) = wanted.text("path")? {
                builder = builder.path(value);
            }
            if let Some(value) = wanted.boolean("absent")? {
                builder = builder.absent(value);
            }
            common!(builder, general).declare()?;
        }
        other => return Err(wanted.unknown(other)),
    }
    wanted.nothing_left()
}
