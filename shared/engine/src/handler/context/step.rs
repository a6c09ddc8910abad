//! What a handler does once in all executions of its task.

use std::{future::Future, time::Duration};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    handler::{Failure, TaskContext},
    ids::{Id, Name},
    store::{self, Commit, Expect, Part, Record, RecordWrite, Relation, StoreError, TaskWrite},
};

/// How long a step's result is kept: longer than any task waits for its next execution or its redrive.
const KEEP_STEPS: Duration = Duration::from_secs(180 * 24 * 3600);

/// The kind of record by which a step is remembered.
pub(crate) const STEP: &str = "step";

impl TaskContext<'_> {
    /// The output of `work` under the name `key`, stored under this execution's fence before it is returned; a
    /// later execution of the task gets the stored one back and does not work again.
    ///
    /// ```
    /// # use errand::{Failure, Handler, Outcome, Registry, Status, TaskContext, testing::Sandbox};
    /// # use schemars::JsonSchema;
    /// # use serde::{Deserialize, Serialize};
    /// use errand::Name;
    ///
    /// /// Draws a number, and needs another try before it answers.
    /// #[derive(Serialize, Deserialize, JsonSchema)]
    /// struct Draw {}
    ///
    /// impl Handler for Draw {
    /// #   const TYPE: &'static str = "draw";
    /// #   type State = ();
    /// #
    ///     async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
    ///         let execution = task.task().executions;
    ///         let drawn_at = task.step(&Name::of("draw"), async { Ok(execution) }).await?;
    ///         match execution {
    ///             1 => Err(Failure::transient("not yet")),
    ///             _ => Ok(Outcome::done(drawn_at.into())),
    ///         }
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let sandbox = Sandbox::new(Registry::new().add::<Draw>(()));
    /// let first = sandbox.run(&Draw {}).await;
    /// let second = sandbox.execute(first.key()).await;
    /// assert_eq!(second.output(), 1);
    /// # }
    /// ```
    pub async fn step<T, F>(&self, key: &Name, work: F) -> Result<T, Failure>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<T, Failure>>,
    {
        let id = Id::new(&format!("{}.{key}", self.task.life())).map_err(|e| Failure::permanent(e.to_string()))?;
        let key = self.key(Name::of(STEP), &id);
        if let Some(done) = self.services.store.record(&key).await? {
            return step_result(&done);
        }
        let value = serde_json::to_value(work.await?)?;
        let fence = self.task.fence().ok_or_else(lease_lost)?;
        let now = self.now();
        let doc = [("result".to_owned(), value.clone())].into_iter().collect();
        // By its task it is found when that is erased.
        let parent = Some(Relation { of: Id::from(self.task.key.id), sort: String::new() });
        let expires_at = Some(now + KEEP_STEPS);
        let kept = Record { parent, expires_at, ..Record::new(key.clone(), doc, now) };
        let commit = Commit {
            task: Some(TaskWrite::Step { key: self.task.key.clone(), fence }),
            records: vec![RecordWrite::Put { record: Box::new(kept), expect: Expect::Absent }],
            tasks: Vec::new(),
        };
        match store::commit(&*self.services.store, commit).await {
            Ok(()) => Ok(serde_json::from_value(value)?),
            Err(StoreError::Conflict { parts }) if parts.contains(&Part::Task) => Err(lease_lost()),
            // Our own write whose answer was lost, or an earlier execution's that was on its way: it counts.
            Err(StoreError::Conflict { .. }) => {
                let done = self.services.store.record(&key).await?;
                step_result(&done.ok_or_else(|| Failure::transient("a stored step has vanished"))?)
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn step_result<T: DeserializeOwned>(record: &Record) -> Result<T, Failure> {
    Ok(serde_json::from_value(record.doc.get("result").cloned().unwrap_or_default())?)
}

fn lease_lost() -> Failure {
    Failure::transient("the lease was lost")
}
