//! Errand: the life of a task, the stores and queues it lives in, and what runs it.
//!
//! It knows no task type of its own, no HTTP, no AWS and no SQLite: those stand on it.
//!
//! Each module knows only those before it: `redact`, `json`, `clock`, `ids`, `money`, `lifecycle`, `store`, `queue`,
//! `event`, `listener`, `release`, `services`, `effects`, `records`, `handler`, `registry`, `app`, `environment`,
//! `meter`, `telemetry`, `notify`, `change`, `accept`, `client`, `dead_letter`, `outbox`, `poller`, `processor`,
//! `read_marks`, `testing`.

pub mod accept;
pub mod app;
pub mod change;
pub mod client;
pub mod clock;
pub mod dead_letter;
pub mod effects;
pub mod environment;
pub mod event;
pub mod handler;
pub mod ids;
pub mod json;
pub mod lifecycle;
pub mod listener;
pub mod meter;
pub mod money;
pub mod notify;
pub mod outbox;
pub mod poller;
pub mod processor;
pub mod queue;
pub mod read_marks;
pub mod records;
pub mod redact;
pub mod registry;
pub mod release;
pub mod services;
pub mod store;
pub mod telemetry;
pub mod testing;
