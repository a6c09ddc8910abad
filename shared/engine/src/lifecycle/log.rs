//! The action log: one row for every execution that ended and everything an operator did.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    ids::{Id, Name, TaskKey},
    json::cut,
    lifecycle::{KeptFailure, Report, Task},
    money::usd,
    redact,
};

/// The longest start of an output that the log keeps, in bytes.
pub const EXCERPT_BYTES: usize = 256;

/// What a row tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogKind {
    /// An execution ended: settled, reaped, or cancelled under way.
    Execution,
    /// Somebody called a waiting task off.
    Cancel,
    /// Somebody moved its start.
    Reschedule,
    /// Somebody set it going again.
    Redrive,
    /// It waited too long.
    Expire,
}

/// How what a row tells of came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Outcome")]
pub enum LogOutcome {
    /// The task ended well.
    Completed,
    /// Put off by the handler.
    Snoozed,
    /// Waits for a group that the handler has made.
    Waited,
    /// Failed, to be tried again.
    Retry,
    /// Failed for good.
    Failed,
    /// The task was called off, by its handler or an operator.
    Cancelled,
    /// Waits for a person.
    Blocked,
    /// The worker was lost; to be tried again.
    Lost,
    /// Waits for its (new) time.
    Pending,
}

impl LogOutcome {
    /// Every one there is.
    pub const ALL: [Self; 9] = [
        LogOutcome::Completed,
        LogOutcome::Snoozed,
        LogOutcome::Waited,
        LogOutcome::Retry,
        LogOutcome::Failed,
        LogOutcome::Cancelled,
        LogOutcome::Blocked,
        LogOutcome::Lost,
        LogOutcome::Pending,
    ];

    /// The name in log lines.
    pub fn as_str(self) -> &'static str {
        match self {
            LogOutcome::Completed => "completed",
            LogOutcome::Snoozed => "snoozed",
            LogOutcome::Waited => "waited",
            LogOutcome::Retry => "retry",
            LogOutcome::Failed => "failed",
            LogOutcome::Cancelled => "cancelled",
            LogOutcome::Blocked => "blocked",
            LogOutcome::Lost => "lost",
            LogOutcome::Pending => "pending",
        }
    }
}

/// One row. Written in the commit that made it, never changed; everything in it is redacted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LogEntry {
    /// Whose task and which.
    #[serde(flatten)]
    pub key: TaskKey,
    /// 1, 2, 3, … within the task.
    pub seq: u64,
    /// What it tells of.
    pub kind: LogKind,
    /// The execution it tells of, or the newest one before it; 0 if there was none.
    pub execution: u32,
    /// On whose behalf the task runs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub agent_type: Option<Name>,
    /// The task's type.
    pub action_type: Name,
    /// Which user it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_id: Option<Id>,
    /// What else it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub context_id: Option<Id>,
    /// What sort of thing `context_id` names.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub context_type: Option<Name>,
    /// The worker whose execution it was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub worker: Option<Uuid>,
    /// The principal whose action it was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<String>,
    /// When the execution began; for an action, when it was taken.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// `ended_at` less `started_at`.
    pub latency_ms: u64,
    /// How it came out.
    pub outcome: LogOutcome,
    /// What went wrong, if something did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<KeptFailure>,
    /// Why it was called off or blocked, or the redrive's note.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Tells which payload it ran on.
    pub payload_hash: String,
    /// The start of the output, at most 256 bytes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub output_excerpt: Option<String>,
    /// One short description for each effect committed with it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub effects: Vec<String>,
    /// The model that was called.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub model: Option<String>,
    /// Tokens read by the model.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens_in: Option<u64>,
    /// Tokens written by the model.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens_out: Option<u64>,
    /// What the model calls cost, in USD.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cost_usd: Option<f64>,
}

impl LogEntry {
    /// The next row of `task`, which has still the state before the change; `apply` fills in what is special.
    pub(crate) fn next(task: &Task, kind: LogKind, outcome: LogOutcome, started_at: Timestamp, now: Timestamp) -> Self {
        let ended_at = now.max(started_at); // another machine's clock may have been ahead
        Self {
            key: task.key.clone(),
            seq: task.log_seq + 1,
            kind,
            execution: task.executions,
            agent_type: task.agent_type.clone(),
            action_type: task.task_type.clone(),
            user_id: task.user_id.clone(),
            context_id: task.context_id.clone(),
            context_type: task.context_type.clone(),
            worker: task.fence().map(|fence| fence.worker),
            by: None,
            started_at,
            ended_at,
            latency_ms: u64::try_from(ended_at.since(started_at).as_millis()).unwrap_or(u64::MAX),
            outcome,
            failure: None,
            reason: None,
            payload_hash: task.payload_hash.clone(),
            output_excerpt: None,
            effects: Vec::new(),
            model: None,
            tokens_in: None,
            tokens_out: None,
            cost_usd: None,
        }
    }

    /// What stays of it once what it tells of was erased: when, how it ended and what it cost; not about whom, nor what was
    /// said.
    pub fn blank(self) -> Self {
        Self {
            user_id: None,
            context_id: None,
            context_type: None,
            by: None,
            failure: None,
            reason: None,
            payload_hash: String::new(),
            output_excerpt: None,
            effects: Vec::new(),
            ..self
        }
    }

    /// With what its execution has used, as far as `report` says; the rest stays.
    pub(crate) fn with_report(self, report: Report) -> Self {
        let model = report.model.map(|model| cut(&redact::text(&model), EXCERPT_BYTES).to_owned());
        Self {
            model: model.or(self.model),
            tokens_in: report.tokens_in.or(self.tokens_in),
            tokens_out: report.tokens_out.or(self.tokens_out),
            cost_usd: report.cost_nano_usd.map(usd).or(self.cost_usd),
            ..self
        }
    }
}
