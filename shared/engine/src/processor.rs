//! Processes tasks that a queue message speaks of: claim, handle, settle.

mod again;
mod decide;
mod handle;
mod outside;
mod settle;
#[cfg(test)]
mod wait_test;

use std::time::Duration;

use futures::future::join_all;
use tracing::{Instrument, error, info_span, warn};

use again::{Again, hide};
pub use decide::{Decision, Ending, decide};
pub use outside::{WorkEnded, end};

use crate::{
    app::App,
    change::{ChangeError, With, change},
    clock::Timestamp,
    dead_letter::dead_letter,
    gather::ended_with_group,
    ids,
    lifecycle::{FailureKind, Rejected, Task, Trigger},
    meter::CLAIM_CONFLICTS,
    notify::notify,
    queue::{QueueName, TaskMessage},
    redact::chain,
    registry::{Input, InputError},
    spans::execution,
    store::StoreError,
};

/// A message in hand.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What it says.
    pub message: TaskMessage,
    /// Which queue it came from.
    pub queue: QueueName,
    /// What to hide it with.
    pub receipt: String,
    /// The X-Ray header it came with.
    pub trace: Option<String>,
}

/// What becomes of a message in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is nothing left to do about it: delete the message.
    Done,
    /// Leave it: it comes again when its visibility timeout ends, which may have been set.
    Again,
}

/// A task whose time comes within this is waited for: clocks differ.
const CLOCK_SKEW: Duration = Duration::from_secs(2);

/// What must be left before the deadline, besides the task's own timeout, to settle and answer.
const MARGIN: Duration = Duration::from_secs(1);

/// Processes each delivery, all at once; one cannot harm another. `deadline`: when this process is stopped.
pub async fn process(app: &App, deliveries: Vec<Delivery>, deadline: Option<Timestamp>) -> Vec<Verdict> {
    process_each(app, deliveries, deadline, |_, _| {}).await
}

/// The same; `ended` is told what becomes of a delivery, by its place, as soon as that is known.
pub async fn process_each(
    app: &App,
    deliveries: Vec<Delivery>,
    deadline: Option<Timestamp>,
    ended: impl Fn(usize, Verdict) + Sync,
) -> Vec<Verdict> {
    let keys: Vec<_> = deliveries.iter().map(|delivery| delivery.message.key.clone()).collect();
    let tasks = app.store.tasks(&keys).await;
    let ended = &ended;
    join_all(deliveries.iter().zip(tasks).enumerate().map(|(place, (delivery, task))| {
        let span = info_span!("execution", task.id = %delivery.message.key.id, tenant = %delivery.message.key.tenant);
        async move {
            // Messages of one batch came of many requests.
            let verdict = match delivery.trace.as_deref() {
                Some(header) => one(&app.traced(Some(header)), delivery, task, deadline).await,
                None => one(app, delivery, task, deadline).await,
            };
            ended(place, verdict);
            verdict
        }
        .instrument(span)
    }))
    .await
}

async fn one(
    app: &App,
    delivery: &Delivery,
    task: Result<Option<Task>, StoreError>,
    deadline: Option<Timestamp>,
) -> Verdict {
    let task = match task {
        Ok(Some(task)) => task,
        Ok(None) => {
            warn!("a message speaks of a task that is not there; dropped");
            return Verdict::Done;
        }
        Err(problem) => return given_up(&problem.into()),
    };
    match start(app, delivery, task, deadline).await {
        Ok(Start::Claimed(task, input, _room)) => {
            let span = execution(&task);
            settle::handle_and_settle(app, delivery, *task, &input, deadline).instrument(span).await
        }
        Ok(Start::Not(verdict)) => verdict,
        Err(problem) => given_up(&problem),
    }
}

/// The one place that says what a worker's failure to read or write means for its message.
fn given_up(problem: &ChangeError) -> Verdict {
    match problem {
        // Somebody else has it, or will: the table knows.
        ChangeError::Rejected(_) | ChangeError::Gone => Verdict::Done,
        ChangeError::Store(StoreError::Corrupt { .. }) => {
            error!(error = %chain(problem), "a stored task cannot be read");
            Verdict::Done // the poller sets it aside; seeing it again and again helps nobody
        }
        ChangeError::Store(_) | ChangeError::Effect(_) => {
            error!(error = %chain(problem), "the store did not do its part; the message will come again");
            Verdict::Again
        }
    }
}

enum Start {
    /// With the room that its type has for it.
    Claimed(Box<Task>, Result<Box<dyn Input>, InputError>, Box<dyn Send>),
    Not(Verdict),
}

