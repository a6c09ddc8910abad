//! Ends an execution: from what the handler decided to what is committed, and what becomes of the message.

use std::time::Duration;

use serde_json::Value;

use crate::{
    app::App,
    change::{ChangeError, With, change},
    clock::Timestamp,
    dead_letter::dead_letter,
    handler::{Failure, Outcome, Retry, Settings},
    json::Json,
    lifecycle::{self, FailureKind, Report, Settlement, State, Task, Trigger, retry::after_failure},
    notify::notify,
    processor::{
        Delivery, MARGIN, Verdict,
        again::Again,
        given_up,
        handle::{Ending, handle},
    },
    redact,
    registry::{Input, InputError},
    store::{BODY_BYTES, StoreError},
    telemetry::lease_lost,
};

/// How often a handler decides anew, in one execution, because what it decided on has changed.
const MAX_HANDLINGS: u32 = 3;

/// Handles the claimed `task` and commits what comes of it.
pub(super) async fn handle_and_settle(
    app: &App,
    delivery: &Delivery,
    mut task: Task,
    input: &Result<Box<dyn Input>, InputError>,
    deadline: Option<Timestamp>,
) -> Verdict {
    let settings = input.as_ref().map(|input| input.settings()).unwrap_or_default();
    let mut used = Report::default();
    let mut handling = 0;
    loop {
        handling += 1;
        let handled = match handle(app, task, input).await {
            Ok(handled) => handled,
            Err(lost) => {
                lease_lost(app, &lost, app.clock.now());
                return Verdict::Done;
            }
        };
        task = handled.task;
        used = used.plus(handled.report);
        let execution = Execution { task: &task, settings: &settings, used: &used, deadline };
        let waits = matches!(handled.ending, Ending::Decided(Outcome::Wait { .. }));
        match settle(app, delivery, &execution, handled.ending).await {
            Err(ChangeError::Effect(_)) if handling < MAX_HANDLINGS => {}
            // What it waits for changes under its hands: it looks again at once.
            Err(ChangeError::Effect(_)) if waits => {
                return verdict(app, &task, settle(app, delivery, &execution, Ending::Released).await);
            }
            Err(problem @ ChangeError::Effect(_)) => {
                let failure = Failure::of_kind(FailureKind::EffectConflict, problem.to_string(), Retry::Backoff);
                return verdict(app, &task, settle(app, delivery, &execution, Ending::Failed(failure)).await);
            }
            Err(ChangeError::Store(StoreError::TooLarge(what))) => {
                let failure = Failure::of_kind(FailureKind::TooLarge, format!("too large: {what}"), Retry::Never);
                return verdict(app, &task, settle(app, delivery, &execution, Ending::Failed(failure)).await);
            }
            Err(ChangeError::Store(problem @ StoreError::Invalid(_))) => {
                let failure = Failure::permanent(problem.to_string());
                return verdict(app, &task, settle(app, delivery, &execution, Ending::Failed(failure)).await);
            }
            settled => return verdict(app, &task, settled),
        }
    }
}

/// An execution that is to be settled.
struct Execution<'a> {
    task: &'a Task,
    settings: &'a Settings,
    /// What it used, over all its handlings.
    used: &'a Report,
    /// When this process is stopped.
    deadline: Option<Timestamp>,
}

impl Execution<'_> {
    /// How long it is worth asking a store that is busy: what is thrown away here is paid for again, and counts as a lost
    /// worker. Until shortly before the poller may give the worker up, or the process is stopped.
    fn may_settle_until(&self) -> Timestamp {
        let lease_ends = match self.task.state {
            State::Running { lease_expires_at, .. } => lease_expires_at,
            _ => Timestamp::default(),
        };
        self.deadline.map_or(lease_ends, |at| at.min(lease_ends)) - MARGIN
    }
}

fn verdict(app: &App, task: &Task, settled: Result<Verdict, ChangeError>) -> Verdict {
    settled.unwrap_or_else(|problem| {
        if matches!(problem, ChangeError::Rejected(_) | ChangeError::Gone) {
            lease_lost(app, task, app.clock.now());
        }
        given_up(&problem)
    })
}

