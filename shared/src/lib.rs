//! Errand's core: the life of a task, the stores and queues it lives in, and what runs it. Knows no Lambda event.

pub mod agent;
pub mod api;
pub mod app;
#[cfg(feature = "aws")]
pub mod aws;
pub mod change;
pub mod chat;
pub mod clock;
pub mod config;
pub mod domain;
pub mod effects;
pub mod handlers;
pub mod http;
pub mod ids;
pub mod json;
pub mod lifecycle;
pub mod log;
pub mod meter;
pub mod notify;
pub mod outbox;
pub mod poller;
pub mod processor;
pub mod queue;
pub mod read_marks;
pub mod redact;
pub mod relay;
pub mod release;
pub mod retry;
mod schema;
pub mod store;
pub mod telemetry;
