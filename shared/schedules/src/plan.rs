//! When a schedule fires: what its patterns, its interval and its single times come to together. Pure.

use errand::Timestamp;
use jiff::{SignedDuration, tz::TimeZone};

use crate::pattern::{ByChange, Match, Pattern};

/// How many firings in a row may be excepted before it is taken that all are.
const MAX_EXCEPTED: usize = 10_000;

/// See the module. Made of a [`errand::ScheduleSpec`].
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) zone: TimeZone,
    pub(crate) cron: Vec<Pattern>,
    /// Of how many seconds, and how many after a multiple of these.
    pub(crate) every: Option<(SignedDuration, SignedDuration)>,
    /// In their order.
    pub(crate) at: Vec<jiff::Timestamp>,
    pub(crate) except: Vec<Pattern>,
    pub(crate) starts_at: Option<jiff::Timestamp>,
    pub(crate) ends_at: Option<jiff::Timestamp>,
    pub(crate) spread: Option<SignedDuration>,
    pub(crate) hashed: u64,
}

/// One time at which a schedule fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Firing {
    /// When it is named to fire: this tells it from all others.
    pub nominal: Timestamp,
    /// When it fires: later than `nominal` where firings are spread.
    pub effective: Timestamp,
    pub(crate) by_change: Option<ByChange>,
}

impl Plan {
    /// The first firing whose nominal time is after `after`.
    pub fn next(&self, after: Timestamp) -> Option<Firing> {
        let found = self.nominal(instant(after))?;
        let put_off = self.spread.map(|spread| {
            // Not past the next, which may be much nearer than a spread that fits most of them.
            let room = self.nominal(found.at).map_or(spread, |next| next.at.duration_since(found.at).min(spread));
            SignedDuration::from_secs(i64::try_from(self.hashed % room.as_secs().max(1).unsigned_abs()).unwrap_or(0))
        });
        let effective = found.at.checked_add(put_off.unwrap_or_default()).unwrap_or(found.at);
        Some(Firing { nominal: shown(found.at), effective: shown(effective), by_change: found.by_change })
    }

    fn nominal(&self, after: jiff::Timestamp) -> Option<Match> {
        let mut after = match self.starts_at {
            Some(start) => after.max(start.checked_sub(SignedDuration::from_millis(1)).ok()?),
            None => after,
        };
        for _ in 0..MAX_EXCEPTED {
            let found = self.named(after).filter(|found| self.ends_at.is_none_or(|end| found.at <= end))?;
            if !self.except.iter().any(|pattern| pattern.names(found.at, &self.zone)) {
                return Some(found);
            }
            after = found.at;
        }
        None
    }

    /// The first that anything names. Of two at once it is the one of the clock's own.
    fn named(&self, after: jiff::Timestamp) -> Option<Match> {
        let plain = |at| Match { at, by_change: None };
        let every = self.every.and_then(|(every, phase)| of_interval(after, every, phase)).map(plain);
        let single = self.at.iter().find(|at| **at > after).copied().map(plain);
        let patterns = self.cron.iter().filter_map(|pattern| pattern.next(after, &self.zone));
        patterns.chain(every).chain(single).min_by_key(|found| found.at)
    }
}

/// The first time after `after` that is `phase` after a multiple of `every` since 1970.
fn of_interval(after: jiff::Timestamp, every: SignedDuration, phase: SignedDuration) -> Option<jiff::Timestamp> {
    let (every, phase) = (every.as_secs(), phase.as_secs());
    let times = (after.as_second() - phase).div_euclid(every).checked_add(1)?;
    jiff::Timestamp::from_second(times.checked_mul(every)?.checked_add(phase)?).ok()
}

/// Both have the years to 9999.
pub(crate) fn instant(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default()
}

pub(crate) fn shown(at: jiff::Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millisecond())
}
