//! What the agent remembers of the node between resources.

use std::{collections::HashMap, os::fd::OwnedFd, path::PathBuf, rc::Rc, time::Duration};

use engine_protocol::Facts;

use crate::{accounts::Accounts, packages::Installed, services::seen::Seen};

/// What an operator can set when starting the agent.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the journal and the lock are.
    pub state_dir: PathBuf,
    /// How long to wait for the lock of another agent or package manager.
    pub lock_wait: Duration,
}

/// Knowledge of the node that is worth keeping while nothing changes.
#[derive(Debug)]
pub struct Node {
    /// Settings of this agent.
    pub settings: Settings,
    /// What the node is.
    pub facts: Facts,
    /// Users and groups, once read.
    pub accounts: Option<Accounts>,
    /// Directories that were reached without following an untrusted link.
    pub directories: HashMap<(String, String), Rc<OwnedFd>>,
    /// The agent's program, for whatever has to outlive this process; none where the agent is a part of another program.
    pub program: Option<PathBuf>,
    /// Why a reboot was requested, if one was since the node booted.
    pub reboot: Option<String>,
    /// Whether that was in an earlier run.
    pub reboot_recalled: bool,
    /// Whether an event of this run declares a reboot: only then a request is carried out.
    pub reboot_declared: bool,
    /// Installed packages, once read.
    pub packages: Option<Installed>,
    /// Whether it was tried to fetch the package lists before something was installed.
    pub lists_tried: bool,
    /// States of services, once read.
    pub services: Seen,
}

impl Node {
    /// A node of which nothing is remembered yet.
    pub fn new(settings: Settings, facts: Facts) -> Self {
        Self {
            settings,
            facts,
            accounts: None,
            directories: HashMap::new(),
            program: None,
            reboot: None,
            reboot_recalled: false,
            reboot_declared: false,
            packages: None,
            lists_tried: false,
            services: Seen::default(),
        }
    }

    /// Forgets what a change could have made wrong.
    pub fn forget(&mut self) {
        self.accounts = None;
        self.directories.clear();
        self.packages = None;
        self.services.forget();
    }

    /// Users and groups.
    pub fn accounts(&mut self) -> &mut Accounts {
        self.accounts.get_or_insert_with(Accounts::read)
    }
}
