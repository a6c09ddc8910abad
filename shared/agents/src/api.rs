//! Runs, sessions and agents as the API takes and shows them.

mod agent_view;
mod error;
mod run_actions;
mod run_request;
mod worker_actions;

pub use agent_view::{AfterSeq, BudgetWarning, EntityView, RunEventView, RunView, SessionView, StartedRun};
pub use errand_work::LeaseToken;
pub use run_actions::{CancelCommandRequest, CommandRequest, Given};
pub(crate) use run_request::NO_MODEL;
pub use run_request::{BudgetCheck, RunRequest, fits};
pub use worker_actions::{AppendRequest, Appended, CommandEnd, FinishCommandRequest, LeaseRequest, NewEvent};
