//! The task: everything Errand knows about one unit of work.

use std::{ops::Deref, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    ids::{Id, Name, TaskKey},
    json::Json,
    lifecycle::{KeptFailure, State, Status, log::LogOutcome},
};

/// How soon a due task is run, compared with others that are due: each priority has a queue of its own.
///
/// ```
/// use errand::{Client, Handler, Priority, Task};
///
/// async fn at_once<H: Handler>(client: &Client, input: &H) -> Result<Task, Box<dyn std::error::Error>> {
///     Ok(client.enqueue(input).priority(Priority::Urgent).await?.task)
/// }
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[schemars(inline)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Before everything else.
    Urgent,
    /// Before the usual.
    High,
    /// The usual.
    #[default]
    Medium,
    /// When there is time.
    Low,
}

impl Priority {
    /// Most urgent first. (A text sort would put `urgent` last.)
    pub const ALL: [Priority; 4] = [Priority::Urgent, Priority::High, Priority::Medium, Priority::Low];

    /// The place in the order of [`Priority::ALL`], 0 for urgent.
    pub fn rank(self) -> u8 {
        match self {
            Priority::Urgent => 0,
            Priority::High => 1,
            Priority::Medium => 2,
            Priority::Low => 3,
        }
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Priority::Urgent => "urgent",
            Priority::High => "high",
            Priority::Medium => "medium",
            Priority::Low => "low",
        }
    }
}

/// How whoever runs a task hears that it is due. Its type says so as the task is accepted, and it stays so.
///
/// ```
/// use errand::{Dispatch, Settings};
///
/// let by_programs_outside = Settings { dispatch: Dispatch::Pulled, ..Settings::default() };
/// # assert_ne!(by_programs_outside, Settings::default());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Dispatch {
    /// A message announces it to the workers of this installation.
    #[default]
    Announced,
    /// Nobody is told: workers outside come and ask for it.
    Pulled,
}

impl Dispatch {
    /// The name as stores write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Dispatch::Announced => "announced",
            Dispatch::Pulled => "pulled",
        }
    }
}

/// How the newest ended execution went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Attempt {
    /// Its number, from 1.
    pub execution: u32,
    /// How it ended.
    pub outcome: LogOutcome,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// What was asked for. It never changes, but for `expires_at`, which a redrive sets anew.
///
/// A new task is `Asked { queue, ..Asked::of_type(…) }`, which [`Task::accept`] takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Whose task it is and which.
    pub key: TaskKey,
    /// The tenant's project.
    pub project: Name,
    /// The named list it stands in, for people; not an SQS queue.
    pub queue: Name,
    /// A subdivision of the queue, for people.
    pub lane: Name,
    /// Which handler runs it.
    pub task_type: Name,
    /// How who runs it hears of it; [`Asked::dispatched`] sets it.
    pub dispatch: Dispatch,
    /// On whose behalf.
    pub agent_type: Option<Name>,
    /// Which user it is about.
    pub user_id: Option<Id>,
    /// What else it is about.
    pub context_id: Option<Id>,
    /// What sort of thing `context_id` names.
    pub context_type: Option<Name>,
    /// The task that enqueued it.
    pub parent_id: Option<Uuid>,
    /// Which of the four queues it rides.
    pub priority: Priority,
    /// What the handler is given; at most 256 KiB.
    pub payload: Json,
    /// [`Json::hash`] of the payload; [`Asked::with_payload`] sets both.
    pub payload_hash: String,
    /// The caller's name for this request.
    pub idempotency_key: Option<String>,
    /// How many failures are followed by another try; 0 is none.
    pub max_retries: u32,
    /// How long one execution may take, in seconds; at most 840.
    pub timeout_s: u32,
    /// The earliest start the caller asked for.
    pub scheduled_for: Timestamp,
    /// Not started after this.
    pub expires_at: Option<Timestamp>,
    /// The authenticated principal that made it; follow-ups inherit it.
    pub created_by: String,
    /// The request that made it, as log lines name it: API Gateway's or Lambda's id of it, or the message's on the
    /// intake queue. Follow-ups inherit it.
    pub request_id: Option<String>,
    /// Where an agent run of it can be followed, once it has begun: the path of its session in the HTTP API.
    pub session_path: Option<String>,
}

