//! How an app comes to its instances: where its source is, and what is done with a release of it.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{name::Name, recipe::RecipeName};

/// Releases of an app that are kept on an instance, as in OpsWorks.
pub const KEEP: u32 = 5;

/// How an app is deployed. The layout on the instance is that of OpsWorks: `releases`, `current` and `shared`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Where the source is.
    pub source: Source,
    /// Who fetches it.
    pub fetch: Fetch,
    /// The app's directory on its instances.
    pub path: String,
    /// Who owns releases; root where `None`.
    pub owner: Option<String>,
    /// Their group; root where `None`.
    pub group: Option<String>,
    /// How many releases stay on an instance.
    pub keep: u32,
    /// Directories of `shared`, and where releases have links to them.
    pub shared: BTreeMap<String, String>,
    /// Files of `shared`, and where releases have links to them; they must be there.
    pub shared_files: BTreeMap<String, String>,
    /// Environment variables of the app, in `shared/.env`.
    pub environment: BTreeMap<String, String>,
    /// Recipes between the stages.
    pub hooks: Hooks,
    /// The command that migrates, an argument vector, where migration is asked for.
    pub migrate: Vec<String>,
    /// What runs the app.
    pub processes: Processes,
}

/// Where the source of an app is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A git repository.
    Git {
        /// Its URL, or a path.
        url: String,
        /// A branch, a tag, or a commit.
        revision: String,
    },
    /// A tar or zip archive.
    Archive {
        /// Its URL.
        url: String,
        /// Its SHA-256, in hexadecimal digits.
        checksum: String,
        /// How many leading parts of each path in it are dropped.
        strip_components: u32,
    },
    /// A directory of the controller.
    Local {
        /// The directory.
        path: PathBuf,
    },
}

/// Who fetches a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fetch {
    /// The controller, once a run; instances get the files that they do not have.
    #[default]
    Controller,
    /// Each instance by itself.
    Node,
}

impl Fetch {
    /// All of them.
    pub const ALL: [Fetch; 2] = [Fetch::Controller, Fetch::Node];

    /// Its name in stack files.
    pub const fn name(self) -> &'static str {
        match self {
            Fetch::Controller => "controller",
            Fetch::Node => "node",
        }
    }
}

/// Recipes between the stages of a deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hooks {
    /// When the release is there.
    pub before_migrate: Vec<RecipeName>,
    /// Right before it becomes the current one.
    pub before_symlink: Vec<RecipeName>,
    /// Right after that.
    pub before_restart: Vec<RecipeName>,
    /// When the app's processes have been restarted.
    pub after_restart: Vec<RecipeName>,
}

impl Hooks {
    /// All recipes, in the order in which they run.
    pub fn recipes(&self) -> impl Iterator<Item = &RecipeName> {
        [&self.before_migrate, &self.before_symlink, &self.before_restart, &self.after_restart]
            .into_iter()
            .flatten()
    }
}

/// What runs an app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processes {
    /// Services that are started, stopped and restarted, unless there is a command for it.
    pub services: Vec<String>,
    /// The command that starts it, an argument vector; none if empty.
    pub start: Vec<String>,
    /// The command that stops it.
    pub stop: Vec<String>,
    /// The command that restarts it.
    pub restart: Vec<String>,
}

impl Deployment {
    /// A deployment of a source with all that the stack file need not say.
    pub fn new(app: &Name, source: Source) -> Self {
        let shared = [("log", "log"), ("pids", "tmp/pids"), ("system", "public/system")];
        Deployment {
            source,
            fetch: Fetch::default(),
            path: format!("/srv/www/{app}"),
            owner: None,
            group: None,
            keep: KEEP,
            shared: shared.map(|(name, link)| (name.to_owned(), link.to_owned())).into(),
            shared_files: BTreeMap::new(),
            environment: BTreeMap::new(),
            hooks: Hooks::default(),
            migrate: Vec::new(),
            processes: Processes::default(),
        }
    }
}
