//! One cron pattern, and what goes for it where the clock is changed. Pure.
//!
//! A pattern whose minute or hour begins with `*` follows the clock: it fires whenever the clock on the wall shows a time that it
//! names, so not at all in an hour that is left out, and twice where an hour comes twice. Any other names fixed times, and each of
//! its days has them once whatever the clock does: a time that is left out fires as the clock is put forward, and of a time that
//! comes twice the first counts. That is what Vixie's cron has taught its users to expect.

use cronexpr::{Crontab, FallbackTimezoneOption, MakeTimestamp, ParseOptions, parse_crontab_with};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// `cronexpr` gives a search up after four years, and 29 February on a certain weekday comes every 28, or every 40 over the end
/// of a century.
const SEARCHES: usize = 11;
const A_SEARCH: SignedDuration = SignedDuration::from_hours(4 * 365 * 24);

/// Names for patterns that need none.
const NICKNAMES: [(&str, &str); 5] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
];

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    /// In UTC: it is asked what the clock on the wall shows, as if that were UTC.
    cron: Crontab,
    follows_clock: bool,
}

/// What a change of the clock has done to a firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByChange {
    /// Its time is left out that day: it fires as the clock is put forward.
    LeftOut,
    /// Its time comes twice, and this is the first.
    First,
    /// Its time comes twice, and this is the second.
    Second,
}

/// When a pattern fires next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    pub at: Timestamp,
    pub by_change: Option<ByChange>,
}

/// The times between two changes of a zone's clock.
struct Stretch {
    offset: SignedDuration,
    /// Where it ends, and by how much the clock differs from UTC then.
    end: Option<(Timestamp, SignedDuration)>,
    /// What the clock showed already before it was put back at the beginning: up to this time.
    shown: Option<Timestamp>,
}

impl Pattern {
    /// Reads five fields, or a nickname. `hashed` stands for what an `H` is in them.
    pub(crate) fn read(text: &str, hashed: u64) -> Result<Self, String> {
        let text = NICKNAMES.iter().find(|(name, _)| *name == text.trim()).map_or(text, |(_, fields)| fields);
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, _, _, _] = fields[..] else {
            return Err("expected five fields: minute, hour, day of month, month, day of week".to_owned());
        };
        let mut options = ParseOptions::default();
        options.fallback_timezone_option = FallbackTimezoneOption::UTC;
        options.hashed_value = Some(hashed);
        let cron = parse_crontab_with(text, options).map_err(|error| error.to_string())?;
        Ok(Self { cron, follows_clock: minute.starts_with('*') || hour.starts_with('*') })
    }

    /// The first time after `after`, if there ever is one.
    pub(crate) fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Match> {
        // From there on, that itself included.
        let mut from = after.checked_add(SignedDuration::from_nanos(1)).ok()?;
        loop {
            let stretch = Stretch::at(from, zone);
            let mut shows = from.checked_add(stretch.offset).ok()?;
            if let (false, Some(shown)) = (self.follows_clock, stretch.shown) {
                shows = shows.max(shown);
            }
            let named = self.named(shows);
            let at = named.and_then(|named| named.checked_sub(stretch.offset).ok());
            let Some((end, offset)) = stretch.end else { return at.map(|at| Match { at, by_change: None }) };
            if let (Some(at), Some(named)) = (at.filter(|at| *at < end), named) {
                return Some(Match { at, by_change: stretch.by_change(named) });
            }
            let (left_out, until) = (end.checked_add(stretch.offset).ok()?, end.checked_add(offset).ok()?);
            if !self.follows_clock && self.named(left_out).is_some_and(|named| named < until) {
                return Some(Match { at: end, by_change: Some(ByChange::LeftOut) });
            }
            // Nothing is named, ever: it need not be asked of every stretch until the end of time.
            named?;
            from = end;
        }
    }

    /// Whether the clock shows at `at` a time that it names.
    pub(crate) fn names(&self, at: Timestamp, zone: &TimeZone) -> bool {
        let shows = at.checked_add(offset(zone, at));
        shows.is_ok_and(|shows| self.cron.matches(MakeTimestamp(shows)).unwrap_or_default())
    }

    /// The first time on the wall from `shows` on, that included, that it names.
    fn named(&self, shows: Timestamp) -> Option<Timestamp> {
        let mut before = shows.checked_sub(SignedDuration::from_nanos(1)).ok()?;
        for _ in 0..SEARCHES {
            if let Ok(found) = self.cron.find_next(MakeTimestamp(before)) {
                return Some(found.timestamp());
            }
            before = before.checked_add(A_SEARCH).ok()?;
        }
        None
    }
}

impl Stretch {
    /// The one that `at` lies in.
    fn at(at: Timestamp, zone: &TimeZone) -> Self {
        let own = offset(zone, at);
        let end = zone.following(at).next().map(|change| (change.timestamp(), length(change.offset())));
        let next = at.checked_add(SignedDuration::from_nanos(1)).unwrap_or(at);
        let begin = zone.preceding(next).next().map(|change| change.timestamp());
        let shown = begin.and_then(|begin| {
            let before = offset(zone, begin.checked_sub(SignedDuration::from_nanos(1)).ok()?);
            (before > own).then(|| begin.checked_add(before).ok()).flatten()
        });
        Self { offset: own, end, shown }
    }

    /// What goes for a time on the wall in it.
    fn by_change(&self, named: Timestamp) -> Option<ByChange> {
        if self.shown.is_some_and(|shown| named < shown) {
            return Some(ByChange::Second);
        }
        let (end, offset) = self.end?;
        let comes_again = end.checked_add(offset).is_ok_and(|again| named >= again);
        comes_again.then_some(ByChange::First)
    }
}

fn offset(zone: &TimeZone, at: Timestamp) -> SignedDuration {
    length(zone.to_offset(at))
}

fn length(offset: jiff::tz::Offset) -> SignedDuration {
    SignedDuration::from_secs(offset.seconds().into())
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod zones_test;
