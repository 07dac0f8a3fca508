//! The capability `files`. Written from the engine's resource definitions.

use crate::builder::*;

resources! {
    /// A regular file with content that the recipe has at hand.
    ///
    /// Actions: [`Create`](Action::Create) (the default), [`CreateIfMissing`](Action::CreateIfMissing),
    /// [`Delete`](Action::Delete), [`Touch`](Action::Touch).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.file("/etc/motd").content("Welcome.\n").mode("0644").declare()?;
    /// ctx.file("/etc/nologin").action(Action::Delete).declare()?;
    /// # Ok(()) }
    /// ```
    File = files::file(path: Text) {
        /// Content. If none is set, an existing file keeps its own and a new one is empty.
        content: Text,
        /// Content that is not text; instead of `content`.
        content_bytes: Bytes,
        /// User name or numeric id. Left alone if not set; root for something new.
        owner: Text,
        /// Group name or numeric id. Left alone if not set; root for something new.
        group: Text,
        /// Permission bits in octal digits, such as `0644`. Left alone if not set; something new gets what
        /// `umask` leaves of 0666, or of 0777 for a directory.
        mode: Text,
        /// A format that new content must be well-formed in: `json`, `yaml`, `toml`, `ini` or `systemd`. The
        /// file is left as it is otherwise.
        verify: Text,
        /// A command (program and arguments) that must succeed before new content is put in place; `{path}`
        /// stands for the file with the new content. Needs a grant of `execute`.
        verify_command: TextList,
        /// How many replaced or deleted versions are kept below `/var/lib/engine/backup`. Default 0.
        backup: Integer,
    }

    /// A regular file rendered from a template in the cookbook (Jinja syntax; an undefined variable is an
    /// error).
    ///
    /// Actions: [`Create`](Action::Create) (the default), [`CreateIfMissing`](Action::CreateIfMissing),
    /// [`Delete`](Action::Delete), [`Touch`](Action::Touch).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.template("/etc/nginx/conf.d/site.conf")
    ///     .source("site.conf")
    ///     .variables(&json!({"port": 8080}))
    ///     .declare()?;
    /// # Ok(()) }
    /// ```
    Template = files::template(path: Text) {
        /// Path below the cookbook's `templates` directory.
        source: Text,
        /// A JSON object; its keys are the template's variables. `node` (facts) and `attributes` are always
        /// there.
        variables: Json,
        /// User name or numeric id. Left alone if not set; root for something new.
        owner: Text,
        /// Group name or numeric id. Left alone if not set; root for something new.
        group: Text,
        /// Permission bits in octal digits, such as `0644`. Left alone if not set; something new gets what
        /// `umask` leaves of 0666, or of 0777 for a directory.
        mode: Text,
        /// A format that new content must be well-formed in: `json`, `yaml`, `toml`, `ini` or `systemd`. The
        /// file is left as it is otherwise.
        verify: Text,
        /// A command (program and arguments) that must succeed before new content is put in place; `{path}`
        /// stands for the file with the new content. Needs a grant of `execute`.
        verify_command: TextList,
        /// How many replaced or deleted versions are kept below `/var/lib/engine/backup`. Default 0.
        backup: Integer,
    }

    /// A regular file that travels in the cookbook.
    ///
    /// Actions: [`Create`](Action::Create) (the default), [`CreateIfMissing`](Action::CreateIfMissing),
    /// [`Delete`](Action::Delete), [`Touch`](Action::Touch).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.cookbook_file("/var/www/logo.png").source("logo.png").declare()?;
    /// # Ok(()) }
    /// ```
    CookbookFile = files::cookbook_file(path: Text) {
        /// Path below the cookbook's `files` directory.
        source: Text,
        /// User name or numeric id. Left alone if not set; root for something new.
        owner: Text,
        /// Group name or numeric id. Left alone if not set; root for something new.
        group: Text,
        /// Permission bits in octal digits, such as `0644`. Left alone if not set; something new gets what
        /// `umask` leaves of 0666, or of 0777 for a directory.
        mode: Text,
        /// A format that new content must be well-formed in: `json`, `yaml`, `toml`, `ini` or `systemd`. The
        /// file is left as it is otherwise.
        verify: Text,
        /// A command (program and arguments) that must succeed before new content is put in place; `{path}`
        /// stands for the file with the new content. Needs a grant of `execute`.
        verify_command: TextList,
        /// How many replaced or deleted versions are kept below `/var/lib/engine/backup`. Default 0.
        backup: Integer,
    }

    /// A directory.
    ///
    /// Actions: [`Create`](Action::Create) (the default), [`Delete`](Action::Delete).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.directory("/srv/app/releases").recursive(true).owner("app").mode("0750").declare()?;
    /// # Ok(()) }
    /// ```
    Directory = files::directory(path: Text) {
        /// Make missing parents; with `delete`, delete what is in it. Default false.
        recursive: Boolean,
        /// User name or numeric id. Left alone if not set; root for something new.
        owner: Text,
        /// Group name or numeric id. Left alone if not set; root for something new.
        group: Text,
        /// Permission bits in octal digits, such as `0644`. Left alone if not set; something new gets what
        /// `umask` leaves of 0666, or of 0777 for a directory.
        mode: Text,
    }

    /// A directory with all files below a directory of the cookbook.
    ///
    /// Actions: [`Create`](Action::Create) (the default), [`Delete`](Action::Delete).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.remote_directory("/var/www/site").source("site").purge(true).declare()?;
    /// # Ok(()) }
    /// ```
    RemoteDirectory = files::remote_directory(path: Text) {
        /// Path below the cookbook's `files` directory. Needed for `create`.
        source: Text,
        /// Delete what is in it and not in the cookbook. Default false.
        purge: Boolean,
        /// User name or numeric id. Left alone if not set; root for something new.
        owner: Text,
        /// Group name or numeric id. Left alone if not set; root for something new.
        group: Text,
        /// Permission bits in octal digits, such as `0644`. Left alone if not set; something new gets what
        /// `umask` leaves of 0666, or of 0777 for a directory.
        mode: Text,
        /// Permission bits of the files. Left alone if not set; 0644 for new ones.
        files_mode: Text,
    }

    /// A symbolic link.
    ///
    /// Actions: [`Create`](Action::Create) (the default), [`Delete`](Action::Delete).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.link("/srv/app/current").to("/srv/app/releases/42").declare()?;
    /// # Ok(()) }
    /// ```
    Link = files::link(path: Text) {
        /// What the link points to. Needed for `create`.
        to: Text,
    }

    /// A line in a file that others own. The file must be there; the rest of it is kept byte by byte.
    ///
    /// Actions: [`Create`](Action::Create) (the default), [`Delete`](Action::Delete).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.line_in_file("no root login")
    ///     .path("/etc/ssh/sshd_config")
    ///     .line("PermitRootLogin no")
    ///     .pattern("^#?PermitRootLogin ")
    ///     .declare()?;
    /// # Ok(()) }
    /// ```
    LineInFile = files::line_in_file(name: Text) {
        /// Absolute path of the file. Needed.
        path: Text,
        /// The line, without its end. Needed, unless `delete` has a `pattern`.
        line: Text,
        /// A regular expression. With `create`, the last line that matches is replaced; with `delete`, all
        /// that match go. Without it, a line that is equal counts.
        pattern: Text,
        /// A regular expression: a new line goes after the last line that matches. Default: to the end.
        after: Text,
        /// A regular expression: a new line goes before the first line that matches.
        before: Text,
        /// A format that new content must be well-formed in: `json`, `yaml`, `toml`, `ini` or `systemd`. The
        /// file is left as it is otherwise.
        verify: Text,
        /// A command (program and arguments) that must succeed before new content is put in place; `{path}`
        /// stands for the file with the new content. Needs a grant of `execute`.
        verify_command: TextList,
        /// How many replaced or deleted versions are kept below `/var/lib/engine/backup`. Default 0.
        backup: Integer,
    }

    /// Lines between two marks in a file that others own. The file must be there; the rest of it is kept byte
    /// by byte.
    ///
    /// Actions: [`Create`](Action::Create) (the default), [`Delete`](Action::Delete).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.block_in_file("bastion")
    ///     .path("/etc/ssh/ssh_config")
    ///     .content("Host inside-*\n  ProxyJump bastion\n")
    ///     .declare()?;
    /// # Ok(()) }
    /// ```
    BlockInFile = files::block_in_file(name: Text) {
        /// Absolute path of the file. Needed.
        path: Text,
        /// The lines. Needed for `create`.
        content: Text,
        /// What begins a comment in the file. Default `#`.
        comment: Text,
        /// What ends a comment in the file, such as `-->`. Default: the end of the line.
        comment_end: Text,
        /// A regular expression: a new block goes after the last line that matches. Default: to the end.
        after: Text,
        /// A regular expression: a new block goes before the first line that matches.
        before: Text,
        /// A format that new content must be well-formed in: `json`, `yaml`, `toml`, `ini` or `systemd`. The
        /// file is left as it is otherwise.
        verify: Text,
        /// A command (program and arguments) that must succeed before new content is put in place; `{path}`
        /// stands for the file with the new content. Needs a grant of `execute`.
        verify_command: TextList,
        /// How many replaced or deleted versions are kept below `/var/lib/engine/backup`. Default 0.
        backup: Integer,
    }

    /// A setting in a file of sections, keys and values. The file and the section are made if they are
    /// missing; the rest is kept byte by byte. All that follows the separator is the value, a comment on the
    /// same line included.
    ///
    /// Actions: [`Create`](Action::Create) (the default), [`Delete`](Action::Delete).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.ini_setting("memory of php")
    ///     .path("/etc/php/8.2/fpm/php.ini")
    ///     .section("PHP")
    ///     .key("memory_limit")
    ///     .value("256M")
    ///     .declare()?;
    /// # Ok(()) }
    /// ```
    IniSetting = files::ini_setting(name: Text) {
        /// Absolute path of the file. Needed.
        path: Text,
        /// The section, without brackets. Default: what stands before the first one.
        section: Text,
        /// The key. Needed.
        key: Text,
        /// The value. Needed for `create`.
        value: Text,
        /// What stands between key and value of a new line. Default ` = `.
        separator: Text,
        /// A format that new content must be well-formed in: `json`, `yaml`, `toml`, `ini` or `systemd`. The
        /// file is left as it is otherwise.
        verify: Text,
        /// A command (program and arguments) that must succeed before new content is put in place; `{path}`
        /// stands for the file with the new content. Needs a grant of `execute`.
        verify_command: TextList,
        /// How many replaced or deleted versions are kept below `/var/lib/engine/backup`. Default 0.
        backup: Integer,
    }

    /// An archive on the node that is unpacked: tar, plain or with gzip, xz or zstd, and zip. Nothing is
    /// written outside of the directory, whatever the archive says; what differs from the archive is
    /// replaced, what else is there is left alone. Permission bits are the archive's, without setuid, setgid
    /// and sticky bits and what `umask` takes away; owners, links that lead outside and devices are not taken
    /// from it.
    ///
    /// Actions: [`Extract`](Action::Extract) (the default).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.remote_file("/var/cache/tool.tar.gz")
    ///     .source("https://example.org/tool-1.2.tar.gz")
    ///     .checksum("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
    ///     .declare()?;
    /// ctx.archive("/opt/tool").source("/var/cache/tool.tar.gz").strip_components(1).declare()?;
    /// # Ok(()) }
    /// ```
    Archive = files::archive(path: Text) {
        /// Absolute path of the archive on the node. Needed.
        source: Text,
        /// How many leading parts of each path in the archive are dropped. Default 0.
        strip_components: Integer,
        /// User name or numeric id. Left alone if not set; root for something new.
        owner: Text,
        /// Group name or numeric id. Left alone if not set; root for something new.
        group: Text,
    }
}
