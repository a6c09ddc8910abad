//! The store of the one-machine deployment: tasks, log and records in one SQLite file.
//!
//! One thread writes, in groups (`writer`); three read, one for single items, one for the poller, and one for whatever may
//! take longer (`reader`). What is answered as done is in the write-ahead log.

mod backup;
mod changes;
mod columns;
mod counts;
mod erase;
mod failures;
mod kept;
mod levels;
mod list;
mod log_row;
mod measured;
mod minutes;
mod queries;
mod reader;
mod record_row;
mod schema;
mod stats;
mod store;
mod stored_task;
mod task_read;
mod task_write;
mod told;
mod upkeep;
mod writer;

use std::{
    path::{Path, PathBuf},
    thread::JoinHandle,
    time::Duration,
};

use errand::{StoreError, Timestamp, spi::store::Retention};

pub use backup::{BackedUp, BackupError, Copied, backup};
pub use levels::{Busiest, QueueLevel, QueueLevels};
pub use measured::Transactions;
use reader::Reader;
use tokio::sync::watch;
pub use upkeep::Pruned;
use writer::Writer;

/// When a write counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// When it is on the disk: an accepted task survives a power cut.
    #[default]
    Full,
    /// When the operating system has it: it survives the end of the process, but perhaps not a power cut. The file
    /// stays whole either way.
    Normal,
}

/// How a file is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqliteSettings {
    /// When a write counts as done.
    pub synchronous: Synchronous,
    /// How long tasks are kept that end from now on.
    pub retention: Retention,
}

/// How long a read may take, its wait for others included. The longest there is takes some milliseconds: what reaches
/// this stands in the way of everybody else's.
const READ_WITHIN: Duration = Duration::from_secs(10);

/// Why a file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A later version of Errand has written it; run that one.
    #[error("{} has schema {found}, but this version knows only up to {known}", file.display())]
    Newer {
        /// Which file.
        file: PathBuf,
        /// The schema it has.
        found: u32,
        /// The newest schema this version knows.
        known: u32,
    },
    /// It is not there and cannot be made, is no database, or is held by another process.
    #[error("{} cannot be used as the database", file.display())]
    Unusable {
        /// Which file.
        file: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// No thread could be started.
    #[error("a thread for the database could not be started")]
    Thread(#[source] std::io::Error),
}

/// See the module. Dropping it waits until what was handed in is done and the file is closed.
pub struct SqliteStore {
    file: PathBuf,
    items: Reader,
    due: Reader,
    pages: Reader,
    // Dropped last: the last connection to close empties the write-ahead log, and only this one may.
    writer: Writer,
}

/// A thread that is waited for. Dropped after the way to hand it anything, without which it ends.
struct Joined(Option<JoinHandle<()>>);

impl Joined {
    fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<Self, OpenError> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work).map_err(OpenError::Thread)?;
        Ok(Self(Some(thread)))
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        // One that panicked has said so on standard error.
        let _ = self.0.take().map(JoinHandle::join);
    }
}

impl SqliteStore {
    /// Opens `file`, making it if it is not there, and brings it to this version's schema. Blocks meanwhile.
    pub fn open(file: &Path, settings: SqliteSettings) -> Result<Self, OpenError> {
        Self::open_measured(file, settings, None)
    }

    /// The same, whose transactions are measured.
    pub fn open_measured(
        file: &Path,
        settings: SqliteSettings,
        measured: Option<Transactions>,
    ) -> Result<Self, OpenError> {
        let db = schema::open_writer(file, &settings)?;
        let writer = Writer::start(db, settings.retention, measured)?;
        let reader = |name| Reader::start(name, schema::open_reader(file)?, READ_WITHIN);
        let (items, due, pages) = (reader("errand-items")?, reader("errand-due")?, reader("errand-pages")?);
        Ok(Self { file: file.to_owned(), items, due, pages, writer })
    }

    /// Ends every lease and has every waiting task looked at by `max(now, run_at − 90 s)`: for the start of a process
    /// whose workers and queue were in the memory of the last one. Answers with how many tasks that changed.
    pub async fn recover(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.writer.write(1, move |tables| upkeep::recover(tables, now)).await
    }

    /// Changes when something was written.
    pub fn changed(&self) -> watch::Receiver<()> {
        self.writer.changed()
    }

    /// The queues in which most happens.
    pub(crate) async fn busiest(&self, now: Timestamp) -> Result<Busiest, StoreError> {
        self.pages.read(move |db| levels::busiest(db, now)).await
    }

    /// What stands in these queues, and in all others together.
    pub(crate) async fn levels(&self, busiest: Busiest, now: Timestamp) -> Result<QueueLevels, StoreError> {
        self.pages.read(move |db| levels::levels(db, &busiest, now)).await
    }

    /// Removes at most `limit` records that may be removed from `now` on, as many tasks that a rule keeps no longer, counts of
    /// hours long past and events long told; answers with how many all were.
    pub async fn prune_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.writer.write(limit, move |tables| upkeep::prune_expired(tables, now, limit)).await
    }

    /// Removes at most `limit` tasks without a rule that ended before `ended_before` and owe nothing, and at most `limit` log rows
    /// older than `logged_before`. Small limits (some hundreds) keep others' writes from waiting; call again until
    /// nothing was removed.
    pub async fn prune(
        &self,
        ended_before: Timestamp,
        logged_before: Timestamp,
        limit: usize,
    ) -> Result<Pruned, StoreError> {
        self.writer.write(limit, move |tables| upkeep::prune(tables, ended_before, logged_before, limit)).await
    }
}

#[cfg(test)]
mod tests {
    use errand::{
        Name, TaskKey,
        spi::{ids, store::Store},
    };
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn neither_the_poller_nor_who_asks_for_single_items_waits_for_a_list() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("errand.db"), SqliteSettings::default()).unwrap();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let mut list = Box::pin(store.pages.read(move |_| Ok(wait.recv().is_ok())));
        assert!(futures::poll!(&mut list).is_pending());
        let due = timeout(READ_WITHIN * 6, store.due(0, Timestamp::default(), 1)).await;
        let task = TaskKey { tenant: Name::default(), id: ids::fresh() };
        let tasks = timeout(READ_WITHIN * 6, store.tasks(&[task])).await;
        go.send(()).unwrap();
        assert_eq!(due.unwrap().unwrap(), []);
        assert!(matches!(tasks.unwrap()[..], [Ok(None)]));
        assert!(list.await.unwrap());
    }
}
