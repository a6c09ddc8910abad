//! The HTTP API: requests, answers and errors, apart from how they travel.

mod actions;
mod batch;
mod dead_letters;
mod error;
mod page;
pub mod read;
mod request;
mod routes;
mod task_request;
mod task_view;

pub use actions::{
    CancelRequest, Marked, PollRequest, ProcessRequest, ReadRequest, RedriveRequest, RescheduleRequest, RetryRequest,
    check_note,
};
pub use batch::{BatchAnswer, BatchItem, BatchRequest};
pub use dead_letters::{DeadLetterFilter, DeadLetterView, DeadLetters, Redriven};
pub use error::ApiError;
pub use page::{Listed, fitting, limit};
pub use request::{Answer, Caller, Request};
pub use routes::{Function, ROUTES, Route, RouteInfo};
pub use task_request::{KEY_BYTES, MAX_RETRIES, TaskRequest};
pub use task_view::{RecordView, TaskView};
