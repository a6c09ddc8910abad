//! What a handler decides.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{effects::Effect, group::Group};

/// What a handler decides.
///
/// ```
/// use errand::Outcome;
/// use serde_json::json;
///
/// let done = Outcome::done(json!({"sent": 3}));
/// assert_eq!(done, Outcome::Complete { output: json!({"sent": 3}), effects: vec![] });
/// assert_eq!(Outcome::skipped("nobody is there"), Outcome::done(json!({"skipped": true, "reason": "nobody is there"})));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// Done: the output, and what is to be committed with it.
    Complete {
        /// What the task answers with; at most 256 KiB.
        output: Value,
        /// What else changes, in the same commit.
        effects: Vec<Effect>,
    },
    /// Nothing went wrong; again after this.
    Snooze(Duration),
    /// It waits for another task to wake it ([`Effect::wake`]); again after `wait` at the latest.
    Wait {
        /// How long at most.
        wait: Duration,
        /// What is committed with the wait. That it waits belongs here, where the other reads it, on the version that this
        /// was decided on: so either the other finds it there, or this is decided anew.
        effects: Vec<Effect>,
    },
    /// It waits for a group to come to its end, and is run again then, from the start: [`TaskContext::fan_out`] answers with
    /// that group. It costs no snooze, however long it is.
    ///
    /// [`TaskContext::fan_out`]: crate::TaskContext::fan_out
    WaitFor(Uuid),
    /// Again after this, by no doing of the task's: however often that is.
    Postpone(Duration),
    /// It goes on elsewhere. Who has it says how it ends, or that it goes on, within this; else its worker is lost.
    Park(Duration),
    /// Not to be done after all, because.
    Cancel(String),
    /// Needs something from a person: what.
    Block(String),
}

impl Group {
    /// The outcome of a task that waits for it.
    pub fn wait(&self) -> Outcome {
        Outcome::WaitFor(self.id)
    }
}

impl Outcome {
    /// A completion with nothing else to commit.
    pub fn done(output: Value) -> Self {
        Outcome::Complete { output, effects: Vec::new() }
    }

    /// A completion that changes nothing: `{skipped: true, reason}`.
    pub fn skipped(reason: impl Into<String>) -> Self {
        let reason: String = reason.into();
        Outcome::done(json!({"skipped": true, "reason": reason}))
    }
}
