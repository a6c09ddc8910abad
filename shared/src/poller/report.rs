//! What a poll did.

use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::{change::ChangeError, lifecycle::Task, notify::chain};

/// How far a poll came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollReport {
    /// Messages sent.
    pub notified: usize,
    /// Executions whose worker was given up.
    pub reaped: usize,
    /// Tasks that waited too long.
    pub expired: usize,
    /// Dead letters that were owed.
    pub dead_letters: usize,
    /// Events delivered.
    pub published: usize,
    /// Items that cannot be read, left alone for an hour.
    pub set_aside: usize,
    /// Items that nothing could be done about; the next poll tries again.
    pub failed: usize,
    /// Whether everything due was looked at; false if the deadline came first.
    pub complete: bool,
}

impl PollReport {
    pub(super) fn acted(&self) -> usize {
        self.notified + self.reaped + self.expired + self.dead_letters + self.published + self.set_aside
    }

    pub(super) fn fail(&mut self, task: &Task, problem: &ChangeError) {
        warn!(task.id = %task.key.id, error = %chain(problem), "a due task could not be looked after");
        self.failed += 1;
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            notified: self.notified + other.notified,
            reaped: self.reaped + other.reaped,
            expired: self.expired + other.expired,
            dead_letters: self.dead_letters + other.dead_letters,
            published: self.published + other.published,
            set_aside: self.set_aside + other.set_aside,
            failed: self.failed + other.failed,
            complete: self.complete || other.complete,
        }
    }
}
