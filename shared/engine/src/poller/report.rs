//! What a poll did.

use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::{change::ChangeError, lifecycle::Task, redact::chain};

/// How far a poll came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PollReport {
    /// How many messages were sent about tasks that are due.
    pub notified: usize,
    /// Executions whose worker was given up.
    pub reaped: usize,
    /// Tasks that waited too long.
    pub expired: usize,
    /// Dead letters that were owed.
    pub dead_letters: usize,
    /// Events listed; on AWS put on the bus before. The webhook is owed them from then on.
    pub published: usize,
    /// Items that cannot be read, left alone for an hour.
    pub set_aside: usize,
    /// Items that nothing could be done about; the next poll tries again.
    pub failed: usize,
    /// How long the task had been due that had been due longest of those looked at, in seconds. One whose message was
    /// sent is not looked at again for two minutes, then after as long again as it has waited, at most an hour.
    #[serde(default)]
    pub oldest_due_s: u64,
    /// Whether everything due was looked at; false if the deadline came first.
    pub complete: bool,
}

impl PollReport {
    /// How much it did.
    pub fn acted(&self) -> usize {
        self.notified + self.reaped + self.expired + self.dead_letters + self.published + self.set_aside
    }

    pub(super) fn fail(&mut self, task: &Task, problem: &ChangeError) {
        warn!(task.id = %task.key.id, error = %chain(problem), "a due task could not be looked after");
        self.failed += 1;
    }

    /// The sum of both reports.
    pub fn plus(self, other: Self) -> Self {
        Self {
            notified: self.notified + other.notified,
            reaped: self.reaped + other.reaped,
            expired: self.expired + other.expired,
            dead_letters: self.dead_letters + other.dead_letters,
            published: self.published + other.published,
            set_aside: self.set_aside + other.set_aside,
            failed: self.failed + other.failed,
            oldest_due_s: self.oldest_due_s.max(other.oldest_due_s),
            complete: self.complete && other.complete,
        }
    }
}
