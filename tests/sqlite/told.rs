//! The list of what is told: each end of a task and each published event, by the commit that makes it.

use std::{sync::Arc, time::Duration};

use errand::{
    App, Event, Name,
    spi::{
        event, ids,
        lifecycle::Trigger,
        outbox::published,
        store::{self, Commit, Store},
    },
};
use errand_local::sqlite::{SqliteSettings, SqliteStore};
use integration_tests::{
    conformance::fixtures::{
        at, change, changed, claimed, complete, completed, failed, insert, name, now, task, tenant, writes,
    },
    world::World,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Fixture, before::take_back};

fn happened(what: &str) -> Event {
    let (id, event_type, subject) = (ids::fresh(), what.to_owned(), "s".to_owned());
    Event { id, event_type, time: now(), subject, data: Value::Null, request_id: None }
}

async fn publish(store: &dyn Store, tenant: &Name, what: &str) {
    store::commit(store, writes(vec![event::put(happened(what), tenant, now())])).await.unwrap();
}

/// The types of what was told after a place, and the last place.
async fn told(store: &dyn Store, tenant: &Name, after: Option<&str>) -> (Vec<String>, Option<String>) {
    let page = store.told(tenant, after, 100).await.unwrap().unwrap();
    (page.items.iter().map(|told| told.doc["type"].as_str().unwrap().to_owned()).collect(), page.next)
}

#[tokio::test]
async fn ends_and_what_was_published_stand_in_the_order_of_their_commits() {
    let Fixture { store, dir: _dir } = Fixture::new();
    let (tenant, other) = (tenant(), name("other"));
    publish(&store, &tenant, "first").await;
    let done = complete(&store, task(&tenant), at(10)).await;
    complete(&store, task(&other), at(10)).await;
    let running = insert(&store, task(&tenant)).await;
    let running = change(&store, &running, claimed(&running, at(1))).await;
    let both = event::put(happened("with its end"), &tenant, now());
    let end = Commit::change(running.version, completed(&running, at(2)));
    store::commit(&store, Commit { records: vec![both], ..end }).await.unwrap();
    let cancelled = insert(&store, task(&tenant)).await;
    let cancel = Trigger::Cancel { reason: "no".to_owned(), by: "me".to_owned() };
    change(&store, &cancelled, changed(&cancelled, cancel, at(3))).await;
    publish(&store, &tenant, "last").await;

    let expected = ["first", "task.completed", "with its end", "task.completed", "task.cancelled", "last"];
    let (types, last) = told(&store, &tenant, None).await;
    assert_eq!(types, expected);
    assert_eq!(told(&store, &other, None).await.0, ["task.completed"]);
    assert_eq!(told(&store, &tenant, last.as_deref()).await, (vec![], None));

    let page = store.told(&tenant, None, 2).await.unwrap().unwrap();
    let end = &page.items[1];
    let fields = json!({
        "type": "task.completed", "time": done.updated_at, "subject": done.key.id, "old_status": "running",
        "new_status": "completed", "task_type": done.task_type,
    });
    assert_eq!(Value::Object(end.doc.clone()), fields);
    assert_eq!(page.next.as_ref(), Some(&end.place));
    assert_eq!(told(&store, &tenant, Some(&end.place)).await.0, expected[2..]);
}

#[tokio::test]
async fn what_did_not_end_or_was_not_committed_is_not_told() {
    let Fixture { store, dir: _dir } = Fixture::new();
    let tenant = tenant();
    let pending = insert(&store, task(&tenant)).await;
    let running = change(&store, &pending, claimed(&pending, at(1))).await;
    let end = Commit::change(running.version, completed(&running, at(2)));
    store::commit(&store, end.clone()).await.unwrap();
    // Made again, its answer having been lost; and one that comes too late.
    store::commit(&store, end).await.unwrap();
    store::commit(&store, Commit::change(running.version, failed(&running, at(3)))).await.unwrap_err();
    assert_eq!(told(&store, &tenant, None).await.0, ["task.completed"]);
}

#[tokio::test]
async fn an_end_costs_one_row_and_a_transaction_one_more() {
    let fixture = Fixture::new();
    let tenant = tenant();
    let rows =
        || ["told", "told_places", "records"].map(|table| fixture.number(&format!("SELECT count(*) FROM {table}")));
    for s in 0..50 {
        complete(&fixture.store, task(&tenant), at(s)).await;
    }
    assert_eq!(rows(), [50, 1, 0]);
}

#[tokio::test]
async fn what_was_told_long_ago_goes_and_its_places_are_not_given_again() {
    let Fixture { store, dir } = Fixture::new();
    let tenant = tenant();
    for s in [1, 2, 3] {
        complete(&store, task(&tenant), at(s)).await;
    }
    let (_, last) = told(&store, &tenant, None).await;
    let late = at(3) + Duration::from_secs(31 * 24 * 3600);
    assert_eq!(store.prune_expired(at(4), 2).await.unwrap(), 0);
    let prune = async || store.prune_expired(late, 2).await.unwrap();
    assert!((prune().await, prune().await) >= (2, 1));
    drop(store);
    let store = super::open(&dir);
    complete(&store, task(&tenant), late).await;
    assert_eq!(told(&store, &tenant, last.as_deref()).await.0, ["task.completed"]);
    assert_eq!(told(&store, &tenant, None).await.0.len(), 1);
}

/// A file as the version before left it, and the place of its reader: three events listed, of which one was read, and one
/// not listed yet.
async fn of_before() -> (TempDir, Option<String>) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("errand.db");
    let world = World::on(Arc::new(SqliteStore::open(&file, SqliteSettings::default()).unwrap()));
    for what in ["a", "b", "c"] {
        publish(&*world.app.store, &Name::default(), what).await;
        world.poll().await;
    }
    publish(&*world.app.store, &Name::default(), "d").await;
    drop(world);
    let db = rusqlite::Connection::open(&file).unwrap();
    let read = "SELECT owner_sort || '#' || id FROM records WHERE doc ->> 'type' = 'a'";
    let read = db.query_row(read, [], |row| row.get(0)).unwrap();
    take_back(&db, 8);
    (dir, read)
}

#[tokio::test]
async fn a_file_of_before_has_its_events_and_a_reader_goes_on_where_it_was() {
    let (dir, read) = of_before().await;
    let world = World::on(Arc::new(super::open(&dir)));
    let types = async |app: &App| {
        let page = published(app, &Name::default(), read.as_deref(), 100).await.unwrap();
        page.items.into_iter().map(|(event, _)| event.doc["type"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(types(&world.app).await, ["b", "c", "d"]);
    world.poll().await;
    complete(&*world.app.store, task(&Name::default()), world.now()).await;
    assert_eq!(types(&world.app).await, ["b", "c", "d", "task.completed"]);
}

#[tokio::test]
async fn where_all_events_of_before_have_expired_places_go_on() {
    let (dir, read) = of_before().await;
    let db = rusqlite::Connection::open(dir.path().join("errand.db")).unwrap();
    db.execute("DELETE FROM records WHERE kind = 'event'", []).unwrap();
    drop(db);
    let store = super::open(&dir);
    complete(&store, task(&Name::default()), at(1)).await;
    let (_, last) = told(&store, &Name::default(), read.as_deref()).await;
    assert!(last.unwrap().starts_with("000000000000004#"));
}
