//! The counter of what one who holds a budget has spent.

use std::{collections::BTreeMap, time::Duration};

use jiff::{ToSpan, civil::Date, tz::TimeZone};
use serde_json::Value;
use uuid::Uuid;

use crate::budget::{BudgetVerdict, Budgets, HolderKind, OverBudget, Period, Standing, Usd, WARN_PERCENT};
use errand::{
    Expect, Id, Name, Patch, Timestamp,
    spi::{
        ids,
        store::{Record, RecordKey, RecordWrite},
    },
};

/// What one who holds a budget has spent, as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spending {
    /// Its version, if it is there.
    stored: Option<Uuid>,
    sums: BTreeMap<String, Usd>,
}

const MINUTE_MS: i64 = 60_000;

/// How far back the hour looks, in minutes: sixty, and the one it began in, which counts whole.
const HOUR_MINUTES: i64 = 60;

/// How long a minute's sum is kept. More than it is asked for: a clock that is ahead must not take from one behind.
const KEPT_MINUTES: i64 = 75;

/// For how much longer than they last days and months are kept, for the same reason.
const KEPT_ON: Duration = Duration::from_secs(24 * 3600);

/// How long after its last write a counter is kept: longer than anybody asks for any sum of it.
const KEPT: Duration = Duration::from_secs(62 * 24 * 3600);

const MINUTE: &str = "min:";
const DAY: &str = "day:";
const MONTH: &str = "month:";

impl Spending {
    /// Where the counter of `agent` is found.
    pub fn key(tenant: &Name, agent: &Id) -> RecordKey {
        RecordKey { tenant: tenant.clone(), kind: Name::of("spending"), id: agent.clone() }
    }

    /// Reads the counter; an agent that has none has spent nothing.
    pub fn read(record: Option<&Record>) -> Result<Self, OverBudget> {
        let Some(record) = record else { return Ok(Self::default()) };
        let sum = |(field, value): (&String, &Value)| {
            let micros = value.as_u64().ok_or_else(|| OverBudget::Unavailable(format!("`{field}` is no sum")))?;
            Ok((field.clone(), Usd::from_micros(micros)))
        };
        Ok(Self { stored: Some(record.version), sums: record.doc.iter().map(sum).collect::<Result<_, _>>()? })
    }

    /// Adds `cost`; nothing to write if it is nothing. To be committed with the turn's step, **behind it**: a store knows
    /// a repeated commit by its first record, and this one's version is soon another's. A counter that is put because
    /// there was none may meet one made meanwhile: then read again.
    pub fn spend(&self, key: RecordKey, cost: Usd, at: Timestamp, zone: &TimeZone) -> Option<RecordWrite> {
        self.change(key, cost.as_addend(), (at, zone), Expect::Any)
    }

    /// Adds what a call may cost that begins `at`. Of two that reserve at the same time the second one reads again: it is
    /// to see what the first one has left.
    pub fn reserve(&self, key: RecordKey, most: Usd, at: Timestamp, zone: &TimeZone) -> Option<RecordWrite> {
        let expect = self.stored.map_or(Expect::Any, Expect::Version);
        self.change(key, most.as_addend(), (at, zone), expect)
    }

    /// Puts what a call did cost in the place of what was reserved for it `at`.
    pub fn settle(
        &self,
        key: RecordKey,
        (reserved, cost): (Usd, Usd),
        at: Timestamp,
        zone: &TimeZone,
    ) -> Option<RecordWrite> {
        // A counter that is not there any more has nothing to be taken from.
        let reserved = self.stored.map_or(Usd::ZERO, |_| reserved);
        self.change(key, cost.more_than(reserved), (at, zone), Expect::Any)
    }

    fn change(
        &self,
        key: RecordKey,
        by: i64,
        (at, zone): (Timestamp, &TimeZone),
        expect: Expect,
    ) -> Option<RecordWrite> {
        if by == 0 {
            return None;
        }
        let fields = [minute_field(minute(at)), day_field(date(at, zone)), month_field(date(at, zone))];
        let addends = fields.into_iter().map(|field| (field, by));
        if self.stored.is_none() {
            let doc = addends.map(|(field, by)| (field, by.into())).collect();
            return Some(RecordWrite::put(key, doc, Expect::Absent, at).expiring(at + KEPT));
        }
        let old = self.sums.keys().filter(|field| is_old(field, at, zone));
        let patch = Patch {
            set: old.map(|field| (field.clone(), Value::Null)).collect(),
            add: addends.collect(),
            expires_at: Some(at + KEPT),
            ..Patch::default()
        };
        Some(RecordWrite::Patch { key, patch: Box::new(patch), expect, version: ids::fresh(), at })
    }

