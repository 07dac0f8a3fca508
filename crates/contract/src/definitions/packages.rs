//! Packages and repositories.

use engine_protocol::Action;

use super::*;

pub(super) static PACKAGE: TypeDefinition = TypeDefinition {
    name: "package",
    capability: "packages",
    documentation: "Packages of the distribution, all handled in one transaction. Installed ones are looked up in one query of the package database, however many are declared. Package lists that are more than an hour old are fetched before something is upgraded, or installed in no fixed version: until then, a plan cannot know which version is newest.",
    identity: Some(property("names", ValueType::TextList, "Names, at least one.")),
    actions: &[Action::Install, Action::Upgrade, Action::Remove, Action::Purge, Action::Lock, Action::Unlock],
    properties: &[
        property(
            "version",
            ValueType::Text,
            "The version to install, as the package manager writes it. Only with one name.",
        ),
        property(
            "source",
            ValueType::Text,
            "Absolute path of a package file on the node, instead of the repositories. Only with one name, which must be the file's.",
        ),
    ],
    example: concat!(
        "ctx.package([\"nginx\", \"curl\"]).declare()?;\n",
        "ctx.package(\"postgresql\").version(\"15+248\").action([Action::Install, Action::Lock]).declare()?;",
    ),
    support: PACKAGE_MANAGERS,
};

pub(super) static PACKAGE_UPDATE: TypeDefinition = TypeDefinition {
    name: "package_update",
    capability: "packages",
    documentation: "All pending updates of the distribution; says whether a reboot is needed afterwards. Package lists that are more than an hour old are fetched before: until then, a plan cannot know what is pending. Needs a grant for all packages (`*`).",
    identity: None,
    actions: &[Action::Update],
    properties: &[property(
        "security_only",
        ValueType::Boolean,
        "Only updates that mend security. Default false.",
    )],
    example: "ctx.package_update().security_only(true).declare()?;",
    support: PACKAGE_MANAGERS,
};

pub(super) static APT_REPOSITORY: TypeDefinition = TypeDefinition {
    name: "apt_repository",
    capability: "repositories",
    documentation: "A repository for apt, with the key that signs it. The package lists are fetched when it is added or changed; if those of the repository cannot be, its files are put back as they were, and the next run tries again.",
    identity: Some(property(
        "name",
        ValueType::Text,
        "Name of the file below `/etc/apt/sources.list.d`, without extension.",
    )),
    actions: &[Action::Add, Action::Remove],
    properties: &[
        property("uri", ValueType::Text, "Where it is: an `http`, `https` or `file` URL. Needed for `add`."),
        property(
            "distribution",
            ValueType::Text,
            "Suite, such as `bookworm`; or a path that ends with `/`. Default: the node's codename.",
        ),
        property("components", ValueType::TextList, "Components. Default `main`, none for a path."),
        property("architectures", ValueType::TextList, "Architectures. Default: those of the node."),
        property("key", ValueType::Text, "The OpenPGP key that signs it, armoured."),
        property(
            "key_source",
            ValueType::Text,
            "Path of the key below the cookbook's `files` directory, armoured or binary; instead of `key`.",
        ),
        property("trusted", ValueType::Boolean, "Take it without a signature. Default false."),
    ],
    example: concat!(
        "ctx.apt_repository(\"nginx\")\n",
        "    .uri(\"https://nginx.org/packages/debian\")\n",
        "    .components([\"nginx\"])\n",
        "    .key_source(\"nginx.asc\")\n",
        "    .declare()?;",
    ),
    support: APT,
};

pub(super) static YUM_REPOSITORY: TypeDefinition = TypeDefinition {
    name: "yum_repository",
    capability: "repositories",
    documentation: "A repository for dnf, yum and zypper, with the keys that sign it.",
    identity: Some(property("name", ValueType::Text, "Id of the repository and name of its file.")),
    actions: &[Action::Create, Action::Delete],
    properties: &[
        property("description", ValueType::Text, "What it is, for people. Default: the name."),
        property("baseurl", ValueType::Text, "Where it is: an `http`, `https` or `file` URL."),
        property("mirrorlist", ValueType::Text, "Where a list of its mirrors is; instead of `baseurl`."),
        property("metalink", ValueType::Text, "Where its metalink is; instead of `baseurl`."),
        property("gpgkey", ValueType::TextList, "URLs of the keys that sign it."),
        property(
            "key_source",
            ValueType::Text,
            "Path of a key below the cookbook's `files` directory; instead of `gpgkey`.",
        ),
        property("gpgcheck", ValueType::Boolean, "Check the signatures of packages. Default true."),
        property("enabled", ValueType::Boolean, "Whether it is used. Default true."),
        property("priority", ValueType::Integer, "The lower, the more preferred. Default 99."),
    ],
    example: concat!(
        "ctx.yum_repository(\"nginx\")\n",
        "    .baseurl(\"https://nginx.org/packages/rhel/9/x86_64/\")\n",
        "    .gpgkey([\"https://nginx.org/keys/nginx_signing.key\"])\n",
        "    .declare()?;",
    ),
    support: DNF,
};
