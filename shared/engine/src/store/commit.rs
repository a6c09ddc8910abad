//! What is written together or not at all.

use uuid::Uuid;

use crate::{
    ids::TaskKey,
    lifecycle::{Fence, Task, Transition},
    store::{COMMIT_BYTES, COMMIT_ITEMS, RECORD_BYTES, RecordWrite, StoreError},
};

/// One all-or-nothing change: at most one task, and what goes with it.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// The task's part; `None` writes records alone.
    pub task: Option<TaskWrite>,
    /// Records written with it; no record twice.
    pub records: Vec<RecordWrite>,
    /// Tasks inserted with it, each put only if absent.
    pub tasks: Vec<Task>,
}

/// What a commit does to its task.
#[derive(Clone, Debug)]
pub enum TaskWrite {
    /// Puts the task (and adds the log row) if its stored version is `expected`. `transition.task.version` must
    /// be fresh: if the stored version is already that one, an earlier try of this very write has landed.
    Change {
        /// The version the transition was made from.
        expected: Uuid,
        /// What to store.
        transition: Box<Transition>,
    },
    /// Writes nothing to the task, but demands that it still runs under this fence.
    Step {
        /// The task that must still be held.
        key: TaskKey,
        /// The worker's fence.
        fence: Fence,
    },
}

/// A part of a commit, for saying which one failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The task's version or fence.
    Task,
    /// The task is as it was expected, but a row of this number is in its log already: the task was restored from a
    /// backup, and its log is ahead. (A store may also put the row behind the last one and have the task say so, as
    /// DynamoDB's does.)
    Log,
    /// The record at this place in [`Commit::records`].
    Record(usize),
    /// The task at this place in [`Commit::tasks`], which is there already.
    NewTask(usize),
}

impl Commit {
    /// The commit of `transition` alone, drawn from a task of version `expected`.
    pub fn change(expected: Uuid, transition: Transition) -> Self {
        Self { task: Some(TaskWrite::Change { expected, transition: Box::new(transition) }), ..Self::default() }
    }

    /// Whether it is within [`COMMIT_ITEMS`], [`RECORD_BYTES`] and [`COMMIT_BYTES`]: asked by every store first, so
    /// that all refuse the same.
    pub fn fits(&self) -> Result<(), StoreError> {
        let items = self.items();
        if items > COMMIT_ITEMS {
            return Err(StoreError::TooLarge(format!("{items} items in one commit; at most {COMMIT_ITEMS} fit")));
        }
        let mut all: usize = self.tasks.iter().map(|task| task.payload.as_str().len()).sum();
        for write in &self.records {
            let bytes = write.bytes();
            if bytes > RECORD_BYTES {
                let id = &write.key().id;
                return Err(StoreError::TooLarge(format!("record {id} has {bytes} bytes; at most {RECORD_BYTES} fit")));
            }
            all += bytes;
        }
        if all > COMMIT_BYTES {
            return Err(StoreError::TooLarge(format!("{all} bytes in one commit; at most {COMMIT_BYTES} fit")));
        }
        Ok(())
    }

    /// How many items it touches, the log row included.
    fn items(&self) -> usize {
        let task = match &self.task {
            Some(TaskWrite::Change { transition, .. }) => 1 + usize::from(transition.log.is_some()),
            Some(TaskWrite::Step { .. }) => 1,
            None => 0,
        };
        // A new task may have its payload in an item of its own.
        task + self.records.len() + 2 * self.tasks.len()
    }
}
