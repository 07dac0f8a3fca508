//! Collects what recipes declare, in order, and turns it into the protocol's collection.

use std::collections::{BTreeMap, HashMap};

use engine_protocol::{
    Action, Collection, Grants, Resource, ResourceId,
    resource::{CONFIRM_SECONDS, Common, CookbookGrants, Guard, Notification, Origin, Timing},
};

use crate::{
    definition::{TypeDefinition, Value},
    diagnose::did_you_mean,
    error::{Code, ContractError},
    lower::{self, Declared},
    secrets,
};

/// Types of which the node can put back what they replaced.
const CONFIRMABLE: [&str; 9] = [
    "file",
    "template",
    "cookbook_file",
    "remote_file",
    "line_in_file",
    "block_in_file",
    "ini_setting",
    "sudoers",
    "authorized_keys",
];

/// How much one evaluation may declare.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Resources.
    pub resources: usize,
    /// Bytes of names, texts and contents, rendered templates included.
    pub payload_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { resources: 20_000, payload_bytes: 64 * 1024 * 1024 }
    }
}

/// Templates and files of the cookbook whose resource is being lowered.
pub trait Sources {
    /// Renders `templates/<source>`.
    fn render(&mut self, source: &str, variables: &serde_json::Value) -> Result<String, ContractError>;
    /// The content of `files/<source>`.
    fn file(&mut self, source: &str) -> Result<Vec<u8>, ContractError>;
    /// Paths below `files/<directory>` and their content, in order.
    fn files_below(&mut self, directory: &str) -> Result<Vec<(String, Vec<u8>)>, ContractError>;
}

/// Sources whose bytes are counted.
struct Counted<'a> {
    sources: &'a mut dyn Sources,
    bytes: usize,
}

impl Sources for Counted<'_> {
    fn render(&mut self, source: &str, variables: &serde_json::Value) -> Result<String, ContractError> {
        self.sources.render(source, variables).inspect(|text| self.bytes += text.len())
    }

    fn file(&mut self, source: &str) -> Result<Vec<u8>, ContractError> {
        self.sources.file(source).inspect(|bytes| self.bytes += bytes.len())
    }

    fn files_below(&mut self, directory: &str) -> Result<Vec<(String, Vec<u8>)>, ContractError> {
        let files = self.sources.files_below(directory)?;
        self.bytes += files.iter().map(|(path, bytes)| path.len() + bytes.len()).sum::<usize>();
        Ok(files)
    }
}

/// The sources of all cookbooks of an evaluation.
pub trait Library {
    /// Lends the sources of a resource's cookbook; does not call `lower` if it is not there.
    fn lend(&mut self, origin: &Origin, lower: &mut dyn FnMut(&mut dyn Sources));
}

#[derive(Debug)]
struct Entry {
    definition: &'static TypeDefinition,
    name: String,
    origin: Origin,
    identity: Option<Value>,
    properties: Vec<(&'static str, Value)>,
    actions: Vec<Action>,
    common: Common,
}

#[derive(Debug)]
struct NamedNotification {
    from: End,
    to: End,
    action: Action,
    timing: Timing,
    declared_by: ResourceId,
}

#[derive(Debug, Clone)]
enum End {
    Id(ResourceId),
    Named(String),
}

/// What the recipes of one event on one node declared.
#[derive(Debug, Default)]
pub struct Collector {
    limits: Limits,
    entries: Vec<Entry>,
    by_name: HashMap<String, ResourceId>,
    notifications: Vec<NamedNotification>,
    taken: usize,
    payload_bytes: usize,
}

impl Collector {
    /// An empty collector.
    pub fn new(limits: Limits) -> Self {
        Collector { limits, ..Collector::default() }
    }

