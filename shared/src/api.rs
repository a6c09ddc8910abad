//! The HTTP API: requests, answers and errors, apart from how they travel.

mod actions;
mod agent_view;
mod batch;
mod dead_letters;
mod error;
pub mod found;
mod lease;
mod page;
mod request;
mod routes;
mod run_actions;
mod run_request;
mod runner_actions;
mod size;
mod task_request;
mod task_view;

pub use actions::{
    CancelRequest, Marked, PollRequest, ProcessRequest, ReadRequest, RedriveRequest, RescheduleRequest, RetryRequest,
    SessionMarked, check_note,
};
pub use agent_view::{AfterSeq, BudgetWarning, EntityView, RunEventView, RunView, SessionView, StartedRun};
pub use batch::{BATCH_KEY_BYTES, BatchAnswer, BatchItem, BatchRequest};
pub use dead_letters::{DeadLetterFilter, DeadLetterView, DeadLetters, Redriven};
pub use error::ApiError;
pub use lease::LeaseToken;
pub use page::{Listed, Order, cursor, cursor_of, fitting, limit, limit_of, place_of};
pub use request::{Answer, Caller, Request};
pub use routes::{Function, ROUTES, Route, RouteInfo};
pub use run_actions::{CancelCommandRequest, CommandRequest, Given, JobRequest};
pub use run_request::{BudgetCheck, RunRequest, fits};
pub use runner_actions::{
    AppendRequest, Appended, ClaimRequest, Claimed, CommandEnd, FinishCommandRequest, FinishFailure, FinishRequest,
    LeaseRequest, NewEvent, RUNNER_NAME_BYTES, RUNNER_PROFILES, RunEnd, RunNews, RunnerRequest,
};
pub use task_request::{KEY_BYTES, KEY_FIELD, TaskRequest, check_key, in_time};
pub use task_view::{RecordView, TaskView};
