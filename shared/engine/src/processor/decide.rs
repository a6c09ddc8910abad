//! What an outcome or failure means for a task. Pure.

use std::time::Duration;

use serde_json::Value;

use crate::{
    change::With,
    clock::Timestamp,
    handler::{Failure, Outcome, Retry, Settings},
    json::Json,
    lifecycle::{self, FailureKind, Settlement, Task, retry::after_failure},
    redact,
    store::BODY_BYTES,
};

/// What ends an execution.
#[derive(Debug)]
pub enum Ending {
    /// What its handler decided.
    Decided(Outcome),
    /// What went wrong.
    Failed(Failure),
    /// Nothing: this process is about to end, and another is to take the task up at once.
    Released,
}

impl From<Result<Outcome, Failure>> for Ending {
    fn from(result: Result<Outcome, Failure>) -> Self {
        result.map_or_else(Ending::Failed, Ending::Decided)
    }
}

/// What an ending means for its task.
#[derive(Debug)]
pub struct Decision {
    /// How the execution ends.
    pub settlement: Settlement,
    /// What is committed with that.
    pub with: With,
}

/// What `ending` means for `task`, whose type has these `settings`. `jitter` is from -1 to 1.
pub fn decide(task: &Task, ending: Ending, settings: &Settings, jitter: f64, now: Timestamp) -> Decision {
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
        Ending::Decided(Outcome::WaitFor(group)) => plain(Settlement::Wait { group }),
        // However often it has snoozed: it is none of the task's doing. (What is parked has not ended, and is not decided on.)
        Ending::Released => snooze(Duration::ZERO),
        Ending::Decided(Outcome::Postpone(wait) | Outcome::Park(wait)) => snooze(wait),
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
