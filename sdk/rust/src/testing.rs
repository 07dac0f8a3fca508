//! Tests of recipes without a node: facts, attributes and a stack in, the collection out.
//!
//! The harness declares into the same collector as the engine, with the same validation, the same
//! templates and the same grants, so what it accepts the engine accepts.
//!
//! ```
//! # use engine_sdk::prelude::*;
//! # engine_sdk::cookbook! { recipes: [default] }
//! # #[recipe]
//! # fn default(ctx: &mut Context) -> Result<()> {
//! #     ctx.file("/etc/motd").content("Welcome.\n").mode("0644").declare()?;
//! #     Ok(())
//! # }
//! # fn main() {
//! # let directory = std::env::temp_dir().join(format!("engine-sdk-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&directory).unwrap();
//! # let metadata = "name = \"motd\"\nversion = \"0.1.0\"\n[recipes.default]\n[capabilities]\nfiles = [\"/etc/motd\"]\n";
//! # std::fs::write(directory.join("cookbook.toml"), metadata).unwrap();
//! use engine_sdk::testing::Harness;
//!
//! // In a cookbook: Harness::new(env!("CARGO_MANIFEST_DIR"), RECIPES)
//! let evaluation = Harness::new(&directory, RECIPES).run("default").unwrap();
//! assert_eq!(
//!     evaluation.to_string(),
//!     "file[/etc/motd] create\n  mode: 0644\n  content:\n    | Welcome.\n"
//! );
//! # std::fs::remove_dir_all(&directory).unwrap();
//! # }
//! ```

use std::{fmt, fs, path::Path};

use engine_contract::{Bundle, Collector, Node};
pub use engine_contract::{
    Metadata, StackView,
    node::{AppView, InstanceView},
};
pub use engine_protocol::{Collection, Facts, Grants, Resource, facts};
use serde_json::{Value, json};

use crate::{
    Error, Recipe,
    host::{Session, State},
};

/// How important a log message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Of use when looking for a mistake.
    Debug,
    /// To be known.
    Info,
    /// To be looked at.
    Warn,
}

/// A cookbook and the node that its recipes are evaluated for.
///
/// Without further words that is a Debian 12 machine named `node-1`, alone in a stack named `test`,
/// and the operator granted all that the cookbook asks for.
#[derive(Debug, Clone)]
pub struct Harness {
    metadata: Metadata,
    bundle: Bundle,
    recipes: &'static [Recipe],
    node: Node,
    grants: Grants,
}

/// What a recipe declared and said.
///
/// Its `Display` is the [rendered](render) collection, with what it said and what it included.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The resources in order, those of all checkpoints.
    pub collection: Collection,
    /// Messages in order.
    pub log: Vec<(Level, String)>,
    /// Recipes of other cookbooks that were included. The harness knows one cookbook only: it notes
    /// them and goes on.
    pub included: Vec<String>,
    /// How many resources there were at each checkpoint.
    pub checkpoints: Vec<usize>,
}

/// Why an evaluation gave no collection: all problems, not the first alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// At least one.
    pub errors: Vec<Error>,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(formatter, "{line_break}{}: {error}", error.code)?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

impl Harness {
    /// Reads `cookbook.toml`, `templates` and `files` of a cookbook's directory.
    ///
    /// # Panics
    ///
    /// If they cannot be read; the message says why.
    pub fn new(directory: impl AsRef<Path>, recipes: &'static [Recipe]) -> Self {
        let directory = directory.as_ref();
        let path = directory.join("cookbook.toml");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let metadata: Metadata =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        metadata.validate().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut bundle = Bundle::default();
        for part in ["templates", "files"] {
            read_directory(&directory.join(part), part, &mut bundle);
        }
        let grants = metadata.capabilities.clone();
        let node = Node {
            facts: debian(),
            attributes: json!({}),
            stack: StackView {
                name: "test".into(),
                event: "setup".into(),
                this_instance: instance("node-1", "192.0.2.1", &[]),
                ..StackView::default()
            },
        };
        Harness { metadata, bundle, recipes, node, grants }
    }

    /// What the cookbook says of itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The node's facts; [`debian`] is something to start from, and [`facts`] has what they consist of.
    ///
    /// ```
    /// use engine_sdk::testing::{Facts, debian, facts::Disk};
    ///
    /// let data = Disk { name: "vdb".into(), size_bytes: 100 << 30, ..Disk::default() };
    /// let mut facts = debian();
    /// facts.disks.push(data);
    /// ```
    pub fn facts(mut self, facts: Facts) -> Self {
        self.node.facts = facts;
        self
    }

    /// The attributes of stack, layers and run; the cookbook's defaults come below them.
    pub fn attributes(mut self, attributes: Value) -> Self {
        self.node.attributes = attributes;
        self
    }

    /// The stack around the node.
    pub fn stack(mut self, stack: StackView) -> Self {
        self.node.stack = stack;
        self
    }

    /// What the operator granted, instead of all that the cookbook asks for.
    pub fn grants(mut self, grants: Grants) -> Self {
        self.grants = grants;
        self
    }

