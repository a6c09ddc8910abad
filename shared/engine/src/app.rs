//! What every function works with: the services, and the task types and record kinds that it knows.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use crate::{lifecycle::Task, queue::QueueName, registry::Registry, services::Services};

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
