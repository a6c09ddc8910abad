//! A task that waits for another one to wake it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::{
    effects::{Effect, Relations},
    handler::{Failure, Handler, Outcome, TaskContext},
    ids::{Id, Name},
    lifecycle::{Status, Task},
    registry::Registry,
    store::{Doc, Expect},
    testing::Sandbox,
};

/// Waits until it runs again, and notes that it waits.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Waits {}

/// Wakes another.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Wakes {
    task: Uuid,
}

impl Handler for Waits {
    const TYPE: &'static str = "waits";
    type State = ();

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        if task.task().snoozes > 0 {
            return Ok(Outcome::done(json!("its turn has come")));
        }
        let note = Effect::put(Name::of("note"), Id::of("n"), Doc::new(), Relations::default(), Expect::Absent);
        Ok(Outcome::Wait { wait: WAIT, effects: vec![note] })
    }
}

impl Handler for Wakes {
    const TYPE: &'static str = "wakes";
    type State = ();

    async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        Ok(Outcome::Complete { output: json!(null), effects: vec![Effect::wake(self.task)] })
    }
}

const WAIT: Duration = Duration::from_secs(600);

/// A sandbox with a task that waits.
async fn one_waits() -> (Sandbox, Task) {
    let sandbox = Sandbox::new(Registry::new().add::<Waits>(()).add::<Wakes>(()));
    let task = sandbox.enqueue(&Waits {}).await;
    sandbox.execute(&task.key).await;
    let task = sandbox.task(&task.key).await;
    assert_eq!((task.run_at(), task.snoozes), (Some(sandbox.now() + WAIT), 1));
    (sandbox, task)
}

#[tokio::test]
async fn what_waits_runs_at_once_when_it_is_woken() {
    let (sandbox, task) = one_waits().await;
    sandbox.run(&Wakes { task: task.key.id }).await;
    let woken = sandbox.task(&task.key).await;
    assert_eq!((woken.run_at(), woken.log_seq), (Some(sandbox.now()), task.log_seq), "no execution, so no row");
    let from = sandbox.now();
    sandbox.drain().await;
    let task = sandbox.task(&task.key).await;
    assert_eq!((task.status(), task.last_attempted_at), (Status::Completed, Some(from)), "and it was told at once");
}

#[tokio::test]
async fn what_nobody_wakes_runs_at_the_end_of_its_wait() {
    let (sandbox, task) = one_waits().await;
    let ends = sandbox.now() + WAIT;
    sandbox.drain().await;
    let task = sandbox.task(&task.key).await;
    assert_eq!((task.status(), task.last_attempted_at), (Status::Completed, Some(ends)));
}

#[tokio::test]
async fn a_wait_that_meets_others_at_every_try_is_no_failure() {
    let (sandbox, _) = one_waits().await;
    let task = sandbox.enqueue(&Waits {}).await;
    sandbox.execute(&task.key).await;
    let task = sandbox.task(&task.key).await;
    assert_eq!((task.run_at(), task.failures, task.snoozes), (Some(sandbox.now()), 0, 1), "it looks again at once");
}
