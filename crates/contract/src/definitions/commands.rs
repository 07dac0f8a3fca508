//! Commands, scripts and waiting.

use engine_protocol::Action;

use super::*;

pub(super) static EXECUTE: TypeDefinition = TypeDefinition {
    name: "execute",
    capability: "execute",
    documentation: "A command: a program and its arguments, never a line for a shell.",
    identity: Some(property("argv", ValueType::TextList, "Program and arguments.")),
    actions: &[Action::Run],
    properties: &[CREATES, CWD, ENVIRONMENT, RUN_USER, RUN_GROUP, RETURNS, LIVE_STREAM],
    example: concat!(
        "ctx.execute([\"make\", \"install\"])\n",
        "    .cwd(\"/usr/src/tool\")\n",
        "    .environment([(\"PREFIX\", \"/usr/local\")])\n",
        "    .creates(\"/usr/local/bin/tool\")\n",
        "    .declare()?;",
    ),
    support: LINUX,
};

pub(super) static SCRIPT: TypeDefinition = TypeDefinition {
    name: "script",
    capability: "execute",
    documentation: "A text for an interpreter. Granted as the arguments of the interpreter and the name of the script: `[\"bash\", \"*\"]`.",
    identity: Some(property("name", ValueType::Text, "Name of the script.")),
    actions: &[Action::Run],
    properties: &[
        property("interpreter", ValueType::TextList, "The interpreter and its arguments. Default `bash`."),
        property("code", ValueType::Text, "The text. Needed, or `source`."),
        property(
            "source",
            ValueType::Text,
            "Path of the text below the cookbook's `files` directory; instead of `code`.",
        ),
        CREATES,
        CWD,
        ENVIRONMENT,
        RUN_USER,
        RUN_GROUP,
        RETURNS,
        LIVE_STREAM,
    ],
    example: concat!(
        "ctx.script(\"build index\")\n",
        "    .code(\"set -e\\nfind . -name '*.md' | sort > index\\n\")\n",
        "    .cwd(\"/srv/docs\")\n",
        "    .creates(\"/srv/docs/index\")\n",
        "    .declare()?;",
    ),
    support: LINUX,
};

pub(super) static WAIT_FOR: TypeDefinition = TypeDefinition {
    name: "wait_for",
    capability: "network",
    documentation: "Waits until a port is open, a URL answers, or something is at a path. All that is set must hold at once. `timeout` says how long; 300 seconds by default.",
    identity: Some(property("name", ValueType::Text, "What it is, for people.")),
    actions: &[Action::Wait],
    properties: &[
        property("address", ValueType::Text, "`host:port` that must accept TCP connections."),
        property(
            "url",
            ValueType::Text,
            "URL that must answer a GET. A redirect is not followed, but an answer.",
        ),
        property("statuses", ValueType::IntegerList, "Statuses that count as an answer. Default 200 to 299."),
        property("path", ValueType::Text, "Absolute path where something must be."),
        property("absent", ValueType::Boolean, "Wait until none of it is so any more. Default false."),
    ],
    example: "ctx.wait_for(\"database\").address(\"127.0.0.1:5432\").timeout(60).declare()?;",
    support: LINUX,
};
