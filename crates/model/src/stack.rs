//! A stack and its parts, as the stack file describes them.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use engine_protocol::Grants;
use serde::{Deserialize, Serialize};

use crate::{
    attributes::Attributes,
    built_in::{BuiltInSettings, ListedPackage, User},
    command::Command,
    deployment::Deployment,
    hostname::HostnameTheme,
    instance::Instance,
    lifecycle::LifecycleEvent,
    name::Name,
    notification::Notification,
    recipe::RecipeName,
    rollout::Rollout,
    secret::{Secret, SecretFileSettings},
};

/// An application's machines, described as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stack {
    /// Name; that of the stack file without its ending.
    pub name: Name,
    /// What it is for.
    pub description: String,
    /// Whether setup installs pending updates first, unless a layer says otherwise.
    pub update_on_setup: bool,
    /// How long an instance waits for a fresh connection before it puts back a change that must be confirmed; a minute if
    /// `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_timeout: Option<Duration>,
    /// What engine does by itself.
    pub built_in: BuiltInSettings,
    /// Where the names of new instances come from.
    pub hostname_theme: HostnameTheme,
    /// Packages for all instances.
    pub packages: Vec<ListedPackage>,
    /// Who may log in, in stack-file order.
    pub users: Vec<User>,
    /// Attributes for all layers.
    pub attributes: Attributes,
    /// How hosts are reached.
    pub ssh: SshSettings,
    /// Cookbooks and what they are granted.
    pub cookbooks: Vec<CookbookReference>,
    /// Layers, in stack-file order: also the order in which their recipes run on an instance.
    pub layers: Vec<Layer>,
    /// Instances, in stack-file order.
    pub instances: Vec<Instance>,
    /// Apps, in stack-file order.
    pub apps: Vec<App>,
    /// Who is told of runs besides the operator.
    pub notifications: Vec<Notification>,
    /// Secrets, in stack-file order: where their values come from.
    #[serde(default)]
    pub secrets: Vec<Secret>,
    /// How files with secrets are encrypted.
    #[serde(default)]
    pub secret_file: SecretFileSettings,
    /// Where the live state is, if the stack file says it.
    pub state: Option<StatePlace>,
}

/// Where live state is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatePlace {
    /// In this file.
    File(PathBuf),
    /// In the database of this URL, which holds no password.
    Url(String),
}

impl Stack {
    /// A stack without anything in it, as an empty stack file describes one.
    pub fn new(name: Name) -> Self {
        Stack {
            name,
            description: String::new(),
            update_on_setup: true,
            confirm_timeout: None,
            built_in: BuiltInSettings::default(),
            hostname_theme: HostnameTheme::default(),
            packages: Vec::new(),
            users: Vec::new(),
            attributes: Attributes::default(),
            ssh: SshSettings::default(),
            cookbooks: Vec::new(),
            layers: Vec::new(),
            instances: Vec::new(),
            apps: Vec::new(),
            notifications: Vec::new(),
            secrets: Vec::new(),
            secret_file: SecretFileSettings::default(),
            state: None,
        }
    }

    /// The layer of that name.
    pub fn layer(&self, name: &Name) -> Option<&Layer> {
        self.layers.iter().find(|layer| layer.name == *name)
    }

    /// The instance of that name.
    pub fn instance(&self, name: &Name) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.name == *name)
    }

    /// The cookbook of that name.
    pub fn cookbook(&self, name: &Name) -> Option<&CookbookReference> {
        self.cookbooks.iter().find(|cookbook| cookbook.name == *name)
    }

    /// The secret of that name.
    pub fn secret(&self, name: &str) -> Option<&Secret> {
        self.secrets.iter().find(|secret| secret.name.as_str() == name)
    }

    /// The layers of an instance, in stack-file order.
    pub fn layers_of<'a>(&'a self, instance: &'a Instance) -> impl Iterator<Item = &'a Layer> {
        self.layers.iter().filter(|layer| instance.layers.contains(&layer.name))
    }

    /// The apps that belong on an instance: those of its layers, in stack-file order.
    pub fn apps_of<'a>(&'a self, instance: &'a Instance) -> impl Iterator<Item = &'a App> {
        self.apps.iter().filter(|app| app.layers.iter().any(|layer| instance.layers.contains(layer)))
    }
}

