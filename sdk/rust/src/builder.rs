//! What makes builders of resource types from tables: a type is one entry, a property one line in it.
//!
//! The same table gives what a component calls (the function of the WIT interface) and what native
//! tests call (the engine's collector, by name).

pub(crate) use crate::{
    Action, Context, Declared, Guard, IntoNames, Result, Target, Timing,
    declare::Common,
    host::{self, Session},
};

/// A type in a table: its name, capability, identity and properties with their kinds.
#[cfg(all(test, not(target_arch = "wasm32")))]
pub(crate) type TypeTable = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [(&'static str, &'static str)],
);

/// How a value is kept until it is declared.
macro_rules! stored {
    (Text) => { String };
    (Json) => { String };
    (Bytes) => { Vec<u8> };
    (Integer) => { i64 };
    (Boolean) => { bool };
    (Names) => { Vec<String> };
    (TextList) => { Vec<String> };
    (TextMap) => { Vec<(String, String)> };
    (IntegerList) => { Vec<i64> };
}

/// How the engine's definitions call the kind.
#[cfg(all(test, not(target_arch = "wasm32")))]
macro_rules! contract_kind {
    (Names) => {
        "TextList"
    };
    ($kind:ident) => {
        stringify!($kind)
    };
}

/// How the value is handed to the host.
#[cfg(target_arch = "wasm32")]
macro_rules! argument {
    (Integer, $value:expr) => {
        $value
    };
    (Boolean, $value:expr) => {
        $value
    };
    ($kind:ident, $value:expr) => {
        &$value
    };
}
#[cfg(not(target_arch = "wasm32"))]
macro_rules! argument {
    (Json, $value:expr) => {
        engine_contract::Value::Text($value)
    };
    (Names, $value:expr) => {
        engine_contract::Value::TextList($value)
    };
    ($kind:ident, $value:expr) => {
        engine_contract::Value::$kind($value)
    };
}

