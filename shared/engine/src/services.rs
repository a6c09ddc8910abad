//! What everything works with: the store, the queues, the clock, and what the installation decides.

use std::{sync::Arc, time::Duration};

use crate::{
    bell::Bell,
    clock::Clock,
    lifecycle::{LOOK_AHEAD, Task, retry},
    listener::Listeners,
    meter::{Meter, Uncounted},
    noticed::Noticed,
    queue::Queue,
    release::Release,
    rights::Scopes,
    store::{COMMIT_ITEMS, Store},
};

/// Store, queues, clock, listeners and rules. Made once at start, shared by everything that runs.
///
/// ```
/// use std::sync::Arc;
///
/// use errand::{App, Registry, Services, spi::{clock::SystemClock, queue::MemoryQueue, store::MemoryStore}};
///
/// let clock = Arc::new(SystemClock);
/// let (store, queue) = (Arc::new(MemoryStore::default()), Arc::new(MemoryQueue::new(clock.clone())));
/// let app = App::new(Services::new(store, queue, clock), Registry::new().checked()?);
/// # Ok::<(), errand::RegistryError>(())
/// ```
#[derive(Clone)]
pub struct Services {
    /// Where tasks and records live.
    pub store: Arc<dyn Store>,
    /// How workers hear of due tasks.
    pub queue: Arc<dyn Queue>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What this installation decides.
    pub rules: Arc<Rules>,
    /// Who hears of events.
    pub listeners: Listeners,
    /// Tells handlers that the process is about to end.
    pub release: Release,
    /// What is worked on now came with this X-Ray header (`Root=1-…;Parent=…;Sampled=…`); messages pass it on.
    pub trace: Option<Arc<str>>,
    /// Rings when there may be work for workers outside, where one process knows of all of it: they may wait for it.
    pub bell: Option<Bell>,
    /// What this process has noted of which types workers outside ask for.
    pub noticed: Noticed,
    /// Who counts what happens.
    pub meter: Arc<dyn Meter>,
}

/// What an installation decides.
///
/// ```
/// use errand::{Registry, Rules, testing::Sandbox};
///
/// let rules = Rules { max_retries: 5, ..Rules::default() };
/// let sandbox = Sandbox::new(Registry::new()).ruled(rules);
/// assert_eq!(sandbox.app().rules.max_retries, 5);
/// ```
#[derive(Clone, Debug)]
pub struct Rules {
    /// Retries of a task whose request names none.
    pub max_retries: u32,
    /// Lost workers in a drive that end a task.
    pub max_losses: u32,
    /// Principals that may write what record kinds guard, and see what they keep secret ([`Entity::guarded`]).
    ///
    /// [`Entity::guarded`]: crate::records::Entity::guarded
    pub verifiers: Vec<String>,
    /// Which scopes of a token give its bearer which rights.
    pub scopes: Scopes,
    /// How many due items the poller takes up at a time, in each shard.
    pub poll_page: usize,
    /// How long before its time the poller is to come to what fires at a certain second, so that a message can say that
    /// second: one and a half times the pause between two polls.
    pub look_ahead: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            max_retries: Task::RETRIES,
            max_losses: retry::MAX_LOSSES,
            verifiers: Vec::new(),
            scopes: Scopes::default(),
            // So many events are listed in one commit, whose other item is the outbox.
            poll_page: COMMIT_ITEMS - 1,
            look_ahead: LOOK_AHEAD,
        }
    }
}

impl Services {
    /// Over `store` and `queue`, by `clock`; the rest as it is by default.
    pub fn new(store: Arc<dyn Store>, queue: Arc<dyn Queue>, clock: Arc<dyn Clock>) -> Self {
        let (rules, listeners, release) = (Arc::default(), Listeners::default(), Release::default());
        Self {
            store,
            queue,
            clock,
            rules,
            listeners,
            release,
            trace: None,
            bell: None,
            noticed: Noticed::default(),
            meter: Arc::new(Uncounted),
        }
    }

    /// The trace that the work belongs to: what X-Ray finds it by.
    pub(crate) fn xray_trace_id(&self) -> Option<&str> {
        self.trace.as_deref()?.split(';').find_map(|part| part.trim().strip_prefix("Root="))
    }
}
