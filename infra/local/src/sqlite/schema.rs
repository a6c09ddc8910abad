//! Opening the file: its settings, and the numbered migrations that bring it to the shape this version needs.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::{OpenError, SqliteSettings, Synchronous, failures};

/// Each step from one schema to the next. The file's `user_version` is how many it has seen; never edit one that
/// was released, add another.
const MIGRATIONS: [&str; 17] = [
    include_str!("migrations/0001_tables.sql"),
    include_str!("migrations/0002_counters.sql"),
    include_str!("migrations/0003_request_id.sql"),
    include_str!("migrations/0004_totals.sql"),
    include_str!("migrations/0005_children.sql"),
    include_str!("migrations/0006_unread_index.sql"),
    include_str!("migrations/0007_dispatch.sql"),
    include_str!("migrations/0008_ready.sql"),
    include_str!("migrations/0009_told.sql"),
    include_str!("migrations/0010_outside.sql"),
    include_str!("migrations/0011_progress.sql"),
    include_str!("migrations/0012_schedule.sql"),
    include_str!("migrations/0013_groups.sql"),
    include_str!("migrations/0014_failed.sql"),
    include_str!("migrations/0015_kept.sql"),
    include_str!("migrations/0016_traceparent.sql"),
    include_str!("migrations/0017_minutes.sql"),
];

/// The step from which on failures are grouped: SQL cannot tell which is in which.
const FAILURE_GROUPS: u32 = 14;

/// The schema this version reads and writes.
pub(super) const VERSION: u32 = MIGRATIONS.len() as u32;

/// How long to wait for another process (a backup, a person with a SQLite tool) that holds the file.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// After how many pages of write-ahead log (4 KiB each) its content is copied into the file. SQLite's own 1000 copies
/// the same busy pages again and again: beside a million ended tasks, 4000 gave three quarters of the tasks a second
/// that 16,000 gave, and 32,000 no more.
const CHECKPOINT_PAGES: u32 = 16_000;

/// What the write-ahead log is cut back to after it had to grow.
const WAL_BYTES: u32 = 96 * 1024 * 1024;

/// The writer's page cache: holds the ends of all tables and indexes under load. Twice as much gained nothing.
const WRITER_CACHE_KIB: i32 = 8 * 1024;

/// A reader's page cache; behind it is the operating system's.
const READER_CACHE_KIB: i32 = 1024;

/// The connection that writes, the file brought to [`VERSION`]. A file that is refused is left as it was.
pub(super) fn open_writer(file: &Path, settings: &SqliteSettings) -> Result<Connection, OpenError> {
    let unusable = |source| OpenError::Unusable { file: file.to_owned(), source };
    let mut db = Connection::open(file).map_err(unusable)?;
    db.busy_timeout(BUSY_TIMEOUT).map_err(unusable)?;
    let found = version(&db).map_err(unusable)?;
    if found > VERSION {
        return Err(OpenError::Newer { file: file.to_owned(), found, known: VERSION });
    }
    set_up(&db, settings).map_err(unusable)?;
    migrate(&mut db).map_err(unusable)?;
    Ok(db)
}

/// A connection that reads. The file is there already, of the right shape.
pub(super) fn open_reader(file: &Path) -> Result<Connection, OpenError> {
    let open = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(file, flags)?;
        db.busy_timeout(BUSY_TIMEOUT)?;
        db.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
        Ok(db)
    };
    open().map_err(|source| OpenError::Unusable { file: file.to_owned(), source })
}

/// How many migrations the file has seen.
pub(super) fn version(db: &Connection) -> rusqlite::Result<u32> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn set_up(db: &Connection, settings: &SqliteSettings) -> rusqlite::Result<()> {
    db.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    let synchronous = match settings.synchronous {
        Synchronous::Full => "full",
        Synchronous::Normal => "normal",
    };
    db.pragma_update(None, "synchronous", synchronous)?;
    // What is removed leaves no bytes behind: somebody may have asked for that.
    db.pragma_update_and_check(None, "secure_delete", "on", |_| Ok(()))?;
    db.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    db.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(()))?;
    db.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES, |_| Ok(()))
}

/// Runs what the file has not seen yet; each migration and its number in one transaction.
fn migrate(db: &mut Connection) -> rusqlite::Result<()> {
    for (number, sql) in (1_u32..).zip(MIGRATIONS) {
        let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Asked inside the transaction: two processes may open a new file at once.
        if version(&step)? < number {
            step.execute_batch(sql)?;
            if number == FAILURE_GROUPS {
                failures::name_groups(&step)?;
            }
            step.pragma_update(None, "user_version", number)?;
        }
        step.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(synchronous: Synchronous) -> Connection {
        open_writer(Path::new(":memory:"), &SqliteSettings { synchronous, ..SqliteSettings::default() }).unwrap()
    }

    #[test]
    fn a_write_is_on_the_disk_unless_settings_say_otherwise() {
        let level = |db: Connection| db.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(level(opened(Synchronous::default())), 2);
        assert_eq!(level(opened(Synchronous::Normal)), 1);
    }

    #[test]
    fn each_index_is_there_for_somebody_who_reads_it() {
        let db = opened(Synchronous::Full);
        let sql = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name";
        let mut query = db.prepare(sql).unwrap();
        let there: Vec<String> = query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        // Whoever adds one adds what reads it: each costs every write of its rows.
        let read = [
            "action_log_task",
            "failed_groups",
            "kept_until",
            "records_due",
            "records_expiring",
            "records_owner",
            "records_parent",
            "tasks_due",
            "tasks_ended",
            "tasks_open",
            "tasks_parent",
            "tasks_ready",
            "tasks_user",
            "waiting_due",
        ];
        assert_eq!(there, read);
    }

    #[test]
    fn every_migration_runs_once() {
        let mut db = opened(Synchronous::Full);
        assert_eq!(version(&db).unwrap(), VERSION);
        migrate(&mut db).unwrap();
        assert_eq!(version(&db).unwrap(), VERSION);
    }
}
