//! Files, directories, links, parts of files, and what is fetched into them.

use engine_protocol::{
    Action, Spec,
    resource::{
        ArchiveSpec, BlockInFileSpec, Content, DirectorySpec, FileSpec, Format, GitSpec, IniSettingSpec,
        LineInFileSpec, LinkSpec, RemoteDirectorySpec, RemoteFileSpec, Verify,
    },
};

use super::{Declared, Lowered, checks, invalid, missing};
use crate::{collector::Sources, definition::Value};

/// Actions for which content is needed.
const MAKES: &[Action] = &[Action::Create, Action::CreateIfMissing];

/// Versions that may be kept of a file.
const MAXIMUM_BACKUPS: u32 = 100;

fn verify(declared: &Declared<'_>) -> Lowered<Verify> {
    let format = match declared.text("verify") {
        None => None,
        Some(name) => {
            let known = Format::ALL.iter().find(|(known, _)| *known == name);
            let message = "it must be `json`, `yaml`, `toml`, `ini` or `systemd`";
            Some(known.ok_or_else(|| invalid("verify", message))?.1)
        }
    };
    let argv = declared.texts("verify_command");
    if !argv.is_empty() {
        checks::arguments_of("verify_command", &argv)?;
        if !argv.iter().any(|argument| argument.contains("{path}")) {
            return Err(invalid("verify_command", "an argument must contain `{path}`"));
        }
    }
    Ok(Verify { format, argv })
}

fn backup(declared: &Declared<'_>) -> Lowered<u32> {
    match declared.number("backup")? {
        Some(count) if count > MAXIMUM_BACKUPS => {
            Err(invalid("backup", format!("at most {MAXIMUM_BACKUPS} versions are kept")))
        }
        count => Ok(count.unwrap_or(0)),
    }
}

fn with_content(declared: &Declared<'_>, content: Option<Vec<u8>>) -> Lowered<Spec> {
    Ok(Spec::File(FileSpec {
        path: declared.path()?,
        content: content.map(Content),
        access: declared.access()?,
        verify: verify(declared)?,
        backup: backup(declared)?,
    }))
}

pub(super) fn file(declared: &Declared<'_>) -> Lowered<Spec> {
    let content = match (declared.get("content"), declared.get("content_bytes")) {
        (Some(_), Some(_)) => return Err(missing("content", "set `content` or `content_bytes`, not both")),
        (Some(Value::Text(text)), None) => Some(text.clone().into_bytes()),
        (None, Some(Value::Bytes(bytes))) => Some(bytes.clone()),
        _ => None,
    };
    with_content(declared, content)
}

pub(super) fn template(declared: &Declared<'_>, sources: &mut dyn Sources) -> Lowered<Spec> {
    if !declared.does(MAKES) && declared.text("source").is_none() {
        return with_content(declared, None);
    }
    let variables = match declared.text("variables") {
        None => serde_json::Value::Object(serde_json::Map::new()),
        Some(text) => match serde_json::from_str(&text) {
            Ok(value @ serde_json::Value::Object(_)) => value,
            Ok(_) => return Err(invalid("variables", "this is JSON, but not an object")),
            Err(error) => return Err(invalid("variables", format!("this is not JSON: {error}"))),
        },
    };
    let rendered = sources.render(&declared.source()?, &variables)?;
    with_content(declared, Some(rendered.into_bytes()))
}

pub(super) fn cookbook_file(declared: &Declared<'_>, sources: &mut dyn Sources) -> Lowered<Spec> {
    if !declared.does(MAKES) && declared.text("source").is_none() {
        return with_content(declared, None);
    }
    let content = sources.file(&declared.source()?)?;
    with_content(declared, Some(content))
}

pub(super) fn directory(declared: &Declared<'_>) -> Lowered<Spec> {
    Ok(Spec::Directory(DirectorySpec {
        path: declared.path()?,
        recursive: declared.boolean("recursive"),
        access: declared.access()?,
    }))
}

pub(super) fn remote_directory(declared: &Declared<'_>, sources: &mut dyn Sources) -> Lowered<Spec> {
    let files = if declared.does(&[Action::Create]) {
        let files = sources.files_below(&declared.source()?)?;
        files.into_iter().map(|(path, bytes)| (path, Content(bytes))).collect()
    } else {
        Vec::new()
    };
    let path = declared.path()?;
    if path == "/" {
        return Err(invalid("path", "the root directory is not filled from a cookbook"));
    }
    Ok(Spec::RemoteDirectory(RemoteDirectorySpec {
        path,
        files,
        purge: declared.boolean("purge"),
        access: declared.access()?,
        files_mode: declared.mode("files_mode")?,
    }))
}

pub(super) fn link(declared: &Declared<'_>) -> Lowered<Spec> {
    let to = declared.text("to").unwrap_or_default();
    if declared.actions != [Action::Delete] && (to.is_empty() || to.contains('\0')) {
        return Err(missing("to", "say what the link shall point to"));
    }
    Ok(Spec::Link(LinkSpec { path: declared.path()?, to }))
}

/// A regular expression. The agent's library is the judge of its syntax; here it only must be one line.
fn pattern(declared: &Declared<'_>, name: &str) -> Lowered<Option<String>> {
    let pattern = declared.line(name)?;
    if pattern.as_ref().is_some_and(|pattern| pattern.is_empty() || pattern.len() > 4096) {
        return Err(invalid(name, "a regular expression of 1 to 4096 bytes belongs here"));
    }
    if let Some(pattern) = &pattern {
        regex_lite::Regex::new(pattern)
            .map_err(|error| invalid(name, format!("this is no regular expression: {error}")))?;
    }
    Ok(pattern)
}

