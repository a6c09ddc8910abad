//! What is asked for comes to a plan, or is refused.

use errand::{FieldError, ScheduleSpec, spi::clock::Zone};
use jiff::SignedDuration;

use crate::{
    pattern::Pattern,
    plan::{Plan, instant},
};

const MAX_PATTERNS: usize = ScheduleSpec::MAX_PATTERNS;
const MAX_TIMES: usize = ScheduleSpec::MAX_TIMES;
const MAX_EVERY_S: u64 = ScheduleSpec::MAX_EVERY_S;

/// What `spec` comes to; `hashed` is the schedule's own number, for `H` and `spread_s`.
///
/// # Errors
/// The first field that is wrong, as `cron[1]`.
pub(crate) fn plan(spec: &ScheduleSpec, hashed: u64) -> Result<Plan, FieldError> {
    if spec.cron.is_empty() && spec.every_s.is_none() && spec.at.is_empty() {
        return Err(FieldError::at("cron", "expected a pattern, or `every_s`, or times in `at`"));
    }
    let zone = spec.zone.clone().map(Zone::try_from).transpose();
    let zone = zone.map_err(|error| FieldError::at("zone", error.to_string()))?;
    if spec.at.len() > MAX_TIMES {
        return Err(FieldError::at("at", format!("expected at most {MAX_TIMES} times")));
    }
    let seconds = |field: &str, value: Option<u64>, least: u64| match value {
        Some(n) if !(least..=MAX_EVERY_S).contains(&n) => {
            Err(FieldError::at(field, format!("expected {least} to {MAX_EVERY_S} seconds")))
        }
        n => Ok(n),
    };
    let every = seconds("every_s", spec.every_s, 1)?;
    match (every, spec.phase_s) {
        (None, Some(_)) => return Err(FieldError::at("phase_s", "it goes with `every_s`")),
        (Some(every), Some(phase)) if phase >= every => {
            return Err(FieldError::at("phase_s", "expected less than `every_s`"));
        }
        _ => {}
    }
    if spec.ends_at.is_some_and(|end| spec.starts_at.is_some_and(|start| end <= start)) {
        return Err(FieldError::at("ends_at", "expected a time after `starts_at`"));
    }
    let mut at = spec.at.clone();
    at.sort_unstable();
    Ok(Plan {
        zone: zone.map_or(jiff::tz::TimeZone::UTC, |zone| zone.rules().clone()),
        cron: patterns("cron", &spec.cron, hashed)?,
        every: every.map(|every| (whole(every), whole(spec.phase_s.unwrap_or_default()))),
        at: at.into_iter().map(instant).collect(),
        except: patterns("except", &spec.except, hashed)?,
        starts_at: spec.starts_at.map(instant),
        ends_at: spec.ends_at.map(instant),
        spread: seconds("spread_s", spec.spread_s, 0)?.map(whole),
        hashed,
    })
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
