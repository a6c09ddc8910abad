//! Errand's core: the life of a task, the stores and queues it lives in, and what runs it. Knows no Lambda event.

pub mod clock;
pub mod ids;
pub mod json;
pub mod lifecycle;
pub mod log;
pub mod queue;
pub mod redact;
pub mod retry;
pub mod store;
