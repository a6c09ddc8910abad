//! How many tasks there are: what counts, and what is answered about it. One meaning on every store.
//!
//! Counted are tasks, not executions, by queue, lane, type and status, at each change of a task's status. A redrive
//! takes its task out of its ended status again; the removal of an old task takes nothing away. Besides, each UTC hour
//! has how many tasks entered each status in it.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    ids::Name,
    lifecycle::{Status, Task},
    store::begin_of,
};

/// How long the counts of an hour are kept: [`Stats`] needs the last two of them.
pub const KEEP_HOURS: Duration = Duration::from_secs(48 * 3600);

/// The parts of time that every store counts in.
pub const HOUR: Duration = Duration::from_secs(3600);

/// What to count. As text `*`, or `tenant/project/queue`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum StatsScope {
    /// Every task of the installation.
    All,
    /// One queue's.
    Queue {
        /// The tenant whose queue it is.
        tenant: Name,
        /// Which project of theirs.
        project: Name,
        /// Which queue of it.
        queue: Name,
    },
}

/// A number of tasks for each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[allow(missing_docs)] // a status each
pub struct Counts {
    pub pending: u64,
    pub running: u64,
    #[serde(default)]
    pub waiting: u64,
    pub completed: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub blocked: u64,
}

/// What was counted of a queue, or of all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// How many are pending and running now, and how many have ended in each way since the installation began.
    pub now: Counts,
    /// The same for each lane of a queue; empty for [`StatsScope::All`].
    pub lanes: BTreeMap<Name, Counts>,
    /// The same for each task type of a queue; empty for [`StatsScope::All`].
    pub types: BTreeMap<Name, Counts>,
    /// How many changes of a status were counted, inserts included: the newest revision. Only rises.
    pub changes: u64,
    /// How many entered each status from `since` on.
    pub last_hours: Counts,
    /// The start of the UTC hour before the present one.
    pub since: Timestamp,
    /// When the newest of the processed ended.
    pub last_processed_at: Option<Timestamp>,
}

/// A queue's place in the list of a tenant's: its project and its name. Without a name: before the project's first.
pub type QueuePlace = (Name, Option<Name>);

/// A queue and what was counted of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueStats {
    /// The tenant's project that the queue is of.
    pub project: Name,
    /// Which queue of it.
    pub queue: Name,
    /// What was counted of its tasks.
    pub stats: Stats,
}

impl QueueStats {
    /// Its place in the list of its tenant's queues.
    pub fn place(&self) -> QueuePlace {
        (self.project.clone(), Some(self.queue.clone()))
    }
}

/// What one change of a task counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountStep {
    /// The status that has one less; `None` for a new task.
    pub left: Option<Status>,
    /// The status that has one more, now and in its hour.
    pub entered: Status,
    /// The hour it counts in, by its start.
    pub hour: Timestamp,
    /// When the task was processed: when it completed or failed, if it did by this.
    pub processed_at: Option<Timestamp>,
}

impl StatsScope {
    /// Whether `task` is in it.
    pub fn has(&self, task: &Task) -> bool {
        match self {
            StatsScope::All => true,
            StatsScope::Queue { tenant, project, queue } => {
                task.key.tenant == *tenant && task.project == *project && task.queue == *queue
            }
        }
    }
}

impl fmt::Display for StatsScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StatsScope::All => f.write_str("*"),
            StatsScope::Queue { tenant, project, queue } => write!(f, "{tenant}/{project}/{queue}"),
        }
    }
}

impl From<StatsScope> for String {
    fn from(scope: StatsScope) -> Self {
        scope.to_string()
    }
}

impl TryFrom<String> for StatsScope {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let names: Option<Vec<Name>> = text.split('/').map(|name| Name::new(name).ok()).collect();
        match names.as_deref() {
            _ if text == "*" => Ok(StatsScope::All),
            Some([tenant, project, queue]) => {
                Ok(StatsScope::Queue { tenant: tenant.clone(), project: project.clone(), queue: queue.clone() })
            }
            _ => Err(format!("{text:?} is no queue")),
        }
    }
}

impl CountStep {
    /// What a change to `task` counts as. Its status was `before`, or `None` if it is new; a change that keeps the status
    /// counts as nothing.
    pub fn of(before: Option<Status>, task: &Task) -> Option<Self> {
        Self::between(before, task.status(), task.updated_at)
    }

