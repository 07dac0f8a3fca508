//! Maps lifecycle events over the instances of layers.
//!
//! [`plan`] is pure: stack and live state in, the steps of a run out. [`execute`] carries the steps
//! out through the [`ports`] that this crate owns and others implement. Everything that happens is
//! told as a [`RunEvent`], the only way from here to a screen.

pub mod app_steps;
pub mod built_in;
mod configure;
mod confirm;
mod deployments;
pub mod event;
pub mod execute;
pub mod facts;
mod fenced;
mod health;
mod history;
pub mod lock;
mod node_run;
mod observer;
pub mod plan;
pub mod ports;
mod reboot;
mod releases;
mod replay;
pub mod resume;
mod rolling;
pub mod rollout;
pub mod saved;
mod secrets;
mod shared;
mod status;
mod stop;
pub mod view;
mod work;

pub use app_steps::{AppStage, Stage};
pub use built_in::{BuiltInNotification, BuiltInResource};
pub use event::{Counts, NodeResult, RunEvent, RunSummary};
pub use execute::{ExecuteError, Executor, Settings};
pub use facts::{FactsRequest, Found, NotFound};
pub use plan::{NodePlan, PlanError, Request, RunPlan, Step, plan};
pub use saved::SavedPlan;
pub use stop::StopSignal;
