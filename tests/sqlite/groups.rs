//! Many commits in one transaction: each stands for itself, except when the file fails.

use errand::{
    Expect, Name, StoreError, Task,
    spi::{
        lifecycle::Report,
        store::{self, Commit, Inserted, Stats, StatsScope, Store},
    },
};
use futures::future::join_all;
use integration_tests::conformance::fixtures::{
    at, change, claimed, completed, insert, log, name, put, read, record, task, tenant, writes,
};
use serde_json::json;
use uuid::Uuid;

use super::Fixture;

#[tokio::test]
async fn a_commit_that_conflicts_leaves_its_neighbours_alone() {
    let Fixture { store, dir: _dir } = Fixture::new();
    let tenant = tenant();
    let (a, b) = (insert(&store, task(&tenant)).await, insert(&store, task(&tenant)).await);
    let note = record(&tenant, &json!({}));
    let change = |task: &Task, version| Commit {
        records: vec![put(&record(&tenant, &json!({})), Expect::Absent)],
        ..Commit::change(version, claimed(task, at(1)))
    };
    let too_large = writes((0..101).map(|_| put(&note, Expect::Any)).collect());
    let commits = vec![change(&a, a.version), change(&b, Uuid::new_v4()), too_large, change(&b, b.version)];
    let keys: Vec<_> = commits.iter().map(|commit| commit.records[0].key().clone()).collect();
    let answers = join_all(commits.into_iter().map(|commit| store::commit(&store, commit))).await;
    assert!(answers[0].is_ok() && answers[3].is_ok(), "{answers:?}");
    assert!(matches!(answers[1], Err(StoreError::Conflict { .. })), "{answers:?}");
    assert!(matches!(answers[2], Err(StoreError::TooLarge(_))), "{answers:?}");
    for (key, written) in keys.iter().zip([true, false, false, true]) {
        assert_eq!(store.record(key).await.unwrap().is_some(), written);
    }
    assert!(read(&store, &a.key).await.fence().is_some() && read(&store, &b.key).await.fence().is_some());
}

/// Has SQLite refuse, in the middle of a transaction, whatever names this lane.
fn fail_at(fixture: &Fixture, lane: &str) {
    let sql = format!(
        "CREATE TRIGGER fault BEFORE INSERT ON tasks WHEN new.lane = '{lane}'
         BEGIN SELECT raise(ABORT, 'the disk is on fire'); END"
    );
    fixture.tool().execute_batch(&sql).unwrap();
}

#[tokio::test]
async fn when_the_file_fails_the_whole_group_is_rolled_back_and_told_so() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let tenant = tenant();
    fail_at(&fixture, "fire");
    let elsewhere = || task(&tenant).asking(|asked| asked.queue = name("fresh"));
    let (first, last) = (elsewhere(), elsewhere());
    let answers =
        store.insert(vec![first.clone(), elsewhere().asking(|asked| asked.lane = name("fire")), last.clone()]).await;
    assert_eq!(answers.len(), 3);
    for answer in answers {
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    assert_eq!(store::task(store, &first.key).await.unwrap(), None);
    assert_eq!(store.stats(&StatsScope::All, at(0)).await.unwrap(), Stats::at(at(0)));

    // The store goes on, and has not kept what was rolled back: neither counts nor the new queue's number.
    let scope = StatsScope::Queue { tenant, project: Name::default(), queue: name("fresh") };
    insert(store, first).await;
    insert(store, last).await;
    let stats = store.stats(&scope, at(0)).await.unwrap();
    assert_eq!((stats.now.pending, stats.last_hours.pending, stats.changes), (2, 2, 2));
}

#[tokio::test]
async fn calls_made_at_once_are_each_answered_for_themselves() {
    let Fixture { store, dir: _dir } = Fixture::new();
    let tenant = tenant();
    let one = task(&tenant);
    let inserts: Vec<Task> = (0..200)
        .map(|n| if n % 2 == 0 { task(&tenant) } else { Task { version: Uuid::new_v4(), ..one.clone() } })
        .collect();
    let answers = join_all(inserts.iter().map(|task| store::insert(&store, task.clone()))).await;
    let new = answers.iter().filter(|answer| matches!(answer, Ok(Inserted::New))).count();
    assert_eq!(new, 101);
    assert_eq!(store.stats(&StatsScope::All, at(0)).await.unwrap().now.pending, 101);
}

#[tokio::test]
async fn a_call_that_is_given_up_on_is_made_all_the_same() {
    let Fixture { store, dir: _dir } = Fixture::new();
    let given_up = task(&tenant());
    let mut call = std::pin::pin!(store::insert(&store, given_up.clone()));
    let waiting = futures::poll!(call.as_mut());
    assert!(waiting.is_pending());
    // The next call's answer says that the first was worked off.
    insert(&store, task(&given_up.key.tenant)).await;
    assert_eq!(read(&store, &given_up.key).await, given_up);
}

#[tokio::test]
async fn a_number_beyond_sqlites_does_not_fail_the_group() {
    let Fixture { store, dir: _dir } = Fixture::new();
    let running = insert(&store, task(&tenant())).await;
    let running = change(&store, &running, claimed(&running, at(1))).await;
    let mut transition = completed(&running, at(2));
    let Report { tokens_in, .. } = Report { tokens_in: Some(u64::MAX), ..Report::default() };
    transition.log.as_mut().unwrap().tokens_in = tokens_in;
    change(&store, &running, transition).await;
    assert_eq!(log(&store, &running).await[0].tokens_in, Some(i64::MAX as u64));
}
