//! Groups of failures, in a file.

use errand::{
    Fingerprint, Name, Task,
    spi::{
        lifecycle::Trigger,
        store::{MOST_FAILURE_GROUPS, Store},
    },
};
use errand_local::sqlite::SqliteStore;
use futures::future::join_all;
use integration_tests::conformance::fixtures::{at, change, changed, claimed, failed, insert, task, tenant};

use super::{Fixture, before::take_back, open};

/// A task that has failed, and whose dead letter was sent.
async fn fail(store: &SqliteStore, tenant: &Name, ended_at: u64) -> Task {
    fail_this(store, task(tenant), ended_at).await
}

async fn fail_this(store: &SqliteStore, task: Task, ended_at: u64) -> Task {
    let task = insert(store, task).await;
    let running = change(store, &task, claimed(&task, at(1))).await;
    let failed = change(store, &running, failed(&running, at(ended_at))).await;
    change(store, &failed, changed(&failed, Trigger::DeadLettered { redrives: 0 }, at(ended_at))).await
}

async fn groups(store: &SqliteStore, tenant: &Name) -> Vec<(Fingerprint, u64)> {
    let found = store.failures(tenant, &Name::default(), &Name::default()).await.unwrap();
    assert!(found.whole);
    found.groups.into_iter().map(|group| (group.fingerprint, group.tasks)).collect()
}

#[tokio::test]
async fn what_failed_before_there_were_groups_is_in_one() {
    let (Fixture { store, dir }, tenant) = (Fixture::new(), tenant());
    let first = fail(&store, &tenant, 2).await;
    fail(&store, &tenant, 3).await;
    let before = groups(&store, &tenant).await;
    assert_eq!(before[0].1, 2);
    drop(store);
    let db = rusqlite::Connection::open(dir.path().join("errand.db")).unwrap();
    take_back(&db, 13);
    drop(db);

    let store = open(&dir);
    assert_eq!(groups(&store, &tenant).await, before);
    let redrive = Trigger::Redrive { note: None, by: "me".to_owned(), failed_at: None, run_at: None };
    change(&store, &first, changed(&first, redrive, at(4))).await;
    assert_eq!(groups(&store, &tenant).await, [(before[0].0.clone(), 1)]);
}

#[tokio::test]
async fn where_there_are_more_groups_than_are_told_that_is_said() {
    let (Fixture { store, dir: _dir }, tenant) = (Fixture::new(), tenant());
    let of_type = |n: usize| {
        let task_type = Name::new(&format!("t{n}")).unwrap();
        task(&tenant).asking(|asked| asked.task_type = task_type.clone())
    };
    join_all((0..MOST_FAILURE_GROUPS).map(|n| fail_this(&store, of_type(n), 3))).await;
    assert_eq!(groups(&store, &tenant).await.len(), MOST_FAILURE_GROUPS);
    fail_this(&store, of_type(MOST_FAILURE_GROUPS), 2).await;
    let found = store.failures(&tenant, &Name::default(), &Name::default()).await.unwrap();
    assert_eq!((found.groups.len(), found.whole), (MOST_FAILURE_GROUPS, false));
}

#[tokio::test]
async fn a_task_that_is_removed_for_its_age_leaves_its_group() {
    let (fixture, tenant) = (Fixture::new(), tenant());
    fail(&fixture.store, &tenant, 2).await;
    fail(&fixture.store, &tenant, 30).await;
    assert_eq!(groups(&fixture.store, &tenant).await[0].1, 2);
    fixture.store.prune(at(10), at(0), 100).await.unwrap();
    assert_eq!(groups(&fixture.store, &tenant).await[0].1, 1);
    let left: i64 = fixture.tool().query_row("SELECT count(*) FROM failed", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 1);
}