/// Claims the task if it may run now; says what to do with the message if not.
async fn start(
    app: &App,
    delivery: &Delivery,
    mut task: Task,
    deadline: Option<Timestamp>,
) -> Result<Start, ChangeError> {
    if let Some(executions) = delivery.message.executions {
        task = moved_back(app, task, executions).await?;
    }
    if task.is_pulled() {
        return Ok(Start::Not(Verdict::Done)); // a dead letter that was moved back; who pulls it will come
    }
    let input = app.input_of(&task).await?;
    if let Err(InputError::UnknownType { .. }) = &input {
        return unknown_type(app, &task).await;
    }
    let needs = Duration::from_secs(task.timeout_s.into()) + MARGIN;
    if deadline.is_some_and(|at| app.clock.now() + needs > at) {
        let rides = app.queue_of(&task);
        if rides != delivery.queue && (rides, delivery.queue) != (QueueName::Pushed, QueueName::Long) {
            // A long task's dead letter, moved back to another queue: nobody there will ever have the time.
            notify(app, std::slice::from_ref(&task)).await;
            return Ok(Start::Not(Verdict::Done));
        }
        hide(app, delivery, Duration::ZERO).await;
        return Ok(Start::Not(Verdict::Again));
    }
    let room: Box<dyn Send> = match &input {
        Ok(input) => match input.enter(app.clock.now()).await {
            Ok(room) => room,
            Err(wait) => {
                let again = Again::arrange(app, delivery, &task, app.clock.now() + wait).await;
                return Ok(Start::Not(again.verdict()));
            }
        },
        Err(_) => Box::new(()),
    };
    if ended_with_group(app, &task).await? {
        return Ok(Start::Not(Verdict::Done));
    }
    loop {
        let now = app.clock.now();
        match change(app, &task, Trigger::Claim { worker: ids::fresh(), lease: None }, With::nothing()).await {
            Ok(claimed) => return Ok(Start::Claimed(Box::new(claimed), input, room)),
            Err(ChangeError::Rejected(Rejected::NotDue(run_at))) => match run_at.since(now) {
                wait if wait < CLOCK_SKEW => app.clock.sleep_until(run_at).await,
                _ => return Ok(Start::Not(Again::arrange(app, delivery, &task, run_at).await.verdict())),
            },
            Err(ChangeError::Rejected(Rejected::Expired(_))) => {
                expire(app, &task, FailureKind::Expired).await?;
                return Ok(Start::Not(Verdict::Done));
            }
            // Its message has come again, and its worker has not.
            Err(ChangeError::Rejected(Rejected::Held(lease_ends))) if lease_ends <= now => {
                reap(app, &task).await?;
                return Ok(Start::Not(Verdict::Done));
            }
            Err(problem) => {
                if let ChangeError::Rejected(Rejected::Held(_)) = problem {
                    app.meter.count(CLAIM_CONFLICTS);
                }
                return Err(problem);
            }
        }
    }
}

/// A dead letter that somebody moved back to a work queue: redrives the task, if it is still failed there.
async fn moved_back(app: &App, task: Task, executions: u32) -> Result<Task, ChangeError> {
    let by = "dead-letter queue".to_owned();
    let redrive = Trigger::Redrive { note: None, by, failed_at: Some(executions), run_at: None };
    match change(app, &task, redrive, With::nothing()).await {
        // Set going already: from here on it is an ordinary message.
        Err(ChangeError::Rejected(Rejected::NotEnded(_))) => Ok(task),
        redriven => redriven,
    }
}

/// A type nobody knows here: a deployment in progress. The poller brings it back; after a day it is given up.
async fn unknown_type(app: &App, task: &Task) -> Result<Start, ChangeError> {
    warn!(task.r#type = %task.task_type, "no handler is known for the task's type");
    match expire(app, task, FailureKind::UnknownType).await {
        Ok(()) | Err(ChangeError::Rejected(_)) => Ok(Start::Not(Verdict::Done)),
        Err(problem) => Err(problem),
    }
}

async fn reap(app: &App, task: &Task) -> Result<(), ChangeError> {
    let trigger = Trigger::Reap { max_losses: app.rules.max_losses, jitter: fastrand::f64() * 2.0 - 1.0 };
    let reaped = change(app, task, trigger, With::nothing()).await?;
    notify(app, std::slice::from_ref(&reaped)).await;
    dead_letter(app, &reaped).await;
    Ok(())
}

async fn expire(app: &App, task: &Task, kind: FailureKind) -> Result<(), ChangeError> {
    let failed = change(app, task, Trigger::Expire { kind }, With::nothing()).await?;
    dead_letter(app, &failed).await;
    Ok(())
}
