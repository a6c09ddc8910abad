//! Times and lengths, as people say and read them.

use std::time::Duration;

use errand::Timestamp;
use jiff::{Span, SpanRelativeTo};
use serde::Deserialize;
use serde_json::Value;

/// A length such as `90s`, `10m`, `1h30m` or `2d`: a day has 24 hours.
pub(crate) fn length(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a length such as 90s, 10m, 1h30m or 2d".to_owned();
    let span: Span = text.parse().map_err(|_| wrong())?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    Duration::try_from(length).map_err(|_| wrong())
}

/// As the API takes it: in whole seconds, and no shorter than was said.
pub(crate) fn whole_seconds(length: Duration) -> u64 {
    length.as_secs() + u64::from(length.subsec_nanos() > 0)
}

/// A time, as the API takes it.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::deserialize(Value::from(text)).map_err(|error| error.to_string())
}

/// A time, or that long ago.
pub(crate) fn time_or_ago(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    length(text)
        .map(|ago| now - ago)
        .or_else(|_| time(text))
        .map_err(|_| "expected a time such as 2026-01-31T09:30:00Z, or how long ago, such as 2h".to_owned())
}

/// `at` as it is seen at `now`: `3m ago`, `in 2h`, `now`.
pub(crate) fn seen(at: Timestamp, now: Timestamp) -> String {
    let (ago, ahead) = (now.since(at), at.since(now));
    match (ago.as_secs(), ahead.as_secs()) {
        (0, 0) => "now".to_owned(),
        (0, _) => format!("in {}", rough(ahead)),
        _ => format!("{} ago", rough(ago)),
    }
}

/// By its largest unit: `45s`, `3m`, `2h`, `5d`.
fn rough(length: Duration) -> String {
    match length.as_secs() {
        s @ ..60 => format!("{s}s"),
        s @ 60..3600 => format!("{}m", s / 60),
        s @ 3600..86_400 => format!("{}h", s / 3600),
        s => format!("{}d", s / 86_400),
    }
}

/// How long something took, to three figures or so: `12ms`, `3.4s`, `2m 5s`, `1h 30m`.
pub(crate) fn took(length: Duration) -> String {
    let (ms, s) = (length.as_millis(), length.as_secs());
    match s {
        0 => format!("{ms}ms"),
        1..60 => format!("{}.{}s", s, ms % 1000 / 100),
        60..3600 => format!("{}m {}s", s / 60, s % 60),
        3600..86_400 => format!("{}h {}m", s / 3600, s % 3600 / 60),
        _ => format!("{}d {}h", s / 86_400, s % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_as_people_write_them() {
        for (text, seconds) in [("90s", 90), ("10m", 600), ("1h30m", 5400), ("2d", 172_800), ("1 hour", 3600)] {
            assert_eq!(length(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for (text, seconds) in [("900ms", 1), ("1s", 1), ("1500ms", 2), ("0s", 0)] {
            assert_eq!(length(text).map(whole_seconds), Ok(seconds), "{text}");
        }
        for wrong in ["", "10", "soon", "-5m", "1mo"] {
            assert!(length(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_told_from_where_the_reader_stands() {
        let now = Timestamp::from_millis(1_000_000_000_000);
        let s = Duration::from_secs;
        for (at, said) in
            [(now - s(200), "3m ago"), (now + s(7300), "in 2h"), (now - s(200_000), "2d ago"), (now, "now")]
        {
            assert_eq!(seen(at, now), said);
        }
        for (length, said) in
            [(Duration::from_millis(12), "12ms"), (Duration::from_millis(3420), "3.4s"), (s(125), "2m 5s")]
        {
            assert_eq!(took(length), said);
        }
        assert_eq!(time_or_ago("2h", now), Ok(now - s(7200)));
    }
}
