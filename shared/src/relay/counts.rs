//! What changes of tasks add to which counters.
//!
//! A counter counts tasks, by project, queue, lane, type and status. A tenant has a total (how many are pending and
//! running now, how many stand ended since the beginning) and one for each hour (how many entered each status in it);
//! all tenants together have the same, by status alone. Removing a task takes nothing away.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Change, Field};
use crate::{clock::Timestamp, ids::Name};

const HOUR_MS: i64 = 3_600_000;

/// When [`Counts::is_full`]: one more change adds four counters at most, and a transaction holds 100 items.
const MOST_COUNTERS: usize = 90;

/// The same for the fields of one counter: an update expression has 4 KiB.
const MOST_FIELDS: usize = 150;

/// The same for all fields: as text they must fit the 1 MiB that Lambda hands on within a window.
const MOST_FIELDS_IN_ALL: usize = 2_000;

/// One counter: whose, and of what time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Counter {
    /// Whose tasks; `None` is everybody's.
    pub tenant: Option<Name>,
    /// In which hour since 1970; `None` is the total.
    pub hour: Option<i64>,
}

/// What is to be added: by counter and field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counts(BTreeMap<Counter, BTreeMap<Field, i64>>);

/// The hour that `at` lies in, since 1970.
pub fn hour_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(HOUR_MS)
}

/// When an hour begins.
pub fn hour_start(hour: i64) -> Timestamp {
    Timestamp::from_millis(hour.saturating_mul(HOUR_MS))
}

impl Counts {
    /// Counts one change.
    pub fn add(&mut self, change: &Change) {
        for everybody in [false, true] {
            let tenant = (!everybody).then(|| change.key.tenant.clone());
            let field = |status| if everybody { Field::tasks_of_all(status) } else { Field::tasks(change, status) };
            let hour = Counter { tenant: tenant.clone(), hour: Some(hour_of(change.at)) };
            self.plus(&hour, field(change.new.status), 1);
            let total = Counter { tenant, hour: None };
            self.plus(&total, field(change.new.status), 1);
            if let Some(old) = change.old {
                self.plus(&total, field(old.status), -1);
            }
            self.plus(&total, if everybody { Field::changes_of_all() } else { Field::changes(change) }, 1);
            if change.new.status.is_ended() {
                let field = if everybody { Field::last_end_of_all() } else { Field::last_end(change) };
                self.latest(&total, field, change.at.as_millis());
            }
        }
    }

    /// Whether they must be written before one more change is added. Depends on nothing but the changes themselves:
    /// whoever counts them again writes at the same places.
    pub fn is_full(&self) -> bool {
        let fields: usize = self.0.values().map(BTreeMap::len).sum();
        self.0.len() > MOST_COUNTERS
            || fields > MOST_FIELDS_IN_ALL
            || self.0.values().any(|fields| fields.len() > MOST_FIELDS)
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each counter with what is to be written of it.
    pub fn iter(&self) -> impl Iterator<Item = (&Counter, &BTreeMap<Field, i64>)> {
        self.0.iter()
    }

    /// The same with another's added.
    pub fn merge(&mut self, other: &Counts) {
        for (counter, fields) in other.iter() {
            for (field, by) in fields {
                if field.is_time() {
                    self.latest(counter, field.clone(), *by);
                } else {
                    self.plus(counter, field.clone(), *by);
                }
            }
        }
    }

    /// The same with `counter` by status alone, as [`Field::rest`] says.
    pub fn folded(mut self, counter: &Counter) -> Self {
        for (field, by) in self.0.remove(counter).unwrap_or_default() {
            match field.rest() {
                Some(rest) if field.is_time() => self.latest(counter, rest, by),
                Some(rest) => self.plus(counter, rest, by),
                None => {}
            }
        }
        self
    }

    fn plus(&mut self, counter: &Counter, field: Field, by: i64) {
        *self.field(counter, field) += by;
    }

    fn latest(&mut self, counter: &Counter, field: Field, at: i64) {
        let latest = self.field(counter, field);
        *latest = at.max(*latest);
    }

    fn field(&mut self, counter: &Counter, field: Field) -> &mut i64 {
        self.0.entry(counter.clone()).or_default().entry(field).or_default()
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tenant.as_ref().map_or("*", Name::as_str))?;
        self.hour.map_or(Ok(()), |hour| write!(f, "#{hour}"))
    }
}

impl From<Counter> for String {
    fn from(counter: Counter) -> Self {
        counter.to_string()
    }
}

impl FromStr for Counter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (tenant, hour) = text.split_once('#').map_or((text, None), |(tenant, hour)| (tenant, Some(hour)));
        let bad = |_| format!("{text:?} is no counter");
        Ok(Self {
            tenant: if tenant == "*" {
                None
            } else {
                Some(Name::new(tenant).map_err(|_| format!("{text:?} is no counter"))?)
            },
            hour: hour.map(str::parse).transpose().map_err(bad)?,
        })
    }
}

impl TryFrom<String> for Counter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}
