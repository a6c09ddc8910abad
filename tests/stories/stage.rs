//! What a story is played on.

use std::time::Duration;

use errand::{
    Timestamp,
    spi::{
        clock::{Clock, ManualClock},
        store::Store,
    },
};
use integration_tests::events::{Answered, Call};
use serde_json::Value;

/// See the module.
pub(crate) trait Stage {
    /// What time it is.
    fn clock(&self) -> &ManualClock;

    /// Asks over HTTP; again, for as long as there is no answer.
    async fn ask(&mut self, call: &Call) -> Answered;

    /// Lets everything happen that is due.
    async fn settle(&mut self);

    /// Where everything is, for a look at what is owed.
    fn store(&self) -> &dyn Store;
}

/// A stage on which things happen only in turns.
pub(crate) trait Turns: Stage {
    /// Delivers every queue once and polls once; whether there was anything to deliver.
    async fn turn(&mut self) -> bool;

    /// When the next message is visible, where that goes by the clock.
    fn next_message(&self) -> Option<Timestamp>;

    /// Processes lost so far.
    fn crashes(&self) -> usize;
}

/// What a crash may cost: until its lease ends, and the wait before the next try.
const RECOVERY: Duration = Duration::from_secs(15 * 60);

/// A story with more turns in one place has no end.
const TURNS: usize = 200;

/// Takes turns until nothing is due; moves the clock on if what is due waits for that, and after a crash by what it
/// takes to recover.
pub(crate) async fn settle(stage: &mut impl Turns) {
    let (began, crashes) = (stage.clock().now(), stage.crashes());
    for _ in 0..TURNS {
        let any = stage.turn().await;
        let due_by = if stage.crashes() > crashes { began + RECOVERY } else { began };
        if any {
            continue;
        }
        if is_quiet(stage, due_by).await {
            return;
        }
        let next =
            due(stage.store(), Timestamp::from_millis(i64::MAX)).await.into_iter().chain(stage.next_message()).min();
        let next = next.expect("something is due, and nothing will see to it");
        assert!(next.since(began) < Duration::from_secs(3600), "what is due is not seen to");
        stage.clock().set(next.max(stage.clock().now()));
    }
    panic!("never quiet");
}

/// Whether no task runs or is due, and no event waits.
pub(crate) async fn is_quiet(stage: &mut impl Stage, due_by: Timestamp) -> bool {
    let now = stage.clock().now();
    let open = stage.ask(&Call::get("/v1/tasks?limit=100")).await.body(200);
    let is_due = |task: &Value| match task["run_at"].as_str() {
        Some(run_at) => super::at(run_at) <= due_by,
        None => true,
    };
    !open["items"].as_array().unwrap().iter().any(is_due) && due(stage.store(), now).await.is_none()
}

/// The first item that the poller is to look at by then.
async fn due(store: &dyn Store, by: Timestamp) -> Option<Timestamp> {
    let mut first = None;
    for shard in 0..store.shards() {
        let due = store.due(shard, by, 1).await.unwrap();
        first = first.into_iter().chain(due.first().map(|due| due.wake_at)).min();
    }
    first
}
