//! Declares resources of the capability `files`. Written from the engine's resource definitions; its tests say how to write it anew.

use engine_sdk::prelude::*;

use crate::value::{Common, Wanted};

/// Declares one of them.
pub(super) fn declare(ctx: &Context, wanted: &mut Wanted, general: Common) -> Result<()> {
    match wanted.resource.as_str() {
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
        other => return Err(wanted.unknown(other)),
    }
    Ok(())
}