/// Instances with one job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// Name.
    pub name: Name,
    /// What it is for.
    pub description: String,
    /// Whether setup installs pending updates first; the stack's setting where `None`.
    pub update_on_setup: Option<bool>,
    /// Packages for its instances.
    pub packages: Vec<ListedPackage>,
    /// Recipes to run at each event, in order.
    pub run_lists: BTreeMap<LifecycleEvent, Vec<RecipeName>>,
    /// Attributes on top of the stack's.
    pub attributes: Attributes,
    /// Layers that are done before this one begins, where a run is about both.
    pub after: Vec<Name>,
    /// How long the shutdown recipes may take; 120 s where `None`, as in OpsWorks.
    pub shutdown_timeout: Option<Duration>,
    /// How commands go over its instances.
    pub rollout: Rollout,
    /// The same for one command.
    pub rollout_of: BTreeMap<Command, Rollout>,
}

impl Layer {
    /// A layer of which only the name is said.
    pub fn new(name: Name) -> Self {
        Layer {
            name,
            description: String::new(),
            update_on_setup: None,
            packages: Vec::new(),
            run_lists: BTreeMap::new(),
            attributes: Attributes::default(),
            after: Vec::new(),
            shutdown_timeout: None,
            rollout: Rollout::default(),
            rollout_of: BTreeMap::new(),
        }
    }

    /// How a command goes over its instances, unless the operator says otherwise.
    pub fn rollout_for(&self, command: Command) -> Rollout {
        self.rollout_of.get(&command).map_or_else(|| self.rollout.clone(), |own| own.over(&self.rollout))
    }

    /// The recipes of an event.
    pub fn run_list(&self, event: LifecycleEvent) -> &[RecipeName] {
        self.run_lists.get(&event).map_or(&[], Vec::as_slice)
    }
}

/// Something that is deployed to the instances of its layers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct App {
    /// Name.
    pub name: Name,
    /// What it is.
    pub description: String,
    /// The layers whose instances serve it.
    pub layers: Vec<Name>,
    /// Data for the recipes that deploy it.
    pub attributes: Attributes,
    /// How engine deploys releases of it; recipes alone do where `None`.
    pub deployment: Option<Deployment>,
}

impl App {
    /// An app of which only the name and the layers are said.
    pub fn new(name: Name, layers: Vec<Name>) -> Self {
        App { name, description: String::new(), layers, attributes: Attributes::default(), deployment: None }
    }
}

/// A cookbook that the stack uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CookbookReference {
    /// Name.
    pub name: Name,
    /// Where it comes from.
    pub source: CookbookSource,
    /// What it may do.
    pub grants: Grants,
}

/// Where a cookbook comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CookbookSource {
    /// A packed component, or a cookbook's directory in which `engine cookbook build` left one.
    Path(PathBuf),
}

/// How hosts are reached, unless an instance or `ssh_config` says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SshSettings {
    /// `ssh_config` to read instead of the user's and the system's.
    pub config: Option<PathBuf>,
    /// `known_hosts` to read instead of the user's.
    pub known_hosts: Option<PathBuf>,
    /// Whether a host that is not known yet is accepted and remembered; where `None`, what `ssh_config`
    /// says, and else not. A changed key never is.
    pub accept_new_host_keys: Option<bool>,
    /// User to log in as.
    pub user: Option<String>,
    /// Private key.
    pub identity_file: Option<PathBuf>,
    /// How long to wait for a connection; where `None`, what `ssh_config` says, and else 10 s.
    pub connect_timeout: Option<Duration>,
    /// Whether to become root through sudo when the user is not root.
    pub sudo: bool,
}

impl Default for SshSettings {
    fn default() -> Self {
        SshSettings {
            config: None,
            known_hosts: None,
            accept_new_host_keys: None,
            user: None,
            identity_file: None,
            connect_timeout: None,
            sudo: true,
        }
    }
}
