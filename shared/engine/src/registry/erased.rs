//! Task types of any Rust type, and their payloads.

use std::{any::type_name, marker::PhantomData, sync::Arc, time::Duration};

use async_trait::async_trait;
use schemars::{Schema, SchemaGenerator};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    effects::Effect,
    handler::{CarriedSchedule, Failure, Handler, Outcome, Settings, TaskContext},
    ids::{Id, Name},
    json::{
        Json,
        read::{FieldError, read_lenient, read_strict},
    },
    lifecycle::{Asked, Report, Task},
    registry::catalog::{TaskType, describe},
    store::StoreError,
};

/// A payload that was read: what a task of some type is to do. See [`Handler`].
#[async_trait]
pub trait Input: Send + Sync {
    /// What its type decides about its tasks.
    fn settings(&self) -> Settings;

    /// Whether a new task may be like this.
    fn admits(&self, new: &Asked) -> Result<(), FieldError>;

    /// Whether one more of its type's tasks may be run here now, which is asked before it is claimed. It waits for room; what
    /// is answered stands for that until the execution is over. An error: not before this has passed.
    async fn enter(&self, _now: Timestamp) -> Result<Box<dyn Send>, Duration> {
        Ok(Box::new(()))
    }

    /// Runs the task once.
    async fn handle(&self, task: &TaskContext<'_>) -> Result<Outcome, Failure>;

    /// What else ends with the task.
    async fn ended(&self, task: &TaskContext<'_>, ended: &Task) -> Result<Vec<Effect>, StoreError>;

    /// What else changes when the task waits.
    async fn waits(&self, task: &TaskContext<'_>, waiting: &Task) -> Result<Vec<Effect>, StoreError>;

    /// What its execution has used.
    async fn used(&self, task: &TaskContext<'_>) -> Result<Report, StoreError>;

    /// Where it can be followed.
    fn session_path(&self, id: Uuid) -> Option<String>;

    /// Which of the workers of its type it is for, if it is pulled.
    fn pool(&self) -> Option<Name>;
}

/// A task type.
pub(super) trait AnyType: Send + Sync {
    fn name(&self) -> &'static str;
    fn rust_name(&self) -> &'static str;
    fn settings(&self) -> Settings;
    fn schedule(&self) -> Option<CarriedSchedule<Json>>;
    fn run_id(&self, task: &Task) -> Option<Id>;
    fn describe(&self) -> TaskType;
    fn payload(&self, schemas: &mut SchemaGenerator) -> Schema;
    fn strict(&self, payload: &Json) -> Result<Box<dyn Input>, FieldError>;
    fn lenient(&self, payload: &Json) -> Result<Box<dyn Input>, FieldError>;
    /// The payload as the type itself writes what it reads; `None` if it does not read it.
    fn written(&self, payload: &Json) -> Option<Value>;
}

/// The type `H` with its state.
pub(super) struct Of<H: Handler> {
    /// Shared by all payloads that are read: to copy it for each would be work for every task.
    state: Arc<H::State>,
    of: PhantomData<fn() -> H>,
}

impl<H: Handler> Of<H> {
    pub(super) fn new(state: H::State) -> Self {
        Self { state: Arc::new(state), of: PhantomData }
    }

    fn input(&self, read: H) -> Box<dyn Input> {
        Box::new(Given { input: read, state: self.state.clone() })
    }
}

impl<H: Handler> AnyType for Of<H> {
    fn name(&self) -> &'static str {
        H::TYPE
    }

    fn rust_name(&self) -> &'static str {
        type_name::<H>()
    }

    fn settings(&self) -> Settings {
        H::settings()
    }

    fn schedule(&self) -> Option<CarriedSchedule<Json>> {
        let written = |payload| Json::new(&serde_json::to_value(payload).unwrap_or_default());
        H::schedule().map(|carried| carried.map(written))
    }

    fn run_id(&self, task: &Task) -> Option<Id> {
        H::run_id(task)
    }

    fn describe(&self) -> TaskType {
        describe::<H>()
    }

    fn payload(&self, schemas: &mut SchemaGenerator) -> Schema {
        schemas.subschema_for::<H>()
    }

    fn strict(&self, payload: &Json) -> Result<Box<dyn Input>, FieldError> {
        Ok(self.input(read_strict(payload.as_str())?))
    }

    fn lenient(&self, payload: &Json) -> Result<Box<dyn Input>, FieldError> {
        Ok(self.input(read_lenient(payload.as_str())?))
    }

    fn written(&self, payload: &Json) -> Option<Value> {
        let read: H = read_lenient(payload.as_str()).ok()?;
        serde_json::to_value(read).ok()
    }
}

struct Given<H: Handler> {
    input: H,
    state: Arc<H::State>,
}

#[async_trait]
impl<H: Handler> Input for Given<H> {
    fn settings(&self) -> Settings {
        H::settings()
    }

    fn admits(&self, new: &Asked) -> Result<(), FieldError> {
        self.input.admits(new)
    }

    async fn handle(&self, task: &TaskContext<'_>) -> Result<Outcome, Failure> {
        self.input.handle(task, &self.state).await
    }

    async fn ended(&self, task: &TaskContext<'_>, ended: &Task) -> Result<Vec<Effect>, StoreError> {
        self.input.ended(task, ended, &self.state).await
    }

    async fn waits(&self, task: &TaskContext<'_>, waiting: &Task) -> Result<Vec<Effect>, StoreError> {
        self.input.waits(task, waiting, &self.state).await
    }

    async fn used(&self, task: &TaskContext<'_>) -> Result<Report, StoreError> {
        self.input.used(task, &self.state).await
    }

    fn session_path(&self, id: Uuid) -> Option<String> {
        self.input.session_path(id)
    }

    fn pool(&self) -> Option<Name> {
        self.input.pool()
    }
}
