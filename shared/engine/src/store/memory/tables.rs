//! What the store in memory holds, and how a commit changes it.

use std::collections::BTreeMap;

use super::counted::Counted;
use crate::{
    clock::Timestamp,
    ids::TaskKey,
    lifecycle::{Task, Transition, log::LogEntry},
    store::{Commit, Due, DueItem, Guard, Inserted, Part, Record, RecordKey, RecordWrite, StoreError, TaskWrite},
};

#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) tasks: BTreeMap<TaskKey, Task>,
    /// By task, the instant at which this life of it began, and number.
    pub(super) log: BTreeMap<(TaskKey, Timestamp, u64), LogEntry>,
    pub(super) records: BTreeMap<RecordKey, Record>,
    pub(super) counted: Counted,
}

impl Tables {
    pub(super) fn insert(&mut self, task: Task) -> Inserted {
        match self.tasks.get(&task.key) {
            Some(there) if there.version == task.version => Inserted::New, // our own first try
            Some(there) => Inserted::Existing(Box::new(there.clone())),
            None => {
                self.put(task);
                Inserted::New
            }
        }
    }

    fn put(&mut self, task: Task) {
        self.counted.count(self.task(&task.key).map(Task::status), &task);
        self.tasks.insert(task.key.clone(), task);
    }

    /// The parts of `commit` that are not as it expects.
    fn conflicts(&self, commit: &Commit) -> Vec<Part> {
        let task = match &commit.task {
            Some(TaskWrite::Change { expected, transition }) => {
                let stored = self.task(&transition.task.key).is_some_and(|task| task.version == *expected);
                if stored { self.taken(transition) } else { Some(Part::Task) }
            }
            Some(TaskWrite::Step { key, fence }) => {
                (self.task(key).and_then(Task::fence) != Some(*fence)).then_some(Part::Task)
            }
            None => None,
        };
        let records = commit.records.iter().enumerate();
        let stands = |write: &RecordWrite| {
            let stored = self.records.get(write.key());
            let doc = |guard: &Guard| stored.is_none_or(|record| guard.holds(&record.doc));
            write.expects(stored.map(|record| record.version)) && write.guards().iter().all(doc)
        };
        let records = records.filter(|(_, write)| !stands(write)).map(|(n, _)| Part::Record(n));
        let tasks = commit.tasks.iter().enumerate();
        let tasks = tasks.filter(|(_, t)| self.tasks.contains_key(&t.key)).map(|(n, _)| Part::NewTask(n));
        task.into_iter().chain(records).chain(tasks).collect()
    }

    /// The conflict of a row that is to have the number of one that is there.
    fn taken(&self, transition: &Transition) -> Option<Part> {
        let row = transition.log.as_ref()?;
        let place = (row.key.clone(), transition.task.created_at, row.seq);
        self.log.contains_key(&place).then_some(Part::Log)
    }

    /// Whether an earlier try of this very commit is what the store holds.
    fn landed(&self, commit: &Commit) -> bool {
        match (&commit.task, commit.records.first()) {
            (Some(TaskWrite::Change { transition, .. }), _) => {
                self.task(&transition.task.key).is_some_and(|task| task.version == transition.task.version)
            }
            (_, Some(write)) => self.records.get(write.key()).is_some_and(|r| Some(r.version) == write.version()),
            (_, None) => false,
        }
    }

    pub(super) fn commit(&mut self, commit: Commit) -> Result<(), StoreError> {
        commit.fits()?;
        let parts = self.conflicts(&commit);
        if !parts.is_empty() {
            return if self.landed(&commit) { Ok(()) } else { Err(StoreError::Conflict { parts }) };
        }
        if let Some(TaskWrite::Change { transition, .. }) = commit.task {
            let born = transition.task.created_at;
            self.log.extend(transition.log.map(|row| ((row.key.clone(), born, row.seq), row)));
            self.put(transition.task);
        }
        for write in commit.records {
            let key = write.key().clone();
            let stored = self.records.remove(&key);
            self.records.extend(write.result(stored).map(|record| (key, record)));
        }
        commit.tasks.into_iter().for_each(|task| self.put(task));
        Ok(())
    }

    pub(super) fn erase(&mut self, task: &Task) -> Result<(), StoreError> {
        if self.task(&task.key).is_some_and(|there| there.version != task.version || there.ended_at.is_none()) {
            return Err(StoreError::Conflict { parts: vec![Part::Task] });
        }
        let first = (task.key.clone(), Timestamp::from_millis(i64::MIN), 0);
        for (_, row) in self.log.range_mut(first..).take_while(|((key, ..), _)| *key == task.key) {
            *row = row.clone().blank();
        }
        self.tasks.remove(&task.key);
        Ok(())
    }

    pub(super) fn task(&self, key: &TaskKey) -> Option<&Task> {
        self.tasks.get(key)
    }

    pub(super) fn due(&self) -> impl Iterator<Item = Due> {
        let tasks = self.tasks.values().map(|t| (DueItem::Task(t.key.clone()), t.wake_at));
        let records = self.records.values().map(|r| (DueItem::Record(r.key.clone()), r.wake_at));
        tasks.chain(records).filter_map(|(item, at)| at.map(|wake_at| Due { item, wake_at }))
    }
}