    /// With what a call did cost in the place of what was reserved for it `at`: what it will be.
    pub fn with(&self, (reserved, cost): (Usd, Usd), at: Timestamp, zone: &TimeZone) -> Self {
        let mut sums = self.sums.clone();
        for field in [minute_field(minute(at)), day_field(date(at, zone)), month_field(date(at, zone))] {
            let sum = sums.entry(field).or_default();
            *sum = sum.moved(cost.more_than(reserved));
        }
        Self { stored: self.stored, sums }
    }

    /// How its `holder` stands to `budgets` at `at`: the first limit that is reached, else the first that is near.
    pub fn check(&self, (holder, budgets): (HolderKind, &Budgets), at: Timestamp, zone: &TimeZone) -> BudgetVerdict {
        let Budgets { hourly_usd, daily_usd, monthly_usd } = *budgets;
        let today = date(at, zone);
        let limits = [
            (Period::Hourly, hourly_usd, self.last_hour(at)),
            (Period::Daily, daily_usd, self.sum(&day_field(today))),
            (Period::Monthly, monthly_usd, self.sum(&month_field(today))),
        ];
        let standings = limits.into_iter().filter_map(|(window, limit, spent_usd)| {
            limit.map(|limit_usd| Standing { holder, window, spent_usd, limit_usd })
        });
        let reaching = |percent| {
            let mut standings = standings.clone();
            standings.find(|standing| standing.spent_usd.reaches(percent, standing.limit_usd))
        };
        reaching(100)
            .map(BudgetVerdict::Stop)
            .or_else(|| reaching(WARN_PERCENT).map(BudgetVerdict::Warn))
            .unwrap_or(BudgetVerdict::Fine)
    }

    /// Of the last 60 minutes, and up to one more: a minute that is partly within them counts whole. Minutes that are still
    /// to come, by a clock that is ahead, count too.
    fn last_hour(&self, at: Timestamp) -> Usd {
        let from = minute(at) - HOUR_MINUTES;
        let within = self.sums.iter().filter(|(field, _)| minute_of(field).is_some_and(|minute| minute >= from));
        within.fold(Usd::ZERO, |sum, (_, spent)| sum.plus(*spent))
    }

    fn sum(&self, field: &str) -> Usd {
        self.sums.get(field).copied().unwrap_or_default()
    }
}

fn minute(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(MINUTE_MS)
}

fn minute_of(field: &str) -> Option<i64> {
    field.strip_prefix(MINUTE)?.parse().ok()
}

fn date(at: Timestamp, zone: &TimeZone) -> Date {
    // Every `Timestamp` is one of jiff's too.
    jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default().to_zoned(zone.clone()).date()
}

/// See [`Period::relief`].
pub(super) fn relief(window: Period, at: Timestamp, zone: &TimeZone) -> Duration {
    let today = date(at, zone);
    let begins = match window {
        Period::Hourly => None,
        Period::Daily => today.tomorrow().ok(),
        Period::Monthly => today.last_of_month().tomorrow().ok(),
    };
    let begins = begins.and_then(|day| day.to_zoned(zone.clone()).ok());
    let begins = begins.map(|day| Timestamp::from_millis(day.timestamp().as_millisecond()));
    begins.map_or(Duration::from_secs(60), |begins| begins.since(at))
}

fn minute_field(minute: i64) -> String {
    format!("{MINUTE}{minute}")
}

fn day_field(date: Date) -> String {
    format!("{DAY}{date}")
}

fn month_field(date: Date) -> String {
    format!("{MONTH}{:04}-{:02}", date.year(), date.month())
}

/// Whether nobody asks for this sum any more, whosever clock it is.
fn is_old(field: &str, at: Timestamp, zone: &TimeZone) -> bool {
    if let Some(of) = minute_of(field) {
        return of < minute(at) - KEPT_MINUTES;
    }
    // Dates sort as text. A change of the zone leaves some a day longer.
    let yesterday = date(at - KEPT_ON, zone).checked_sub(1.day()).unwrap_or(Date::MIN);
    if field.starts_with(DAY) { *field < *day_field(yesterday) } else { *field < *month_field(yesterday) }
}
