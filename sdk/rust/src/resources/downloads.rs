//! The capability `downloads`. Written from the engine's resource definitions.

use crate::builder::*;

resources! {
    /// A file that the node fetches from a URL. Its path needs a grant of `files`, its URL one of
    /// `downloads`. Redirects are followed, at most 5, to other hosts too, but never from `https` to `http`.
    /// An `https` server must be one that the node trusts, which takes the package `ca-certificates`. No
    /// proxy is used.
    ///
    /// Actions: [`Create`](Action::Create) (the default), [`CreateIfMissing`](Action::CreateIfMissing),
    /// [`Delete`](Action::Delete), [`Touch`](Action::Touch).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.remote_file("/usr/local/bin/tool")
    ///     .source("https://example.org/tool")
    ///     .checksum("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
    ///     .mode("0755")
    ///     .declare()?;
    /// # Ok(()) }
    /// ```
    RemoteFile = downloads::remote_file(path: Text) {
        /// The URL, `https` or `http`. Needed.
        source: Text,
        /// SHA-256 of the content in hexadecimal digits. Needed for `http`. Without it the server is asked
        /// each time, in plans too, whether it has something new; one that has neither ETag nor date gives
        /// all of it, to be compared. A saved plan writes what the server gives when it is applied.
        checksum: Text,
        /// Headers of the request, such as `Authorization`. No other host gets them that a redirect leads to.
        headers: TextMap,
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

    /// A checkout of a git repository. Its path needs a grant of `files` for all below it, its repository one
    /// of `downloads`. Needs git on the node, and for SSH a key without a passphrase and the host's key in
    /// `known_hosts`: nobody is there to answer. It stands on the commit itself, on no branch. When the
    /// revision moves, what was changed in the repository's own files is overwritten, as in Chef; other files
    /// stay. Hooks are not run.
    ///
    /// Actions: [`Sync`](Action::Sync) (the default), [`Checkout`](Action::Checkout).
    ///
    /// ```
    /// # use engine_sdk::prelude::*;
    /// # fn recipe(ctx: &mut Context) -> Result<()> {
    /// ctx.package("git").declare()?;
    /// ctx.git("/srv/app").repository("https://example.org/app.git").revision("v1.2").declare()?;
    /// # Ok(()) }
    /// ```
    Git = downloads::git(path: Text) {
        /// Where the repository is: `https`, `http`, `ssh`, `git` or `file` URL, or `user@host:path`. Needed.
        repository: Text,
        /// Branch, tag or full commit; a tag goes before a branch of its name. Default `HEAD`.
        revision: Text,
        /// How many commits of history are fetched. Default: all.
        depth: Integer,
        /// Check out submodules as well, from wherever the repository says. Default false.
        enable_submodules: Boolean,
        /// User that runs git and owns the checkout, whose home directory has keys and configuration.
        /// Default: the agent's, usually root.
        user: Text,
    }
}