/// One task: what was asked for, which is read as if it stood here (`task.payload`), and what became of it. Changed by
/// [`super::apply`] and nothing else. Cheap to clone.
///
/// ```
/// use errand::{Status, Task};
///
/// fn line(task: &Task) -> String {
///     let tried = format!("{} of {} tries", task.failures, task.max_retries + 1);
///     format!("{} {}: {} after {tried}", task.task_type, task.key.id, task.status().as_str())
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// What was asked for.
    pub asked: Arc<Asked>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When its newest execution began.
    pub last_attempted_at: Option<Timestamp>,
    /// When it ended, if it has.
    pub ended_at: Option<Timestamp>,
    /// When its dead letter was sent, if it failed.
    pub dead_lettered_at: Option<Timestamp>,
    /// Where it is in its life.
    pub state: State,
    /// How often it was claimed, over all drives. Never falls.
    pub executions: u32,
    /// Failing executions in this drive.
    pub failures: u32,
    /// Lost executions in this drive.
    pub losses: u32,
    /// Snoozes in this drive.
    pub snoozes: u32,
    /// Queue messages sent for the present `run_at`.
    pub notified: u32,
    /// How often an operator set it going again.
    pub redrives: u32,
    /// The number of its newest action-log row; 0 if it has none.
    pub log_seq: u64,
    /// Rises by one with every change.
    pub revision: u64,
    /// A fresh id for every write: what a compare-and-swap compares.
    pub version: Uuid,
    /// When the poller must look at it; `None` once nothing is owed.
    pub wake_at: Option<Timestamp>,
    /// The newest failures, oldest first, at most five.
    pub last_errors: Vec<KeptFailure>,
    /// How the newest ended execution went.
    pub latest_attempt: Option<Attempt>,
    /// What the operator said with the newest redrive.
    pub redrive_note: Option<String>,
}

impl Asked {
    /// Whether this and `other` are the same request: the same id, type and payload.
    pub fn is_same_request(&self, other: &Asked) -> bool {
        self.key == other.key && self.task_type == other.task_type && self.payload_hash == other.payload_hash
    }
}

impl Deref for Task {
    type Target = Asked;

    fn deref(&self) -> &Asked {
        &self.asked
    }
}

impl Task {
    /// How many failures a task remembers.
    pub const LAST_ERRORS: usize = 5;

    /// How long a task that is pulled waits for a worker if nobody says otherwise; set going again, as long again. Nobody
    /// is told of it, so if no worker comes somebody must hear of that.
    pub const PULLED_WITHIN: Duration = Duration::from_secs(7 * 24 * 3600);

    /// How many bytes its payload and output have.
    pub fn body_bytes(&self) -> usize {
        let output = if let State::Completed { output } = &self.state { output.as_str().len() } else { 0 };
        self.payload.as_str().len() + output
    }

    /// Whether workers outside ask for it, and nobody is sent a message about it.
    pub fn is_pulled(&self) -> bool {
        self.dispatch == Dispatch::Pulled
    }

    /// The same task, of which something else was asked; copies of it stay as they are.
    pub fn asking(mut self, change: impl FnOnce(&mut Asked)) -> Self {
        change(Arc::make_mut(&mut self.asked));
        self
    }

    /// The state's name.
    pub fn status(&self) -> Status {
        self.state.status()
    }

    /// Names this life of the task. An idempotency key names a task for ever: once retention has removed the task, the
    /// key makes another one of the same id, and much of what the first left behind is still there. So everything that
    /// is derived from a task is derived from this. The id of a task without a key is never given again: that is it.
    pub fn life(&self) -> String {
        match self.idempotency_key {
            Some(_) => format!("{}.{}", self.key.id, self.created_at.as_millis()),
            None => self.key.id.to_string(),
        }
    }

    /// Whether something that bears its id and was last heard of `at` is an earlier task's of the same key.
    pub fn is_younger(&self, at: Timestamp) -> bool {
        self.idempotency_key.is_some() && at < self.created_at
    }

    /// Whether a failure now would be followed by another try.
    pub fn may_retry(&self) -> bool {
        self.failures < self.max_retries
    }

    /// When it may run, if it is waiting.
    pub fn run_at(&self) -> Option<Timestamp> {
        match self.state {
            State::Pending { run_at, .. } => Some(run_at),
            _ => None,
        }
    }

    /// The fence of the worker that holds it, if one does.
    pub fn fence(&self) -> Option<super::Fence> {
        match self.state {
            State::Running { worker, .. } => Some(super::Fence { executions: self.executions, worker }),
            _ => None,
        }
    }
}