    /// How many resources there are, those already taken included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing has been declared.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Declares a resource of a type; its position in the collection is fixed here.
    pub fn declare(
        &mut self,
        origin: &Origin,
        definition: &'static TypeDefinition,
        identity: Option<Value>,
    ) -> Result<ResourceId, ContractError> {
        if self.entries.len() >= self.limits.resources {
            return Err(ContractError::new(
                Code::LimitExceeded,
                format!("recipes may declare {} resources at the most", self.limits.resources),
            ));
        }
        let name = match &identity {
            None => definition.name.to_owned(),
            Some(Value::Text(text)) => text.clone(),
            Some(Value::TextList(texts)) if definition.name == "execute" => texts.join(" "),
            Some(Value::TextList(texts)) => texts.join(", "),
            Some(other) => {
                return Err(ContractError::new(
                    Code::InvalidValue,
                    format!("{other:?} cannot identify a resource"),
                ));
            }
        };
        self.charge(identity.as_ref().map_or(0, Value::payload_bytes) + 64)?;
        let id = ResourceId(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        self.by_name.insert(format!("{}[{name}]", definition.name), id);
        self.entries.push(Entry {
            definition,
            name,
            origin: origin.clone(),
            identity,
            properties: Vec::new(),
            actions: vec![definition.actions[0]],
            common: Common { retry_delay_seconds: 2, ..Common::default() },
        });
        Ok(id)
    }

    /// Sets a property; the last value counts.
    pub fn set(&mut self, id: ResourceId, property: &'static str, value: Value) -> Result<(), ContractError> {
        self.charge(value.payload_bytes())?;
        let entry = self.open(id)?;
        match entry.definition.property(property) {
            Some(definition) if value.fits(definition.value) => {}
            Some(_) => {
                return Err(entry.error(Code::InvalidValue, "the value is of another type").on(property));
            }
            None => return Err(entry.error(Code::NotFound, "there is no such property").on(property)),
        }
        entry.properties.retain(|(name, _)| *name != property);
        entry.properties.push((property, value));
        Ok(())
    }

    /// Says what shall be done, in order.
    pub fn actions(&mut self, id: ResourceId, names: &[String]) -> Result<(), ContractError> {
        self.charge(names.len())?;
        let entry = self.open(id)?;
        if names.is_empty() {
            return Err(entry.error(Code::InvalidValue, "name at least one action").on("action"));
        }
        entry.actions = names.iter().map(|name| entry.action(name)).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// `from` notifies `to`. Either may be named (`service[nginx]`), even before it is declared.
    pub fn notify(
        &mut self,
        from: ResourceOrName<'_>,
        action: &str,
        to: ResourceOrName<'_>,
        timing: Timing,
        declared_by: ResourceId,
    ) -> Result<(), ContractError> {
        let name_bytes = |end: &ResourceOrName<'_>| match end {
            ResourceOrName::Id(_) => 0,
            ResourceOrName::Name(name) => name.len(),
        };
        self.charge(64 + name_bytes(&from) + name_bytes(&to))?;
        let known = match &to {
            ResourceOrName::Id(id) => Some(*id),
            ResourceOrName::Name(_) => None,
        };
        let action = match known {
            Some(id) => self.entry(id)?.action(action)?,
            None => Action::parse(action).ok_or_else(|| {
                self.describe(declared_by, Code::UnknownAction, format!("there is no action `{action}`"))
            })?,
        };
        self.open(declared_by)?;
        let notification =
            NamedNotification { from: from.into(), to: to.into(), action, timing, declared_by };
        self.notifications.push(notification);
        Ok(())
    }

    /// Adds a guard that must hold.
    pub fn only_if(&mut self, id: ResourceId, guard: Guard) -> Result<(), ContractError> {
        self.charge(guard_bytes(&guard))?;
        self.open(id)?.common.only_if.push(guard);
        Ok(())
    }

    /// Adds a guard that must not hold.
    pub fn not_if(&mut self, id: ResourceId, guard: Guard) -> Result<(), ContractError> {
        self.charge(guard_bytes(&guard))?;
        self.open(id)?.common.not_if.push(guard);
        Ok(())
    }

    /// Counts a guard that is kept outside of the collector until a resource takes it.
    pub fn charge_guard(&mut self, guard: &Guard) -> Result<(), ContractError> {
        self.charge(guard_bytes(guard))
    }

    /// Sets the mask of permission bits that what is made anew does not get.
    pub fn umask(&mut self, id: ResourceId, text: &str) -> Result<(), ContractError> {
        let mask = lower::octal(text).filter(|mask| *mask <= 0o777);
        let entry = self.open(id)?;
        let Some(mask) = mask else {
            let message = format!("`{}` is no umask; write octal digits such as `0027`", text.escape_debug());
            return Err(entry.error(Code::InvalidValue, &message).on("umask"));
        };
        entry.common.umask = Some(mask);
        Ok(())
    }

    /// Has the node put back what a resource replaced, unless that is confirmed.
    pub fn confirm(&mut self, id: ResourceId, confirm: bool) -> Result<(), ContractError> {
        let entry = self.open(id)?;
        if confirm && !CONFIRMABLE.contains(&entry.definition.name) {
            let message =
                format!("what this replaces cannot be put back; it can for {}", CONFIRMABLE.join(", "));
            return Err(entry.error(Code::InvalidValue, &message).on("confirm"));
        }
        entry.common.confirm_seconds = confirm.then_some(CONFIRM_SECONDS);
        Ok(())
    }

    /// Sets one of the properties that all resources have and that are plain values.
    pub fn common(&mut self, id: ResourceId, change: impl FnOnce(&mut Common)) -> Result<(), ContractError> {
        change(&mut self.open(id)?.common);
        Ok(())
    }

    /// Everything declared since the batch before, validated, lowered and checked against the grants.
    ///
    /// All problems are reported, not the first alone.
    pub fn take_batch(
        &mut self,
        library: &mut dyn Library,
        grants: &BTreeMap<String, Grants>,
    ) -> Result<Collection, Vec<ContractError>> {
        let mut errors = self.resolve_notifications();
        let mut loaded = 0;
        let mut resources = Vec::with_capacity(self.entries.len() - self.taken);
        for (index, entry) in self.entries.iter().enumerate().skip(self.taken) {
            let mut lowered = Err(ContractError::new(Code::NotFound, "its cookbook is not there"));
            library.lend(&entry.origin, &mut |sources| {
                // What is read or rendered has not been counted at its declaration.
                let mut counted = Counted { sources, bytes: 0 };
                lowered = entry.lower(&mut counted);
                loaded += counted.bytes;
            });
            match lowered {
                Ok(spec) => {
                    if self.payload_bytes.saturating_add(loaded) > self.limits.payload_bytes {
                        errors.push(too_many_bytes(self.limits).of(entry.to_string()));
                        return Err(errors);
                    }
                    resources.push(Resource {
                        id: ResourceId(u32::try_from(index).unwrap_or(u32::MAX)),
                        kind: entry.definition.name.to_owned(),
                        name: entry.name.clone(),
                        origin: entry.origin.clone(),
                        actions: entry.actions.clone(),
                        spec,
                        common: entry.common.clone(),
                    });
                }
                Err(error) => errors.push(error.of(entry.to_string())),
            }
        }
        let nothing = Grants::default();
        for resource in &mut resources {
            let grants = grants.get(&resource.origin.cookbook).unwrap_or(&nothing);
            // First: what has a secret in it becomes sensitive, and no error quotes it.
            errors.extend(secrets::check(resource, grants));
            if let Err(denied) = grants.check(resource) {
                errors.push(
                    ContractError::new(Code::Denied, format!("{}; {}", denied.problem(), denied.remedy()))
                        .of(denied.resource),
                );
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        self.taken = self.entries.len();
        self.payload_bytes += loaded;
        let mut cookbooks: Vec<&str> =
            resources.iter().map(|resource| resource.origin.cookbook.as_str()).collect();
        cookbooks.sort_unstable();
        cookbooks.dedup();
        let grants = cookbooks
            .into_iter()
            .map(|cookbook| CookbookGrants {
                cookbook: cookbook.to_owned(),
                grants: grants.get(cookbook).cloned().unwrap_or_default(),
            })
            .collect();
        Ok(Collection { resources, grants })
    }

    fn resolve_notifications(&mut self) -> Vec<ContractError> {
        let mut errors = Vec::new();
        for notification in std::mem::take(&mut self.notifications) {
            let result = self.resolve(&notification.from).and_then(|from| {
                let to = self.resolve(&notification.to)?;
                let action = self.entry(to)?.action(notification.action.name())?;
                let common = &mut self.open(from)?.common;
                let new = Notification { action, target: to, timing: notification.timing };
                if !common.notifies.contains(&new) {
                    common.notifies.push(new);
                }
                Ok(())
            });
            if let Err(error) = result {
                errors
                    .push(self.describe(notification.declared_by, error.code, error.message).on("notifies"));
            }
        }
        errors
    }

    fn resolve(&self, end: &End) -> Result<ResourceId, ContractError> {
        match end {
            End::Id(id) => Ok(*id),
            End::Named(name) => self.by_name.get(name).copied().ok_or_else(|| {
                ContractError::new(
                    Code::NotFound,
                    format!(
                        "no resource `{name}` is declared{}",
                        did_you_mean(name, self.names_to_suggest())
                    ),
                )
            }),
        }
    }

    fn names_to_suggest(&self) -> impl Iterator<Item = &str> {
        let shown = |id: &ResourceId| !self.entries[id.0 as usize].hides_its_name();
        self.by_name.iter().filter(move |(_, id)| shown(id)).map(|(name, _)| name.as_str())
    }

    fn describe(&self, id: ResourceId, code: Code, message: String) -> ContractError {
        let error = ContractError::new(code, message);
        match self.entries.get(id.0 as usize) {
            Some(entry) => error.of(entry.to_string()),
            None => error,
        }
    }

    fn charge(&mut self, bytes: usize) -> Result<(), ContractError> {
        self.payload_bytes = self.payload_bytes.saturating_add(bytes);
        if self.payload_bytes > self.limits.payload_bytes {
            return Err(too_many_bytes(self.limits));
        }
        Ok(())
    }

    fn entry(&self, id: ResourceId) -> Result<&Entry, ContractError> {
        self.entries
            .get(id.0 as usize)
            .ok_or_else(|| ContractError::new(Code::NotFound, "there is no such resource"))
    }

    fn open(&mut self, id: ResourceId) -> Result<&mut Entry, ContractError> {
        let taken = self.taken;
        let entry = self
            .entries
            .get_mut(id.0 as usize)
            .ok_or_else(|| ContractError::new(Code::NotFound, "there is no such resource"))?;
        if (id.0 as usize) < taken {
            return Err(entry.error(
                Code::AlreadyApplied,
                "it was applied at a checkpoint and cannot be altered any more",
            ));
        }
        Ok(entry)
    }
}

fn too_many_bytes(limits: Limits) -> ContractError {
    ContractError::new(
        Code::LimitExceeded,
        format!("recipes may declare {} bytes at the most", limits.payload_bytes),
    )
}

fn guard_bytes(guard: &Guard) -> usize {
    64 + match guard {
        Guard::Command { argv } => argv.iter().map(|argument| argument.len() + 24).sum(),
        Guard::PathExists { path: text }
        | Guard::PackageInstalled { name: text }
        | Guard::ServiceRunning { name: text }
        | Guard::ServiceEnabled { name: text }
        | Guard::UserExists { name: text }
        | Guard::GroupExists { name: text }
        | Guard::PortOpen { address: text }
        | Guard::UrlAnswers { url: text } => text.len(),
    }
}

/// A resource by its handle or by its name in Chef's form.
#[derive(Debug, Clone, Copy)]
pub enum ResourceOrName<'a> {
    /// By handle.
    Id(ResourceId),
    /// By name: `service[nginx]`.
    Name(&'a str),
}

impl From<ResourceOrName<'_>> for End {
    fn from(end: ResourceOrName<'_>) -> Self {
        match end {
            ResourceOrName::Id(id) => End::Id(id),
            ResourceOrName::Name(name) => End::Named(name.to_owned()),
        }
    }
}

impl std::fmt::Display for Entry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.hides_its_name() {
            return write!(formatter, "{}[sensitive]", self.definition.name);
        }
        write!(formatter, "{}[{}]", self.definition.name, self.name)
    }
}

impl Entry {
    /// A sensitive command is its own name.
    fn hides_its_name(&self) -> bool {
        self.common.sensitive && self.definition.name == "execute"
    }

    fn error(&self, code: Code, message: &str) -> ContractError {
        ContractError::new(code, message).of(self.to_string())
    }

    fn action(&self, name: &str) -> Result<Action, ContractError> {
        Action::parse(name)
            .filter(|action| *action == Action::Nothing || self.definition.actions.contains(action))
            .ok_or_else(|| {
                let known = self.definition.actions.iter().map(|action| action.name());
                let message = format!(
                    "{} has no action `{}`{}",
                    self.definition.name,
                    name.escape_debug(),
                    did_you_mean(name, known)
                );
                self.error(Code::UnknownAction, &message).on("action")
            })
    }

    fn lower(&self, sources: &mut dyn Sources) -> Result<engine_protocol::Spec, ContractError> {
        let declared = Declared {
            identity: self.identity.as_ref(),
            properties: &self.properties,
            actions: &self.actions,
        };
        lower::lower(self.definition.name, &declared, sources)
    }
}

#[cfg(test)]
mod tests;
