//! A target that has too much to do is left alone for a while: a type's circuit. Pure.

use std::time::Duration;

use errand::Timestamp;

/// After so many signs in a row that a target has too much to do it is left alone.
const OPENS_AFTER: u32 = 5;

/// For how long at first; twice as long each time it has still too much to do.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(300);

/// By how much it must stay open longer for that to be told: each call that was under way as it opened may prolong it.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// What there is to tell of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CircuitNews {
    /// It is left alone.
    LeftAlone {
        /// Since when.
        since: Timestamp,
        /// Until when.
        until: Timestamp,
    },
    /// It is called again.
    Called,
}

/// What goes for the calls of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Circuit {
    /// It is called; so many signs in a row were bad.
    Closed {
        /// How many.
        bad: u32,
    },
    /// It is not called.
    Open {
        /// Since when it is not.
        since: Timestamp,
        /// Until then: the first call after that shows how it is now.
        until: Timestamp,
        /// How long that was.
        wait: Duration,
    },
    /// One call is under way that shows how it is now.
    Probed {
        /// Since when it was not called.
        since: Timestamp,
        /// When that is given up.
        until: Timestamp,
        /// How long it was left alone before.
        wait: Duration,
    },
}

impl Default for Circuit {
    fn default() -> Self {
        Self::Closed { bad: 0 }
    }
}

impl Circuit {
    /// Whether a call may be made now; if not, how long it is to wait. Whoever may, while the circuit is open, is the only one
    /// until it is known how that went, or would be: `patience` is how long the call may take.
    pub(crate) fn admit(&mut self, patience: Duration, now: Timestamp) -> Result<(), Duration> {
        match *self {
            Self::Closed { .. } => Ok(()),
            Self::Open { until, .. } | Self::Probed { until, .. } if now < until => Err(until.since(now)),
            Self::Open { since, wait, .. } | Self::Probed { since, wait, .. } => {
                *self = Self::Probed { since, until: now + patience, wait };
                Ok(())
            }
        }
    }

    /// What a call has shown. `asked` is how long the target says that it wants to be left
    /// alone.
    pub(crate) fn heard(&mut self, is_overloaded: bool, asked: Option<Duration>, now: Timestamp) {
        if !is_overloaded {
            *self = Self::default();
            return;
        }
        let asked = asked.unwrap_or_default().min(LONGEST);
        *self = match *self {
            Self::Closed { bad } if bad + 1 < OPENS_AFTER => Self::Closed { bad: bad + 1 },
            Self::Closed { .. } => Self::open(now, FIRST.max(asked), now),
            Self::Probed { since, wait, .. } => Self::open(since, (wait * 2).min(LONGEST).max(asked), now),
            // Of a call that was under way already as it opened.
            Self::Open { since, until, wait } => Self::Open { since, until: until.max(now + asked), wait },
        }
    }

    fn open(since: Timestamp, wait: Duration, now: Timestamp) -> Self {
        Self::Open { since, until: now + wait, wait }
    }

    /// Since and until when it is open.
    fn is_open(self) -> Option<(Timestamp, Timestamp)> {
        match self {
            Self::Open { since, until, .. } => Some((since, until)),
            Self::Closed { .. } | Self::Probed { .. } => None,
        }
    }

    /// What there is to tell of what it became, having been `before`.
    pub(crate) fn news(self, before: Self) -> Option<CircuitNews> {
        match (before.is_open(), self.is_open()) {
            (Some((_, until)), Some((_, later))) if later.since(until) < WORTH_TELLING => None,
            (_, Some((since, until))) => Some(CircuitNews::LeftAlone { since, until }),
            (_, None) if matches!(before, Self::Closed { .. }) => None,
            (_, None) => Some(CircuitNews::Called),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn at(s: i64) -> Timestamp {
        Timestamp::from_millis(s * 1000)
    }

    fn opened() -> Circuit {
        let mut circuit = Circuit::default();
        (0..OPENS_AFTER).for_each(|_| circuit.heard(true, None, at(0)));
        circuit
    }

    #[test]
    fn it_opens_after_several_bad_signs_in_a_row() {
        let mut circuit = Circuit::default();
        for _ in 1..OPENS_AFTER {
            circuit.heard(true, None, at(0));
            assert_eq!(circuit.admit(PATIENCE, at(0)), Ok(()));
        }
        circuit.heard(false, None, at(0));
        (1..OPENS_AFTER).for_each(|_| circuit.heard(true, None, at(0)));
        assert_eq!(circuit.admit(PATIENCE, at(0)), Ok(()), "one good sign begins the count anew");
        circuit.heard(true, None, at(0));
        assert_eq!(circuit.admit(PATIENCE, at(1)), Err(Duration::from_secs(4)));
    }

    #[test]
    fn one_call_shows_how_the_target_is_now() {
        let mut circuit = opened();
        assert_eq!(circuit.admit(PATIENCE, at(5)), Ok(()));
        assert_eq!(circuit.admit(PATIENCE, at(6)), Err(Duration::from_secs(29)), "the others wait for it");
        circuit.heard(true, None, at(7));
        assert_eq!(circuit.admit(PATIENCE, at(7)), Err(Duration::from_secs(10)), "twice as long");
        assert_eq!(circuit.admit(PATIENCE, at(17)), Ok(()));
        circuit.heard(false, None, at(18));
        assert_eq!((circuit, circuit.admit(PATIENCE, at(18))), (Circuit::default(), Ok(())));
    }

    #[test]
    fn calls_that_were_under_way_as_it_opened_do_not_prolong_it() {
        let mut circuit = opened();
        (0..60).for_each(|_| circuit.heard(true, None, at(1)));
        assert_eq!(circuit.admit(PATIENCE, at(4)), Err(Duration::from_secs(1)));
    }

    #[test]
    fn a_call_that_never_came_back_is_not_waited_for_for_ever() {
        let mut circuit = opened();
        assert_eq!(circuit.admit(PATIENCE, at(5)), Ok(()));
        assert_eq!(circuit.admit(PATIENCE, at(35)), Ok(()));
    }

    #[test]
    fn what_it_becomes_is_told_once() {
        let mut circuit = Circuit::default();
        let mut told = |is_overloaded, asked_s: u64, now| {
            let before = circuit;
            let _ = circuit.admit(PATIENCE, at(now));
            circuit.heard(is_overloaded, Some(Duration::from_secs(asked_s)), at(now));
            circuit.news(before)
        };
        let open = |until| Some(CircuitNews::LeftAlone { since: at(0), until: at(until) });
        assert_eq!(
            [told(false, 0, 0), told(true, 0, 0), told(true, 0, 0), told(true, 0, 0), told(true, 0, 0)],
            [None; 5]
        );
        assert_eq!((told(true, 0, 0), told(true, 0, 1)), (open(5), None));
        assert_eq!(told(true, 8, 1), open(9), "it asks for more");
        assert_eq!(told(true, 0, 9), open(19), "it is no better");
        assert_eq!((told(false, 0, 19), told(false, 0, 19)), (Some(CircuitNews::Called), None));
    }

    #[test]
    fn a_target_may_say_how_long_but_not_for_ever() {
        let mut circuit = opened();
        circuit.heard(true, Some(Duration::from_secs(60)), at(0));
        assert_eq!(circuit.admit(PATIENCE, at(0)), Err(Duration::from_secs(60)));
        for _ in 0..20 {
            circuit.heard(true, Some(Duration::from_secs(9_999)), at(0));
        }
        assert_eq!(circuit.admit(PATIENCE, at(0)), Err(LONGEST));
    }
}
