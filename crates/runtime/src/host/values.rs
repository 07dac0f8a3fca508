//! The contract's values on the host's side, and the handles that guests hold.

use engine_contract::ContractError;
use engine_protocol::resource::Timing;
use wasmtime::component::{ComponentType, Lift, Lower};

/// A function of the contract that returns a text of a `T`.
pub(crate) type TextOf<T> = (&'static str, fn(&T) -> &str);

/// A declared resource: its handle's representation is the resource's id.
pub(crate) struct Declared;
/// A guard: an index into the evaluation's guards.
pub(crate) struct GuardHandle;
/// An instance: an index into the view's online instances, or [`THIS_INSTANCE`].
pub(crate) struct InstanceHandle;
/// A layer: an index into the view's layers.
pub(crate) struct LayerHandle;
/// An app: an index into the view's apps.
pub(crate) struct AppHandle;

/// The representation of the instance that is being evaluated.
pub(crate) const THIS_INSTANCE: u32 = u32::MAX;

/// The contract's `error`.
#[derive(Debug, Clone, ComponentType, Lower, Lift)]
#[component(record)]
pub(crate) struct WitError {
    pub(crate) code: String,
    pub(crate) resource: String,
    pub(crate) property: String,
    pub(crate) message: String,
}

impl From<ContractError> for WitError {
    fn from(error: ContractError) -> Self {
        WitError {
            code: error.code.name().to_owned(),
            resource: error.resource.unwrap_or_default(),
            property: error.property.unwrap_or_default(),
            message: error.message,
        }
    }
}

/// The contract's `timing`.
#[derive(Debug, Clone, Copy, ComponentType, Lower, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "wasmtime makes the values")]
pub(crate) enum WitTiming {
    #[component(name = "before")]
    Before,
    #[component(name = "immediately")]
    Immediately,
    #[component(name = "delayed")]
    Delayed,
}

impl From<WitTiming> for Timing {
    fn from(timing: WitTiming) -> Self {
        match timing {
            WitTiming::Before => Timing::Before,
            WitTiming::Immediately => Timing::Immediately,
            WitTiming::Delayed => Timing::Delayed,
        }
    }
}

/// The contract's `level`.
#[derive(Debug, Clone, Copy, ComponentType, Lower, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "wasmtime makes the values")]
pub(crate) enum WitLevel {
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
}

/// What most functions of the contract return.
pub(crate) type Fallible<T> = (Result<T, WitError>,);

/// Turns the contract's result into the form that goes to the guest.
pub(crate) fn fallible<T>(result: Result<T, ContractError>) -> Fallible<T> {
    (result.map_err(WitError::from),)
}
