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
    handlers::{Failure, InputError, Outcome, Retry, TaskContext, TaskInput},
    lifecycle::{Event, FailureKind, Report, State, Task, lease},
    notify::chain,
};

/// How often a long handler's lease is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(30);

/// How a handling came out, and the task as its last renewal left it.
pub(super) struct Handled {
    pub(super) task: Task,
    pub(super) result: Result<Outcome, Failure>,
    /// What it used, whatever came of it.
    pub(super) report: Report,
}

/// Runs the handler of `task`, which was just claimed. The task as an error: its lease was lost under way, and whatever
/// the handler would have said no longer counts.
pub(super) async fn handle(app: &App, task: Task, input: &Result<TaskInput, InputError>) -> Result<Handled, Box<Task>> {
    let input = match input {
        Ok(input) => input,
        Err(error) => {
            let result = Err(Failure::of_kind(FailureKind::InvalidPayload, error.to_string(), Retry::Never));
            return Ok(Handled { task, result, report: Report::default() });
        }
    };
    let context = TaskContext::new(app, &task);
    let handling = AssertUnwindSafe(input.handler().handle(&context)).catch_unwind();
    let timeout =
        app.clock.sleep_until(started_at(&task, app.clock.now()) + Duration::from_secs(task.timeout_s.into()));
    let held = Mutex::new(task.clone());
    let result = tokio::select! {
        biased;
        handled = handling => Some(handled.unwrap_or_else(|panic| Err(panicked(&*panic)))),
        () = timeout => {
            let message = format!("timed out after {} s", task.timeout_s);
            Some(Err(Failure::of_kind(FailureKind::Timeout, message, Retry::Backoff)))
        }
        () = app.release.told() => Some(Ok(Outcome::Snooze(Duration::ZERO))),
        () = renew_until_lost(app, &held), if outlives_its_lease(&task) => None,
    };
    let report = context.used();
    let task = held.into_inner().unwrap_or_else(PoisonError::into_inner);
    match result {
        Some(result) => Ok(Handled { task, result, report }),
        None => Err(Box::new(task)),
    }
}

fn started_at(task: &Task, now: Timestamp) -> Timestamp {
    match task.state {
        State::Running { started_at, .. } => started_at,
        _ => now,
    }
}

fn outlives_its_lease(task: &Task) -> bool {
    Duration::from_secs(task.timeout_s.into()) >= lease(task.timeout_s)
}

/// Renews until the task is no longer this worker's.
async fn renew_until_lost(app: &App, held: &Mutex<Task>) {
    loop {
        app.clock.sleep_until(app.clock.now() + RENEW_EVERY).await;
        let task = held.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(fence) = task.fence() else { return };
        match change(app, &task, Event::Renew { fence }, With::what_ends()).await {
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
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::{
        ids::{self, Name, TaskKey},
        json::Json,
        lifecycle::NewTask,
    };

    #[test]
    fn handled_again_a_task_has_no_more_time_than_it_had() {
        let (claimed, later) = (Timestamp::from_millis(1_000), Timestamp::from_millis(21_000));
        let key = TaskKey { tenant: Name::default(), id: Uuid::from_u128(1) };
        let new = NewTask::of_type(key, Name::of("scripted"), Json::new(&json!({})), "me".into(), claimed);
        let mut task = Task::accept(new, ids::fresh(), claimed);
        task.state = State::Running { lease_expires_at: later, worker: ids::fresh(), started_at: claimed };
        assert_eq!(started_at(&task, later), claimed);
    }
}
