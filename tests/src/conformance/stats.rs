//! Counts, where a store keeps them: tasks, not executions, and never off by one.

use shared::{
    ids::Name,
    lifecycle::{Event, Settlement, Task},
    store::{self, Scope, Stats, Store},
};
use uuid::Uuid;

use super::{
    Case,
    fixtures::{at, change, changed, claimed, completed, failed, insert, name, settled, task, tenant},
};

pub(super) const CASES: &[Case] = &[
    Case { name: "counts_follow_a_task_through_its_life", check: |s| Box::pin(life(s)) },
    Case { name: "counts_are_kept_for_each_queue_and_for_all", check: |s| Box::pin(queues(s)) },
];

/// Nothing where the store keeps no counts for it.
async fn count(store: &dyn Store, tenant: &Name, queue: Name) -> Option<Stats> {
    let scope = Scope::Queue { tenant: tenant.clone(), project: Name::default(), queue };
    store.stats(&scope).await.unwrap()
}

async fn life(store: &dyn Store) {
    let tenant = tenant();
    let expect = async |expected: Stats| {
        let found = count(store, &tenant, Name::default()).await;
        assert_eq!(found.unwrap_or(expected), expected);
    };
    let none = Stats::default();
    expect(none).await;
    let first = insert(store, task(&tenant)).await;
    let second = Task { version: Uuid::new_v4(), ..first.clone() };
    store::insert(store, second).await.unwrap();
    expect(Stats { open: 1, ..none }).await;
    let running = change(store, &first, claimed(&first, at(1))).await;
    expect(Stats { open: 1, ..none }).await;
    let snoozed =
        change(store, &running, settled(&running, Settlement::Snooze { run_at: at(2), hinted: true }, at(2))).await;
    expect(Stats { open: 1, ..none }).await;
    let running = change(store, &snoozed, claimed(&snoozed, at(3))).await;
    let fail = failed(&running, at(4));
    let ended = change(store, &running, fail.clone()).await;
    // Made again, it counts once.
    change(store, &running, fail).await;
    expect(Stats { failed: 1, ..none }).await;
    let redrive = Event::Redrive { note: None, by: "me".to_owned(), failed_at: None };
    let open = change(store, &ended, changed(&ended, redrive, at(5))).await;
    expect(Stats { open: 1, ..none }).await;
    let running = change(store, &open, claimed(&open, at(6))).await;
    change(store, &running, completed(&running, at(7))).await;
    expect(Stats { completed: 1, ..none }).await;
    let running = insert(store, task(&tenant)).await;
    let running = change(store, &running, claimed(&running, at(8))).await;
    let block = Settlement::Block { reason: "who?".to_owned() };
    let blocked = change(store, &running, settled(&running, block, at(9))).await;
    expect(Stats { completed: 1, blocked: 1, ..none }).await;
    drop(blocked);
    let third = insert(store, task(&tenant)).await;
    change(store, &third, changed(&third, Event::Cancel { reason: "no".into(), by: "me".into() }, at(9))).await;
    expect(Stats { completed: 1, blocked: 1, cancelled: 1, ..none }).await;
}

async fn queues(store: &dyn Store) {
    let tenant = tenant();
    let before = store.stats(&Scope::All).await.unwrap();
    let elsewhere = || Task { queue: name("other"), ..task(&tenant) };
    store.insert(vec![task(&tenant), elsewhere(), elsewhere()]).await;
    for (queue, open) in [(Name::default(), 1), (name("other"), 2)] {
        if let Some(found) = count(store, &tenant, queue).await {
            assert_eq!(found, Stats { open, ..Stats::default() });
        }
    }
    if let (Some(before), Some(after)) = (before, store.stats(&Scope::All).await.unwrap()) {
        assert_eq!(after, Stats { open: before.open + 3, ..before });
    }
}
