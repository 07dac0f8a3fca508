//! What is fetched from elsewhere.

use engine_protocol::Action;

use super::*;

pub(super) static REMOTE_FILE: TypeDefinition = TypeDefinition {
    name: "remote_file",
    capability: "downloads",
    documentation: "A file that the node fetches from a URL. Its path needs a grant of `files`, its URL one of `downloads`. Redirects are followed, at most 5, to other hosts too, but never from `https` to `http`. An `https` server must be one that the node trusts, which takes the package `ca-certificates`. No proxy is used.",
    identity: Some(PATH),
    actions: FILE_ACTIONS,
    properties: &[
        property("source", ValueType::Text, "The URL, `https` or `http`. Needed."),
        property(
            "checksum",
            ValueType::Text,
            "SHA-256 of the content in hexadecimal digits. Needed for `http`. Without it the server is asked each time, in plans too, whether it has something new; one that has neither ETag nor date gives all of it, to be compared. A saved plan writes what the server gives when it is applied.",
        ),
        property(
            "headers",
            ValueType::TextMap,
            "Headers of the request, such as `Authorization`. No other host gets them that a redirect leads to.",
        ),
        OWNER,
        GROUP,
        MODE,
        VERIFY,
        VERIFY_COMMAND,
        BACKUP,
    ],
    example: concat!(
        "ctx.remote_file(\"/usr/local/bin/tool\")\n",
        "    .source(\"https://example.org/tool\")\n",
        "    .checksum(\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\")\n",
        "    .mode(\"0755\")\n",
        "    .declare()?;",
    ),
    support: LINUX,
};

pub(super) static GIT: TypeDefinition = TypeDefinition {
    name: "git",
    capability: "downloads",
    documentation: "A checkout of a git repository. Its path needs a grant of `files` for all below it, its repository one of `downloads`. Needs git on the node, and for SSH a key without a passphrase and the host's key in `known_hosts`: nobody is there to answer. It stands on the commit itself, on no branch. When the revision moves, what was changed in the repository's own files is overwritten, as in Chef; other files stay. Hooks are not run.",
    identity: Some(property("path", ValueType::Text, "Absolute path of the checkout.")),
    actions: &[Action::Sync, Action::Checkout],
    properties: &[
        property(
            "repository",
            ValueType::Text,
            "Where the repository is: `https`, `http`, `ssh`, `git` or `file` URL, or `user@host:path`. Needed.",
        ),
        property(
            "revision",
            ValueType::Text,
            "Branch, tag or full commit; a tag goes before a branch of its name. Default `HEAD`.",
        ),
        property("depth", ValueType::Integer, "How many commits of history are fetched. Default: all."),
        property(
            "enable_submodules",
            ValueType::Boolean,
            "Check out submodules as well, from wherever the repository says. Default false.",
        ),
        property(
            "user",
            ValueType::Text,
            "User that runs git and owns the checkout, whose home directory has keys and configuration. Default: the agent's, usually root.",
        ),
    ],
    example: concat!(
        "ctx.package(\"git\").declare()?;\n",
        "ctx.git(\"/srv/app\").repository(\"https://example.org/app.git\").revision(\"v1.2\").declare()?;",
    ),
    support: LINUX,
};
