//! What is done to the tables inside a transaction of the writer: inserts and commits.
//!
//! The outer error of a result is the file's and rolls the whole group back; the inner one is the answer to one
//! commit. Nothing is written before every precondition of a commit has been checked, so an inner error leaves no trace.

use errand::{
    Expect, Status, StoreError, Task, TaskKey,
    spi::{
        lifecycle::{Transition, log::LogEntry},
        store::{Commit, Inserted, Part, Record, RecordWrite, Retention, TaskWrite},
    },
};
use rusqlite::{Connection, OptionalExtension, Statement, params};
use uuid::Uuid;

use super::{
    counts::Counts, failures, kept, log_row, record_row, stored_task::StoredTask, task_read, task_write, told::ToldList,
};

/// A result of the file, of an answer to one commit.
type Answer<T> = rusqlite::Result<Result<T, StoreError>>;

/// The writer's connection with the statements it needs all the time, and the counts it keeps.
pub(super) struct Tables<'c> {
    /// For everything rare.
    pub(super) db: &'c Connection,
    /// How many tasks each queue has.
    pub(super) counts: Counts,
    /// What is told of tasks and by them.
    pub(super) told: ToldList<'c>,
    /// How long what ends here is kept.
    retention: Retention,
    find: Statement<'c>,
    insert: Statement<'c>,
    insert_payload: Statement<'c>,
    update: Statement<'c>,
    update_indexed: Statement<'c>,
    log: Statement<'c>,
}

/// What a commit found where it is to write.
struct Before {
    task: Option<StoredTask>,
    records: Vec<Option<There>>,
}

/// What a write must know of the record that is there.
struct There {
    version: Uuid,
    /// All of it, where the write builds on it.
    record: Option<Record>,
}

impl<'c> Tables<'c> {
    /// Prepares the statements.
    pub(super) fn prepare(db: &'c Connection, retention: Retention) -> rusqlite::Result<Self> {
        Ok(Self {
            db,
            counts: Counts::default(),
            told: ToldList::prepare(db)?,
            retention,
            find: db.prepare(StoredTask::FIND)?,
            insert: db.prepare(task_write::INSERT)?,
            insert_payload: db.prepare("INSERT INTO payloads (task_n, payload) VALUES (?1, ?2)")?,
            update: db.prepare(&task_write::update())?,
            update_indexed: db.prepare(&task_write::update_indexed())?,
            log: db.prepare(log_row::INSERT)?,
        })
    }

    /// Adds a task, or answers with the one that is there.
    pub(super) fn insert(&mut self, task: &Task) -> Answer<Inserted> {
        if self.add(task)? {
            return Ok(Ok(Inserted::New));
        }
        let there = match task_read::one(self.db, &task.key)? {
            Some(there) => there,
            None => return Err(rusqlite::Error::QueryReturnedNoRows), // its id is what kept it from being added
        };
        Ok(there.map(|there| match there.version == task.version {
            true => Inserted::New, // our own first try
            false => Inserted::Existing(Box::new(there)),
        }))
    }

    /// Makes one commit, which fits.
    pub(super) fn commit(&mut self, commit: &Commit) -> Answer<()> {
        let before = match self.before(commit)? {
            Ok(before) => before,
            Err(unreadable) => return Ok(Err(unreadable)),
        };
        let parts = self.conflicts(commit, &before)?;
        if !parts.is_empty() {
            return Ok(if landed(commit, &before) { Ok(()) } else { Err(StoreError::Conflict { parts }) });
        }
        if let (Some(TaskWrite::Change { transition, .. }), Some(stored)) = (&commit.task, &before.task) {
            // First of all that is written: that the row's number is free is the last precondition.
            if let Some(row) = &transition.log
                && !self.log(stored.n, row)?
            {
                return Ok(Err(StoreError::Conflict { parts: vec![Part::Log] }));
            }
            self.change(transition, stored)?;
        }
        for (write, there) in commit.records.iter().zip(before.records) {
            match write {
                RecordWrite::Put { record, .. } => {
                    record_row::put(self.db, record)?;
                    self.told.published(record)?;
                }
                RecordWrite::Patch { .. } => {
                    if let Some(record) = write.clone().result(there.and_then(|there| there.record)) {
                        record_row::put(self.db, &record)?;
                    }
                }
                RecordWrite::Delete { key, .. } => record_row::delete(self.db, key)?,
            }
        }
        for task in &commit.tasks {
            self.add(task)?;
        }
        // Behind what was published with it.
        if let (Some(TaskWrite::Change { transition, .. }), Some(stored)) = (&commit.task, &before.task) {
            self.told.end(&transition.task, stored.status)?;
        }
        Ok(Ok(()))
    }

    fn before(&mut self, commit: &Commit) -> Answer<Before> {
        let key = match &commit.task {
            Some(TaskWrite::Change { transition, .. }) => Some(&transition.task.key),
            Some(TaskWrite::Step { key, .. }) => Some(key),
            None => None,
        };
        let task = match key.map_or(Ok(Ok(None)), |key| self.find(key))? {
            Ok(task) => task,
            Err(unreadable) => return Ok(Err(unreadable)),
        };
        let mut records = Vec::with_capacity(commit.records.len());
        for write in &commit.records {
            match self.there(write)? {
                Ok(there) => records.push(there),
                Err(unreadable) => return Ok(Err(unreadable)),
            }
        }
        Ok(Ok(Before { task, records }))
    }

