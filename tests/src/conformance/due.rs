//! What is due: an index by `wake_at`, read through all its parts.
//!
//! The cases work in 1970, where nothing else wakes: others' tasks do not come between.

use errand::{
    Expect, Name, Patch, Task, Timestamp,
    spi::{
        lifecycle::Transition,
        store::{self, Due, DueItem, Record, RecordWrite, Store},
    },
};
use serde_json::json;
use uuid::Uuid;

use super::{
    Case,
    fixtures::{change, insert, now, record, stored, task, tenant, writes},
};

pub(super) const CASES: &[Case] = &[
    Case { name: "tasks_and_records_are_due_once_their_time_has_come", check: |s| Box::pin(until(s)) },
    Case { name: "what_is_due_comes_oldest_first_and_no_more_than_asked", check: |s| Box::pin(order(s)) },
    Case { name: "a_moved_or_removed_wake_at_shows_at_once", check: |s| Box::pin(moved(s)) },
    Case { name: "a_patched_record_is_due_when_the_patch_says", check: |s| Box::pin(patched(s)) },
    Case { name: "setting_aside_moves_only_what_is_as_it_was_seen", check: |s| Box::pin(set_aside(s)) },
];

/// More than any part of the index has in 1970.
const ALL: usize = 1000;

fn early(s: i64) -> Timestamp {
    Timestamp::from_millis(s * 1000)
}

fn waking(tenant: &Name, s: i64) -> Task {
    Task { wake_at: Some(early(s)), ..task(tenant) }
}

fn of_task(task: &Task) -> DueItem {
    DueItem::Task(task.key.clone())
}

fn of_record(record: &Record) -> DueItem {
    DueItem::Record(record.key.clone())
}

/// What of this tenant is due, each with its time, by time.
async fn due(store: &dyn Store, tenant: &Name, until: Timestamp) -> Vec<(Timestamp, DueItem)> {
    let mut found = Vec::new();
    for shard in 0..store.shards() {
        let all = store.due(shard, until, ALL).await.unwrap();
        assert!(all.len() < ALL, "the cases leave too much behind");
        found.extend(all.into_iter().map(|due| (due.wake_at, due.item)).filter(|(_, item)| match item {
            DueItem::Task(key) => key.tenant == *tenant,
            DueItem::Record(key) => key.tenant == *tenant,
        }));
    }
    found.sort_by_key(|(at, _)| *at);
    found
}

async fn until(store: &dyn Store) {
    let tenant = tenant();
    let first = insert(store, waking(&tenant, 10)).await;
    let second = stored(store, Record { wake_at: Some(early(20)), ..record(&tenant, &json!({})) }).await;
    insert(store, Task { wake_at: None, ..task(&tenant) }).await;
    stored(store, record(&tenant, &json!({}))).await;
    let expected = [(early(10), of_task(&first)), (early(20), of_record(&second))];
    assert_eq!(due(store, &tenant, early(9)).await, []);
    assert_eq!(due(store, &tenant, early(10)).await, expected[..1]);
    assert_eq!(due(store, &tenant, Timestamp::from_millis(19_999)).await, expected[..1]);
    assert_eq!(due(store, &tenant, early(20)).await, expected);
}

async fn order(store: &dyn Store) {
    let tenant = tenant();
    let mut expected = Vec::new();
    for s in [35, 31, 38, 33, 37, 32, 36, 34] {
        expected.push((early(s), of_task(&insert(store, waking(&tenant, s)).await)));
    }
    expected.sort_by_key(|(at, _)| *at);
    assert_eq!(due(store, &tenant, early(39)).await, expected);
    for shard in 0..store.shards() {
        let all = store.due(shard, early(39), ALL).await.unwrap();
        assert!(all.is_sorted_by_key(|due| due.wake_at));
        for limit in 0..all.len().min(4) {
            let first: Vec<Timestamp> =
                store.due(shard, early(39), limit).await.unwrap().iter().map(|due| due.wake_at).collect();
            let expected: Vec<Timestamp> = all[..limit].iter().map(|due| due.wake_at).collect();
            assert_eq!(first, expected);
        }
    }
}

async fn moved(store: &dyn Store) {
    let tenant = tenant();
    let mut task = insert(store, waking(&tenant, 40)).await;
    for wake_at in [Some(early(45)), Some(early(41)), None, Some(early(43)), Some(now())] {
        let after = Task { version: Uuid::new_v4(), wake_at, ..task.clone() };
        task = change(store, &task, Transition { task: after, log: None }).await;
        let expected: Vec<_> =
            wake_at.filter(|at| *at <= early(45)).map(|at| (at, of_task(&task))).into_iter().collect();
        assert_eq!(due(store, &tenant, early(45)).await, expected);
    }
}

async fn patched(store: &dyn Store) {
    let tenant = tenant();
    let note = stored(store, record(&tenant, &json!({}))).await;
    for wake_at in [Some(early(50)), Some(early(51)), None] {
        let patch = Box::new(Patch { wake_at: Some(wake_at), ..Patch::default() });
        let (key, version) = (note.key.clone(), Uuid::new_v4());
        let write = RecordWrite::Patch { key, patch, expect: Expect::Any, version, at: now() };
        store::commit(store, writes(vec![write])).await.unwrap();
        let expected: Vec<_> = wake_at.map(|at| (at, of_record(&note))).into_iter().collect();
        assert_eq!(due(store, &tenant, early(55)).await, expected);
    }
}

async fn set_aside(store: &dyn Store) {
    let tenant = tenant();
    let task = insert(store, waking(&tenant, 60)).await;
    let note = stored(store, Record { wake_at: Some(early(60)), ..record(&tenant, &json!({})) }).await;
    for item in [of_task(&task), of_record(&note)] {
        let of_item = |s| (early(s), item.clone());
        let stale = Due { item: item.clone(), wake_at: early(59) };
        store.set_aside(&stale, early(65)).await.unwrap();
        assert!(due(store, &tenant, early(69)).await.contains(&of_item(60)));
        store.set_aside(&Due { item: item.clone(), wake_at: early(60) }, early(65)).await.unwrap();
        assert!(due(store, &tenant, early(69)).await.contains(&of_item(65)));
        assert!(!due(store, &tenant, early(64)).await.iter().any(|(_, due)| *due == item));
    }
    let gone = Due { item: of_task(&super::fixtures::task(&tenant)), wake_at: early(60) };
    store.set_aside(&gone, early(65)).await.unwrap();
    assert_eq!(due(store, &tenant, early(69)).await.len(), 2);
}
