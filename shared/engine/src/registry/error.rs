//! What may be wrong with a registry, and with what it is given to read.

use crate::{
    ids::{Name, NameError},
    json::read::FieldError,
};

/// Why a registry cannot be used: told when a program starts, by what must be changed.
///
/// ```
/// # use errand::{Failure, Handler, Outcome, Registry, TaskContext};
/// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
/// # struct Send {}
/// # impl Handler for Send {
/// #     const TYPE: &'static str = "send";
/// #     type State = ();
/// #     async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
/// #         Ok(Outcome::done("sent".into()))
/// #     }
/// # }
/// let twice = Registry::new().add::<Send>(()).add::<Send>(()).checked();
/// assert!(twice.err().unwrap().to_string().starts_with("two task types are named `send`"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Two have the same name.
    #[error("two {what} are named `{name}`: {first} and {second}")]
    Doubled {
        /// `task types` or `kinds of records`.
        what: &'static str,
        /// The name that stands twice.
        name: Name,
        /// The Rust type that was there first.
        first: &'static str,
        /// The Rust type that was registered second.
        second: &'static str,
    },
    /// It cannot be named so.
    #[error("{of} is named `{name}`: {source}")]
    Name {
        /// The Rust type.
        of: &'static str,
        /// The name that it was registered under.
        name: &'static str,
        /// What is wrong with that.
        source: NameError,
    },
}

/// Why a task type and payload are no [`Input`](crate::registry::Input).
///
/// ```
/// use errand::{InputError, Name, Registry, spi::json::Json};
///
/// let unknown = Registry::new().accept(&Name::of("sing"), &Json::default()).err().unwrap();
/// assert!(matches!(unknown, InputError::UnknownType { .. }));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// No handler has this name.
    #[error("unknown task type `{name}`; known are {known}")]
    UnknownType {
        /// The name that was asked for.
        name: Name,
        /// Those that there are.
        known: String,
    },
    /// This installation does not take tasks of this type.
    #[error("tasks of the type `{name}` {why}")]
    Off {
        /// The name of the type that is off.
        name: Name,
        /// Why, and what switches it on.
        why: &'static str,
    },
    /// The payload does not fit the type.
    #[error("{}: {}", .0.field, .0.message)]
    Payload(FieldError),
}

impl InputError {
    /// What of the payload does not fit.
    pub(crate) fn payload(error: FieldError) -> Self {
        Self::Payload(error.within("payload"))
    }
}
