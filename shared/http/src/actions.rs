//! The bodies of what an operator does to tasks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ApiError;
use errand::{
    DeadLetterFilter, Id, Timestamp,
    spi::{
        json::read::object,
        operate,
        redrive::{MAX_REDRIVES, check_limit, check_rate},
    },
};

/// Why a task or run is called off, or an agent killed.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CancelRequest {
    /// For whoever reads of it.
    #[serde(default)]
    pub reason: Option<String>,
}

/// How an ended task is set going again.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RetryRequest {
    /// A word to the handler and the log; at most 4 KiB.
    #[serde(default)]
    pub note: Option<String>,
}

/// Whether a task is run before its time.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ProcessRequest {
    /// Now, even if it is not due.
    #[serde(default)]
    pub force: bool,
}

/// When a task is to start.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RescheduleRequest {
    /// The new start.
    pub run_at: Timestamp,
}

/// Who has seen a task or session, and up to where.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ReadRequest {
    /// Who reads: a person, an agent, a view.
    pub reader_id: Id,
    /// Its revision as the reader saw it; the present one if absent.
    #[serde(default)]
    pub revision: Option<u64>,
}

/// A reader's mark on a task.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Marked {
    /// The task that was read.
    pub task_id: Uuid,
    /// Who has read it.
    pub reader_id: Id,
    /// Where the mark stands now.
    pub revision: u64,
    /// Whether the task has changed since.
    pub unread: bool,
}

/// A reader's mark on a session.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SessionMarked<'s> {
    /// The session that was read.
    pub session_id: &'s Id,
    /// Who has read it.
    pub reader_id: Id,
    /// Where the mark stands now.
    pub revision: u64,
    /// Whether the session has something new since.
    pub unread: bool,
}

/// Nothing to say.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PollRequest {}

/// Which failed tasks are set going again, how many of them and how fast.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RedriveRequest {
    /// Which. It names something, unless this is a dry run; without one say `all`.
    #[serde(default, deserialize_with = "object")]
    pub filter: DeadLetterFilter,
    /// Every failed task of the queue `default`; not beside a `filter`.
    #[serde(default)]
    pub all: bool,
    /// Only show what would be redriven.
    #[serde(default)]
    pub dry_run: bool,
    /// How many tasks this call takes up at most.
    #[serde(default = "most")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: usize,
    /// How many of them may start each second: the starts are spread over the time that takes. Without one, all at once.
    #[serde(default)]
    #[schemars(range(min = 0.001, max = 1000.0))]
    pub rate: Option<f64>,
    /// Where to go on: the answer to the last call.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{30}[AEIMQUYcgkosw048](\.[0-9]{1,15})?$"))]
    pub cursor: Option<String>,
    /// A word to the handlers and the log; at most 4 KiB.
    #[serde(default)]
    pub note: Option<String>,
}

fn most() -> usize {
    MAX_REDRIVES
}

impl RedriveRequest {
    /// Refuses what is out of range.
    pub fn check(&self) -> Result<(), ApiError> {
        check_limit(self.limit)?;
        check_rate(self.rate)?;
        match (self.filter == DeadLetterFilter::default(), self.all) {
            (true, false) if !self.dry_run => {
                let message = "say which tasks, or `\"all\": true` for every failed one of the queue `default`";
                return Err(ApiError::invalid("filter", message));
            }
            (false, true) => return Err(ApiError::invalid("all", "name a filter or all, not both")),
            _ => {}
        }
        check_note(self.note.as_deref())
    }
}

/// Refuses a note that the log would cut.
pub fn check_note(note: Option<&str>) -> Result<(), ApiError> {
    operate::check_note(note).map_err(|error| ApiError::too_large(&error.field, error.message))
}
