//! What was seen of the system: what its store took, who was told what. What must hold is said of this.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use errand::{
    Id, Name, Task, TaskKey, Timestamp,
    spi::{
        lifecycle::log::LogEntry,
        store::{Commit, Record, RecordKey, RecordWrite},
    },
};
use errand_aws::relay::Tally;
use uuid::Uuid;

use crate::{
    invariants::{self, Change},
    model::Charges,
    stream::Stream,
    trace::Trace,
};

/// A task from its making to its removal: an idempotency key may make it again.
pub type LifeKey = (TaskKey, Timestamp);

/// What was seen of a life.
#[derive(Debug)]
pub struct Life {
    pub newest: Task,
    pub rows: Vec<LogEntry>,
}

/// See the module. One for everybody, as what is written there comes from all of them.
#[derive(Clone)]
pub struct Seen(Arc<Mutex<Inside>>);

pub struct Inside {
    pub trace: Trace,
    /// The first thing that did not hold.
    pub broken: Option<String>,
    /// Which process goes on now; `None`: nobody who is simulated.
    pub acting: Option<usize>,
    /// Every life that there was.
    pub lives: BTreeMap<LifeKey, Life>,
    /// Who has made each claim, by the worker id it drew.
    pub claims: BTreeMap<Uuid, Option<usize>>,
    /// Tasks by the one that they follow from.
    pub children: BTreeMap<TaskKey, Vec<Uuid>>,
    /// Every record that was ever written.
    pub records: BTreeSet<RecordKey>,
    /// What agents' calls of the model have cost.
    pub charges: Charges,
    /// What each reader of events has read, in order: by tenant.
    pub read: BTreeMap<Name, Vec<String>>,
    /// To whom each lease was shown.
    pub leases: BTreeMap<String, String>,
    /// The firings of schedules that have a task.
    pub firings: BTreeSet<(Name, Id, Timestamp)>,
    /// The schedules of which a pause was answered, and that nobody resumes.
    pub paused: BTreeSet<(Name, String)>,
    /// Those that somebody fires by hand: that may be at the very time of another firing.
    pub triggered: BTreeSet<(Name, String)>,
    /// What was changed, for the relay.
    pub stream: Stream,
}

impl Seen {
    /// `told`: whether what happens is kept to be read.
    pub fn new(told: bool) -> Self {
        Self(Arc::new(Mutex::new(Inside {
            trace: Trace::new(told),
            broken: None,
            acting: None,
            lives: BTreeMap::new(),
            claims: BTreeMap::new(),
            children: BTreeMap::new(),
            records: BTreeSet::new(),
            charges: Charges::default(),
            read: BTreeMap::new(),
            leases: BTreeMap::new(),
            firings: BTreeSet::new(),
            paused: BTreeSet::new(),
            triggered: BTreeSet::new(),
            stream: Stream::default(),
        })))
    }

    pub fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what happened.
    pub fn note(&self, what: std::fmt::Arguments<'_>) {
        self.inside().trace.note(what);
    }

    /// Notes whether something holds.
    pub fn hold(&self, held: invariants::Held) {
        if let Err(why) = held {
            self.inside().break_off(why);
        }
    }

    pub fn is_broken(&self) -> bool {
        self.inside().broken.is_some()
    }
}

impl Inside {
    /// Only the first is kept: what comes after it may come of it.
    pub fn break_off(&mut self, why: String) {
        self.trace.note(format_args!("BROKEN: {why}"));
        self.broken.get_or_insert(why);
    }

    /// A task is there that was not.
    pub fn made(&mut self, task: &Task) {
        self.trace.note(format_args!("      new {} {} {}", task.key.tenant, task.task_type, task.key.id));
        if let Some(parent) = task.parent_id {
            let parent = TaskKey { tenant: task.key.tenant.clone(), id: parent };
            self.children.entry(parent).or_default().push(task.key.id);
        }
        self.stream.task(None, task);
        if let Err(why) = invariants::a_schedule_fires_once_and_not_while_it_is_paused(self, task) {
            self.break_off(why);
        }
        self.firings.extend(task.schedule.as_ref().map(|of| (task.key.tenant.clone(), of.id.clone(), of.nominal)));
        self.lives.insert((task.key.clone(), task.created_at), Life { newest: task.clone(), rows: Vec::new() });
        let change = Change { before: None, after: task, row: None, by: self.acting, claims: &self.claims };
        if let Err(why) = invariants::of_a_change(&change) {
            self.break_off(why);
        }
    }

    /// A task was changed by a commit.
    pub fn changed(&mut self, before: &Task, after: &Task, row: Option<&LogEntry>) {
        self.trace.note(format_args!(
            "      {} {} {} -> {} e{} row {:?}",
            after.key.tenant,
            after.key.id,
            before.status().as_str(),
            after.status().as_str(),
            after.executions,
            row.map(|row| (row.seq, row.outcome))
        ));
        self.stream.task(Some(before), after);
        if let Err(why) = invariants::who_waits_for_a_group_goes_on_after_its_members(self, before, after) {
            self.break_off(why);
        }
        let change = Change { before: Some(before), after, row, by: self.acting, claims: &self.claims };
        let held = invariants::of_a_change(&change);
        if let (Some(fence), true) = (after.fence(), before.fence() != after.fence()) {
            self.claims.insert(fence.worker, self.acting);
        }
        if let Some(life) = self.lives.get_mut(&(after.key.clone(), after.created_at)) {
            life.newest = after.clone();
            life.rows.extend(row.cloned());
        }
        if let Err(why) = held {
            self.break_off(why);
        }
    }

    /// A commit was taken: its records.
    pub fn committed(&mut self, commit: &Commit) {
        for write in &commit.records {
            let is_new = self.records.insert(write.key().clone());
            if let (RecordWrite::Put { record, .. }, true) = (write, is_new) {
                self.stream.record(record);
            }
        }
        if let Err(why) = invariants::of_a_commit(commit) {
            self.break_off(why);
        }
    }
}

/// All that there is once nothing is left to come.
pub struct AtRest<'s> {
    pub seen: &'s Inside,
    /// The tasks that are there, with their rows in the log.
    pub tasks: Vec<(Task, Vec<LogEntry>)>,
    pub records: Vec<Record>,
    /// The dead letters: of which task, after how many executions.
    pub letters: BTreeSet<(TaskKey, u32)>,
    /// What the relay has told and counted, where there is one.
    pub relayed: Option<Relayed>,
}

/// What the relay has told and counted.
pub struct Relayed {
    pub heard: BTreeSet<Id>,
    pub counts: Tally,
}