fn one_place(declared: &Declared<'_>) -> Lowered<(Option<String>, Option<String>)> {
    match (pattern(declared, "after")?, pattern(declared, "before")?) {
        (Some(_), Some(_)) => Err(missing("after", "set `after` or `before`, not both")),
        place => Ok(place),
    }
}

pub(super) fn line_in_file(declared: &Declared<'_>) -> Lowered<Spec> {
    declared.title()?;
    let (after, before) = one_place(declared)?;
    let pattern = pattern(declared, "pattern")?;
    let line = match (declared.line("line")?, &pattern) {
        (Some(line), _) => line,
        (None, Some(_)) if !declared.does(&[Action::Create]) => String::new(),
        _ => return Err(missing("line", "say which line")),
    };
    Ok(Spec::LineInFile(LineInFileSpec {
        path: declared.needed_path("path")?,
        line,
        pattern,
        after,
        before,
        verify: verify(declared)?,
        backup: backup(declared)?,
    }))
}

pub(super) fn block_in_file(declared: &Declared<'_>) -> Lowered<Spec> {
    let (after, before) = one_place(declared)?;
    let content = declared.text("content").unwrap_or_default();
    if content.is_empty() && declared.does(&[Action::Create]) {
        return Err(missing("content", "say which lines"));
    }
    Ok(Spec::BlockInFile(BlockInFileSpec {
        name: declared.title()?,
        path: declared.needed_path("path")?,
        content,
        comment: declared.line("comment")?.unwrap_or_else(|| "#".to_owned()),
        comment_end: declared.line("comment_end")?.unwrap_or_default(),
        after,
        before,
        verify: verify(declared)?,
        backup: backup(declared)?,
    }))
}

pub(super) fn ini_setting(declared: &Declared<'_>) -> Lowered<Spec> {
    declared.title()?;
    let key = declared.needed("key")?;
    if key.contains(['=', ':', '[']) || key.trim() != key {
        return Err(invalid("key", "no `=`, `:`, `[` or space at its ends may be in it"));
    }
    let section = declared.line("section")?.unwrap_or_default();
    if section.contains(['[', ']']) || section.trim() != section {
        return Err(invalid("section", "write it without brackets"));
    }
    let separator = declared.line("separator")?.unwrap_or_else(|| " = ".to_owned());
    if !matches!(separator.trim(), "=" | ":") {
        return Err(invalid("separator", "it must be `=` or `:`, with spaces or without"));
    }
    let value = match declared.line("value")? {
        Some(value) if value.ends_with('\\') => {
            return Err(invalid("value", "a backslash at its end would make the next line part of it"));
        }
        Some(value) => value,
        None if declared.does(&[Action::Create]) => return Err(missing("value", "say which value")),
        None => String::new(),
    };
    Ok(Spec::IniSetting(IniSettingSpec {
        path: declared.needed_path("path")?,
        section,
        key,
        value,
        separator,
        verify: verify(declared)?,
        backup: backup(declared)?,
    }))
}

pub(super) fn archive(declared: &Declared<'_>) -> Lowered<Spec> {
    let access = declared.access()?;
    Ok(Spec::Archive(ArchiveSpec {
        path: declared.path()?,
        source: declared.needed_path("source")?,
        strip_components: declared.number("strip_components")?.unwrap_or(0),
        access,
    }))
}

pub(super) fn remote_file(declared: &Declared<'_>) -> Lowered<Spec> {
    let source = declared.text("source").unwrap_or_default();
    let checksum = declared.text("checksum").map(|text| text.to_ascii_lowercase());
    if declared.does(MAKES) || !source.is_empty() {
        checks::url("source", &source)?;
        if source.starts_with("http:") && checksum.is_none() {
            return Err(missing("checksum", "a file that comes over `http` needs a checksum"));
        }
    }
    let digest = |text: &String| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if checksum.as_ref().is_some_and(|text| !digest(text)) {
        return Err(invalid("checksum", "a SHA-256 is 64 hexadecimal digits"));
    }
    let headers = declared.pairs("headers");
    for (name, value) in &headers {
        checks::line("headers", value)?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(invalid("headers", format!("`{}` cannot name a header", name.escape_debug())));
        }
    }
    Ok(Spec::RemoteFile(RemoteFileSpec {
        path: declared.path()?,
        source,
        checksum,
        headers,
        access: declared.access()?,
        verify: verify(declared)?,
        backup: backup(declared)?,
    }))
}

pub(super) fn git(declared: &Declared<'_>) -> Lowered<Spec> {
    let revision = declared.text("revision").unwrap_or_else(|| "HEAD".to_owned());
    let word = |text: &str| {
        !text.is_empty()
            && !text.starts_with('-')
            && !text.contains("..")
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/+@".contains(&byte))
    };
    if !word(&revision) {
        return Err(invalid("revision", "it must be a branch, a tag or a commit"));
    }
    let depth: Option<u32> = declared.number("depth")?;
    if depth == Some(0) {
        return Err(invalid("depth", "at least one commit is fetched"));
    }
    Ok(Spec::Git(GitSpec {
        path: declared.path()?,
        repository: declared.needed("repository")?,
        revision,
        depth,
        submodules: declared.boolean("enable_submodules"),
        user: declared.plain("user")?,
    }))
}
