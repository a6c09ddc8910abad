//! When a schedule fires, as it is asked for and kept.

use errand::{FieldError, Timestamp, spi::clock::Zone};
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    pattern::Pattern,
    plan::{Plan, instant},
};

/// The most patterns of either sort.
const MAX_PATTERNS: usize = 8;

/// The most single times.
const MAX_TIMES: usize = 100;

/// The longest interval, in seconds: a year.
const MAX_EVERY_S: u64 = 366 * 86_400;

/// When it fires: whenever one of these says so.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleSpec {
    /// Patterns of five fields (minute, hour, day of month, month, day of week), with `L`, `W`, `#`, and `H` for a value of the
    /// schedule's own; or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. At most 8.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_PATTERNS))]
    pub cron: Vec<String>,
    /// Every so many seconds, whatever the clock on the wall does: 1 to 31,622,400.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_EVERY_S))]
    pub every_s: Option<u64>,
    /// How many seconds after a multiple of `every_s` since 1970; at once with it if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase_s: Option<u64>,
    /// At these times besides; at most 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_TIMES))]
    pub at: Vec<Timestamp>,
    /// Not when the clock shows a time that one of these patterns names; at most 8.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_PATTERNS))]
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
    #[schemars(range(max = MAX_EVERY_S))]
    pub spread_s: Option<u64>,
}

impl ScheduleSpec {
    /// What it comes to; `hashed` is the schedule's own number, for `H` and `spread_s`.
    ///
    /// # Errors
    /// The first field that is wrong, as `cron[1]`.
    pub fn plan(&self, hashed: u64) -> Result<Plan, FieldError> {
        if self.cron.is_empty() && self.every_s.is_none() && self.at.is_empty() {
            return Err(FieldError::at("cron", "expected a pattern, or `every_s`, or times in `at`"));
        }
        let zone = self.zone.clone().map(Zone::try_from).transpose();
        let zone = zone.map_err(|error| FieldError::at("zone", error.to_string()))?;
        if self.at.len() > MAX_TIMES {
            return Err(FieldError::at("at", format!("expected at most {MAX_TIMES} times")));
        }
        let seconds = |field: &str, value: Option<u64>, least: u64| match value {
            Some(n) if !(least..=MAX_EVERY_S).contains(&n) => {
                Err(FieldError::at(field, format!("expected {least} to {MAX_EVERY_S} seconds")))
            }
            n => Ok(n),
        };
        let every = seconds("every_s", self.every_s, 1)?;
        match (every, self.phase_s) {
            (None, Some(_)) => return Err(FieldError::at("phase_s", "it goes with `every_s`")),
            (Some(every), Some(phase)) if phase >= every => {
                return Err(FieldError::at("phase_s", "expected less than `every_s`"));
            }
            _ => {}
        }
        if self.ends_at.is_some_and(|end| self.starts_at.is_some_and(|start| end <= start)) {
            return Err(FieldError::at("ends_at", "expected a time after `starts_at`"));
        }
        let mut at = self.at.clone();
        at.sort_unstable();
        Ok(Plan {
            zone: zone.map_or(jiff::tz::TimeZone::UTC, |zone| zone.rules().clone()),
            cron: patterns("cron", &self.cron, hashed)?,
            every: every.map(|every| (whole(every), whole(self.phase_s.unwrap_or_default()))),
            at: at.into_iter().map(instant).collect(),
            except: patterns("except", &self.except, hashed)?,
            starts_at: self.starts_at.map(instant),
            ends_at: self.ends_at.map(instant),
            spread: seconds("spread_s", self.spread_s, 0)?.map(whole),
            hashed,
        })
    }
}

fn patterns(field: &str, texts: &[String], hashed: u64) -> Result<Vec<Pattern>, FieldError> {
    if texts.len() > MAX_PATTERNS {
        return Err(FieldError::at(field, format!("expected at most {MAX_PATTERNS} patterns")));
    }
    let read = texts.iter().enumerate().map(|(n, text)| {
        Pattern::read(text, hashed).map_err(|message| FieldError::at(&format!("{field}[{n}]"), message))
    });
    read.collect()
}

/// What was checked to be a year at most.
fn whole(seconds: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
