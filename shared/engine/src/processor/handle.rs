//! Runs a handler once: under its timeout, with a panic caught, its lease renewed when it runs long.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures::FutureExt;
use tracing::warn;

use crate::{
    app::App,
    change::{ChangeError, With, change},
    clock::Timestamp,
    effects::Effect,
    handler::{Failure, Retry, TaskContext},
    lifecycle::{FailureKind, Report, State, Task, Trigger, is_renewed},
    processor::decide::Ending,
    redact::chain,
    registry::{Input, InputError},
};

/// How often a long handler's lease is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(30);

/// How a handling came out, and the task as its last renewal left it.
pub(super) struct Handled {
    pub(super) task: Task,
    pub(super) ending: Ending,
    /// What it used, whatever came of it.
    pub(super) report: Report,
    /// What is committed with that, whatever came of it.
    pub(super) beside: Vec<Effect>,
}

/// Runs the handler of `task`, which was just claimed. The task as an error: its lease was lost under way, and whatever
/// the handler would have said no longer counts.
pub(super) async fn handle(
    app: &App,
    task: Task,
    input: &Result<Box<dyn Input>, InputError>,
) -> Result<Handled, Box<Task>> {
    let input = match input {
        Ok(input) => input,
        Err(error) => {
            let failure = Failure::of_kind(FailureKind::InvalidPayload, error.to_string(), Retry::Never);
            return Ok(Handled {
                task,
                ending: Ending::Failed(failure),
                report: Report::default(),
                beside: Vec::new(),
            });
        }
    };
    let context = TaskContext::new(app, &task).announcing(app);
    let handling = AssertUnwindSafe(input.handle(&context)).catch_unwind();
    let held = Mutex::new(task.clone());
    let ending = tokio::select! {
        biased;
        handled = handling => Some(handled.unwrap_or_else(|panic| Err(panicked(&*panic))).into()),
        // A length of time: a clock that is set back must not give a handler that hangs an hour more.
        () = app.clock.sleep(left(&task, app.clock.now())) => {
            let message = format!("timed out after {} s", task.timeout_s);
            Some(Ending::Failed(Failure::of_kind(FailureKind::Timeout, message, Retry::Backoff)))
        }
        () = app.release.told() => Some(Ending::Released),
        () = renew_until_lost(app, &held), if is_renewed(task.timeout_s) => None,
    };
    let (report, beside) = (context.used(), context.take_beside());
    let task = held.into_inner().unwrap_or_else(PoisonError::into_inner);
    match ending {
        Some(ending) => Ok(Handled { task, ending, report, beside }),
        None => Err(Box::new(task)),
    }
}

/// How much of its time `task` has left: all of it at first, less where it is handled again in one execution.
fn left(task: &Task, now: Timestamp) -> Duration {
    let timeout = Duration::from_secs(task.timeout_s.into());
    match task.state {
        State::Running { started_at, .. } => (started_at + timeout).since(now).min(timeout),
        _ => timeout,
    }
}

/// Renews until the task is no longer this worker's.
async fn renew_until_lost(app: &App, held: &Mutex<Task>) {
    loop {
        app.clock.sleep(RENEW_EVERY).await;
        let task = held.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(fence) = task.fence() else { return };
        match change(app, &task, Trigger::Renew { fence, lease: None, progress: None }, With::nothing()).await {
            Ok(renewed) => *held.lock().unwrap_or_else(PoisonError::into_inner) = renewed,
            Err(ChangeError::Rejected(_) | ChangeError::Gone) => return,
            // The lease has still a minute; the next renewal may succeed.
            Err(problem) => warn!(task.id = %task.key.id, error = %chain(&problem), "a lease was not renewed"),
        }
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let said = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    let message = format!("the handler panicked: {}", said.unwrap_or("no message"));
    Failure::of_kind(FailureKind::Panic, message, Retry::Backoff)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, task::Poll};

    use futures::poll;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        clock::{Clock, ManualClock},
        handler::{Handler, Outcome},
        ids::{self, Name, TaskKey},
        json::Json,
        lifecycle::Asked,
        queue::MemoryQueue,
        registry::Registry,
        services::Services,
        store::{self, MemoryStore},
    };

    /// Sleeps so many milliseconds, or for ever.
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Sleeper {
        ms: Option<u64>,
    }

    impl Handler for Sleeper {
        const TYPE: &'static str = "sleeper";
        type State = ();

        async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
            match self.ms {
                Some(ms) => task.sleep(Duration::from_millis(ms)).await,
                None => std::future::pending().await,
            }
            Ok(Outcome::done(Value::Null))
        }
    }

    /// A task that was claimed now, has 30 seconds, and the clock.
    async fn claimed() -> (App, Arc<ManualClock>, Task) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_767_225_600_000)));
        let (store, queue) = (Arc::new(MemoryStore::default()), Arc::new(MemoryQueue::new(clock.clone())));
        let types = Registry::new().add::<Sleeper>(()).checked().unwrap();
        let app = App::new(Services::new(store, queue, clock.clone()), types);
        let key = TaskKey { tenant: Name::default(), id: ids::fresh() };
        let new = Asked::of_type(key, Name::of(Sleeper::TYPE), Json::new(&json!({})), "me".into(), clock.now());
        let task = Task::accept(new, ids::fresh(), clock.now());
        store::insert(&*app.store, task.clone()).await.unwrap();
        let task =
            change(&app, &task, Trigger::Claim { worker: ids::fresh(), lease: None }, With::nothing()).await.unwrap();
        (app, clock, task)
    }

    fn sleeps(app: &App, ms: Option<u64>) -> Result<Box<dyn Input>, InputError> {
        app.types.stored(&Name::of(Sleeper::TYPE), &Json::new(&json!({ "ms": ms })))
    }

    fn is_timeout(ending: &Ending) -> bool {
        matches!(ending, Ending::Failed(failure) if failure.kind == FailureKind::Timeout)
    }

    #[tokio::test]
    async fn handled_again_a_task_has_no_more_time_than_it_had() {
        let (app, clock, task) = claimed().await;
        let (first, second) = (sleeps(&app, Some(20_000)), sleeps(&app, None));
        let mut handling = Box::pin(handle(&app, task, &first));
        assert!(poll!(&mut handling).is_pending());
        clock.advance(Duration::from_secs(20));
        let Handled { task, ending, .. } = handling.await.ok().unwrap();
        assert!(matches!(ending, Ending::Decided(_)), "{ending:?}");
        let mut handling = Box::pin(handle(&app, task, &second));
        assert!(poll!(&mut handling).is_pending());
        clock.advance(Duration::from_millis(9_999));
        assert!(poll!(&mut handling).is_pending());
        clock.advance(Duration::from_millis(1));
        assert!(matches!(poll!(&mut handling), Poll::Ready(Ok(handled)) if is_timeout(&handled.ending)));
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_gives_no_more_time() {
        let hour = Duration::from_secs(3600);
        let (app, clock, task) = claimed().await;
        clock.set(clock.now() - hour);
        let hangs = sleeps(&app, None);
        let mut handling = Box::pin(handle(&app, task, &hangs));
        assert!(poll!(&mut handling).is_pending());
        clock.advance(Duration::from_secs(10));
        clock.set(clock.now() - hour);
        assert!(poll!(&mut handling).is_pending());
        clock.advance(Duration::from_secs(20));
        assert!(matches!(poll!(&mut handling), Poll::Ready(Ok(handled)) if is_timeout(&handled.ending)));
    }
}