    /// The same of a task that has entered a status at `at`.
    pub fn between(before: Option<Status>, entered: Status, at: Timestamp) -> Option<Self> {
        let processed_at = matches!(entered, Status::Completed | Status::Failed).then_some(at);
        let step = Self { left: before, entered, hour: hour_of(at), processed_at };
        (before != Some(entered)).then_some(step)
    }
}

/// The start of the UTC hour of `at`.
pub fn hour_of(at: Timestamp) -> Timestamp {
    begin_of(at, HOUR)
}

impl Counts {
    /// The count of one status.
    pub fn of(&self, status: Status) -> u64 {
        match status {
            Status::Pending => self.pending,
            Status::Running => self.running,
            Status::Waiting => self.waiting,
            Status::Completed => self.completed,
            Status::Failed => self.failed,
            Status::Cancelled => self.cancelled,
            Status::Blocked => self.blocked,
        }
    }

    /// The count of one status, for changing it.
    pub fn of_mut(&mut self, status: Status) -> &mut u64 {
        match status {
            Status::Pending => &mut self.pending,
            Status::Running => &mut self.running,
            Status::Waiting => &mut self.waiting,
            Status::Completed => &mut self.completed,
            Status::Failed => &mut self.failed,
            Status::Cancelled => &mut self.cancelled,
            Status::Blocked => &mut self.blocked,
        }
    }

    /// Adds `other`, status by status.
    pub fn add(&mut self, other: &Counts) {
        for status in Status::ALL {
            *self.of_mut(status) += other.of(status);
        }
    }

    /// Pending, running and waiting.
    pub fn open(&self) -> u64 {
        self.pending + self.running + self.waiting
    }

    /// Those that were worked on to their end, well or badly.
    pub fn processed(&self) -> u64 {
        self.completed + self.failed
    }

    /// The part of the processed that ended well, 0 to 1; `None` if none was processed.
    #[allow(clippy::cast_precision_loss)] // a rate needs no more than 52 bits
    pub fn success_rate(&self) -> Option<f64> {
        (self.processed() > 0).then(|| self.completed as f64 / self.processed() as f64)
    }
}

impl Stats {
    /// Nothing counted yet, at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self { since: hour_of(now) - HOUR, ..Self::default() }
    }

    /// Adds the counts of one lane and type of a queue.
    pub fn add_place(&mut self, lane: &Name, task_type: &Name, counts: &Counts) {
        self.now.add(counts);
        self.lanes.entry(lane.clone()).or_default().add(counts);
        self.types.entry(task_type.clone()).or_default().add(counts);
    }

    /// Adds what entered in the hour that began at `hour`, if it is one of the last.
    pub fn add_hour(&mut self, hour: Timestamp, entered: &Counts) {
        if hour >= self.since {
            self.last_hours.add(entered);
        }
    }

    /// How many tasks were processed an hour, from `since` to `now`.
    #[allow(clippy::cast_precision_loss)] // a rate needs no more than 52 bits
    pub fn processed_per_hour(&self, now: Timestamp) -> f64 {
        // At least an hour, since `since` is the start of the hour before.
        let hours = now.since(self.since).max(HOUR).as_secs_f64() / HOUR.as_secs_f64();
        self.last_hours.processed() as f64 / hours
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_millis(s * 1000)
    }

    #[test]
    fn an_hour_begins_with_the_hour() {
        assert_eq!((hour_of(at(7199)), hour_of(at(7200)), hour_of(at(-1))), (at(3600), at(7200), at(-3600)));
    }

    #[test]
    fn rates_come_from_this_hour_and_the_one_before() {
        let mut stats = Stats::at(at(3 * 3600 + 1800));
        let entered = Counts { completed: 3, failed: 1, pending: 9, ..Counts::default() };
        for hour in [1, 2, 3] {
            stats.add_hour(at(hour * 3600), &entered);
        }
        assert_eq!((stats.last_hours.completed, stats.last_hours.success_rate()), (6, Some(0.75)));
        let per_hour = stats.processed_per_hour(at(3 * 3600 + 1800));
        assert!((per_hour - 8.0 / 1.5).abs() < 1e-9, "{per_hour}");
        assert_eq!(Counts::default().success_rate(), None);
    }
}
