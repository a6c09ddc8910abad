//! What was erased is not in the file any more, nor in its write-ahead log; and what cannot be read hides nothing from it.

use std::sync::Arc;

use errand::{
    Asked, Task,
    spi::{
        erase::tasks_of,
        json::Json,
        lifecycle::{Trigger, log::LogEntry},
        store::Store,
    },
};
use integration_tests::{
    conformance::fixtures::{
        accepted, at, change, changed, claimed, complete, failed, id, insert, new, read, task, tenant,
    },
    world::World,
};
use serde_json::json;

use super::Fixture;

/// Stands in all that is said of the tasks that are erased.
const MARKER: &str = "Zauberwort-7";

/// A task about `ada` with the marker in its payload, errors and log, the payload large or small.
async fn marked(store: &dyn Store, bytes: usize) -> Task {
    let payload = Json::new(&json!({"text": format!("{MARKER} {}", "x".repeat(bytes))}));
    let asked = Asked { user_id: Some(id("ada-lovelace")), max_retries: 0, ..new(&tenant()) };
    let task = insert(store, accepted(asked.with_payload(payload))).await;
    let later = Trigger::Reschedule { run_at: at(1), by: MARKER.to_owned(), if_due: false };
    let task = change(store, &task, changed(&task, later, at(1))).await;
    let running = change(store, &task, claimed(&task, at(2))).await;
    let mut transition = failed(&running, at(3));
    transition.log = transition.log.map(|row| LogEntry { reason: Some(MARKER.to_owned()), ..row });
    change(store, &running, transition).await
}

/// How often each of these stands in the files of the store.
fn found(fixture: &Fixture, texts: [&str; 2]) -> [usize; 2] {
    let files = ["errand.db", "errand.db-wal"].map(|name| fixture.dir.path().join(name));
    let bytes: Vec<u8> = files.iter().flat_map(|file| std::fs::read(file).unwrap_or_default()).collect();
    texts.map(|text| bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count())
}

#[tokio::test]
async fn nothing_of_an_erased_task_is_in_the_files() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let other = complete(store, task(&tenant()), at(9)).await;
    let mut tasks = Vec::new();
    for bytes in [10, 20, 3_000, 9_999, 60_000] {
        tasks.push(marked(store, bytes).await);
    }
    // Both in the file itself, and of what comes now in the log beside it.
    store.scrub().await.unwrap();
    tasks.push(marked(store, 10).await);
    let texts = [MARKER, "ada-lovelace"];
    assert!(found(&fixture, texts).into_iter().all(|times| times >= tasks.len()));
    for task in &tasks {
        store.erase(task).await.unwrap();
    }
    store.scrub().await.unwrap();
    assert_eq!(found(&fixture, texts), [0, 0]);
    assert_eq!(fixture.dir.path().join("errand.db-wal").metadata().unwrap().len(), 0);
    assert_eq!(read(store, &other.key).await, other);
}

#[tokio::test]
async fn a_reader_of_the_log_beside_the_file_is_waited_for_and_then_told_of() {
    let fixture = Fixture::new();
    let task = marked(&fixture.store, 10).await;
    let reader = fixture.tool();
    reader.execute_batch("BEGIN").unwrap();
    reader.query_row("SELECT count(*) FROM tasks", [], |row| row.get::<_, i64>(0)).unwrap();
    fixture.store.erase(&task).await.unwrap();
    assert!(matches!(fixture.store.scrub().await, Err(errand::StoreError::Busy)));
    reader.execute_batch("ROLLBACK").unwrap();
    fixture.store.scrub().await.unwrap();
}

/// A page of such a list is empty, and goes on.
#[tokio::test]
async fn a_users_tasks_are_found_behind_a_thousand_that_cannot_be_read() {
    let Fixture { store, dir } = Fixture::new();
    let tenant = tenant();
    let hers = |n| Task { created_at: at(n), ..task(&tenant) }.asking(|asked| asked.user_id = Some(id("ada-lovelace")));
    store.insert((1..=1000).map(hers).collect()).await;
    let tool = rusqlite::Connection::open(dir.path().join("errand.db")).unwrap();
    tool.execute("UPDATE tasks SET last_errors = 'half of {'", []).unwrap();
    let oldest = insert(&store, hers(0)).await;
    let world = World::on(Arc::new(store));
    assert_eq!(tasks_of(&world.app, &tenant, &id("ada-lovelace")).await.unwrap(), [oldest]);
}
