//! Workers outside say how their tasks ended.

use errand::{
    App, FailureKind, Task, TaskKey,
    spi::{
        change::ChangeError,
        lifecycle::{Fence, log::LogOutcome},
        processor, store,
    },
};
use errand_http::{ApiError, Caller, TaskView};
use futures::future::join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{ClaimTasks, Claims, LeaseToken, WorkOutcome, outcome::OutcomeStatus, pulled::pulled_type};

/// The most ends in one request.
pub(crate) const BATCH: usize = 50;

/// How one task ended.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FinishTask {
    /// The claim's.
    pub lease_token: LeaseToken,
    /// How.
    #[serde(flatten)]
    pub outcome: WorkOutcome,
}

/// How one of several tasks ended.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FinishEntry {
    /// Which task.
    pub task_id: Uuid,
    /// The claim's.
    pub lease_token: LeaseToken,
    /// How.
    #[serde(flatten)]
    pub outcome: WorkOutcome,
}

/// What one of them should be. What is not is answered for itself, and harms no other.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[allow(dead_code)] // it is only described
enum BatchedEnd {
    /// How one task ended.
    End(Box<FinishEntry>),
    /// Something that is no end: its place in the answer says what is wrong.
    Other(serde_json::Value),
}

/// How several tasks ended, and what is asked for next.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct FinishBatch {
    /// Each is taken for itself.
    #[schemars(with = "Vec<BatchedEnd>", length(min = 1, max = BATCH))]
    pub items: Vec<Box<RawValue>>,
    /// The next claim, in the same round trip.
    #[serde(default)]
    pub claim: Option<ClaimTasks>,
}

/// What became of one of them.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FinishedItem {
    /// What the request would have been answered alone.
    pub status: u16,
    /// Which task, if the entry could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<Uuid>,
    /// Where the task is now in its life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_status: Option<errand::Status>,
    /// What is wrong with the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ApiError>,
}

/// What became of them, in their order, and what comes next.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FinishedBatch {
    /// In the order of the request.
    pub items: Vec<FinishedItem>,
    /// How many these are.
    pub count: usize,
    /// What the claim was answered, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claims>,
}

/// Why an execution is not ended by who says how it went.
#[derive(Debug)]
pub(crate) enum NotEnded {
    /// There is no such task.
    Gone,
    /// It is no longer theirs, or has ended in another way: as it is now.
    Over(Box<Task>),
    /// What they say cannot be, or was not committed.
    Refused(ApiError),
}

impl<E: Into<ApiError>> From<E> for NotEnded {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// Ends the execution of a task that `fence` is of. Said again by who said it, it is answered as it is.
pub(crate) async fn end(app: &App, key: &TaskKey, fence: Fence, outcome: WorkOutcome) -> Result<Task, NotEnded> {
    let task = store::task(&*app.store, key).await?.ok_or(NotEnded::Gone)?;
    if task.fence() != Some(fence) {
        return if was_said(&task, fence, outcome.status) { Ok(task) } else { Err(NotEnded::Over(Box::new(task))) };
    }
    let settings = app.input_of(&task).await?.map(|input| input.settings()).unwrap_or_default();
    let said = outcome.exchange();
    let ended = outcome.ended(app, &task).await?;
    if let Some(of) = pulled_type(app, task.task_type.as_str()) {
        of.ends(app, &task, said).await?;
    }
    match processor::end(app, &task, fence, &settings, ended).await {
        Ok(task) => Ok(task),
        Err(ChangeError::Gone) => Err(NotEnded::Gone),
        Err(ChangeError::Rejected(_)) => {
            let task = store::task(&*app.store, key).await?.ok_or(NotEnded::Gone)?;
            Err(NotEnded::Over(Box::new(task)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Ends the execution that `lease_token` is of, for its worker.
pub(crate) async fn finish(
    app: &App,
    key: &TaskKey,
    LeaseToken(fence): LeaseToken,
    outcome: WorkOutcome,
) -> Result<Task, ApiError> {
    end(app, key, fence, outcome).await.map_err(|not_ended| match not_ended {
        NotEnded::Gone => ApiError::no_such_task(),
        NotEnded::Over(_) => lost(),
        NotEnded::Refused(error) => error,
    })
}

/// What a worker is told that has lost its task.
pub(crate) fn lost() -> ApiError {
    ApiError::lease_conflict("the lease was lost: the task is another's, or has ended")
}

/// Whether the newest execution of `task` is this worker's, and ended as it says.
fn was_said(task: &Task, fence: Fence, said: OutcomeStatus) -> bool {
    let Some(latest) = task.latest_attempt.as_ref().filter(|latest| latest.execution == fence.executions) else {
        return false;
    };
    let by_others = task
        .last_errors
        .last()
        .is_some_and(|error| error.execution == latest.execution && error.kind == FailureKind::WorkerLost);
    !by_others
        && match said {
            OutcomeStatus::Completed => latest.outcome == LogOutcome::Completed,
            OutcomeStatus::Failed => matches!(latest.outcome, LogOutcome::Retry | LogOutcome::Failed),
            OutcomeStatus::Blocked => latest.outcome == LogOutcome::Blocked,
            OutcomeStatus::Cancelled => latest.outcome == LogOutcome::Cancelled,
            OutcomeStatus::Snoozed | OutcomeStatus::Released => latest.outcome == LogOutcome::Snoozed,
        }
}

/// Ends each of `items`; one that is refused harms no other.
pub(crate) async fn finish_each(app: &App, caller: &Caller, items: &[Box<RawValue>]) -> Vec<FinishedItem> {
    join_all(items.iter().map(async |item| {
        let entry: FinishEntry = match errand::spi::json::read::read_strict(item.get()) {
            Ok(entry) => entry,
            Err(error) => return FinishedItem::refused(None, error.into()),
        };
        let key = TaskKey { tenant: caller.tenant.clone(), id: entry.task_id };
        match finish(app, &key, entry.lease_token, entry.outcome).await {
            Ok(task) => FinishedItem {
                status: 200,
                task_id: Some(entry.task_id),
                task_status: Some(task.status()),
                error: None,
            },
            Err(error) => FinishedItem::refused(Some(entry.task_id), error),
        }
    }))
    .await
}

impl FinishedItem {
    fn refused(task_id: Option<Uuid>, error: ApiError) -> Self {
        Self { status: error.status, task_id, task_status: None, error: Some(error) }
    }
}

/// The task as its worker is shown it at the end.
pub(crate) fn view<'t>(app: &App, task: &'t Task) -> TaskView<'t> {
    TaskView { payload: None, ..TaskView::of(task, &app.types) }
}
