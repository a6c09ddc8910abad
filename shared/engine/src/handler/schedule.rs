//! A schedule: when it fires, how it goes on, and as a task type carries it.

mod policy;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use policy::{CatchUp, Overlap, SchedulePolicy};

use crate::{clock::Timestamp, ids::Name, lifecycle::Priority};

/// When it fires: whenever one of these says so.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleSpec {
    /// Patterns of five fields (minute, hour, day of month, month, day of week), with `L`, `W`, `#`, and `H` for a value of the
    /// schedule's own; or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. At most 8.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = ScheduleSpec::MAX_PATTERNS))]
    pub cron: Vec<String>,
    /// Every so many seconds, whatever the clock on the wall does: 1 to 31,622,400.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = ScheduleSpec::MAX_EVERY_S))]
    pub every_s: Option<u64>,
    /// How many seconds after a multiple of `every_s` since 1970; at once with it if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase_s: Option<u64>,
    /// At these times besides; at most 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = ScheduleSpec::MAX_TIMES))]
    pub at: Vec<Timestamp>,
    /// Not when the clock shows a time that one of these patterns names; at most 8.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = ScheduleSpec::MAX_PATTERNS))]
    pub except: Vec<String>,
    /// The IANA time zone whose clock the patterns mean; UTC if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Not before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// Not after this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// Each firing is put off by up to so many seconds, and not past the next: by as many of this schedule each time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = ScheduleSpec::MAX_EVERY_S))]
    pub spread_s: Option<u64>,
}

impl ScheduleSpec {
    /// The most patterns of either sort.
    pub const MAX_PATTERNS: usize = 8;

    /// The most single times.
    pub const MAX_TIMES: usize = 100;

    /// The longest interval, in seconds: a year.
    pub const MAX_EVERY_S: u64 = 366 * 86_400;

    /// Whenever this pattern says so, by the clock of UTC.
    pub fn cron(pattern: &str) -> Self {
        Self { cron: vec![pattern.to_owned()], ..Self::default() }
    }

    /// Every so many seconds.
    pub fn every_s(seconds: u64) -> Self {
        Self { every_s: Some(seconds), ..Self::default() }
    }
}

/// The schedule that a task type carries ([`Handler::schedule`]). It is called as the type is, and belongs to the tenant
/// `default`.
///
/// ```
/// # use errand::{CarriedSchedule, ScheduleSpec};
/// let nightly = ScheduleSpec { zone: Some("Europe/Berlin".into()), ..ScheduleSpec::cron("30 2 * * *") };
/// let carried = CarriedSchedule { ttl_s: Some(3600), ..CarriedSchedule::of(nightly, "the payload") };
/// assert_eq!(carried.queue.as_str(), "default");
/// ```
///
/// [`Handler::schedule`]: crate::Handler::schedule
#[derive(Clone, Debug)]
pub struct CarriedSchedule<P> {
    /// When it fires.
    pub spec: ScheduleSpec,
    /// What its tasks are given.
    pub payload: P,
    /// How it goes on where it cannot simply fire.
    pub policy: SchedulePolicy,
    /// The named list that its tasks stand in.
    pub queue: Name,
    /// How soon they are run among others that are due.
    pub priority: Priority,
    /// They are not started later than so many seconds after the time that was named.
    pub ttl_s: Option<u64>,
}

impl<P> CarriedSchedule<P> {
    /// One whose tasks are given `payload`; all else is as it is where nobody says otherwise.
    pub fn of(spec: ScheduleSpec, payload: P) -> Self {
        let (policy, queue, priority) = Default::default();
        Self { spec, payload, policy, queue, priority, ttl_s: None }
    }

    /// The same with another payload.
    pub(crate) fn map<Q>(self, change: impl FnOnce(P) -> Q) -> CarriedSchedule<Q> {
        let Self { spec, payload, policy, queue, priority, ttl_s } = self;
        CarriedSchedule { spec, payload: change(payload), policy, queue, priority, ttl_s }
    }
}
