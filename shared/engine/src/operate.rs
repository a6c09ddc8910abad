//! What an operator does to a task, whoever asks for it: each is one trigger, logged with who did it.

use crate::{
    app::App,
    change::{ChangeError, With, change},
    clock::Timestamp,
    json::read::FieldError,
    lifecycle::{ERROR_BYTES, Status, Task, Trigger},
    notify::notify,
};

/// What is done to a task.
///
/// ```
/// # use errand::{Failure, Handler, Outcome, Registry, TaskContext};
/// # /// Waits for nothing.
/// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
/// # struct Nothing {}
/// # impl Handler for Nothing {
/// #     const TYPE: &'static str = "nothing";
/// #     type State = ();
/// #     async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
/// #         Ok(Outcome::done(0.into()))
/// #     }
/// # }
/// use std::time::Duration;
///
/// use errand::{Operation, Status, testing::Sandbox};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let sandbox = Sandbox::new(Registry::new().add::<Nothing>(()));
/// let client = sandbox.client();
/// let id = client.enqueue(&Nothing {}).delay(Duration::from_secs(60)).await.unwrap().task.key.id;
///
/// // It is not due, and is left to its time; unless that is forced.
/// assert!(client.operate(id, Operation::Process { force: false }).await.is_err());
/// let task = client.operate(id, Operation::Process { force: true }).await.unwrap();
/// assert_eq!(task.run_at(), Some(sandbox.now()));
///
/// let task = client.operate(id, Operation::Cancel { reason: None }).await.unwrap();
/// assert_eq!(task.status(), Status::Cancelled);
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// It is called off, for this reason. One that runs is stopped at its worker's next write, and one that is cancelled
    /// already stays as it is.
    Cancel {
        /// For whoever reads of it.
        reason: Option<String>,
    },
    /// A failed, cancelled or blocked task is set going again.
    Retry {
        /// A word to the handler and the log; see [`check_note`].
        note: Option<String>,
    },
    /// It is run now, if it is due.
    Process {
        /// Before its time, too.
        force: bool,
    },
    /// It is to start at another time.
    Reschedule {
        /// The new start.
        run_at: Timestamp,
    },
}

