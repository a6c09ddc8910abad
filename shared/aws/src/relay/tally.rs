//! What changes of tasks add to which counters.
//!
//! What counts is [`CountStep`]'s to say. Each queue has a counter, by lane and type; everybody together has one, by status
//! alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::relay::{
    Change,
    before::{self, Before},
};
use errand::{
    Name, Status, Timestamp,
    spi::store::{CountStep, KEEP_HOURS, StatsScope},
};

/// When [`Tally::is_full`]: with the longest names so many are 470 KB as text, of which Lambda hands on 1 MiB within a
/// window; and 350 KB deflated, of which an item holds 400 KiB.
const MOST_KINDS: usize = 1_000;

/// How many kinds a counter names: with the longest names they take 330 KB, and an item holds 400 KiB.
pub const MOST_KINDS_OF_ONE: usize = 1_500;

/// A number of tasks for each status; those not named have none.
pub type ByStatus = BTreeMap<Status, i64>;

/// What a counter counts apart from the rest. As text `lane/type`, or `*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TallyKind {
    /// A queue's tasks of one lane and type.
    Of(Name, Name),
    /// All tasks together, or those for whose kind there is no room.
    Rest,
}

/// What one counter holds, or has added to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// How many tasks there are by kind and status; of what is to be added, how many more or less.
    pub kinds: BTreeMap<TallyKind, ByStatus>,
    /// How many entered each status in which hour, by its start.
    pub hours: BTreeMap<Timestamp, ByStatus>,
    /// How many changes of a status there were, inserts included.
    pub changes: u64,
    /// When the newest of the processed ended.
    pub last_processed_at: Option<Timestamp>,
}

/// What is to be added, by counter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Tally(BTreeMap<StatsScope, Sums>);

/// A tally as this version or the one before wrote it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Now(BTreeMap<StatsScope, Sums>),
    Before(Before),
}

impl From<Written> for Tally {
    fn from(written: Written) -> Self {
        match written {
            Written::Now(sums) => Self(sums),
            Written::Before(counters) => before::tally(&counters),
        }
    }
}

impl Tally {
    /// Counts one change.
    pub fn add(&mut self, change: &Change) {
        let Some(step) = CountStep::between(change.old.map(|old| old.status), change.new.status, change.at) else {
            return;
        };
        let queue = StatsScope::Queue {
            tenant: change.key.tenant.clone(),
            project: change.project.clone(),
            queue: change.queue.clone(),
        };
        self.of_mut(queue).count(TallyKind::Of(change.lane.clone(), change.task_type.clone()), step);
        self.of_mut(StatsScope::All).count(TallyKind::Rest, step);
    }

    /// Whether it must be written before one more change is added. Depends on nothing but the changes themselves:
    /// whoever counts them again writes at the same places.
    pub fn is_full(&self) -> bool {
        self.0.values().map(|sums| sums.kinds.len()).sum::<usize>() >= MOST_KINDS
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each counter with what is to be added to it.
    pub fn iter(&self) -> impl Iterator<Item = (&StatsScope, &Sums)> {
        self.0.iter()
    }

    /// Takes out what is said of one counter.
    pub fn remove(&mut self, counter: &StatsScope) -> Option<Sums> {
        self.0.remove(counter)
    }

    /// What is to be added to one counter.
    pub fn of_mut(&mut self, counter: StatsScope) -> &mut Sums {
        self.0.entry(counter).or_default()
    }

    /// Adds another.
    pub fn merge(&mut self, other: &Tally) {
        for (counter, sums) in other.iter() {
            self.of_mut(counter.clone()).merge(sums);
        }
    }
}

impl Sums {
    fn count(&mut self, kind: TallyKind, step: CountStep) {
        if let Some(left) = step.left {
            self.tasks(kind.clone(), left, -1);
        }
        self.tasks(kind, step.entered, 1);
        self.entered(step.hour, step.entered, 1);
        self.changes += 1;
        self.last_processed_at = self.last_processed_at.max(step.processed_at);
    }

    /// Adds `by` tasks in a status.
    pub(super) fn tasks(&mut self, kind: TallyKind, status: Status, by: i64) {
        plus(self.kind_mut(kind), status, by);
    }

    fn kind_mut(&mut self, kind: TallyKind) -> &mut ByStatus {
        let has_room = self.kinds.len() < MOST_KINDS_OF_ONE || self.kinds.contains_key(&kind);
        self.kinds.entry(if has_room { kind } else { TallyKind::Rest }).or_default()
    }

    /// Adds `by` tasks that entered a status.
    pub(super) fn entered(&mut self, hour: Timestamp, status: Status, by: i64) {
        plus(self.hours.entry(hour).or_default(), status, by);
    }

    /// Adds others.
    pub fn merge(&mut self, other: &Sums) {
        for (kind, by) in &other.kinds {
            let numbers = self.kind_mut(kind.clone());
            by.iter().for_each(|(status, by)| plus(numbers, *status, *by));
        }
        for (hour, by) in &other.hours {
            by.iter().for_each(|(status, by)| self.entered(*hour, *status, *by));
        }
        self.changes += other.changes;
        self.last_processed_at = self.last_processed_at.max(other.last_processed_at);
    }

    /// Leaves out the hours that nobody asks for any more.
    pub fn forget_hours(&mut self, now: Timestamp) {
        self.hours.retain(|hour, _| *hour > now - KEEP_HOURS);
    }
}

/// Adds to one of the numbers. One that becomes none is not kept: most are, of what a task only passes through.
fn plus(numbers: &mut ByStatus, status: Status, by: i64) {
    let number = numbers.entry(status).or_default();
    *number += by;
    if *number == 0 {
        numbers.remove(&status);
    }
}

impl From<TallyKind> for String {
    fn from(kind: TallyKind) -> Self {
        match kind {
            TallyKind::Of(lane, task_type) => format!("{lane}/{task_type}"),
            TallyKind::Rest => "*".to_owned(),
        }
    }
}

impl TryFrom<String> for TallyKind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let read = |text: &str| {
            let (lane, task_type) = text.split_once('/')?;
            Some(Self::Of(Name::new(lane).ok()?, Name::new(task_type).ok()?))
        };
        if text == "*" { Ok(Self::Rest) } else { read(&text).ok_or_else(|| format!("{text:?} is no lane and type")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: usize) -> Name {
        Name::new(&format!("{n:a>64}")).unwrap()
    }

    #[test]
    fn a_counter_that_names_as_many_kinds_as_it_may_goes_on_with_those_and_puts_the_others_together() {
        let mut sums = Sums::default();
        for n in 0..MOST_KINDS_OF_ONE + 5 {
            sums.tasks(TallyKind::Of(name(0), name(n)), Status::Pending, 1);
        }
        sums.tasks(TallyKind::Of(name(0), name(0)), Status::Pending, 1);
        assert_eq!(sums.kinds.len(), MOST_KINDS_OF_ONE + 1);
        let pending = |kind: &TallyKind| sums.kinds.get(kind).and_then(|by| by.get(&Status::Pending)).copied();
        assert_eq!((pending(&TallyKind::Rest), pending(&TallyKind::Of(name(0), name(0)))), (Some(5), Some(2)));
        let text = serde_json::to_string(&sums).unwrap();
        assert!(text.len() < 350 * 1024, "{} bytes", text.len());
        assert_eq!(serde_json::from_str::<Sums>(&text).unwrap(), sums);
    }
}
