//! The file: made, reopened, cut off, refused.

use errand::spi::store::{Counts, StatsScope, Store};
use errand_local::sqlite::{OpenError, SqliteSettings, SqliteStore};
use integration_tests::conformance::fixtures::{at, complete, full, insert, log, read, record, stored, task, tenant};
use serde_json::json;

use super::{Fixture, open};

#[tokio::test]
async fn a_file_made_once_opens_again_with_everything_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let tenant = tenant();
    let store = open(&dir);
    let task = insert(&store, full(&tenant)).await;
    let note = stored(&store, record(&tenant, &json!({"a": 1}))).await;
    drop(store);

    let store = open(&dir);
    store.check().await.unwrap();
    assert_eq!(read(&store, &task.key).await, task);
    assert_eq!(store.record(&note.key).await.unwrap(), Some(note));
    assert_eq!(store.stats(&StatsScope::All, at(0)).await.unwrap().now, Counts { pending: 1, ..Counts::default() });
}

#[tokio::test]
async fn what_was_answered_survives_the_sudden_end_of_the_process() {
    let Fixture { store, dir } = Fixture::new();
    let tenant = tenant();
    let mut ended = Vec::new();
    for s in 0..20 {
        ended.push(complete(&store, task(&tenant), at(s)).await);
    }
    // The files as they are on the disk now, with the process still at it: nothing was closed.
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(dir.path()).unwrap().map(Result::unwrap).filter(|f| f.file_name() != "errand.db-shm")
    {
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    assert!(copy.path().join("errand.db-wal").metadata().unwrap().len() > 0, "the copy is of a closed file");

    let store = open(&copy);
    for task in ended {
        assert_eq!(read(&store, &task.key).await, task);
        assert_eq!(log(&store, &task).await.len(), 1);
    }
    assert_eq!(store.stats(&StatsScope::All, at(0)).await.unwrap().now, Counts { completed: 20, ..Counts::default() });
}

#[tokio::test]
async fn dropping_a_store_does_what_was_handed_in_and_closes_the_file() {
    let Fixture { store, dir } = Fixture::new();
    let task = insert(&store, task(&tenant())).await;
    drop(store);
    let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["errand.db"]);
    assert_eq!(read(&open(&dir), &task.key).await, task);
}

#[test]
fn a_file_of_a_newer_schema_is_refused_and_left_alone() {
    let Fixture { store, dir } = Fixture::new();
    drop(store);
    let file = dir.path().join("errand.db");
    rusqlite::Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&file).unwrap();
    let refused = SqliteStore::open(&file, SqliteSettings::default()).err().unwrap();
    assert!(matches!(refused, OpenError::Newer { found: 99, known: 17, .. }), "{refused:?}");
    assert!(refused.to_string().ends_with("has schema 99, but this version knows only up to 17"), "{refused}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("errand.db");
    let text = "a diary, not a database; ".repeat(100);
    std::fs::write(&file, &text).unwrap();
    let refused = SqliteStore::open(&file, SqliteSettings::default()).err().unwrap();
    assert!(matches!(refused, OpenError::Unusable { .. }), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}
