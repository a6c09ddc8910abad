//! What only the SQLite store has: a file that outlives the process, and its upkeep.

mod before;
mod counters;
mod erase;
mod failures;
mod file;
mod groups;
mod prune;
mod recover;
mod rows;
mod told;

use errand_local::sqlite::{SqliteSettings, SqliteStore};
use tempfile::TempDir;

/// A directory and a store in it.
struct Fixture {
    store: SqliteStore,
    dir: TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self::with(SqliteSettings::default())
    }

    fn with(settings: SqliteSettings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("errand.db"), settings).unwrap();
        Self { store, dir }
    }

    /// A connection as any SQLite tool makes one.
    fn tool(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.dir.path().join("errand.db")).unwrap()
    }

    /// One number that `sql` answers with.
    fn number(&self, sql: &str) -> i64 {
        self.tool().query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

fn open(dir: &TempDir) -> SqliteStore {
    SqliteStore::open(&dir.path().join("errand.db"), SqliteSettings::default()).unwrap()
}
