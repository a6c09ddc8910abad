//! When who was called asks to be called again.

use std::time::Duration;

use errand::Timestamp;

/// When to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// After this.
    In(Duration),
    /// Then.
    At(Timestamp),
}

impl RetryAfter {
    /// How long that is from `now`.
    pub fn wait(self, now: Timestamp) -> Duration {
        match self {
            RetryAfter::In(wait) => wait,
            RetryAfter::At(at) => at.since(now),
        }
    }

    /// The header `Retry-After`: seconds, or a date. None if it is neither.
    pub fn read(header: &str) -> Option<Self> {
        if let Ok(seconds) = header.parse() {
            return Some(RetryAfter::In(Duration::from_secs(seconds)));
        }
        let at = jiff::fmt::rfc2822::parse(header).ok()?;
        Some(RetryAfter::At(Timestamp::from_millis(at.timestamp().as_millisecond())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_nothing_else() {
        let now = Timestamp::from_millis(784_111_777_000);
        let wait = |header| RetryAfter::read(header).map(|after| after.wait(now).as_secs());
        assert_eq!(wait("120"), Some(120));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(wait("Sun, 06 Nov 1994 08:48:37 GMT"), Some(0), "past");
        assert_eq!(["", "-1", "soon", "6m5s"].map(wait), [None; 4]);
    }
}
