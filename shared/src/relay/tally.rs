//! What changes of tasks add to which counters.
//!
//! What counts is [`Step`]'s to say. A tenant has a total and a counter for each hour; all tenants together have the
//! same, by status alone.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Change, Field};
use crate::{clock::Timestamp, ids::Name, store::Step};

/// When [`Tally::is_full`]: one more change adds four counters at most, and a transaction holds 100 items.
const MOST_COUNTERS: usize = 90;

/// The same for the fields of one counter: an update expression has 4 KiB.
const MOST_FIELDS: usize = 150;

/// The same for all fields: as text they must fit the 1 MiB that Lambda hands on within a window.
const MOST_FIELDS_IN_ALL: usize = 2_000;

/// One counter: whose, and of what time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Counter {
    /// Whose tasks; `None` is everybody's.
    pub tenant: Option<Name>,
    /// In which hour, by its start; `None` is the total.
    pub hour: Option<Timestamp>,
}

/// What is to be added: by counter and field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tally(BTreeMap<Counter, BTreeMap<Field, i64>>);

impl Tally {
    /// Counts one change.
    pub fn add(&mut self, change: &Change) {
        let Some(step) = Step::between(change.old.map(|old| old.status), change.new.status, change.at) else { return };
        for everybody in [false, true] {
            let of = (!everybody).then_some(change);
            let tenant = of.map(|change| change.key.tenant.clone());
            let hour = Counter { tenant: tenant.clone(), hour: Some(step.hour) };
            self.plus(&hour, Field::tasks(of, step.entered), 1);
            let total = Counter { tenant, hour: None };
            self.plus(&total, Field::tasks(of, step.entered), 1);
            if let Some(left) = step.left {
                self.plus(&total, Field::tasks(of, left), -1);
            }
            self.plus(&total, Field::changes(of), 1);
            if let Some(at) = step.processed_at {
                self.latest(&total, Field::last_processed(of), at.as_millis());
            }
        }
    }

    /// Whether it must be written before one more change is added. Depends on nothing but the changes themselves:
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

    /// Adds another.
    pub fn merge(&mut self, other: &Tally) {
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

    /// Leaves out of `counter` what is no news to it: when a task was processed, if a later one is `stored` already.
    pub fn forget_earlier(&mut self, counter: &Counter, stored: impl Fn(&Field) -> Option<i64>) {
        if let Some(fields) = self.0.get_mut(counter) {
            fields.retain(|field, at| !field.is_time() || stored(field).is_none_or(|stored| stored < *at));
        }
    }

    /// Has `counter` count by status alone, as [`Field::rest`] says.
    pub fn fold(&mut self, counter: &Counter) {
        for (field, by) in self.0.remove(counter).unwrap_or_default() {
            match field.rest() {
                Some(rest) if field.is_time() => self.latest(counter, rest, by),
                Some(rest) => self.plus(counter, rest, by),
                None => {}
            }
        }
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
        self.hour.map_or(Ok(()), |hour| write!(f, "#{}", hour.as_millis()))
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
            hour: hour.map(str::parse).transpose().map_err(bad)?.map(Timestamp::from_millis),
        })
    }
}

impl TryFrom<String> for Counter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}