    /// Evaluates a recipe.
    pub fn run(&self, recipe: &str) -> Result<Evaluation, Failure> {
        let mut node = self.node.clone();
        let mut attributes = self.metadata.default_attributes();
        merge(&mut attributes, &node.attributes);
        if let Err(error) = self.metadata.check_attributes(&attributes) {
            return Err(Failure { errors: vec![Error::new("invalid-attribute", error.to_string())] });
        }
        node.attributes = attributes;
        let session = Session::new(State {
            metadata: self.metadata.clone(),
            bundle: self.bundle.clone(),
            grants: self.grants.clone(),
            node,
            recipes: self.recipes,
            collector: Collector::default(),
            recipe: String::new(),
            ran: Vec::new(),
            foreign: Vec::new(),
            log: Vec::new(),
            collection: Collection::default(),
            checkpoints: Vec::new(),
            failed: Vec::new(),
        });
        let result = session.run(recipe);
        let failed = std::mem::take(&mut session.state().failed);
        if !failed.is_empty() {
            return Err(Failure { errors: failed });
        }
        result.map_err(|error| Failure { errors: vec![error] })?;
        session.take_batch().map_err(|errors| Failure { errors })?;
        let state = &mut *session.state();
        Ok(Evaluation {
            collection: std::mem::take(&mut state.collection),
            log: std::mem::take(&mut state.log),
            included: std::mem::take(&mut state.foreign),
            checkpoints: std::mem::take(&mut state.checkpoints),
        })
    }

    /// Checks that `cookbook.toml` names the recipes that the cookbook has, and no others.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn check_metadata(&self) {
        let mut exported: Vec<&str> = self.recipes.iter().map(|recipe| recipe.name).collect();
        exported.sort_unstable();
        let described: Vec<&str> = self.metadata.recipes.keys().map(String::as_str).collect();
        assert_eq!(exported, described, "recipes of the cookbook (left) and of cookbook.toml (right)");
    }
}

fn merge(below: &mut Value, above: &Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                merge(below.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (below, above) => below.clone_from(above),
    }
}

fn read_directory(directory: &Path, below: &str, bundle: &mut Bundle) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.map(|entry| entry.expect("the directory can be read")) {
        let path = entry.path();
        let name = format!("{below}/{}", entry.file_name().to_string_lossy());
        if path.is_dir() {
            read_directory(&path, &name, bundle);
        } else {
            let content = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            bundle.insert(&name, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
}

/// Facts of a Debian 12 machine named `node-1`.
#[allow(clippy::missing_panics_doc)]
pub fn debian() -> Facts {
    serde_json::from_value(json!({
        "hostname": "node-1",
        "fqdn": "node-1.example.org",
        "domain": "example.org",
        "platform": {"name": "debian", "family": "debian", "version": "12", "codename": "bookworm"},
        "kernel": {"name": "Linux", "release": "6.1.0-18-amd64"},
        "architecture": "x86_64",
        "cpu_count": 2,
        "cpu_model": "AMD EPYC",
        "cpu_cores": 2,
        "cpu_sockets": 1,
        "memory_bytes": 4_294_967_296_u64,
        "virtualization": "kvm",
        "disks": [
            {
                "name": "vda",
                "size_bytes": 21_474_836_480_u64,
                "partitions": [{"name": "vda1", "size_bytes": 21_473_787_904_u64}],
            },
        ],
        "filesystems": [
            {
                "device": "/dev/vda1",
                "mount_point": "/",
                "fs_type": "ext4",
                "size_bytes": 21_003_583_488_u64,
                "options": ["rw", "relatime", "errors=remount-ro"],
            },
        ],
        "interfaces": [
            {
                "name": "lo",
                "mtu": 65536,
                "state": "unknown",
                "addresses": [{"address": "127.0.0.1", "prefix": 8}, {"address": "::1", "prefix": 128}],
            },
            {
                "name": "eth0",
                "mac_address": "02:00:00:00:00:01",
                "mtu": 1500,
                "state": "up",
                "addresses": [{"address": "192.0.2.1", "prefix": 24}],
            },
        ],
        "ipaddress": "192.0.2.1",
        "default_interface": "eth0",
        "default_gateway": "192.0.2.254",
        "init_system": "systemd",
        "package_manager": "apt",
        "users": [
            {"name": "root", "uid": 0, "gid": 0, "home": "/root", "shell": "/bin/bash"},
            {"name": "www-data", "uid": 33, "gid": 33, "home": "/var/www", "shell": "/usr/sbin/nologin"},
        ],
        "groups": [
            {"name": "root", "gid": 0},
            {"name": "adm", "gid": 4, "members": ["www-data"]},
            {"name": "www-data", "gid": 33},
        ],
        "timezone": "Etc/UTC",
        "locale": "C.UTF-8",
        "selinux": "disabled",
        "boot_time": 1_700_000_000,
        "boot_id": "00000000-0000-4000-8000-000000000001",
        "machine_id": "00000000000000000000000000000001",
    }))
    .expect("these are facts")
}

/// An instance for a [`StackView`]; its host name is its name.
pub fn instance(name: &str, address: &str, layers: &[&str]) -> InstanceView {
    InstanceView {
        name: name.to_owned(),
        hostname: name.to_owned(),
        address: address.to_owned(),
        layers: layers.iter().map(ToString::to_string).collect(),
    }
}

/// An app for a [`StackView`].
pub fn app(name: &str, layers: &[&str], attributes: Value) -> AppView {
    AppView { name: name.to_owned(), layers: layers.iter().map(ToString::to_string).collect(), attributes }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for recipe in &self.included {
            writeln!(formatter, "includes {recipe}")?;
        }
        for (level, message) in &self.log {
            writeln!(formatter, "{level:?}: {message}")?;
        }
        formatter.write_str(&render(&self.collection))
    }
}

/// A collection as text, the same for the same collection: for snapshots.
///
/// Values that are not set are left out, and so is what the resource's name says already.
pub fn render(collection: &Collection) -> String {
    collection.resources.iter().map(|resource| Rendered { collection, resource }.to_string()).collect()
}

struct Rendered<'a> {
    collection: &'a Collection,
    resource: &'a Resource,
}