/// Why nothing was done to a task: one variant for each reaction of the caller.
///
/// ```
/// use errand::{OperateError, Operation, Registry, testing::Sandbox};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let client = Sandbox::new(Registry::new()).client();
/// let nobody = client.operate(uuid::Uuid::nil(), Operation::Cancel { reason: None }).await;
/// assert!(matches!(nobody, Err(OperateError::NoTask)));
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperateError {
    /// There is no such task, or it is another tenant's.
    #[error("there is no such task")]
    NoTask,
    /// Something of the request is wrong.
    #[error("{}: {}", .0.field, .0.message)]
    Invalid(#[from] FieldError),
    /// It does not apply to the task as it is, or was not committed.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl Operation {
    fn trigger(self, by: String, now: Timestamp) -> Trigger {
        match self {
            Operation::Cancel { reason } => {
                Trigger::Cancel { reason: reason.unwrap_or_else(|| "cancelled by an operator".to_owned()), by }
            }
            Operation::Retry { note } => Trigger::Redrive { note, by, failed_at: None, run_at: None },
            Operation::Process { force } => Trigger::Reschedule { run_at: now, by, if_due: !force },
            Operation::Reschedule { run_at } => Trigger::Reschedule { run_at, by, if_due: false },
        }
    }

    /// Whether `task` is already as this would leave it.
    pub fn is_done(&self, task: &Task) -> bool {
        matches!(self, Operation::Cancel { .. }) && task.status() == Status::Cancelled
    }
}

/// Refuses a note that the log would cut: one of more than [`ERROR_BYTES`].
pub fn check_note(note: Option<&str>) -> Result<(), FieldError> {
    if note.is_some_and(|note| note.len() > ERROR_BYTES) {
        return Err(FieldError::at("note", format!("at most {ERROR_BYTES} bytes are taken")));
    }
    Ok(())
}

/// Does this to `task`, unless [it is done](Operation::is_done), and sends the message that the task may now need. It
/// is logged as done by `by`, and committed with what else there is.
pub async fn operate(
    app: &App,
    task: &Task,
    operation: Operation,
    by: String,
    with: With,
) -> Result<Task, ChangeError> {
    if operation.is_done(task) {
        return Ok(task.clone());
    }
    let changed = change(app, task, operation.trigger(by, app.clock.now()), with).await?;
    notify(app, std::slice::from_ref(&changed)).await;
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use uuid::Uuid;

    use super::*;
    use crate::{
        client::Client,
        handler::{Failure, Handler, Outcome, TaskContext},
        ids::Name,
        redrive::{DeadLetterFilter, Redrive},
        registry::Registry,
        testing::Sandbox,
    };

    /// Needs somebody's word.
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Ask {}

    impl Handler for Ask {
        const TYPE: &'static str = "ask";
        type State = ();

        async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
            task.redrive_note().map(|said| Outcome::done(said.into())).ok_or(Failure::permanent("nobody says"))
        }
    }

    /// A task that waits for a minute.
    async fn waiting() -> (Sandbox, Client, Uuid) {
        let sandbox = Sandbox::new(Registry::new().add::<Ask>(()));
        let client = sandbox.client().principal("ada");
        let task = client.enqueue(&Ask {}).delay(Duration::from_secs(60)).await.unwrap().task;
        (sandbox, client, task.key.id)
    }

    #[tokio::test]
    async fn what_is_done_from_within_is_logged_with_who_did_it_and_the_queue_is_told() {
        let (sandbox, client, id) = waiting().await;
        let at = sandbox.now() + Duration::from_secs(7);
        assert_eq!(client.reschedule(id, at).await.unwrap().run_at(), Some(at));
        assert_eq!(client.process_now(id).await.unwrap().run_at(), Some(sandbox.now()));
        sandbox.drain().await;
        let task = client.task(id).await.unwrap().unwrap();
        assert_eq!(task.status(), Status::Failed);
        client.retry(id, Some("go on".to_owned())).await.unwrap();
        let cancelled = client.cancel(id, "it is settled").await.unwrap();
        assert_eq!(client.cancel(id, "again").await.unwrap(), cancelled, "what is cancelled stays as it is");
        let rows = sandbox.app().store.log(&cancelled, 0, 100).await.unwrap().items;
        let by_ada = rows.iter().filter(|row| row.by.as_deref() == Some("ada")).count();
        assert_eq!(by_ada, 4, "{rows:#?}");
    }

    #[tokio::test]
    async fn failed_tasks_are_set_going_again_at_their_rate_call_by_call() {
        let (sandbox, client, _) = waiting().await;
        for _ in 0..2 {
            client.enqueue(&Ask {}).await.unwrap();
        }
        sandbox.drain().await;
        let note = Some("go on".to_owned());
        let all = Redrive { limit: 2, rate: Some(0.5), note, ..Redrive::of(DeadLetterFilter::default()) };
        let first = client.redrive(&all).await.unwrap();
        assert_eq!((first.done, first.skipped), (2, 0));
        let rest = client.redrive(&Redrive { from: first.next.unwrap(), ..all }).await.unwrap();
        assert_eq!((rest.done, rest.skipped, rest.next), (1, 0, None));
        let mut starts: Vec<_> = sandbox.tasks().iter().filter_map(Task::run_at).collect();
        starts.sort();
        assert_eq!(starts, [0, 2, 4].map(|s| sandbox.now() + Duration::from_secs(s)));
        sandbox.drain().await;
        assert!(sandbox.tasks().iter().all(|task| task.status() == Status::Completed));
    }

    #[tokio::test]
    async fn what_is_not_the_tenants_or_out_of_range_is_refused() {
        let (_sandbox, client, id) = waiting().await;
        let other = client.clone().tenant(Name::of("other"));
        assert!(matches!(other.process_now(id).await, Err(OperateError::NoTask)));
        let rejected = client.retry(id, None).await;
        assert!(matches!(rejected, Err(OperateError::Change(ChangeError::Rejected(_)))));
        let long = client.retry(id, Some("a".repeat(ERROR_BYTES + 1))).await.unwrap_err();
        assert_eq!(long.to_string(), format!("note: at most {ERROR_BYTES} bytes are taken"));
        let all = Redrive::of(DeadLetterFilter::default());
        for (wrong, said) in [
            (Redrive { limit: 0, ..all.clone() }, "limit: expected a number from 1 to 1000, found 0"),
            (Redrive { rate: Some(f64::NAN), ..all }, "rate: expected tasks per second, from 0.001 to 1000, found NaN"),
        ] {
            assert_eq!(client.redrive(&wrong).await.unwrap_err().to_string(), said);
        }
    }
}
