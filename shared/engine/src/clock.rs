//! Time: the instant type, and the clock that is the only source of "now".

mod zone;

use std::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

use async_trait::async_trait;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tokio::sync::watch;

pub use zone::Zone;

/// An instant in UTC, to the millisecond; RFC 3339 on the wire, years 0 to 9999.
///
/// ```
/// use std::time::Duration;
///
/// use errand::Timestamp;
///
/// let epoch = Timestamp::from_millis(0);
/// let later = epoch + Duration::from_secs(90);
/// assert_eq!(later.to_string(), "1970-01-01T00:01:30.000Z");
/// assert_eq!(later.since(epoch), Duration::from_secs(90));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// 0000-01-01T00:00:00Z, and the last whole second that has a four-digit year in every time zone (`jiff::Timestamp::MAX`).
const MIN_MS: i64 = -62_167_219_200_000;
const MAX_MS: i64 = 253_402_207_200_000;

impl Timestamp {
    /// The instant `ms` milliseconds after 1970, held within the years 0 to 9999.
    pub fn from_millis(ms: i64) -> Self {
        Self(ms.clamp(MIN_MS, MAX_MS))
    }

    /// Milliseconds since 1970.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// How long from `earlier` to this instant; zero if it is not later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, d: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, d: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = jiff::Timestamp::from_millisecond(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{at:.3}")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        let at: jiff::Timestamp = text.parse().map_err(|_| {
            de::Error::custom(format!("expected a time such as 2026-01-31T09:30:00Z, years 0 to 9999, found {text:?}"))
        })?;
        match at.as_millisecond() {
            ms if (MIN_MS..=MAX_MS).contains(&ms) => Ok(Self(ms)),
            _ => Err(de::Error::custom("the year must be between 0 and 9999")),
        }
    }
}

/// Where "now" comes from, and what waiting means.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The current instant.
    fn now(&self) -> Timestamp;
    /// Returns once `now()` has reached `until`; at once if it has already.
    async fn sleep_until(&self, until: Timestamp);
    /// Returns after `wait`, whatever happens to `now()` meanwhile: somebody may set a clock.
    async fn sleep(&self, wait: Duration);
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // the one place that may ask the system for the time
    fn now(&self) -> Timestamp {
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::default() + since_1970
    }

    async fn sleep_until(&self, until: Timestamp) {
        loop {
            let left = until.since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }

    async fn sleep(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }
}

/// A clock that stands still until it is moved, for tests.
#[derive(Debug)]
pub struct ManualClock(watch::Sender<Shown>);

/// What a [`ManualClock`] shows, and how much time it has let pass.
#[derive(Clone, Copy, Debug)]
struct Shown {
    now: Timestamp,
    passed: Duration,
}

impl ManualClock {
    /// A clock that shows `at`.
    pub fn at(at: Timestamp) -> Self {
        Self(watch::Sender::new(Shown { now: at, passed: Duration::ZERO }))
    }

    /// Moves the clock forward and wakes whoever waited for that.
    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|shown| *shown = Shown { now: shown.now + by, passed: shown.passed + by });
    }

    /// Sets the clock. Forward is [`Self::advance`]; back, no time passes.
    pub fn set(&self, at: Timestamp) {
        self.0.send_modify(|shown| *shown = Shown { now: at, passed: shown.passed + at.since(shown.now) });
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.borrow().now
    }

    async fn sleep_until(&self, until: Timestamp) {
        // The sender lives as long as the clock, so waiting cannot fail while anyone holds it.
        let _ = self.0.subscribe().wait_for(|shown| shown.now >= until).await;
    }

    async fn sleep(&self, wait: Duration) {
        let mut shown = self.0.subscribe();
        let until = shown.borrow_and_update().passed + wait;
        let _ = shown.wait_for(|shown| shown.passed >= until).await;
    }
}

impl JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_read_and_write_rfc_3339() {
        let at: Timestamp = serde_json::from_str(r#""2026-01-31T10:30:00.25+01:00""#).unwrap();
        assert_eq!(serde_json::to_string(&at).unwrap(), r#""2026-01-31T09:30:00.250Z""#);
    }

    #[test]
    fn the_year_10000_is_refused_and_never_produced() {
        assert!(serde_json::from_str::<Timestamp>(r#""+010000-01-01T00:00:00Z""#).is_err());
        assert!(serde_json::from_str::<Timestamp>(r#""10000-01-01T00:00:00Z""#).is_err());
        assert_eq!((Timestamp::from_millis(i64::MAX) + Duration::MAX).to_string(), "9999-12-30T22:00:00.000Z");
    }
}
