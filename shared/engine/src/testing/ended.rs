//! What came of one execution.

use std::collections::HashSet;

use serde_json::Value;
use uuid::Uuid;

use crate::{
    event::{self, Published},
    handler::Handler,
    ids::TaskKey,
    lifecycle::{
        KeptFailure, State, Status, Task,
        log::{LogEntry, LogOutcome},
    },
    records::{Entity, Stored},
    store::{Everything, Record},
    testing::{sandbox::read_all, told},
};

/// One execution that ended: how, and what was committed with its end.
///
/// ```
/// # use std::time::Duration;
/// # use errand::{
/// #     Effect, Failure, Handler, Id, Outcome, Registry, TaskContext, spi::lifecycle::log, testing::Sandbox,
/// # };
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// # use serde_json::json;
/// #
/// /// Counts down to 0.
/// #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
/// struct CountDown { from: u32 }
///
/// impl Handler for CountDown {
///     const TYPE: &'static str = "count_down";
///     type State = ();
///
///     async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
///         let counted = Effect::publish(task.event("user.counted", &Id::of("clock"), json!(self.from)));
///         let effects = match self.from.checked_sub(1) {
///             Some(from) => {
///                 let next = task.follow_up(&CountDown { from }, Duration::from_secs(1))?;
///                 vec![counted, Effect::enqueue(next)]
///             }
///             None => vec![counted],
///         };
///         Ok(Outcome::Complete { output: json!(self.from), effects })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let sandbox = Sandbox::new(Registry::new().add::<CountDown>(()));
/// let ended = sandbox.run(&CountDown { from: 2 }).await;
/// assert_eq!(ended.outcome(), log::LogOutcome::Completed);
/// assert_eq!(ended.event_types(), ["user.counted"]);
/// assert_eq!(ended.follow_ups::<CountDown>(), [CountDown { from: 1 }]);
///
/// sandbox.drain().await;
/// assert_eq!(sandbox.tasks().len(), 3);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Ended {
    task: Task,
    row: LogEntry,
    records: Vec<Record>,
    events: Vec<Published>,
    new_tasks: Vec<Task>,
}

impl Ended {
    /// What happened to the task `key` since `before`; the error says why nothing did.
    pub(super) fn between(before: &Everything, after: &Everything, key: &TaskKey) -> Result<Self, &'static str> {
        let task = after.tasks.iter().find(|task| task.key == *key).ok_or("it is gone")?;
        let rows_before = before.log.iter().filter(|row| row.key == *key).count();
        let row = after.rows(task).nth(rows_before).ok_or("it was not run: its action log is as it was")?;
        let versions: HashSet<Uuid> = before.records.iter().map(|record| record.version).collect();
        let written = after.records.iter().filter(|record| !versions.contains(&record.version)).cloned();
        let (events, records): (Vec<Record>, Vec<Record>) =
            written.partition(|record| record.key.kind == event::kind());
        let new_tasks = after.tasks.iter().filter(|task| !before.tasks.iter().any(|old| old.key == task.key));
        Ok(Self {
            task: task.clone(),
            row: row.clone(),
            records,
            events: events.into_iter().map(Published::from).collect(),
            new_tasks: new_tasks.cloned().collect(),
        })
    }

    /// The task's key.
    pub fn key(&self) -> &TaskKey {
        &self.task.key
    }

    /// The task as the execution left it.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The task's status as the execution left it; [`Status::Pending`] if it is to run again.
    pub fn status(&self) -> Status {
        self.task.status()
    }

    /// How the execution came out.
    pub fn outcome(&self) -> LogOutcome {
        self.row.outcome
    }

    /// What the handler answered, as it is kept; `null` if the task is not completed.
    pub fn output(&self) -> Value {
        match &self.task.state {
            State::Completed { output } => told(output.parse(), "the output"),
            _ => Value::Null,
        }
    }

    /// What went wrong, if something did.
    pub fn failure(&self) -> Option<&KeptFailure> {
        self.row.failure.as_ref()
    }

    /// Why the handler called the task off, or what it needs of a person.
    pub fn reason(&self) -> Option<&str> {
        self.row.reason.as_deref()
    }

    /// The execution's row of the action log, with a description of each effect.
    pub fn row(&self) -> &LogEntry {
        &self.row
    }

    /// The records of this kind that were written, as they are now.
    pub fn written<E: Entity>(&self) -> Vec<Stored<E>> {
        read_all(&self.records)
    }

    /// What follow-up tasks of this type are given.
    pub fn follow_ups<H: Handler>(&self) -> Vec<H> {
        let of_type = self.new_tasks.iter().filter(|task| task.task_type.as_str() == H::TYPE);
        of_type.map(|task| told(task.payload.parse(), "the payload of a follow-up")).collect()
    }

    /// The follow-up tasks of every type.
    pub fn new_tasks(&self) -> &[Task] {
        &self.new_tasks
    }

    /// The events that were published, in no particular order.
    pub fn events(&self) -> &[Published] {
        &self.events
    }

    /// The types of these events.
    pub fn event_types(&self) -> Vec<&str> {
        self.events.iter().filter_map(|event| event.doc.get("type")?.as_str()).collect()
    }
}