/// The method that sets a property.
macro_rules! setter {
    ($name:ident, Text, $($meta:meta)*) => {
        $(#[$meta])*
        pub fn $name(mut self, value: impl Into<String>) -> Self {
            self.$name = Some(value.into());
            self
        }
    };
    ($name:ident, Json, $($meta:meta)*) => {
        $(#[$meta])*
        pub fn $name(mut self, value: &(impl serde::Serialize + ?Sized)) -> Self {
            // The engine sorts the keys, so it does not matter what they were kept in.
            match serde_json::to_string(value) {
                Ok(text) => self.$name = Some(text),
                Err(error) => {
                    let error = crate::Error::new("invalid-value", error.to_string());
                    self.common.error = Some(error.on(stringify!($name)));
                }
            }
            self
        }
    };
    ($name:ident, Bytes, $($meta:meta)*) => {
        $(#[$meta])*
        pub fn $name(mut self, value: impl Into<Vec<u8>>) -> Self {
            self.$name = Some(value.into());
            self
        }
    };
    ($name:ident, Integer, $($meta:meta)*) => {
        $(#[$meta])*
        pub fn $name(mut self, value: impl Into<i64>) -> Self {
            self.$name = Some(value.into());
            self
        }
    };
    ($name:ident, Boolean, $($meta:meta)*) => {
        $(#[$meta])*
        pub fn $name(mut self, value: bool) -> Self {
            self.$name = Some(value);
            self
        }
    };
    ($name:ident, TextList, $($meta:meta)*) => {
        $(#[$meta])*
        pub fn $name(mut self, value: impl IntoIterator<Item: Into<String>>) -> Self {
            self.$name = Some(value.into_iter().map(Into::into).collect());
            self
        }
    };
    ($name:ident, TextMap, $($meta:meta)*) => {
        $(#[$meta])*
        pub fn $name(
            mut self,
            value: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
        ) -> Self {
            self.$name = Some(value.into_iter().map(|(name, text)| (name.into(), text.into())).collect());
            self
        }
    };
    ($name:ident, IntegerList, $($meta:meta)*) => {
        $(#[$meta])*
        pub fn $name(mut self, value: impl IntoIterator<Item: Into<i64>>) -> Self {
            self.$name = Some(value.into_iter().map(Into::into).collect());
            self
        }
    };
}

/// The method of the context that begins a declaration.
macro_rules! constructor {
    ($builder:ident, $function:ident, $identity:ident, Text, $($meta:meta)*) => {
        $(#[$meta])*
        pub fn $function(&self, $identity: impl Into<String>) -> $builder {
            $builder::new(self.session(), $identity.into())
        }
    };
    ($builder:ident, $function:ident, $identity:ident, Names, $($meta:meta)*) => {
        $(#[$meta])*
        pub fn $function(&self, $identity: impl IntoNames) -> $builder {
            $builder::new(self.session(), $identity.into_names())
        }
    };
    ($builder:ident, $function:ident, $identity:ident, TextList, $($meta:meta)*) => {
        $(#[$meta])*
        pub fn $function(&self, $identity: impl IntoIterator<Item: Into<String>>) -> $builder {
            $builder::new(self.session(), $identity.into_iter().map(Into::into).collect())
        }
    };
    ($builder:ident, $function:ident, , , $($meta:meta)*) => {
        $(#[$meta])*
        pub fn $function(&self) -> $builder {
            $builder::new(self.session())
        }
    };
}

macro_rules! resources {
    ($(
        $(#[$meta:meta])*
        $builder:ident = $capability:ident :: $function:ident ( $($identity:ident: $identity_kind:ident)? ) {
            $($(#[$property_meta:meta])* $property:ident: $kind:ident,)*
        }
    )*) => {
        impl Context {
            $(constructor! { $builder, $function, $($identity)?, $($identity_kind)?, $($meta)* })*
        }

        $(
            $(#[$meta])*
            #[derive(Debug, Clone)]
            #[must_use = "nothing is declared before `declare`"]
            pub struct $builder {
                session: Session,
                $($identity: stored!($identity_kind),)?
                $($property: Option<stored!($kind)>,)*
                common: Common,
            }

            impl $builder {
                fn new(session: Session, $($identity: stored!($identity_kind))?) -> Self {
                    $builder { session, $($identity,)? $($property: None,)* common: Common::default() }
                }

                $(setter! { $property, $kind, $($property_meta)* })*

                /// What shall be done: one action, or several in order. Without it, the type's default.
                pub fn action(mut self, actions: impl Into<Vec<Action>>) -> Self {
                    self.common.actions = actions.into();
                    self
                }

                /// Tells another resource to act when this one changed.
                pub fn notifies(mut self, action: Action, target: impl Into<Target>, timing: Timing) -> Self {
                    self.common.notifies.push((action, target.into(), timing));
                    self
                }

                /// Acts when another resource changed.
                pub fn subscribes(mut self, action: Action, source: impl Into<Target>, timing: Timing) -> Self {
                    self.common.subscribes.push((action, source.into(), timing));
                    self
                }

                /// Skips the resource unless the guard holds. All such guards must hold.
                pub fn only_if(mut self, guard: Guard) -> Self {
                    self.common.only_if.push(guard);
                    self
                }

                /// Skips the resource if the guard holds.
                pub fn not_if(mut self, guard: Guard) -> Self {
                    self.common.not_if.push(guard);
                    self
                }

                /// How often to try again after a failure. Default 0.
                pub fn retries(mut self, times: u32) -> Self {
                    self.common.retries = Some(times);
                    self
                }

                /// Seconds between tries. Default 2.
                pub fn retry_delay(mut self, seconds: u32) -> Self {
                    self.common.retry_delay = Some(seconds);
                    self
                }

                /// Never show content, arguments or output of this resource.
                pub fn sensitive(mut self, sensitive: bool) -> Self {
                    self.common.sensitive = Some(sensitive);
                    self
                }

                /// Go on after a failure.
                pub fn ignore_failure(mut self, ignore: bool) -> Self {
                    self.common.ignore_failure = Some(ignore);
                    self
                }

                /// Seconds that one try may take. Default 3600, unless the type says otherwise.
                pub fn timeout(mut self, seconds: u32) -> Self {
                    self.common.timeout = Some(seconds);
                    self
                }

                /// The node puts back what this replaced, and lets those act again that it notified, unless a fresh
                /// connection shows in time that the node can still be reached. For resources that replace files.
                pub fn confirm(mut self, confirm: bool) -> Self {
                    self.common.confirm = Some(confirm);
                    self
                }

                /// Permission bits, in octal digits such as `0027`, that what is made anew does not get,
                /// unless a mode is set. Commands inherit it. Default `0022`.
                pub fn umask(mut self, mask: impl Into<String>) -> Self {
                    self.common.umask = Some(mask.into());
                    self
                }

                /// Declares it here: resources are applied in the order of declaration.
                pub fn declare(self) -> Result<Declared> {
                    if let Some(error) = self.common.error {
                        return Err(error);
                    }
                    #[cfg(target_arch = "wasm32")]
                    {
                        let Session = self.session;
                        let resource = host::bindings::engine::cookbook::$capability::$builder::declare(
                            $(argument!($identity_kind, self.$identity))?
                        )?;
                        $(if let Some(value) = self.$property {
                            resource.$property(argument!($kind, value))?;
                        })*
                        self.common.apply(host::Handle::new(resource.declaration()))
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    {
                        #[allow(unused_mut, unused_assignments)]
                        let mut identity = None;
                        $(identity = Some(argument!($identity_kind, self.$identity));)?
                        let resource: host::Handle = self.session.declare(stringify!($function), identity)?;
                        $(if let Some(value) = self.$property {
                            resource.set(stringify!($property), argument!($kind, value))?;
                        })*
                        self.common.apply(resource)
                    }
                }
            }
        )*

        #[cfg(all(test, not(target_arch = "wasm32")))]
        pub(crate) const TABLE: &[$crate::builder::TypeTable] = &[$((
            stringify!($function),
            stringify!($capability),
            &[$((stringify!($identity), contract_kind!($identity_kind)))?],
            &[$((stringify!($property), contract_kind!($kind)),)*],
        ),)*];
    };
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use std::collections::BTreeSet;

    use engine_contract::definition::{PropertyDefinition, TYPES};

    fn line(kind: &str, place: &str, name: &str, value: &str) -> String {
        format!("{kind} {place} {name}: {value}")
    }

    /// What the contract has and these tables have not, and the other way round.
    #[test]
    fn the_tables_are_the_contracts() {
        let mut theirs = BTreeSet::new();
        for definition in TYPES {
            let property = |place, property: &PropertyDefinition| {
                line(definition.name, place, property.name, &format!("{:?}", property.value))
            };
            theirs.insert(format!("{} in {}", definition.name, definition.capability));
            theirs.extend(definition.identity.iter().map(|identity| property("identity", identity)));
            theirs.extend(definition.properties.iter().map(|each| property("property", each)));
        }
        let mut ours = BTreeSet::new();
        for (name, capability, identity, properties) in crate::resources::tables() {
            ours.insert(format!("{name} in {capability}"));
            ours.extend(identity.iter().map(|(each, kind)| line(name, "identity", each, kind)));
            ours.extend(properties.iter().map(|(each, kind)| line(name, "property", each, kind)));
        }
        let missing: Vec<_> = theirs.difference(&ours).collect();
        let surplus: Vec<_> = ours.difference(&theirs).collect();
        assert!(
            missing.is_empty() && surplus.is_empty(),
            "missing here: {missing:#?}\ntoo much here: {surplus:#?}"
        );
    }
}
