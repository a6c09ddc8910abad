//! How many tasks ended in each minute or hour of the last day, and how: what a plot shows. One meaning on every store, which
//! tells it as finely as it counts.

use std::time::Duration;

use crate::{clock::Timestamp, lifecycle::Status, store::Counts};

/// How far back it goes.
pub const PAST_DAY: Duration = Duration::from_secs(24 * 3600);

/// How many tasks ended. One that is set going again, and ends again, counts twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // a status each
pub struct Ends {
    pub completed: u64,
    pub failed: u64,
    pub cancelled: u64,
}

/// The ends of a tenant's tasks in the last day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastDay {
    /// How long each bucket is. Buckets begin at whole multiples of it since 1970.
    pub bucket: Duration,
    /// When the first begins.
    pub since: Timestamp,
    /// What ended in each, oldest first. The last is the present one, which is not over.
    pub ends: Vec<Ends>,
}

impl Ends {
    /// Whether to enter `status` is counted here.
    pub fn has(status: Status) -> bool {
        matches!(status, Status::Completed | Status::Failed | Status::Cancelled)
    }
}

impl From<&Counts> for Ends {
    fn from(entered: &Counts) -> Self {
        Self { completed: entered.completed, failed: entered.failed, cancelled: entered.cancelled }
    }
}

impl PastDay {
    /// The day that ends with the bucket of `now`; a day is a whole number of buckets. Nothing is counted yet.
    pub fn at(now: Timestamp, bucket: Duration) -> Self {
        let buckets = usize::try_from(PAST_DAY.as_millis() / bucket.as_millis().max(1)).unwrap_or(0);
        Self { bucket, since: begin_of(now, bucket) + bucket - PAST_DAY, ends: vec![Ends::default(); buckets] }
    }

    /// Adds what ended in the bucket that began at `begin`, if it is one of these.
    pub fn add(&mut self, begin: Timestamp, ends: Ends) {
        if begin < self.since {
            return;
        }
        let n = begin.since(self.since).as_millis() / self.bucket.as_millis().max(1);
        if let Some(bucket) = usize::try_from(n).ok().and_then(|n| self.ends.get_mut(n)) {
            bucket.completed += ends.completed;
            bucket.failed += ends.failed;
            bucket.cancelled += ends.cancelled;
        }
    }
}

/// The start of the bucket of this length that `at` is in.
pub fn begin_of(at: Timestamp, bucket: Duration) -> Timestamp {
    let length = i64::try_from(bucket.as_millis()).unwrap_or(i64::MAX).max(1);
    Timestamp::from_millis(at.as_millis().div_euclid(length) * length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_with_the_present_bucket_and_what_is_before_or_behind_it_is_none_of_it() {
        let (minute, at) = (Duration::from_secs(60), |s: i64| Timestamp::from_millis(s * 1000));
        let mut history = PastDay::at(at(200_000), minute);
        assert_eq!((history.since, history.ends.len()), (at(200_000 - 200_000 % 60 - 1439 * 60), 1440));
        let one = Ends { failed: 1, ..Ends::default() };
        for begin in [history.since - minute, history.since, at(199_980), at(199_980), at(200_040)] {
            history.add(begin, one);
        }
        let found: Vec<_> = history.ends.iter().enumerate().filter(|(_, ends)| **ends != Ends::default()).collect();
        assert_eq!(found, [(0, &one), (1439, &Ends { failed: 2, ..one })]);
    }
}