impl fmt::Display for Rendered<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rendered { collection, resource } = self;
        write!(formatter, "{resource}")?;
        for (index, action) in resource.actions.iter().enumerate() {
            write!(formatter, "{} {action}", if index == 0 { "" } else { "," })?;
        }
        writeln!(formatter)?;

        let spec = serde_json::to_value(&resource.spec).map_err(|_| fmt::Error)?;
        let fields = spec.as_object().and_then(|spec| spec.values().next()).and_then(Value::as_object);
        for (name, value) in fields.into_iter().flatten() {
            write_field(formatter, name, value, &resource.name)?;
        }

        let common = &resource.common;
        for notification in &common.notifies {
            let target = collection.resources.iter().find(|resource| resource.id == notification.target);
            let target = target.map_or_else(|| "?".to_owned(), ToString::to_string);
            let timing = format!("{:?}", notification.timing).to_lowercase();
            writeln!(formatter, "  notifies: {} {target}, {timing}", notification.action)?;
        }
        for guard in &common.only_if {
            writeln!(formatter, "  only_if: {guard}")?;
        }
        for guard in &common.not_if {
            writeln!(formatter, "  not_if: {guard}")?;
        }
        if common.retries > 0 {
            writeln!(formatter, "  retries: {}, every {} s", common.retries, common.retry_delay_seconds)?;
        }
        if common.sensitive {
            writeln!(formatter, "  sensitive")?;
        }
        if common.ignore_failure {
            writeln!(formatter, "  ignore_failure")?;
        }
        if let Some(seconds) = common.timeout_seconds {
            writeln!(formatter, "  timeout: {seconds} s")?;
        }
        if common.confirm_seconds.is_some() {
            writeln!(formatter, "  confirm: true")?;
        }
        if let Some(mask) = common.umask {
            writeln!(formatter, "  umask: {mask:04o}")?;
        }
        Ok(())
    }
}

#[allow(clippy::match_same_arms)] // One arm for each reason to leave a field out.
fn write_field(formatter: &mut fmt::Formatter<'_>, name: &str, value: &Value, known: &str) -> fmt::Result {
    match (name, value) {
        (_, Value::Null | Value::Bool(false)) => Ok(()),
        ("names" | "argv", _) => Ok(()),
        (_, Value::Array(values)) if values.is_empty() && name != "content" => Ok(()),
        // What is zero, empty or `false` in the protocol was not asked for.
        (_, Value::Number(number)) if number.as_u64() == Some(0) && name != "mode" => Ok(()),
        ("returns", value) if *value == json!([0]) => Ok(()),
        (_, Value::String(text)) if text.is_empty() || text == known => Ok(()),
        ("access" | "process" | "verify", Value::Object(parts)) => {
            parts.iter().try_for_each(|(name, value)| write_field(formatter, name, value, known))
        }
        ("mode", Value::Number(mode)) => writeln!(formatter, "  mode: {:04o}", mode.as_u64().unwrap_or(0)),
        ("content", Value::Array(bytes)) => {
            let bytes: Vec<u8> =
                bytes.iter().filter_map(Value::as_u64).filter_map(|byte| u8::try_from(byte).ok()).collect();
            write_content(formatter, &bytes)
        }
        (_, Value::String(text)) => writeln!(formatter, "  {name}: {text}"),
        (_, value) => writeln!(formatter, "  {name}: {value}"),
    }
}

fn write_content(formatter: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return writeln!(formatter, "  content: {} bytes", bytes.len());
    };
    if text.is_empty() {
        return writeln!(formatter, "  content: empty");
    }
    writeln!(formatter, "  content:")?;
    for line in text.lines() {
        writeln!(formatter, "    | {line}")?;
    }
    if !text.ends_with('\n') {
        writeln!(formatter, "    (no line break at the end)")?;
    }
    Ok(())
}
