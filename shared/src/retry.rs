//! When to try again: pure functions of how often, the policy, and a jitter that is an argument.

use std::time::Duration;

use crate::{
    clock::Timestamp,
    lifecycle::{Failure, Task},
};

/// How many lost workers in a drive end a task, unless configured otherwise.
pub const MAX_LOSSES: u32 = 5;

/// How often a task may snooze in a drive.
pub const MAX_SNOOZES: u32 = 100;

/// How often the same failure text in a row ends a task whose policy says so.
const SAME_FAILURES: usize = 3;

/// How a type waits between its tries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// The wait after the first failure; doubles with each further one.
    pub base: Duration,
    /// The longest wait, a `retry_after` included.
    pub cap: Duration,
    /// How much the wait may differ either way: 0.1 is ±10 %.
    pub jitter: f64,
    /// Whether the same failure text three times in a row ends the task early.
    pub stop_on_same_failure: bool,
}

impl Default for RetryPolicy {
    /// +1, +2, +4 minutes with 3 retries; at most 6 h; ±10 %.
    fn default() -> Self {
        Self {
            base: Duration::from_secs(60),
            cap: Duration::from_secs(6 * 3600),
            jitter: 0.1,
            stop_on_same_failure: false,
        }
    }
}

impl RetryPolicy {
    /// The wait after the `failures`th failure (from 1). `jitter` is from -1 to 1; the result never exceeds `cap`.
    pub fn backoff(&self, failures: u32, jitter: f64) -> Duration {
        let doubled = self.base.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(self.cap);
        doubled.mul_f64(1.0 + self.jitter * jitter).min(self.cap)
    }
}

/// What follows a failed execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another try at this time.
    RetryAt(Timestamp),
    /// None.
    GiveUp,
}

/// What follows when `task`'s execution ends with `failure`: pure, so that the worker can hide the message for
/// the wait before anything is written. `after` is what the failure itself asked for.
pub fn after_failure(
    task: &Task,
    failure: &Failure,
    policy: &RetryPolicy,
    after: Option<Duration>,
    jitter: f64,
    now: Timestamp,
) -> Next {
    let same_before = task.last_errors.iter().rev().take_while(|e| e.message == failure.message).count();
    let stuck = policy.stop_on_same_failure && same_before + 1 >= SAME_FAILURES;
    if !task.may_retry() || stuck {
        return Next::GiveUp;
    }
    let wait = after.map_or_else(|| policy.backoff(task.failures + 1, jitter), |d| d.min(policy.cap));
    Next::RetryAt(now + wait)
}

/// The wait after the `losses`th lost worker (from 1). The first is not the task's fault: at once. Later ones
/// 60 s × 2^n ± 50 %, so that a task that kills its process does not always meet the same neighbours.
pub fn after_loss(losses: u32, jitter: f64) -> Duration {
    match losses.checked_sub(1) {
        None | Some(0) => Duration::ZERO,
        Some(n) => Duration::from_secs(60).saturating_mul(2_u32.saturating_pow(n)).mul_f64(1.0 + 0.5 * jitter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_waits_are_one_two_and_four_minutes() {
        let policy = RetryPolicy::default();
        let waits: Vec<u64> = (1..=3).map(|n| policy.backoff(n, 0.0).as_secs()).collect();
        assert_eq!(waits, [60, 120, 240]);
    }

    #[test]
    fn waits_are_capped_and_jittered_both_ways() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.backoff(1, 1.0), Duration::from_secs(66));
        assert_eq!(policy.backoff(1, -1.0), Duration::from_secs(54));
        assert_eq!(policy.backoff(40, 1.0), policy.cap);
        assert_eq!(policy.backoff(9, 0.0), Duration::from_secs(256 * 60));
    }

    #[test]
    fn the_first_loss_costs_no_wait() {
        let secs = |n, jitter| after_loss(n, jitter).as_secs();
        assert_eq!([secs(0, 1.0), secs(1, 1.0), secs(2, 0.0), secs(3, 0.0), secs(4, 0.0)], [0, 0, 120, 240, 480]);
        assert_eq!([secs(2, -1.0), secs(2, 1.0)], [60, 180]);
    }
}
