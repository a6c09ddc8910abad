//! Removing what is past its retention.

use std::time::Duration;

use errand::{
    Asked, Task, Timestamp,
    spi::{
        json::Json,
        lifecycle::Trigger,
        store::{self, Counts, Record, Retention, StatsScope, Store},
    },
};
use errand_local::sqlite::{Pruned, SqliteSettings};
use integration_tests::conformance::{
    fixtures::{
        accepted, at, change, changed, claimed, complete, failed, insert, log, name, new, now, record, stored, task,
        tenant,
    },
    lives::a_log_is_of_one_life,
};
use serde_json::json;

use super::Fixture;

#[tokio::test]
async fn ended_tasks_past_their_retention_go_in_small_batches() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let tenant = tenant();
    let mut old = Vec::new();
    for s in [10, 30, 20] {
        old.push(complete(store, task(&tenant), at(s)).await);
    }
    let cancelled = insert(store, task(&tenant)).await;
    let cancel = Trigger::Cancel { reason: "no".to_owned(), by: "me".to_owned() };
    old.push(change(store, &cancelled, changed(&cancelled, cancel, at(40))).await);
    let young = complete(store, task(&tenant), at(50)).await;
    let open = insert(store, task(&tenant)).await;

    let prune = async || store.prune(at(50), Timestamp::from_millis(0), 3).await.unwrap();
    assert_eq!(prune().await, Pruned { tasks: 3, log_rows: 0 });
    assert_eq!(prune().await, Pruned { tasks: 1, log_rows: 0 });
    assert_eq!(prune().await, Pruned::default());
    for task in old {
        assert_eq!(store::task(store, &task.key).await.unwrap(), None);
        assert_eq!(log(store, &task).await, [], "it is shown as long as the task is");
    }
    assert_eq!(fixture.number("SELECT count(*) FROM action_log"), 5, "the log outlives its tasks");
    for task in [young, open] {
        assert_eq!(store::task(store, &task.key).await.unwrap(), Some(task));
    }
    let ever = Counts { pending: 1, completed: 4, cancelled: 1, ..Counts::default() };
    assert_eq!(store.stats(&StatsScope::All, at(60)).await.unwrap().now, ever, "what was removed stays counted");
}

#[tokio::test]
async fn a_failed_task_stays_until_its_dead_letter_is_sent() {
    let Fixture { store, dir: _dir } = Fixture::new();
    let pending = insert(&store, task(&tenant())).await;
    let running = change(&store, &pending, claimed(&pending, at(1))).await;
    let ended = change(&store, &running, failed(&running, at(2))).await;
    assert_eq!(store.prune(at(9), now(), 9).await.unwrap().tasks, 0);
    change(&store, &ended, changed(&ended, Trigger::DeadLettered { redrives: 0 }, at(3))).await;
    assert_eq!(store.prune(at(9), now(), 9).await.unwrap().tasks, 1);
    let ever = Counts { failed: 1, ..Counts::default() };
    assert_eq!(store.stats(&StatsScope::All, at(9)).await.unwrap().now, ever);
}

#[tokio::test]
async fn log_rows_go_by_their_own_retention_in_small_batches() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let tenant = tenant();
    let mut tasks = Vec::new();
    for s in [10, 20, 30, 40] {
        tasks.push(complete(store, task(&tenant), at(s)).await);
    }
    store.prune(at(25), now(), 9).await.unwrap();
    let prune = async || store.prune(now(), at(40), 2).await.unwrap().log_rows;
    assert_eq!([prune().await, prune().await, prune().await], [2, 1, 0]);
    for (task, rows) in tasks.iter().zip([0, 0, 0, 1]) {
        assert_eq!(log(store, task).await.len(), rows);
    }
    assert_eq!(fixture.number("SELECT count(*) FROM action_log"), 1);
}

/// A store with these rules.
fn ruled(rules: &str) -> Fixture {
    let retention = Retention { rules: rules.parse().unwrap(), ..Retention::default() };
    Fixture::with(SqliteSettings { retention, ..SqliteSettings::default() })
}