/// Arranges for the next message first, where the task is to run again, then commits.
async fn settle(
    app: &App,
    delivery: &Delivery,
    execution: &Execution<'_>,
    ending: Ending,
) -> Result<Verdict, ChangeError> {
    let Execution { task, settings, used, .. } = execution;
    let fence = task.fence().ok_or(lifecycle::Rejected::LeaseLost)?;
    let now = app.clock.now();
    let jitter = fastrand::f64() * 2.0 - 1.0;
    let Decision { mut settlement, with } = decide(task, ending, settings, jitter, now);
    let mut again = None;
    if let Settlement::Retry { run_at, hinted, .. } | Settlement::Snooze { run_at, hinted } = &mut settlement {
        let arranged = Again::arrange(app, delivery, task, *run_at).await;
        *hinted = arranged.is_hinted();
        again = Some(arranged);
    }
    let trigger = Trigger::Settle { fence, settlement, report: (*used).clone() };
    let settled = change(app, task, trigger, with.patient(execution.may_settle_until())).await?;
    let send = match again {
        Some(Again::ToSend) => true,
        // One that was there before the commit had landed after all was dropped.
        Some(Again::Hidden | Again::Sent) => settled.run_at().is_some_and(|at| at <= app.clock.now()),
        Some(Again::Poller) | None => false,
    };
    if send {
        notify(app, std::slice::from_ref(&settled)).await;
    }
    dead_letter(app, &settled).await;
    Ok(again.map_or(Verdict::Done, Again::verdict))
}

struct Decision {
    settlement: Settlement,
    with: With,
}

/// What an outcome or failure means for the task. Pure.
fn decide(task: &Task, ending: Ending, settings: &Settings, jitter: f64, now: Timestamp) -> Decision {
    let plain = |settlement| Decision { settlement, with: With::nothing() };
    let snooze = |wait| plain(Settlement::Snooze { run_at: now + wait, hinted: false });
    match ending {
        Ending::Decided(Outcome::Complete { mut output, effects }) => {
            redact::own_value(&mut output);
            match fitting(&output) {
                Ok(output) => Decision { settlement: Settlement::Complete(output), with: With::outcome(effects) },
                Err(failure) => plain(failed(task, &failure, settings, jitter, now)),
            }
        }
        Ending::Decided(Outcome::Snooze(_) | Outcome::Wait { .. }) if task.snoozes >= settings.max_snoozes => {
            let message = format!("snoozed {} times without coming to an end", task.snoozes);
            plain(failed(task, &Failure::permanent(message), settings, jitter, now))
        }
        Ending::Decided(Outcome::Snooze(wait)) => snooze(wait),
        Ending::Decided(Outcome::Wait { wait, effects }) => Decision { with: With::outcome(effects), ..snooze(wait) },
        // However often it has snoozed: it is none of the task's doing.
        Ending::Released => snooze(Duration::ZERO),
        Ending::Decided(Outcome::Cancel(reason)) => plain(Settlement::Cancel { reason }),
        Ending::Decided(Outcome::Block(reason)) => plain(Settlement::Block { reason }),
        Ending::Failed(failure) => plain(failed(task, &failure, settings, jitter, now)),
    }
}

fn fitting(output: &Value) -> Result<Json, Failure> {
    let output = Json::new(output);
    let bytes = output.as_str().len();
    if bytes > BODY_BYTES {
        let message = format!("the output has {bytes} bytes; at most {BODY_BYTES} are kept");
        return Err(Failure::of_kind(FailureKind::TooLarge, message, Retry::Never));
    }
    Ok(output)
}

fn failed(task: &Task, failure: &Failure, settings: &Settings, jitter: f64, now: Timestamp) -> Settlement {
    let record = lifecycle::KeptFailure::new(failure.kind, &failure.message(), now, task.executions);
    let after = match failure.retry {
        Retry::Never => return Settlement::Fail { failure: record },
        Retry::Backoff => None,
        Retry::After(wait) => Some(wait),
    };
    match after_failure(task, &settings.retry, after, jitter, now) {
        Some(run_at) => Settlement::Retry { run_at, failure: record, hinted: false },
        None => Settlement::Fail { failure: record },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::{
        ids::{Name, TaskKey},
        lifecycle::Asked,
    };

    #[test]
    fn an_output_is_kept_as_it_is() {
        let now = Timestamp::from_millis(1_790_000_000_000);
        let key = TaskKey { tenant: Name::default(), id: Uuid::from_u128(1) };
        let new = Asked::of_type(key, Name::of("scripted"), Json::new(&json!({})), "me".to_owned(), now);
        let task = Task::accept(new, Uuid::from_u128(2), now);
        let output = json!({"said": "const token = await getToken(user)\npassword=hunter2", "api_key": "k-1", "n": 1});
        let ending = Ending::Decided(Outcome::Complete { output: output.clone(), effects: Vec::new() });
        let decided = decide(&task, ending, &Settings::default(), 0.5, now).settlement;
        let Settlement::Complete(kept) = decided else { panic!("{decided:?}") };
        assert_eq!(serde_json::from_str::<Value>(kept.as_str()).unwrap(), output);
    }
}
