//! How long what has ended is kept.

use std::time::Duration;

/// How long ended things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Tasks, after their end.
    pub tasks: Duration,
    /// Log rows, after they were written.
    pub log: Duration,
}

impl Retention {
    /// How many days tasks are kept, unless configured otherwise.
    pub const TASK_DAYS: u32 = 30;

    /// How many days log rows are kept, unless configured otherwise.
    pub const LOG_DAYS: u32 = 90;

    /// So many days.
    pub fn of_days(tasks: u32, log: u32) -> Self {
        let day = Duration::from_secs(24 * 3600);
        Self { tasks: day * tasks, log: day * log }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self::of_days(Self::TASK_DAYS, Self::LOG_DAYS)
    }
}
