//! How long those wait who find no room before a type's target. Pure.

use std::time::Duration;

/// At least, and at most: where one target is slow, what is waited for it must not take this process's time from others.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// By how much, in percent, the wait grows with each that is turned away, and falls with each that is let in. Where both happen
/// as often, it stays: then half of those that come find room, and the target is never without work.
const GROWS: u32 = 2;
const FALLS: u32 = 2;

/// Those that wait outside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crowd {
    wait: Duration,
}

impl Default for Crowd {
    fn default() -> Self {
        Self { wait: AGAIN.0 }
    }
}

impl Crowd {
    /// One more is turned away: for how long.
    pub(super) fn turned_away(&mut self) -> Duration {
        let wait = self.wait;
        self.wait = (wait * (100 + GROWS) / 100).min(AGAIN.1);
        wait
    }

    /// One is let in.
    pub(super) fn let_in(&mut self) {
        self.wait = (self.wait * (100 - FALLS) / 100).max(AGAIN.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_are_turned_away_the_longer_they_wait_and_not_for_ever() {
        let mut crowd = Crowd::default();
        let waits: Vec<Duration> = (0..5_000).map(|_| crowd.turned_away()).collect();
        assert!(waits.is_sorted() && waits.first() == Some(&AGAIN.0) && waits.last() == Some(&AGAIN.1));
        // Of 5,000 that nobody can serve few hundred come again in a second.
        assert!(waits.iter().map(|wait| 1.0 / wait.as_secs_f64()).sum::<f64>() < 300.0);
    }

    #[test]
    fn where_there_is_room_again_they_come_soon() {
        let mut crowd = Crowd::default();
        (0..5_000).for_each(|_| _ = crowd.turned_away());
        (0..64).for_each(|_| crowd.let_in());
        assert!(crowd.turned_away() < AGAIN.1 / 3);
        (0..200).for_each(|_| crowd.let_in());
        assert_eq!(crowd.turned_away(), AGAIN.0);
    }
}
