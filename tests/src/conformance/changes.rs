//! Changing a task: compare and swap, and the log row that goes with it.

use errand::{
    Expect, StoreError,
    spi::{
        lifecycle::{Transition, Trigger, log::LogEntry},
        store::{self, Commit, Part, Store},
    },
};
use serde_json::json;
use uuid::Uuid;

use super::{
    Case,
    fixtures::{at, change, changed, claimed, completed, insert, log, put, read, record, task, tenant},
};

pub(super) const CASES: &[Case] = &[
    Case { name: "a_change_of_a_stale_version_conflicts_and_writes_nothing", check: |s| Box::pin(stale(s)) },
    Case { name: "a_change_of_an_absent_task_conflicts", check: |s| Box::pin(absent(s)) },
    Case { name: "a_commit_made_again_is_ok_and_changes_nothing", check: |s| Box::pin(repeated(s)) },
    Case { name: "a_commit_made_again_after_another_conflicts", check: |s| Box::pin(repeated_late(s)) },
    Case { name: "a_change_without_a_log_row_adds_none", check: |s| Box::pin(without_row(s)) },
    Case { name: "every_failing_part_is_named", check: |s| Box::pin(all_parts(s)) },
];

/// The parts that stood in the way.
pub(super) fn conflict<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> Vec<Part> {
    match answer {
        Err(StoreError::Conflict { parts }) => parts,
        other => panic!("expected a conflict, found {other:?}"),
    }
}

async fn stale(store: &dyn Store) {
    let tenant = tenant();
    let pending = insert(store, task(&tenant)).await;
    let running = change(store, &pending, claimed(&pending, at(1))).await;
    let (note, follow_up) = (record(&tenant, &json!({})), task(&tenant));
    let cancelled = changed(&pending, Trigger::Cancel { reason: "late".into(), by: "me".into() }, at(2));
    let commit = Commit {
        records: vec![put(&note, Expect::Absent)],
        tasks: vec![follow_up.clone()],
        ..Commit::change(pending.version, cancelled)
    };
    assert_eq!(conflict(store::commit(store, commit).await), [Part::Task]);
    assert_eq!(read(store, &pending.key).await, running);
    assert_eq!(store.record(&note.key).await.unwrap(), None);
    assert_eq!(store::task(store, &follow_up.key).await.unwrap(), None);
    assert_eq!(log(store, &pending).await, []);
}

async fn absent(store: &dyn Store) {
    let nowhere = task(&tenant());
    let answer = store::commit(store, Commit::change(nowhere.version, claimed(&nowhere, at(1)))).await;
    assert_eq!(conflict(answer), [Part::Task]);
    assert_eq!(store::task(store, &nowhere.key).await.unwrap(), None);
}

async fn repeated(store: &dyn Store) {
    let tenant = tenant();
    let pending = insert(store, task(&tenant)).await;
    let running = change(store, &pending, claimed(&pending, at(1))).await;
    let (note, follow_up) = (record(&tenant, &json!({"n": 1})), task(&tenant));
    let commit = Commit {
        records: vec![put(&note, Expect::Absent)],
        tasks: vec![follow_up.clone()],
        ..Commit::change(running.version, completed(&running, at(2)))
    };
    store::commit(store, commit.clone()).await.unwrap();
    let (ended, rows) = (read(store, &pending.key).await, log(store, &pending).await);
    assert_eq!(rows.len(), 1);

    store::commit(store, commit).await.unwrap();
    // The same write, as a caller with another clock would log it: what is logged never changes.
    let row = LogEntry { reason: Some("rewritten".to_owned()), ..rows[0].clone() };
    let rewritten = Transition { task: ended.clone(), log: Some(row) };
    store::commit(store, Commit::change(running.version, rewritten)).await.unwrap();

    assert_eq!(read(store, &pending.key).await, ended);
    assert_eq!(log(store, &pending).await, rows);
    assert_eq!(store.record(&note.key).await.unwrap(), Some(note));
    assert_eq!(read(store, &follow_up.key).await, follow_up);
}

async fn repeated_late(store: &dyn Store) {
    let pending = insert(store, task(&tenant())).await;
    let claim = Commit::change(pending.version, claimed(&pending, at(1)));
    store::commit(store, claim.clone()).await.unwrap();
    let running = read(store, &pending.key).await;
    let ended = change(store, &running, completed(&running, at(2))).await;
    assert_eq!(conflict(store::commit(store, claim).await), [Part::Task]);
    assert_eq!(read(store, &pending.key).await, ended);
}

async fn without_row(store: &dyn Store) {
    let pending = insert(store, task(&tenant())).await;
    change(store, &pending, claimed(&pending, at(1))).await;
    assert_eq!(log(store, &pending).await, []);
}

async fn all_parts(store: &dyn Store) {
    let tenant = tenant();
    let pending = insert(store, task(&tenant)).await;
    let there = super::fixtures::stored(store, record(&tenant, &json!({}))).await;
    let (free, gone) = (record(&tenant, &json!({})), record(&tenant, &json!({})));
    let (known, unknown) = (insert(store, task(&tenant)).await, task(&tenant));
    let second = errand::Task { version: Uuid::new_v4(), ..known.clone() };
    let commit = Commit {
        records: vec![
            put(&free, Expect::Absent),
            put(&there, Expect::Absent),
            put(&gone, Expect::Version(Uuid::new_v4())),
        ],
        tasks: vec![unknown.clone(), second],
        ..Commit::change(Uuid::new_v4(), claimed(&pending, at(1)))
    };
    let parts = conflict(store::commit(store, commit).await);
    assert_eq!(parts, [Part::Task, Part::Record(1), Part::Record(2), Part::NewTask(1)]);
    assert_eq!(store.record(&free.key).await.unwrap(), None);
    assert_eq!(store::task(store, &unknown.key).await.unwrap(), None);
    assert_eq!(read(store, &known.key).await, known);
}