#[tokio::test]
async fn what_a_rule_is_for_is_kept_as_long_as_that_says() {
    let fixture = ruled("type:brief=1,queue:archive=400");
    let store = &fixture.store;
    let tenant = tenant();
    let of = |task_type, queue| accepted(Asked { task_type: name(task_type), queue: name(queue), ..new(&tenant) });
    let [plain, brief, archived] = [of("scripted", "q"), of("brief", "archive"), of("long", "archive")];
    let mut tasks = Vec::new();
    for task in [plain, brief, archived] {
        tasks.push(complete(store, task, at(1)).await);
    }
    let left_after = async |days: u64| {
        let at = at(2) + Duration::from_secs(days * 86_400);
        store.prune_expired(at, 9).await.unwrap();
        store.prune(at - Retention::default().tasks, Timestamp::from_millis(0), 9).await.unwrap();
        let left = store.tasks(&tasks.iter().map(|task| task.key.clone()).collect::<Vec<_>>()).await;
        left.into_iter().map(|task| task.unwrap().is_some()).collect::<Vec<_>>()
    };
    assert_eq!(left_after(0).await, [true, true, true]);
    assert_eq!(left_after(1).await, [true, false, true]);
    assert_eq!(left_after(30).await, [false, false, true]);
    assert_eq!(left_after(400).await, [false, false, false]);
    assert_eq!(fixture.number("SELECT count(*) FROM kept"), 0);
}

#[tokio::test]
async fn what_is_set_going_again_is_kept_from_its_new_end_on() {
    let fixture = ruled("type:scripted=1");
    let store = &fixture.store;
    let pending = insert(store, task(&tenant())).await;
    let cancel = || Trigger::Cancel { reason: "no".to_owned(), by: "me".to_owned() };
    let ended = change(store, &pending, changed(&pending, cancel(), at(1))).await;
    let redrive = Trigger::Redrive { note: None, by: "me".to_owned(), failed_at: None, run_at: None };
    let again = change(store, &ended, changed(&ended, redrive, at(2))).await;
    // The next start may be with other rules.
    assert_eq!(fixture.number("SELECT count(*) FROM kept"), 0);
    let day = |s| at(s) + Duration::from_secs(86_400);
    assert_eq!(store.prune_expired(day(9), 9).await.unwrap(), 0, "it goes on");
    change(store, &again, changed(&again, cancel(), at(10))).await;
    assert_eq!([store.prune_expired(day(9), 9).await.unwrap(), store.prune_expired(day(11), 9).await.unwrap()], [0, 1]);
}

#[tokio::test]
async fn a_removed_tasks_large_payload_goes_with_it() {
    let fixture = Fixture::new();
    let payload = Json::new(&json!("x".repeat(5000)));
    complete(&fixture.store, accepted(new(&tenant()).with_payload(payload)), at(1)).await;
    assert_eq!(fixture.number("SELECT count(*) FROM payloads"), 1);
    fixture.store.prune(at(9), now(), 9).await.unwrap();
    assert_eq!(fixture.number("SELECT count(*) FROM payloads"), 0);
}

#[tokio::test]
async fn a_task_with_the_id_of_a_removed_one_has_a_log_of_its_own() {
    let Fixture { store, dir: _dir } = Fixture::new();
    let remove = async |task: &Task| {
        let ended_at = task.ended_at.unwrap();
        assert_eq!(store.prune(ended_at + Duration::from_millis(1), now(), 9).await.unwrap().tasks, 1);
    };
    a_log_is_of_one_life(&store, remove).await;
}

#[tokio::test]
async fn records_go_once_they_have_expired_in_small_batches_and_others_stay() {
    let Fixture { store, dir: _dir } = Fixture::new();
    let tenant = tenant();
    let expiring = |expires_at| Record { expires_at, ..record(&tenant, &json!({})) };
    let mut kept = Vec::new();
    for expires_at in [Some(at(10)), Some(at(20)), Some(at(30)), Some(at(31)), None] {
        let record = stored(&store, expiring(expires_at)).await;
        kept.extend((expires_at.is_none_or(|at_| at_ > at(30))).then_some(record));
    }
    let prune = async || store.prune_expired(at(30), 2).await.unwrap();
    assert_eq!([prune().await, prune().await, prune().await], [2, 1, 0]);
    for record in kept {
        assert_eq!(store.record(&record.key).await.unwrap(), Some(record));
    }
}
