//! What every function works with: the services, and the task types and record kinds that it knows.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use crate::{
    ids::Name,
    json::Json,
    lifecycle::Task,
    queue::QueueName,
    registry::{Input, InputError, LeftAlone, OpenType, Registry},
    services::Services,
    store::StoreError,
};

/// A payload that was read, or why it could not be.
pub type Read = Result<Box<dyn Input>, InputError>;

/// Made once at start, shared by everything that runs. Its services are its own fields, by `Deref`.
///
/// ```
/// use std::sync::Arc;
///
/// use errand::{App, Registry, Services, spi::{clock::SystemClock, queue::MemoryQueue, store::MemoryStore}};
///
/// let clock = Arc::new(SystemClock);
/// let (store, queue) = (Arc::new(MemoryStore::default()), Arc::new(MemoryQueue::new(clock.clone())));
/// let app = App::new(Services::new(store, queue, clock), Registry::new().checked()?);
/// assert_eq!(app.types.names().count(), 0);
/// # Ok::<(), errand::RegistryError>(())
/// ```
#[derive(Clone)]
pub struct App {
    /// What it works with.
    pub services: Services,
    /// The task types it runs and the kinds of records it serves.
    pub types: Arc<Registry>,
}

impl App {
    /// One that knows `types`.
    pub fn new(services: Services, types: Arc<Registry>) -> Self {
        Self { services, types }
    }

    /// The same over other services.
    pub fn over(&self, services: Services) -> Self {
        Self { services, types: self.types.clone() }
    }

    /// The same, for work that came with this X-Ray header.
    pub fn traced(&self, header: Option<&str>) -> Self {
        let mut app = self.clone();
        app.services.trace = header.map(Arc::from);
        app
    }

    /// Reads a new request's payload, as its type has it for `tenant`.
    pub async fn new_input(&self, tenant: &Name, task_type: &Name, payload: &Json) -> Result<Read, StoreError> {
        let Some(found) = self.open_type(tenant, task_type).await? else {
            return Ok(self.types.accept(task_type, payload));
        };
        if let Some(why) = found.off() {
            return Ok(Err(InputError::Off { name: task_type.clone(), why }));
        }
        Ok(found.strict(payload).map_err(InputError::payload))
    }

    /// Reads the payload of `task`, which is stored: maybe by another version, or as its type was then.
    pub async fn input_of(&self, task: &Task) -> Result<Read, StoreError> {
        match self.open_type(&task.key.tenant, &task.task_type).await? {
            Some(found) => Ok(found.lenient(&task.payload).map_err(InputError::payload)),
            None => Ok(self.types.stored(&task.task_type, &task.payload)),
        }
    }

    /// Whether the tenant of `task` has its type, be it switched off.
    pub async fn knows_type_of(&self, task: &Task) -> Result<bool, StoreError> {
        let is_open = || self.open_type(&task.key.tenant, &task.task_type);
        Ok(self.types.knows(&task.task_type) || is_open().await?.is_some())
    }

    /// The type of this name that is not compiled in.
    async fn open_type(&self, tenant: &Name, name: &Name) -> Result<Option<Arc<dyn OpenType>>, StoreError> {
        match self.types.open_types() {
            Some(open) if !self.types.knows(name) => open.find(&self.services, tenant, name).await,
            _ => Ok(None),
        }
    }

    /// The types whose targets are left alone for a while: those that `tenant` has, or all.
    pub async fn left_alone(&self, tenant: Option<&Name>) -> Result<Vec<LeftAlone>, StoreError> {
        match self.types.open_types() {
            Some(open) => open.left_alone(&self.services, tenant).await,
            None => Ok(Vec::new()),
        }
    }

    /// The queue that `task`'s messages ride.
    pub fn queue_of(&self, task: &Task) -> QueueName {
        QueueName::of(task, self.types.is_slow(&task.task_type))
    }
}

impl Deref for App {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.services
    }
}

impl DerefMut for App {
    fn deref_mut(&mut self) -> &mut Services {
        &mut self.services
    }
}
