//! The task types and record kinds that an installation knows, by name.

mod built;
mod catalog;
mod erased;
mod error;
mod kinds;
mod open;
mod tended;

use std::{
    any::{Any, TypeId},
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

pub use catalog::TaskType;
pub use erased::Input;
pub use error::{InputError, RegistryError};
pub use kinds::RecordKind;
pub use open::{LeftAlone, OpenType, OpenTypes};
pub use tended::LookAfter;

use schemars::{Schema, SchemaGenerator};

use crate::{
    handler::{CarriedSchedule, Settings},
    ids::{Id, Name},
    json::Json,
    lifecycle::Task,
};
use erased::AnyType;

/// Task types and record kinds. Built once, at start; what is wrong with it is told by [`Registry::checked`].
///
/// ```
/// # use errand::{Failure, Handler, Outcome, TaskContext};
/// # /// Waits for nothing.
/// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
/// # struct Nothing { of: u8 }
/// # impl Handler for Nothing {
/// #     const TYPE: &'static str = "nothing";
/// #     type State = ();
/// #     async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
/// #         Ok(Outcome::done(self.of.into()))
/// #     }
/// # }
/// use errand::Registry;
///
/// let types = Registry::new().add::<Nothing>(()).shown("receipt").checked()?;
/// assert_eq!(types.names().map(|name| name.as_str()).collect::<Vec<_>>(), ["nothing"]);
///
/// // Two types of one name are an error at start.
/// assert!(Registry::new().add::<Nothing>(()).add::<Nothing>(()).checked().is_err());
/// # Ok::<(), errand::RegistryError>(())
/// ```
#[derive(Clone, Default)]
pub struct Registry {
    types: BTreeMap<Name, Registered>,
    /// In the order in which they were registered.
    kinds: Vec<(Name, RecordKind)>,
    state: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    open: Option<Arc<dyn OpenTypes>>,
    tended: BTreeMap<Name, Arc<dyn LookAfter>>,
    told: Vec<Told>,
    wrong: Option<RegistryError>,
}

/// Who hears of the registry once it is whole.
type Told = Arc<dyn Fn(&Arc<Registry>) + Send + Sync>;

#[derive(Clone)]
struct Registered {
    of: Arc<dyn AnyType>,
    /// Why its tasks are neither taken nor run, if they are not.
    off: Option<&'static str>,
}

impl Registry {
    /// One that knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a new request's payload: unknown fields are refused.
    pub fn accept(&self, task_type: &Name, payload: &Json) -> Result<Box<dyn Input>, InputError> {
        self.find(task_type)?.of.strict(payload).map_err(InputError::payload)
    }

    /// Reads a stored payload, maybe of another version: unknown fields are passed over.
    pub fn stored(&self, task_type: &Name, payload: &Json) -> Result<Box<dyn Input>, InputError> {
        self.find(task_type)?.of.lenient(payload).map_err(InputError::payload)
    }

    /// Whether two payloads of a type read the same: one may leave out what is `null`, or as it is by default, in the
    /// other.
    pub fn reads_same(&self, task_type: &Name, one: &Json, other: &Json) -> bool {
        let Some(Registered { of, .. }) = self.types.get(task_type) else { return false };
        of.written(one).is_some_and(|written| of.written(other) == Some(written))
    }

    /// Whether there is a type of this name, be it switched off.
    pub fn knows(&self, task_type: &Name) -> bool {
        self.types.contains_key(task_type)
    }

    /// What the type of this name decides about its tasks.
    pub fn settings(&self, task_type: &Name) -> Option<Settings> {
        self.types.get(task_type).map(|registered| registered.of.settings())
    }

    /// The schedules that types carry, each with its type; and of a type whose tasks are not taken, that it carries one.
    pub fn schedules(&self) -> Vec<(Name, Option<CarriedSchedule<Json>>)> {
        let carried = |(name, Registered { of, off }): (&Name, &Registered)| {
            of.schedule().map(|schedule| (name.clone(), Some(schedule).filter(|_| off.is_none())))
        };
        self.types.iter().filter_map(carried).collect()
    }

    /// Whether tasks of this type usually take longer than some five seconds.
    pub fn is_slow(&self, task_type: &Name) -> bool {
        self.settings(task_type).is_some_and(|settings| settings.is_slow)
    }

    /// The run that does `task`, if its type says so: [`run_id`](crate::handler::Handler::run_id).
    pub fn run_id(&self, task: &Task) -> Option<Id> {
        self.types.get(&task.task_type)?.of.run_id(task)
    }

    /// The names of all types, in the order of the alphabet.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.types.keys()
    }

    /// What there is to know of each task type, by name.
    pub fn catalog(&self) -> Vec<TaskType> {
        self.types.values().map(|registered| registered.of.describe()).collect()
    }

    /// The schema of each type's payload, as `schemas` knows it.
    pub fn payloads(&self, schemas: &mut SchemaGenerator) -> Vec<(&Name, Schema)> {
        self.types.iter().map(|(name, registered)| (name, registered.of.payload(schemas))).collect()
    }

    /// Where it looks for types that it does not know itself.
    pub fn open_types(&self) -> Option<&dyn OpenTypes> {
        self.open.as_deref()
    }

    /// Who looks after the records of this kind, if somebody here does.
    pub fn tends(&self, kind: &Name) -> Option<&dyn LookAfter> {
        self.tended.get(kind).map(|by| &**by)
    }

    /// What was registered as a `T` by [`Registry::with`].
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.state.get(&TypeId::of::<T>())?.downcast_ref()
    }

    /// The kind of this name, if its records are shown over HTTP.
    pub fn kind_of(&self, name: &Name) -> Option<&RecordKind> {
        self.kinds.iter().find(|(known, _)| known == name).map(|(_, kind)| kind)
    }

    /// The kinds that may be written over HTTP, for error messages.
    pub fn written_kinds(&self) -> impl Iterator<Item = &Name> {
        self.kinds.iter().filter(|(_, kind)| kind.is_written()).map(|(name, _)| name)
    }

    /// Those of them whose records may belong to users.
    pub fn kinds_of_users(&self) -> impl Iterator<Item = &Name> {
        self.kinds.iter().filter(|(_, kind)| kind.is_of_users()).map(|(name, _)| name)
    }

    fn find(&self, task_type: &Name) -> Result<&Registered, InputError> {
        match self.types.get(task_type) {
            Some(Registered { off: Some(why), .. }) => Err(InputError::Off { name: task_type.clone(), why }),
            Some(registered) => Ok(registered),
            None => {
                let known: Vec<&str> = self.names().map(Name::as_str).collect();
                Err(InputError::UnknownType { name: task_type.clone(), known: known.join(", ") })
            }
        }
    }
}

#[cfg(test)]
mod tests;
