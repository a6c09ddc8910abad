//! Work that users bring: task types as records, and workers of any language that ask for their tasks over HTTP.
//!
//! | record kind | id | parent, in the order of | serves |
//! |---|---|---|---|
//! | `task_type` | its name | all of its tenant's, by name | what a task of a type is, as its tenant has it, or all have |
//! | `retirement` | the type's name | – | what is left to do for a type that is retired (by id; due for the poller) |
//! | `worker` | the worker's own | all of its tenant's, when it was first heard of | who has asked for work |
//! | `circuit` of `_errand` | derived from its type | its tenant's, since when; owner: all | a target that is left alone, to be seen |
//! | `claim` | derived from worker and key | – | a claim whose answer was lost (by id) |
//!
//! Each module knows only those before it: `lease`, `schema`, `target`, `task_type`, `types`, `retirement`, `outcome`, `pulled`,
//! `push`, `served`, `progress`, `worker`, `claim`, `finish`, `heartbeat`, `callback`, `routes`.

mod callback;
mod claim;
mod finish;
mod heartbeat;
mod lease;
mod outcome;
mod progress;
mod pulled;
mod push;
mod retirement;
pub mod routes;
mod schema;
mod served;
mod target;
mod task_type;
mod types;
mod worker;

pub use claim::{ClaimTasks, ClaimedTask, Claims};
pub use finish::{FinishTask, FinishedItem};
pub use heartbeat::{HeartbeatRequest, News};
pub use lease::LeaseToken;
pub use outcome::{BACKEND_NAME_BYTES, OutcomeFailure, WorkExchange, WorkOutcome, WorkUsed};
pub use pulled::PulledType;
pub use push::Pushing;
pub use schema::{Schema, SchemaError};
pub use served::{with_open_types, with_pushed_types};
pub use task_type::{RESERVED, RunBy, TypeRecord, Waits};
pub use types::OpenWork;
pub use worker::Worker;
