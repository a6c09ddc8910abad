//! When to try again: pure functions of how often, the policy, and a jitter that is an argument.

use std::time::Duration;

use crate::{clock::Timestamp, lifecycle::Task};

/// How many lost workers in a drive end a task, unless configured otherwise.
pub const MAX_LOSSES: u32 = 5;

/// How often a task may snooze in a drive.
pub const MAX_SNOOZES: u32 = 100;

/// The longest wait: what a failure asks for itself, what follows a loss, and by default any.
pub const MAX_WAIT: Duration = Duration::from_secs(6 * 3600);

/// How a type waits between its tries.
///
/// ```
/// use std::time::Duration;
///
/// use errand::RetryPolicy;
///
/// let policy = RetryPolicy { base: Duration::from_secs(10), factor: 2.0, cap: Duration::from_secs(60), jitter: 0.0 };
/// let waits: Vec<u64> = (1..=4).map(|failures| policy.backoff(failures, 0.0).as_secs()).collect();
/// assert_eq!(waits, [10, 20, 40, 60]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// The wait after the first failure.
    pub base: Duration,
    /// By how much it grows with each further one, from 1.
    pub factor: f64,
    /// The longest wait, unless the failure itself asks for another.
    pub cap: Duration,
    /// How much the wait may differ either way: 0.1 is ±10 %.
    pub jitter: f64,
}

impl Default for RetryPolicy {
    /// +1, +2, +4 minutes with 3 retries; at most 6 h; ±10 %.
    fn default() -> Self {
        Self { base: Duration::from_secs(60), factor: 2.0, cap: MAX_WAIT, jitter: 0.1 }
    }
}

impl RetryPolicy {
    /// The wait after the `failures`th failure (from 1). `jitter` is from -1 to 1; the result never exceeds `cap`.
    pub fn backoff(&self, failures: u32, jitter: f64) -> Duration {
        let grown = self.factor.max(1.0).powi(failures.saturating_sub(1).min(1_000).cast_signed());
        let wait = (self.base.as_secs_f64() * grown).min(self.cap.as_secs_f64());
        Duration::from_secs_f64(wait).mul_f64(1.0 + self.jitter * jitter).min(self.cap)
    }
}

/// When `task` is tried again after an execution that fails now; `None`: never. Pure, so that the worker can see to the
/// next message before anything is written. `after` is what the failure itself asked for.
pub fn after_failure(
    task: &Task,
    policy: &RetryPolicy,
    after: Option<Duration>,
    jitter: f64,
    now: Timestamp,
) -> Option<Timestamp> {
    if !task.may_retry() {
        return None;
    }
    let wait = after.map_or_else(|| policy.backoff(task.failures + 1, jitter), |d| d.min(MAX_WAIT));
    Some(now + wait)
}

/// The wait after the `losses`th lost worker (from 1). The first is not the task's fault: at once. Later ones
/// 60 s × 2^n ± 50 %, at most 6 h, so that a task that kills its process does not always meet the same neighbours.
pub fn after_loss(losses: u32, jitter: f64) -> Duration {
    match losses.checked_sub(1) {
        None | Some(0) => Duration::ZERO,
        Some(n) => {
            let doubled = Duration::from_secs(60).saturating_mul(2_u32.saturating_pow(n)).min(MAX_WAIT);
            doubled.mul_f64(1.0 + 0.5 * jitter).min(MAX_WAIT)
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        ids::{Name, TaskKey},
        json::Json,
        lifecycle::Asked,
    };

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

    fn task(failures: u32) -> Task {
        let key = TaskKey { tenant: Name::default(), id: Uuid::nil() };
        let new = Asked::of_type(key, Name::of("scripted"), Json::default(), "me".into(), Timestamp::default());
        Task { failures, ..Task::accept(new, Uuid::nil(), Timestamp::default()) }
    }

    /// The wait in seconds after a failure, if there is another try.
    fn wait(task: &Task, policy: &RetryPolicy, after_s: Option<u64>) -> Option<u64> {
        let now = Timestamp::from_millis(5_000);
        let at = after_failure(task, policy, after_s.map(Duration::from_secs), 0.0, now);
        at.map(|at| at.since(now).as_secs())
    }

    #[test]
    fn a_task_is_tried_again_while_retries_are_left() {
        let policy = RetryPolicy::default();
        let waits: Vec<_> = (0..=4).map(|failures| wait(&task(failures), &policy, None)).collect();
        assert_eq!(waits, [Some(60), Some(120), Some(240), None, None]);
        assert_eq!(wait(&task(0).asking(|asked| asked.max_retries = 0), &policy, None), None, "0 is 0");
        assert_eq!(wait(&task(0).asking(|asked| asked.max_retries = 0), &policy, Some(5)), None);
    }

    #[test]
    fn what_a_failure_asks_for_overrides_the_policy_up_to_six_hours() {
        let policy = RetryPolicy::default();
        assert_eq!(wait(&task(2), &policy, Some(5)), Some(5));
        assert_eq!(wait(&task(0), &policy, Some(7 * 3600)), Some(6 * 3600));
        let hasty = RetryPolicy { cap: Duration::from_secs(3600), ..policy };
        let waits = [5, 2 * 3600, 7 * 3600].map(|after_s| wait(&task(0), &hasty, Some(after_s)));
        assert_eq!(waits, [Some(5), Some(2 * 3600), Some(6 * 3600)], "who asks for a wait knows better");
    }

    #[test]
    fn the_first_loss_costs_no_wait() {
        let secs = |n, jitter| after_loss(n, jitter).as_secs();
        assert_eq!([secs(0, 1.0), secs(1, 1.0), secs(2, 0.0), secs(3, 0.0), secs(4, 0.0)], [0, 0, 120, 240, 480]);
        assert_eq!([secs(2, -1.0), secs(2, 1.0)], [60, 180]);
        assert_eq!([9, 20, u32::MAX].map(|n| secs(n, 1.0)), [6 * 3600; 3]);
        assert_eq!(secs(20, -1.0), 3 * 3600);
    }
}
