//! The nouns of engine: what an operator describes (a [`Stack`] of [`Layer`]s, [`Instance`]s and
//! [`App`]s) and what happens to it ([`run`]s of [`Command`]s at [`LifecycleEvent`]s). No I/O, no behaviour beyond
//! what keeps the values true.

pub mod attributes;
pub mod built_in;
pub mod command;
pub mod configure;
pub mod deployment;
pub mod hostname;
pub mod instance;
pub mod lifecycle;
pub mod lock;
pub mod name;
pub mod notification;
pub mod recipe;
pub mod rollout;
pub mod run;
pub mod secret;
pub mod stack;

pub use attributes::Attributes;
pub use built_in::{BuiltInSettings, ListedPackage, ListedPackageError, User};
pub use command::{Command, CommandError};
pub use configure::{ConfigureBegun, ConfigureState, PendingConfigure};
pub use deployment::{Deployment, Fetch, Hooks, Processes, Source};
pub use hostname::{HostnameTheme, next_hostname};
pub use instance::{Connection, Instance, InstanceStatus, StatusRecord};
pub use lifecycle::LifecycleEvent;
pub use lock::StackLock;
pub use name::{Name, NameError};
pub use notification::{Moment, Notification, NotificationTarget};
pub use recipe::{RecipeName, RecipeNameError};
pub use rollout::{BatchSize, HealthCheck, Probe, Rollout, UnreachablePolicy};
pub use run::{NewRun, RunId, RunRecord, RunState};
pub use secret::{Secret, SecretFileSettings, SecretSource};
pub use stack::{App, CookbookReference, CookbookSource, Layer, SshSettings, Stack, StatePlace};
