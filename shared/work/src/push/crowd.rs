//! How long those wait who find no room before a type's target. Pure.
//!
//! Each is told to come when those before it will have been let in, at the pace at which others were let in last: a target that is
//! quick is never without work, and one that is slow does not take this process's time from others.

use std::time::Duration;

use errand::Timestamp;

/// At least, and at most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// How many of the last that were let in make the pace.
const LAST: u32 = 32;

/// Those that wait outside.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Crowd {
    /// How far apart those come who are let in.
    pace: Duration,
    last_let_in: Option<Timestamp>,
    /// When the next that is turned away may come, if that is later than at once.
    next_place: Timestamp,
}

impl Crowd {
    /// One more is turned away: for how long.
    pub(super) fn turned_away(&mut self, now: Timestamp) -> Duration {
        // Where nobody is let in the pace slackens without one who would show it.
        let idle = self.last_let_in.map_or(Duration::ZERO, |last| now.since(last));
        let place = self.next_place.max(now + AGAIN.0).min(now + AGAIN.1);
        self.next_place = place + self.pace.max(idle);
        place.since(now)
    }

    /// One is let in.
    pub(super) fn let_in(&mut self, now: Timestamp) {
        let apart = self.last_let_in.map_or(Duration::ZERO, |last| now.since(last));
        self.pace = (self.pace * (LAST - 1) + apart) / LAST;
        self.last_let_in = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::default() + Duration::from_millis(ms)
    }

    #[test]
    fn where_nobody_is_let_in_few_come_again_and_none_waits_for_ever() {
        let mut crowd = Crowd::default();
        (0..320).for_each(|_| crowd.let_in(at(0)));
        let waits: Vec<Duration> = (0..5_000).map(|_| crowd.turned_away(at(2_000))).collect();
        assert!(waits.is_sorted() && waits.first() == Some(&AGAIN.0) && waits.last() == Some(&AGAIN.1));
        // Of 5,000 that nobody can serve few hundred come again in a second.
        assert!(waits.iter().map(|wait| 1.0 / wait.as_secs_f64()).sum::<f64>() < 300.0);
    }

    #[test]
    fn they_come_at_the_pace_at_which_others_were_let_in() {
        let mut crowd = Crowd::default();
        (0..500).for_each(|n| crowd.let_in(at(2 * n)));
        let waits: Vec<u128> = (0..2_000).map(|_| crowd.turned_away(at(1_000)).as_millis()).collect();
        // So the last of 2,000 comes 4 s after the first.
        assert_eq!(waits[0], 1_000);
        assert!((4_800..=5_000).contains(&waits[1_999]), "{}", waits[1_999]);
    }

    #[test]
    fn who_comes_late_finds_the_line_gone() {
        let mut crowd = Crowd::default();
        (0..500).for_each(|n| crowd.let_in(at(10 * n)));
        (0..5_000).for_each(|_| _ = crowd.turned_away(at(5_000)));
        crowd.let_in(at(60_000));
        assert_eq!(crowd.turned_away(at(60_000)), AGAIN.0);
    }
}
