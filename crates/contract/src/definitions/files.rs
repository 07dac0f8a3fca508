//! Files, directories, links, and parts of files.

use engine_protocol::Action;

use super::*;

pub(super) static FILE: TypeDefinition = TypeDefinition {
    name: "file",
    capability: "files",
    documentation: "A regular file with content that the recipe has at hand.",
    identity: Some(PATH),
    actions: FILE_ACTIONS,
    properties: &[
        property(
            "content",
            ValueType::Text,
            "Content. If none is set, an existing file keeps its own and a new one is empty.",
        ),
        property("content_bytes", ValueType::Bytes, "Content that is not text; instead of `content`."),
        OWNER,
        GROUP,
        MODE,
        VERIFY,
        VERIFY_COMMAND,
        BACKUP,
    ],
    example: concat!(
        "ctx.file(\"/etc/motd\").content(\"Welcome.\\n\").mode(\"0644\").declare()?;\n",
        "ctx.file(\"/etc/nologin\").action(Action::Delete).declare()?;",
    ),
    support: LINUX,
};

pub(super) static TEMPLATE: TypeDefinition = TypeDefinition {
    name: "template",
    capability: "files",
    documentation: "A regular file rendered from a template in the cookbook (Jinja syntax; an undefined variable is an error).",
    identity: Some(PATH),
    actions: FILE_ACTIONS,
    properties: &[
        property("source", ValueType::Text, "Path below the cookbook's `templates` directory."),
        property(
            "variables",
            ValueType::Json,
            "A JSON object; its keys are the template's variables. `node` (facts) and `attributes` are always there.",
        ),
        OWNER,
        GROUP,
        MODE,
        VERIFY,
        VERIFY_COMMAND,
        BACKUP,
    ],
    example: concat!(
        "ctx.template(\"/etc/nginx/conf.d/site.conf\")\n",
        "    .source(\"site.conf\")\n",
        "    .variables(&json!({\"port\": 8080}))\n",
        "    .declare()?;",
    ),
    support: LINUX,
};

pub(super) static COOKBOOK_FILE: TypeDefinition = TypeDefinition {
    name: "cookbook_file",
    capability: "files",
    documentation: "A regular file that travels in the cookbook.",
    identity: Some(PATH),
    actions: FILE_ACTIONS,
    properties: &[
        property("source", ValueType::Text, "Path below the cookbook's `files` directory."),
        OWNER,
        GROUP,
        MODE,
        VERIFY,
        VERIFY_COMMAND,
        BACKUP,
    ],
    example: "ctx.cookbook_file(\"/var/www/logo.png\").source(\"logo.png\").declare()?;",
    support: LINUX,
};

pub(super) static DIRECTORY: TypeDefinition = TypeDefinition {
    name: "directory",
    capability: "files",
    documentation: "A directory.",
    identity: Some(PATH),
    actions: &[Action::Create, Action::Delete],
    properties: &[
        property(
            "recursive",
            ValueType::Boolean,
            "Make missing parents; with `delete`, delete what is in it. Default false.",
        ),
        OWNER,
        GROUP,
        MODE,
    ],
    example: "ctx.directory(\"/srv/app/releases\").recursive(true).owner(\"app\").mode(\"0750\").declare()?;",
    support: LINUX,
};

pub(super) static REMOTE_DIRECTORY: TypeDefinition = TypeDefinition {
    name: "remote_directory",
    capability: "files",
    documentation: "A directory with all files below a directory of the cookbook.",
    identity: Some(PATH),
    actions: &[Action::Create, Action::Delete],
    properties: &[
        property(
            "source",
            ValueType::Text,
            "Path below the cookbook's `files` directory. Needed for `create`.",
        ),
        property("purge", ValueType::Boolean, "Delete what is in it and not in the cookbook. Default false."),
        OWNER,
        GROUP,
        MODE,
        property(
            "files_mode",
            ValueType::Text,
            "Permission bits of the files. Left alone if not set; 0644 for new ones.",
        ),
    ],
    example: "ctx.remote_directory(\"/var/www/site\").source(\"site\").purge(true).declare()?;",
    support: LINUX,
};

pub(super) static LINK: TypeDefinition = TypeDefinition {
    name: "link",
    capability: "files",
    documentation: "A symbolic link.",
    identity: Some(PATH),
    actions: &[Action::Create, Action::Delete],
    properties: &[property("to", ValueType::Text, "What the link points to. Needed for `create`.")],
    example: "ctx.link(\"/srv/app/current\").to(\"/srv/app/releases/42\").declare()?;",
    support: LINUX,
};

