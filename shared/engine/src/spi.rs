//! For who builds stores, queues, routes and whole installations. It promises nothing: any release may change it.
//!
//! To write task types and to enqueue tasks, the names at the root are enough.
//!
//! ```
//! use errand::{App, Registry, Services, spi::{clock::SystemClock, queue::MemoryQueue, store::MemoryStore}};
//! use std::sync::Arc;
//!
//! let clock = Arc::new(SystemClock);
//! let queue = Arc::new(MemoryQueue::new(clock.clone()));
//! let app = App::new(Services::new(Arc::new(MemoryStore::default()), queue, clock), Registry::new().checked()?);
//! # Ok::<(), errand::RegistryError>(())
//! ```

/// How a task is taken, whoever asks for it.
pub mod accept {
    pub use crate::accept::*;
}

/// What a function works with: services, and the types that it knows.
pub mod app {
    pub use crate::app::*;
}

/// Tells who waits for work.
pub mod bell {
    pub use crate::bell::*;
}

/// The one place that applies a trigger to a task and commits what comes of it.
pub mod change {
    pub use crate::change::*;
}

/// How tasks are enqueued and looked after from within a program.
pub mod client {
    pub use crate::client::*;
}

/// Instants, and who tells the time.
pub mod clock {
    pub use crate::clock::*;
}

/// What a handler wants written, and how it becomes a commit.
pub mod effects {
    pub use crate::effects::*;
}

/// Reading settings from the environment, once, at start.
pub mod environment {
    pub use crate::environment::*;
}

/// Removing tasks, and all that is a user's, for good.
pub mod erase {
    pub use crate::erase::*;
}

/// Events as handlers publish them, and as they are stored.
pub mod event {
    pub use crate::event::*;
}

/// Groups as they are asked for from outside.
pub mod gather {
    pub use crate::gather::*;
}

/// Groups: tasks that belong together.
pub mod group {
    pub use crate::group::*;
}

/// Task types: what a handler is given, and what it answers.
pub mod handler {
    pub use crate::handler::*;
}

/// Names and ids: what they may look like, and how they are drawn or derived.
pub mod ids {
    pub use crate::ids::*;
}

/// JSON as it is kept and read.
pub mod json {
    pub use crate::json::*;
}

/// The life of a task: its states, what may happen to it, and the one function that changes it.
pub mod lifecycle {
    pub use crate::lifecycle::*;
}

/// Who hears of events.
pub mod listener {
    pub use crate::listener::*;
}

/// Which types workers outside ask for.
pub mod attended {
    pub use crate::attended::*;
}

/// What is counted for metrics, and who counts.
pub mod meter {
    pub use crate::meter::*;
}

/// Amounts of money, as exact as prices of models are.
pub mod money {
    pub use crate::money::*;
}

/// Messages that say that tasks are due.
pub mod notify {
    pub use crate::notify::*;
}

/// What an operator does to a task.
pub mod operate {
    pub use crate::operate::*;
}

/// Events from their commit until they were listed and taken.
pub mod outbox {
    pub use crate::outbox::*;
}

/// Looks after what is due.
pub mod poller {
    pub use crate::poller::*;
}

/// Claims tasks that messages speak of, runs and settles them.
pub mod processor {
    pub use crate::processor::*;
}

/// The trait of a queue, and one in memory.
pub mod queue {
    pub use crate::queue::*;
}

/// What a reader has seen.
pub mod read_marks {
    pub use crate::read_marks::*;
}

/// Records as typed documents.
pub mod records {
    pub use crate::records::*;
}

/// Keeps secrets out of what others read.
pub mod redact {
    pub use crate::redact::*;
}

/// Sets failed tasks going again, many at once.
pub mod redrive {
    pub use crate::redrive::*;
}

/// Task types and kinds of records, by name.
pub mod registry {
    pub use crate::registry::*;
}

/// Gives tasks back that a process can no longer run.
pub mod release {
    pub use crate::release::*;
}

/// What a caller may do.
pub mod rights {
    pub use crate::rights::*;
}

/// Store, queues, clock and rules together.
pub mod services {
    pub use crate::services::*;
}

/// The trait of a store, what is asked of one, and one in memory.
pub mod store {
    pub use crate::store::*;
}

/// Log lines and spans.
pub mod telemetry {
    pub use crate::telemetry::*;
}
