//! The HTTP API: requests, answers and errors, apart from how they travel.
//!
//! Each module knows only those before it: `error`, `size`, `listing`, `request`, `dead_letters`, `actions`, `aside`,
//! `task_request`, `task_view`, `webhook_view`, `rotate_request`, `batch`, `found`, `groups`, `once`, `page`, `route`, `openapi`, `gateway`, `enqueue`, `status`, `control`, `dashboard`.

mod actions;
mod aside;
mod batch;
pub mod control;
pub mod dashboard;
mod dead_letters;
pub mod enqueue;
mod error;
pub mod found;
pub mod gateway;
mod groups;
mod listing;
mod once;
mod openapi;
mod page;
mod request;
mod rotate_request;
mod route;
mod size;
pub mod status;
mod task_request;
mod task_view;
mod webhook_view;

pub use actions::{
    CancelRequest, Marked, PollRequest, ProcessRequest, ReadRequest, RedriveRequest, RescheduleRequest, RetryRequest,
    SessionMarked, check_note,
};
pub use aside::{RefusedMessage, put_aside};
pub use batch::{BATCH_KEY_BYTES, BatchAnswer, BatchItem, BatchRequest};
pub use dead_letters::{DeadLetterView, Redriven};
pub use errand::{DeadLetterFilter, spi::redrive::DeadLetters};
pub use error::ApiError;
pub use groups::{AddRequest, GroupRequest, GroupView, MemberView};
pub use page::{Listed, Order, cursor, cursor_of, fitting, limit, limit_of, place_of};
pub use request::{Answer, Caller, Request, TRACE_HEADER};
pub use rotate_request::RotateRequest;
pub use route::{Followed, Function, Parameter, Route, Schemas, Scope, Serves, record_place};
pub use task_request::TaskRequest;
pub use task_view::{RecordView, TaskView};
pub use webhook_view::{WebhookRequest, WebhookView};
