//! When somebody must look at a task again: the rules behind `wake_at`, leases and queue messages.

use std::time::Duration;

use crate::{clock::Timestamp, lifecycle::Task};

/// The longest delay a queue message can carry (SQS `DelaySeconds`).
const MAX_HINT_DELAY: Duration = Duration::from_secs(900);

/// The longest that a message in hand is hidden until its task runs again; for a longer wait another is sent with a
/// delay. A hidden message is in flight, and of a queue that has 120,000 in flight SQS delivers nothing. It covers the
/// first wait of a default retry, 60 s ± 10 %.
pub const LONGEST_HIDING: Duration = Duration::from_secs(66);

/// How long before its start the poller turns to a deferred task, so that it can still send an exact delay.
pub const LOOK_AHEAD: Duration = Duration::from_secs(90);

/// How long after it should have run a task is looked at: its message, or its worker, is then lost.
const GRACE: Duration = Duration::from_secs(120);

/// The longest pause between two looks at a task that waits.
const MAX_GRACE: Duration = Duration::from_secs(3600);

/// The longest lease; a handler that may take longer renews.
const MAX_LEASE: Duration = Duration::from_secs(90);

/// What a lease has over the timeout, for the commit at its end.
const LEASE_MARGIN: Duration = Duration::from_secs(5);

/// How the worker of a task that is due at some time will hear of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// By a message with this delay, sent now.
    Message(Duration),
    /// By the poller, shortly before its time.
    Poller,
}

/// The one rule for hints: due within 15 minutes, a message; later, the poller.
pub fn hint(run_at: Timestamp, now: Timestamp) -> Hint {
    let delay = run_at.since(now);
    if delay <= MAX_HINT_DELAY { Hint::Message(delay) } else { Hint::Poller }
}

/// Whether whoever makes a task wait until `run_at` sends its message.
pub(super) fn has_message(run_at: Timestamp, now: Timestamp) -> bool {
    matches!(hint(run_at, now), Hint::Message(_))
}

/// How long a claim or renewal holds the task: its timeout and a margin, at most 90 s.
pub fn lease(timeout_s: u32) -> Duration {
    (Duration::from_secs(timeout_s.into()) + LEASE_MARGIN).min(MAX_LEASE)
}

/// Whether a lease ends before an execution that takes all of its time could be settled: then it is renewed.
pub fn is_renewed(timeout_s: u32) -> bool {
    Duration::from_secs(timeout_s.into()) + LEASE_MARGIN > MAX_LEASE
}

/// `wake_at` of a pending task after its `notified`th message: two minutes after it should have run, doubling
/// with each further message so that a backlog is not flooded with copies; with none sent, ahead of its start.
/// Never beyond `expires_at`.
pub(super) fn pending(run_at: Timestamp, notified: u32, expires_at: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let wake = match notified.checked_sub(1) {
        None => run_at - LOOK_AHEAD,
        Some(doublings) => run_at.max(now) + GRACE.saturating_mul(1 << doublings.min(5)).min(MAX_GRACE),
    };
    expires_at.map_or(wake, |at| wake.min(at))
}

/// `wake_at` of a task that waits for a group, after so many looks: who ends the group tells it, so that a look finds what
/// a crash has left behind. Never beyond `expires_at`.
pub(super) fn waiting(looks: u32, expires_at: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let look = now + GRACE.saturating_mul(1 << looks.min(5)).min(MAX_GRACE);
    expires_at.map_or(look, |at| look.min(at))
}

/// `wake_at` of a task claimed now: left alone, so that a claim does not touch the index, however late it comes. Where
/// it lies before the lease's end the poller looks once too early. Where it lies far behind, since the task had waited
/// long and messages were sent again, it is the claim's message that tells of a lost worker: it comes again. A task
/// that is pulled has none, so it is looked at within two minutes.
pub(super) fn claimed(task: &Task, lease_end: Timestamp, now: Timestamp) -> Timestamp {
    let in_time = |at: &Timestamp| !task.is_pulled() || (lease_end..=now + GRACE).contains(at);
    task.wake_at.filter(in_time).unwrap_or(lease_end)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        ids::{Name, TaskKey},
        json::Json,
        lifecycle::{Asked, Dispatch, retry::RetryPolicy},
    };

    fn at(s: u64) -> Timestamp {
        Timestamp::default() + Duration::from_secs(s)
    }

    #[test]
    fn a_message_is_sent_only_within_what_a_delay_can_say() {
        assert_eq!(hint(at(900), at(0)), Hint::Message(Duration::from_secs(900)));
        assert_eq!(hint(at(901), at(0)), Hint::Poller);
        assert_eq!(hint(at(0), at(50)), Hint::Message(Duration::ZERO));
    }

    #[test]
    fn looks_at_a_waiting_task_double_up_to_an_hour() {
        let waits: Vec<u64> = (1..=7).map(|n| pending(at(0), n, None, at(0)).since(at(0)).as_secs()).collect();
        assert_eq!(waits, [120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!(pending(at(5000), 0, None, at(0)), at(4910));
        assert_eq!(pending(at(5000), 0, Some(at(4000)), at(0)), at(4000));
    }

    #[test]
    fn a_claim_leaves_the_index_alone_but_that_of_a_pulled_task() {
        let key = TaskKey { tenant: Name::default(), id: Uuid::from_u128(1) };
        let new = |dispatch| {
            let new = Asked::of_type(key.clone(), Name::of("scripted"), Json::default(), "me".into(), at(0));
            Task::accept(Asked { dispatch, ..new }, Uuid::from_u128(2), at(0))
        };
        for wake_at in [at(10), at(120), at(3600)] {
            let claimed_at = |dispatch| claimed(&Task { wake_at: Some(wake_at), ..new(dispatch) }, at(35), at(0));
            assert_eq!(claimed_at(Dispatch::Announced), wake_at);
            assert_eq!(claimed_at(Dispatch::Pulled), if wake_at == at(120) { wake_at } else { at(35) });
        }
    }

    #[test]
    fn a_lease_outlives_the_timeout_but_not_ninety_seconds() {
        assert_eq!(lease(30), Duration::from_secs(35));
        assert_eq!(lease(840), Duration::from_secs(90));
        assert_eq!([30, 85, 86, 90, 840].map(is_renewed), [false, false, true, true, true]);
    }

    #[test]
    fn of_the_default_retries_the_first_is_hidden_and_no_other() {
        let policy = RetryPolicy::default();
        assert!(policy.backoff(1, 1.0) <= LONGEST_HIDING && policy.backoff(2, -1.0) > LONGEST_HIDING);
    }
}
