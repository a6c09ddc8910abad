//! Errand: durable tasks. A task that was taken is run until it has ended: once its time has come, again where it
//! fails, and by somebody else where its worker is lost.
//!
//! This is the engine. It knows no task type of its own, no HTTP, no AWS and no SQLite: those stand on it.
//!
//! Each module knows only those before it: `redact`, `json`, `clock`, `ids`, `traceparent`, `money`, `lifecycle`, `spans`, `store`, `queue`,
//! `event`, `listener`, `release`, `bell`, `rights`, `noticed`, `meter`, `services`, `attended`, `effects`, `group`, `records`, `handler`,
//! `registry`, `app`, `environment`, `telemetry`, `notify`, `change`, `accept`, `gather`, `operate`, `erase`, `redrive`, `client`,
//! `dead_letter`, `outbox`, `poller`, `processor`, `read_marks`, `testing`, `spi`.
//!
//! # How it works
//!
//! **A task type is a struct.** Its fields are what a task is given; its [`Handler`] runs a task once and says what is
//! to become of it: an [`Outcome`], or a [`Failure`], after which it is tried again. A [`Registry`] has all the types of
//! an installation, each with its clients and settings.
//!
//! **The table is the truth, the queue is a hint.** A [`Client`] inserts a task, and only then sends a message that it
//! is due. Whoever receives that claims the task in the table, and finds it taken if another was faster. So messages may
//! come late, twice or never: a poller looks after what nobody was told of.
//!
//! **Handlers decide, the commit acts.** A handler does not write. It returns [`Effect`]s: records to change
//! ([`Entity`]), follow-up tasks, [`Event`]s. They are committed together with the end of the task, if the worker still
//! holds it, or not at all. What a handler does outside, such as sending a letter, may happen again after a crash: give
//! the other side [`TaskContext::idempotency_key`], and keep its answer with [`TaskContext::step`].
//!
//! **A crash is an ordinary case.** A claim is a lease. Where the worker is lost, the lease runs out, the poller notes
//! that, and the task is run again; the lost worker, should it come back, can write nothing more. [`testing`] shows that
//! of your types, with a crash at every call.
//!
//! # An example
//!
//! A task type, the record that it acts on, and what comes of it:
//!
//! ```
//! use errand::{
//!     Effect, Entity, Failure, Handler, Id, Outcome, Registry, Relations, Status, TaskContext,
//!     testing::{Sandbox, crash_everywhere},
//! };
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//! use serde_json::json;
//!
//! /// An invoice.
//! #[derive(Serialize, Deserialize)]
//! struct Invoice {
//!     cents: u64,
//!     paid: bool,
//! }
//!
//! impl Entity for Invoice {
//!     const KIND: &'static str = "invoice";
//!
//!     fn relations(&self, _: &str) -> Relations {
//!         Relations::default()
//!     }
//! }
//!
//! /// Books a payment of an invoice.
//! #[derive(Serialize, Deserialize, JsonSchema)]
//! struct BookPayment {
//!     invoice: Id,
//!     cents: u64,
//! }
//!
//! impl Handler for BookPayment {
//!     const TYPE: &'static str = "book_payment";
//!     type State = ();
//!
//!     async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
//!         let invoice = task.need::<Invoice>(&self.invoice).await?;
//!         if invoice.value.paid {
//!             return Ok(Outcome::skipped("it is paid already"));
//!         }
//!         if self.cents < invoice.value.cents {
//!             return Ok(Outcome::Block("less was paid than is owed".into()));
//!         }
//!         let paid = invoice.set([("paid", json!(true))]);
//!         let told = Effect::publish(task.event("invoice.paid", &self.invoice, json!({"cents": self.cents})));
//!         Ok(Outcome::Complete { output: json!({"invoice": self.invoice}), effects: vec![paid, told] })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let types = || Registry::new().add::<BookPayment>(()).record::<Invoice>();
//! let payment = || BookPayment { invoice: Id::of("inv-1"), cents: 500 };
//!
//! let sandbox = Sandbox::new(types());
//! sandbox.put("inv-1", &Invoice { cents: 500, paid: false }).await;
//! let ended = sandbox.run(&payment()).await;
//! assert_eq!(ended.status(), Status::Completed);
//! assert_eq!(ended.event_types(), ["invoice.paid"]);
//! assert!(sandbox.get::<Invoice>("inv-1").await.unwrap().paid);
//!
//! // And wherever its process crashes, the same comes of it.
//! let given = async |sandbox: &Sandbox| {
//!     sandbox.put("inv-1", &Invoice { cents: 500, paid: false }).await;
//!     sandbox.enqueue(&payment()).await;
//! };
//! crash_everywhere(types, given).await.unwrap();
//! # }
//! ```
//!
//! What is named at the root is for who writes task types and enqueues tasks, and [`testing`] for their tests. [`spi`] is
//! for who builds stores, queues and whole installations, and promises nothing.

mod accept;
mod app;
mod attended;
mod bell;
mod change;
mod client;
mod clock;
mod dead_letter;
mod effects;
mod environment;
mod erase;
mod event;
mod gather;
mod group;
mod handler;
mod ids;
mod json;
mod lifecycle;
mod listener;
mod meter;
mod money;
mod noticed;
mod notify;
mod operate;
mod outbox;
mod poller;
mod processor;
mod queue;
mod read_marks;
mod records;
mod redact;
mod redrive;
mod registry;
mod release;
mod rights;
mod services;
mod spans;
pub mod spi;
mod store;
mod telemetry;
pub mod testing;
mod traceparent;

pub use accept::{Accepted, EnqueueError};
pub use app::App;
pub use client::{Client, Enqueue};
pub use clock::Timestamp;
pub use effects::{Effect, Relations};
pub use event::{Event, Published};
pub use group::{Group, GroupPolicy, GroupStatus, GroupWaiter};
pub use handler::{
    CarriedSchedule, CatchUp, Failure, Handler, Outcome, Overlap, SchedulePolicy, ScheduleSpec, Settings, TaskContext,
};
pub use ids::{Id, Name, NameError, TaskKey};
pub use json::read::FieldError;
pub use lifecycle::{
    Asked, Dispatch, FailureKind, Fingerprint, OfSchedule, PreviousFiring, Priority, Report, State, Status, Task,
    retry::RetryPolicy,
};
pub use listener::{Listener, NotTaken};
pub use operate::{OperateError, Operation};
pub use records::{Entity, Stored, owner, parent};
pub use redrive::{DeadLetterFilter, Redrive};
pub use registry::{InputError, Registry, RegistryError};
pub use services::{Rules, Services};
pub use store::{Doc, Expect, Guard, Patch, Relation, StoreError};
pub use traceparent::{NoTraceParent, TraceParent};
