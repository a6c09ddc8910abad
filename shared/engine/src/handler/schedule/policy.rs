//! How a schedule goes on where it cannot simply fire: the task before has not ended, or nobody was there in time.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::json::read::FieldError;

/// The most firings that wait for the task before them to end.
const MAX_BUFFERED: usize = 100;

/// The longest time for which firings are caught up with, in seconds: a year.
const MAX_WINDOW_S: u64 = 366 * 86_400;

/// How a schedule goes on where it cannot simply fire.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(inline)]
pub struct SchedulePolicy {
    /// What a firing means while the task before it has not ended.
    pub overlap: Overlap,
    /// With `buffer`: how many firings wait at most, 1 to 100; the newest beyond are skipped.
    #[schemars(range(min = 1, max = MAX_BUFFERED))]
    pub max_buffered: usize,
    /// Which of the firings are caught up with that nobody was there for.
    pub catch_up: CatchUp,
    /// How far back these lie at most, in seconds: 1 to 31,622,400.
    #[schemars(range(min = 1, max = MAX_WINDOW_S))]
    pub window_s: u64,
    /// Whether it is paused once a task of it has failed.
    pub pause_on_failure: bool,
}

impl Default for SchedulePolicy {
    fn default() -> Self {
        let (overlap, catch_up) = (Overlap::Skip, CatchUp::Latest);
        Self { overlap, max_buffered: 1, catch_up, window_s: 86_400, pause_on_failure: false }
    }
}

impl SchedulePolicy {
    /// Refuses what is out of its range.
    pub fn check(&self) -> Result<(), FieldError> {
        if !(1..=MAX_BUFFERED).contains(&self.max_buffered) {
            return Err(FieldError::at("max_buffered", format!("expected 1 to {MAX_BUFFERED}")));
        }
        if !(1..=MAX_WINDOW_S).contains(&self.window_s) {
            return Err(FieldError::at("window_s", format!("expected 1 to {MAX_WINDOW_S} seconds")));
        }
        Ok(())
    }

    /// How far back it catches up.
    pub fn window(&self) -> Duration {
        Duration::from_secs(self.window_s)
    }

    /// Whether it asks what became of its tasks.
    pub fn keeps_live(&self) -> bool {
        self.overlap != Overlap::Allow || self.pause_on_failure
    }
}

/// What a firing means while the task before it has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Overlap {
    /// There is no task for it.
    Skip,
    /// It waits until that has ended.
    Buffer,
    /// That is cancelled.
    Cancel,
    /// They run beside each other.
    Allow,
}

/// Which firings are caught up with that nobody was there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum CatchUp {
    /// The newest of them.
    Latest,
    /// All of them, the oldest first.
    All,
    /// None that is more than two minutes late.
    None,
}
