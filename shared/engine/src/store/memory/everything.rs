//! All that a store in memory has, for the test kit.

use crate::{
    lifecycle::{Task, log::LogEntry},
    store::{MemoryStore, Record},
};

/// All tasks and records at one moment, in the order of their keys, and the log in its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Everything {
    pub(crate) tasks: Vec<Task>,
    pub(crate) records: Vec<Record>,
    pub(crate) log: Vec<LogEntry>,
}

impl MemoryStore {
    /// Of all tenants.
    pub(crate) fn everything(&self) -> Everything {
        let tables = self.tables();
        Everything {
            tasks: tables.tasks.values().cloned().collect(),
            records: tables.records.values().cloned().collect(),
            log: tables.log.values().cloned().collect(),
        }
    }
}

impl Everything {
    /// The rows of `task`, oldest first.
    pub(crate) fn rows(&self, task: &Task) -> impl Iterator<Item = &LogEntry> {
        self.log.iter().filter(|row| row.key == task.key)
    }
}
