//! What is asked for when a task is: half of every task, which never changes.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    ids::{Id, Name, TaskKey},
    json::Json,
    traceparent::TraceParent,
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
    /// What a task has whose request names none.
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
    /// A message announces it, and the worker of this installation that hears of it calls who does it.
    Pushed,
}

impl Dispatch {
    /// The name as stores write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Dispatch::Announced => "announced",
            Dispatch::Pulled => "pulled",
            Dispatch::Pushed => "pushed",
        }
    }
}

/// That a schedule has made a task, and which of its firings this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(inline)]
pub struct OfSchedule {
    /// The schedule.
    pub id: Id,
    /// When it was named to fire; of one that was triggered, when that was asked for.
    pub nominal: Timestamp,
    /// Whether it was asked for afterwards, for a time that had passed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub backfilled: bool,
    /// The firing before it that made a task, if there was one; not of one that was asked for afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousFiring>,
    /// The backfill whose next task waits for the end of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backfill: Option<Id>,
}

impl OfSchedule {
    /// The firing of the schedule `id` that is named by `nominal`.
    pub fn of(id: Id, nominal: Timestamp) -> Self {
        Self { id, nominal, backfilled: false, previous: None, backfill: None }
    }
}

/// The firing of a schedule that made a task before another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(inline)]
pub struct PreviousFiring {
    /// When it was named to fire.
    pub nominal: Timestamp,
    /// Its task, whose status and output are as they are when they are asked for.
    pub task_id: Uuid,
}

/// The most groups that a task is a member of.
pub const MOST_GROUPS: usize = 8;

/// That a task is one of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Member {
    /// Which group.
    pub group: Uuid,
    /// Its number in it, from 0.
    pub index: u32,
}

/// What was asked for. It never changes, but for `expires_at`, which a redrive sets anew and a wait for a group takes away.
///
/// A new task is `Asked { queue, ..Asked::of_type(…) }`, which [`Task::accept`](super::Task::accept) takes.
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
    /// Of one that is pulled: which of the workers of its type it is for. As its type says; most types have one pool.
    pub pool: Option<Name>,
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
    /// The groups that it is a member of: they are told of its end. At most [`MOST_GROUPS`].
    pub member_of: Vec<Member>,
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
    /// How long one execution may take, in seconds; at most 840, and 86,400 for one that is pulled.
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
    /// The trace that it was asked for in, and which step of that; who does it is told. Follow-ups inherit it.
    pub traceparent: Option<TraceParent>,
    /// Where an agent run of it can be followed, once it has begun: the path of its session in the HTTP API.
    pub session_path: Option<String>,
    /// The schedule that made it, if one did.
    pub schedule: Option<OfSchedule>,
}

impl Asked {
    /// Whether this and `other` are the same request: the same id, type and payload.
    pub fn is_same_request(&self, other: &Asked) -> bool {
        self.key == other.key && self.task_type == other.task_type && self.payload_hash == other.payload_hash
    }
}
