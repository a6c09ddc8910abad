//! Runs, sessions, agents and runners as the API takes and shows them.

mod agent_view;
mod error;
mod run_actions;
mod run_request;
mod runner_actions;

pub use agent_view::{AfterSeq, BudgetWarning, EntityView, RunEventView, RunView, SessionView, StartedRun};
pub use errand_work::LeaseToken;
pub use run_actions::{CancelCommandRequest, CommandRequest, Given, JobRequest};
pub(crate) use run_request::NO_MODEL;
pub use run_request::{BudgetCheck, RunRequest, fits};
pub use runner_actions::{
    AppendRequest, Appended, BACKEND_NAME_BYTES, ClaimRequest, Claimed, CommandEnd, FinishCommandRequest,
    FinishFailure, FinishJobRequest, FinishRequest, LeaseRequest, NewEvent, RUNNER_NAME_BYTES, RUNNER_PROFILES,
    RunNews, RunnerRequest, Used,
};
