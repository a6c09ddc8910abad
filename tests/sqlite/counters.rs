//! The tables of counts: made from what a file holds, cut back, and never left behind.

use std::{sync::Arc, time::Duration};

use errand::{
    Asked, Name,
    spi::{
        lifecycle::Trigger,
        store::{Commit, Counts, KEEP_HOURS, QueueStats, Stats, StatsScope, Store},
    },
};
use errand_local::sqlite::{SqliteSettings, SqliteStore};
use futures::future::join_all;
use integration_tests::conformance::fixtures::{
    accepted, at, change, changed, claimed, complete, completed, failed, insert, name, new, now, task, tenant,
};

use super::{Fixture, before::take_back};

/// A life of every sort, the tasks of it in two queues.
async fn fill(store: &SqliteStore, tenant: &Name) {
    for s in [10, 20] {
        complete(store, task(tenant), at(s)).await;
    }
    let lane = task(tenant).asking(|asked| asked.lane = name("b"));
    let running = insert(store, lane).await;
    let running = change(store, &running, claimed(&running, at(1))).await;
    change(store, &running, failed(&running, at(30))).await;
    let cancelled = insert(store, task(tenant)).await;
    let cancel = Trigger::Cancel { reason: "no".to_owned(), by: "me".to_owned() };
    change(store, &cancelled, changed(&cancelled, cancel, at(40))).await;
    for s in [7, 7, 90] {
        insert(store, accepted(Asked { queue: name("later"), scheduled_for: at(s), ..new(tenant) })).await;
    }
    let running = insert(store, task(tenant)).await;
    change(store, &running, claimed(&running, at(1))).await;
}

#[tokio::test]
async fn what_a_file_of_the_first_schema_holds_is_counted_when_it_is_opened() {
    let fixture = Fixture::new();
    let tenant = tenant();
    fill(&fixture.store, &tenant).await;
    let counted = fixture.store.queues(&tenant, None, 9, at(50)).await.unwrap().items;
    let oldest = fixture.store.oldest_due(&StatsScope::All, at(50)).await.unwrap();
    let Fixture { store, dir } = fixture;
    drop(store);

    let new = dir.path().join("errand.db");
    take_back(&rusqlite::Connection::open(&new).unwrap(), 2);
    let old = dir.path().join("old.db");
    let db = rusqlite::Connection::open(&old).unwrap();
    db.execute_batch(include_str!("../../infra/local/src/sqlite/migrations/0001_tables.sql")).unwrap();
    db.execute("ATTACH ?1 AS new", [new.to_str().unwrap()]).unwrap();
    let copy =
        "INSERT INTO queues (n, tenant, project, queue, open) SELECT n, tenant, project, queue, 1 FROM new.queues;
        INSERT INTO tasks SELECT * FROM new.tasks; PRAGMA user_version = 1";
    db.execute_batch(copy).unwrap();
    drop(db);

    let store = SqliteStore::open(&old, SqliteSettings::default()).unwrap();
    let migrated = store.queues(&tenant, None, 9, at(50)).await.unwrap().items;
    // A file has no memory of when what happened, nor of how often.
    let tasks = [5, 3];
    let expected = counted.into_iter().zip(tasks).map(|(queue, changes)| {
        let stats = Stats { changes, last_hours: Counts::default(), ..queue.stats };
        QueueStats { stats, ..queue }
    });
    assert_eq!(migrated, expected.collect::<Vec<_>>());
    assert_eq!((store.oldest_due(&StatsScope::All, at(50)).await.unwrap(), oldest), (Some(at(7)), Some(at(7))));

    // And it goes on from there.
    complete(&store, task(&tenant), at(60)).await;
    let stats = store.queues(&tenant, None, 9, at(60)).await.unwrap().items.remove(0).stats;
    assert_eq!((stats.now.completed, stats.changes, stats.last_hours.completed), (3, 8, 1));
}

#[tokio::test]
async fn a_task_that_waits_no_more_leaves_nothing_behind() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let tenant = tenant();
    let waiting = async || fixture.number("SELECT coalesce(sum(tasks), 0) FROM waiting");
    let mut tasks = Vec::new();
    for s in [5, 5, 9] {
        tasks.push(insert(store, accepted(Asked { scheduled_for: at(s), ..new(&tenant) })).await);
    }
    assert_eq!((waiting().await, fixture.number("SELECT count(*) FROM waiting")), (3, 2));
    let later = Trigger::Reschedule { run_at: at(9), by: "me".to_owned(), if_due: false };
    tasks[0] = change(store, &tasks[0], changed(&tasks[0], later, at(1))).await;
    assert_eq!((waiting().await, fixture.number("SELECT max(tasks) FROM waiting")), (3, 2));
    for task in tasks {
        let running = change(store, &task, claimed(&task, at(20))).await;
        change(store, &running, failed(&running, at(21))).await;
    }
    assert_eq!(fixture.number("SELECT count(*) FROM waiting"), 0);
}

#[tokio::test]
async fn how_long_work_waits_is_told_to_the_second_and_never_too_early() {
    let fixture = Fixture::new();
    let half = Duration::from_millis(500);
    insert(&fixture.store, accepted(Asked { scheduled_for: at(5) + half, ..new(&tenant()) })).await;
    let oldest = async |at| fixture.store.oldest_due(&StatsScope::All, at).await.unwrap();
    assert_eq!(
        [oldest(at(5) + half).await, oldest(at(6)).await, oldest(at(9)).await],
        [None, Some(at(6)), Some(at(6))]
    );
}

#[tokio::test]
async fn minutes_are_written_once_for_all_that_ends_together_and_go_after_a_day() {
    let fixture = Fixture::new();
    let (store, tenant) = (&fixture.store, tenant());
    let mut commits = Vec::new();
    for _ in 0..3 {
        let running = insert(store, task(&tenant)).await;
        let running = change(store, &running, claimed(&running, at(1))).await;
        commits.push(store.commit(Arc::new(Commit::change(running.version, completed(&running, at(59))))));
    }
    for done in join_all(commits).await {
        done.unwrap();
    }
    complete(store, task(&tenant), at(60)).await;
    let minutes = || fixture.number("SELECT count(*) FROM minutes");
    assert_eq!((minutes(), fixture.number("SELECT max(completed) FROM minutes")), (2, 3));
    let day = Duration::from_secs(24 * 3600);
    let told = store.history(&tenant, at(60) + day - Duration::from_secs(60)).await.unwrap();
    assert_eq!((told.ends.len(), told.ends[0].completed), (1440, 1));
    let prune = async |at| store.prune_expired(at, 9).await.unwrap();
    assert_eq!((prune(at(60) + day).await, minutes()), (0, 2));
    assert_eq!((prune(at(61) + day).await, minutes()), (1, 1));
}

#[tokio::test]
async fn counts_of_hours_go_after_two_days_and_those_of_tasks_never() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let tenant = tenant();
    complete(store, task(&tenant), at(3600)).await;
    let hours = || fixture.number("SELECT count(*) FROM hours");
    // Two hours, each of one queue and of all of them.
    assert_eq!(hours(), 4);
    let prune = async |at| store.prune_expired(at, 9).await.unwrap();
    // The minute it ended in has gone by then.
    assert_eq!((prune(now() + KEEP_HOURS).await, hours()), (1, 4));
    assert_eq!((prune(at(1) + KEEP_HOURS).await, hours()), (2, 2));
    assert_eq!((prune(at(9000) + KEEP_HOURS).await, hours()), (2, 0));
    assert_eq!(store.stats(&StatsScope::All, at(0)).await.unwrap().now.completed, 1);
}