    fn there(&self, write: &RecordWrite) -> Answer<Option<There>> {
        if let RecordWrite::Put { expect: Expect::Version(_) | Expect::Absent, .. } | RecordWrite::Delete { .. } = write
        {
            let version = record_row::version(self.db, write.key())?;
            return Ok(version.map(|version| version.map(|version| There { version, record: None })));
        }
        // What cannot be read is not written over unseen.
        let record = record_row::get(self.db, write.key())?;
        Ok(record.map(|record| record.map(|record| There { version: record.version, record: Some(record) })))
    }

    /// The parts of `commit` that are not as it expects.
    fn conflicts(&mut self, commit: &Commit, before: &Before) -> rusqlite::Result<Vec<Part>> {
        let mut parts = Vec::new();
        let stored = before.task.as_ref();
        let holds = match &commit.task {
            Some(TaskWrite::Change { expected, .. }) => stored.is_some_and(|stored| stored.version == *expected),
            // Only a running task has a worker.
            Some(TaskWrite::Step { fence, .. }) => stored
                .is_some_and(|stored| stored.worker == Some(fence.worker) && stored.executions == fence.executions),
            None => true,
        };
        parts.extend((!holds).then_some(Part::Task));
        for (n, (write, stored)) in commit.records.iter().zip(&before.records).enumerate() {
            let stored = stored.as_ref();
            let doc = stored.and_then(|there| there.record.as_ref()).map(|record| &record.doc);
            let guarded = doc.is_none_or(|doc| write.guards().iter().all(|guard| guard.holds(doc)));
            let stands = guarded && write.expects(stored.map(|there| there.version));
            parts.extend((!stands).then_some(Part::Record(n)));
        }
        for (n, task) in commit.tasks.iter().enumerate() {
            let there = self.find.exists(params![task.key.id.as_bytes(), task.key.tenant.as_str()])?;
            parts.extend(there.then_some(Part::NewTask(n)));
        }
        Ok(parts)
    }

    /// Adds a task unless its id is there; answers whether it did.
    fn add(&mut self, task: &Task) -> rusqlite::Result<bool> {
        let queue_n = self.counts.queue_of(self.db, task)?;
        task_write::bind_new(&mut self.insert, task, queue_n)?;
        if self.insert.raw_execute()? == 0 {
            return Ok(false);
        }
        let (n, payload) = (self.db.last_insert_rowid(), task.payload.as_str());
        if payload.len() > task_write::INLINE_BYTES {
            self.insert_payload.execute((n, payload))?;
        }
        if task.status() == Status::Failed {
            failures::note(self.db, n, queue_n, task)?;
        }
        kept::note(self.db, n, false, task, &self.retention)?;
        self.counts.note(queue_n, None, task);
        Ok(true)
    }

    fn change(&mut self, transition: &Transition, stored: &StoredTask) -> rusqlite::Result<()> {
        let task = &transition.task;
        let places = (task.wake_at.map(|at| at.as_millis()), task.ended_at.map(|at| at.as_millis()));
        if places == (stored.wake_at, stored.ended_at) {
            task_write::bind_change(&mut self.update, 0, task)?;
            self.update.raw_bind_parameter(task_write::CHANGED + 1, stored.n)?;
            self.update.raw_execute()?;
        } else {
            task_write::bind_change(&mut self.update_indexed, 0, task)?;
            task_write::bind_places(&mut self.update_indexed, task_write::CHANGED, task)?;
            self.update_indexed.raw_bind_parameter(task_write::CHANGED + 3, stored.n)?;
            self.update_indexed.raw_execute()?;
        }
        if [stored.status, task.status()].contains(&Status::Failed) {
            failures::note(self.db, stored.n, stored.queue_n, task)?;
        }
        kept::note(self.db, stored.n, stored.ended_at.is_some(), task, &self.retention)?;
        self.counts.note(stored.queue_n, Some((stored.status, stored.run_at)), task);
        Ok(())
    }

    /// Adds a row to a task's log unless one of its number is there; answers whether it did.
    fn log(&mut self, task_n: i64, entry: &LogEntry) -> rusqlite::Result<bool> {
        log_row::bind(&mut self.log, task_n, entry)?;
        Ok(self.log.raw_execute()? > 0)
    }

    fn find(&mut self, key: &TaskKey) -> Answer<Option<StoredTask>> {
        let found =
            self.find.query_row(params![key.id.as_bytes(), key.tenant.as_str()], |row| Ok(StoredTask::read(row)));
        let found = found.optional()?.transpose();
        Ok(found.map_err(|source| StoreError::Corrupt { id: key.id.to_string(), source }))
    }
}

/// Whether an earlier try of this very commit is what the store holds.
fn landed(commit: &Commit, before: &Before) -> bool {
    match (&commit.task, commit.records.first(), before.records.first()) {
        (Some(TaskWrite::Change { transition, .. }), ..) => {
            before.task.as_ref().is_some_and(|stored| stored.version == transition.task.version)
        }
        (_, Some(write), Some(Some(stored))) => Some(stored.version) == write.version(),
        _ => false,
    }
}