pub(super) static LINE_IN_FILE: TypeDefinition = TypeDefinition {
    name: "line_in_file",
    capability: "files",
    documentation: "A line in a file that others own. The file must be there; the rest of it is kept byte by byte.",
    identity: Some(property("name", ValueType::Text, "What it is for, for people.")),
    actions: &[Action::Create, Action::Delete],
    properties: &[
        property("path", ValueType::Text, "Absolute path of the file. Needed."),
        property(
            "line",
            ValueType::Text,
            "The line, without its end. Needed, unless `delete` has a `pattern`.",
        ),
        property(
            "pattern",
            ValueType::Text,
            "A regular expression. With `create`, the last line that matches is replaced; with `delete`, all that match go. Without it, a line that is equal counts.",
        ),
        property(
            "after",
            ValueType::Text,
            "A regular expression: a new line goes after the last line that matches. Default: to the end.",
        ),
        property(
            "before",
            ValueType::Text,
            "A regular expression: a new line goes before the first line that matches.",
        ),
        VERIFY,
        VERIFY_COMMAND,
        BACKUP,
    ],
    example: concat!(
        "ctx.line_in_file(\"no root login\")\n",
        "    .path(\"/etc/ssh/sshd_config\")\n",
        "    .line(\"PermitRootLogin no\")\n",
        "    .pattern(\"^#?PermitRootLogin \")\n",
        "    .declare()?;",
    ),
    support: LINUX,
};

pub(super) static BLOCK_IN_FILE: TypeDefinition = TypeDefinition {
    name: "block_in_file",
    capability: "files",
    documentation: "Lines between two marks in a file that others own. The file must be there; the rest of it is kept byte by byte.",
    identity: Some(property("name", ValueType::Text, "Name of the block, which stands in its marks.")),
    actions: &[Action::Create, Action::Delete],
    properties: &[
        property("path", ValueType::Text, "Absolute path of the file. Needed."),
        property("content", ValueType::Text, "The lines. Needed for `create`."),
        property("comment", ValueType::Text, "What begins a comment in the file. Default `#`."),
        property(
            "comment_end",
            ValueType::Text,
            "What ends a comment in the file, such as `-->`. Default: the end of the line.",
        ),
        property(
            "after",
            ValueType::Text,
            "A regular expression: a new block goes after the last line that matches. Default: to the end.",
        ),
        property(
            "before",
            ValueType::Text,
            "A regular expression: a new block goes before the first line that matches.",
        ),
        VERIFY,
        VERIFY_COMMAND,
        BACKUP,
    ],
    example: concat!(
        "ctx.block_in_file(\"bastion\")\n",
        "    .path(\"/etc/ssh/ssh_config\")\n",
        "    .content(\"Host inside-*\\n  ProxyJump bastion\\n\")\n",
        "    .declare()?;",
    ),
    support: LINUX,
};

pub(super) static INI_SETTING: TypeDefinition = TypeDefinition {
    name: "ini_setting",
    capability: "files",
    documentation: "A setting in a file of sections, keys and values. The file and the section are made if they are missing; the rest is kept byte by byte. All that follows the separator is the value, a comment on the same line included.",
    identity: Some(property("name", ValueType::Text, "What it is for, for people.")),
    actions: &[Action::Create, Action::Delete],
    properties: &[
        property("path", ValueType::Text, "Absolute path of the file. Needed."),
        property(
            "section",
            ValueType::Text,
            "The section, without brackets. Default: what stands before the first one.",
        ),
        property("key", ValueType::Text, "The key. Needed."),
        property("value", ValueType::Text, "The value. Needed for `create`."),
        property(
            "separator",
            ValueType::Text,
            "What stands between key and value of a new line. Default ` = `.",
        ),
        VERIFY,
        VERIFY_COMMAND,
        BACKUP,
    ],
    example: concat!(
        "ctx.ini_setting(\"memory of php\")\n",
        "    .path(\"/etc/php/8.2/fpm/php.ini\")\n",
        "    .section(\"PHP\")\n",
        "    .key(\"memory_limit\")\n",
        "    .value(\"256M\")\n",
        "    .declare()?;",
    ),
    support: LINUX,
};

pub(super) static ARCHIVE: TypeDefinition = TypeDefinition {
    name: "archive",
    capability: "files",
    documentation: "An archive on the node that is unpacked: tar, plain or with gzip, xz or zstd, and zip. Nothing is written outside of the directory, whatever the archive says; what differs from the archive is replaced, what else is there is left alone. Permission bits are the archive's, without setuid, setgid and sticky bits and what `umask` takes away; owners, links that lead outside and devices are not taken from it.",
    identity: Some(property("path", ValueType::Text, "Absolute path of the directory to unpack into.")),
    actions: &[Action::Extract],
    properties: &[
        property("source", ValueType::Text, "Absolute path of the archive on the node. Needed."),
        property(
            "strip_components",
            ValueType::Integer,
            "How many leading parts of each path in the archive are dropped. Default 0.",
        ),
        OWNER,
        GROUP,
    ],
    example: concat!(
        "ctx.remote_file(\"/var/cache/tool.tar.gz\")\n",
        "    .source(\"https://example.org/tool-1.2.tar.gz\")\n",
        "    .checksum(\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\")\n",
        "    .declare()?;\n",
        "ctx.archive(\"/opt/tool\").source(\"/var/cache/tool.tar.gz\").strip_components(1).declare()?;",
    ),
    support: LINUX,
};
