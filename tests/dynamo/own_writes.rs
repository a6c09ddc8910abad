//! The answer to a write may be lost after the write was made. Whoever makes it again, the SDK or the caller, must
//! not take its own first try for somebody else's.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use errand::{
    Doc, Expect, Id, Name, Patch, StoreError,
    spi::store::{self, Commit, Inserted, Part, Record, RecordKey, RecordWrite, Store, TaskWrite},
};
use serde_json::json;
use uuid::Uuid;

use super::{
    Setup, at, claim, complete,
    faults::{Fault, Faults},
    fence, setup_with, task, watched,
};

/// A store whose SDK repeats nothing, so that the repeat is a new call.
async fn unrepeated(faults: &Faults) -> Setup {
    let faults = faults.clone();
    setup_with(|config| config.interceptor(faults).retry_config(RetryConfig::disabled())).await
}

/// Makes the commit twice, the first time without hearing of it.
async fn commit_twice(setup: &Setup, faults: &Faults, commit: Commit) -> Result<(), StoreError> {
    faults.then([Fault::LoseAnswer]);
    let first = store::commit(&setup.store, commit.clone()).await;
    assert!(matches!(first, Err(StoreError::Unavailable(_))), "{first:?}");
    store::commit(&setup.store, commit).await
}

#[tokio::test]
async fn an_insert_that_the_sdk_repeats_is_new() {
    let faults = Faults::default();
    let setup = watched(faults.clone()).await;
    faults.then([Fault::LoseAnswer]);
    assert_eq!(store::insert(&setup.store, task(300)).await.unwrap(), Inserted::New);
    assert_eq!(faults.writes(), 2);
}

#[tokio::test]
async fn a_claim_that_the_sdk_repeats_is_made() {
    let faults = Faults::default();
    let setup = watched(faults.clone()).await;
    let task = task(300);
    store::insert(&setup.store, task.clone()).await.unwrap();
    faults.then([Fault::LoseAnswer]);
    store::commit(&setup.store, claim(&task, at(1)).0).await.unwrap();
    assert_eq!(faults.writes(), 3);
}

#[tokio::test]
async fn whatever_is_made_again_by_the_caller_is_recognised() {
    let faults = Faults::default();
    let setup = unrepeated(&faults).await;
    let task = task(300);
    faults.then([Fault::LoseAnswer]);
    assert!(store::insert(&setup.store, task.clone()).await.is_err());
    assert_eq!(store::insert(&setup.store, task.clone()).await.unwrap(), Inserted::New);

    let (commit, claimed) = claim(&task, at(1));
    commit_twice(&setup, &faults, commit).await.unwrap();
    let (commit, completed) = complete(&claimed, at(2));
    commit_twice(&setup, &faults, commit).await.unwrap();

    assert_eq!(store::task(&setup.store, &task.key).await.unwrap(), Some(completed));
    assert_eq!(setup.store.log(&task, 0, 10).await.unwrap().items.len(), 1);
    assert_eq!(setup.log_items(&task.key).await.len(), 1, "and the row is where it belongs");
}

#[tokio::test]
async fn a_commit_with_a_large_new_task_has_landed_if_that_is_there() {
    let faults = Faults::default();
    let setup = unrepeated(&faults).await;
    let commit = Commit { tasks: vec![task(10 * 1024)], ..Commit::default() };
    faults.lose_answer(1); // not that of its payload
    assert!(store::commit(&setup.store, commit.clone()).await.is_err());
    store::commit(&setup.store, commit).await.unwrap();
}

#[tokio::test]
async fn somebody_elses_write_is_not_taken_for_ones_own() {
    let setup = super::setup().await;
    let task = task(300);
    store::insert(&setup.store, task.clone()).await.unwrap();
    let ((first, claimed), (second, _)) = (claim(&task, at(1)), claim(&task, at(1)));
    let claims = [first, second];
    // Both would also write log row 1: the task and its row are one part.
    let ends = [complete(&claimed, at(2)).0, complete(&claimed, at(2)).0];
    for [first, second] in [claims, ends] {
        store::commit(&setup.store, first).await.unwrap();
        let conflict = store::commit(&setup.store, second).await.unwrap_err();
        assert!(matches!(&conflict, StoreError::Conflict { parts } if *parts == [Part::Task]), "{conflict:?}");
    }
}

pub(super) fn record() -> Record {
    Record {
        key: RecordKey { tenant: Name::default(), kind: Name::new("user").unwrap(), id: Id::new("u-1").unwrap() },
        version: Uuid::new_v4(),
        doc: Doc::from_iter([("visits".to_owned(), json!(1))]),
        parent: None,
        owner: None,
        wake_at: None,
        expires_at: None,
        created_at: at(0),
        updated_at: at(0),
    }
}

fn add_one(key: &RecordKey) -> RecordWrite {
    let patch = Patch { add: BTreeMap::from([("visits".to_owned(), 1)]), ..Patch::default() };
    RecordWrite::Patch {
        key: key.clone(),
        patch: Box::new(patch),
        expect: Expect::Any,
        version: Uuid::new_v4(),
        at: at(1),
    }
}

#[tokio::test]
async fn an_addition_is_not_made_twice() {
    let faults = Faults::default();
    let setup = unrepeated(&faults).await;
    let record = record();
    let put = RecordWrite::Put { record: Box::new(record.clone()), expect: Expect::Absent };
    commit_twice(&setup, &faults, Commit { records: vec![put], ..Commit::default() }).await.unwrap();

    let patch = add_one(&record.key);
    commit_twice(&setup, &faults, Commit { records: vec![patch], ..Commit::default() }).await.unwrap();
    assert_eq!(setup.store.record(&record.key).await.unwrap().unwrap().doc["visits"], 2);
}

#[tokio::test]
async fn a_step_that_is_made_again_has_landed_once() {
    let faults = Faults::default();
    let setup = unrepeated(&faults).await;
    let (task, record) = (task(300), record());
    store::insert(&setup.store, task.clone()).await.unwrap();
    let (commit, claimed) = claim(&task, at(1));
    store::commit(&setup.store, commit).await.unwrap();

    let step = |write| Commit {
        task: Some(TaskWrite::Step { key: task.key.clone(), fence: fence(&claimed) }),
        records: vec![write],
        ..Commit::default()
    };
    let put = RecordWrite::Put { record: Box::new(record.clone()), expect: Expect::Any };
    commit_twice(&setup, &faults, step(put)).await.unwrap();
    commit_twice(&setup, &faults, step(add_one(&record.key))).await.unwrap();
    assert_eq!(setup.store.record(&record.key).await.unwrap().unwrap().doc["visits"], 2);
}

#[tokio::test]
async fn a_step_that_had_landed_is_known_even_after_its_execution_ended() {
    let setup = super::setup().await;
    let (task, record) = (task(300), record());
    store::insert(&setup.store, task.clone()).await.unwrap();
    let (commit, claimed) = claim(&task, at(1));
    store::commit(&setup.store, commit).await.unwrap();
    let put = RecordWrite::Put { record: Box::new(record), expect: Expect::Any };
    let step = |records| {
        let check = TaskWrite::Step { key: task.key.clone(), fence: fence(&claimed) };
        Commit { task: Some(check), records, ..Commit::default() }
    };
    store::commit(&setup.store, step(vec![put.clone()])).await.unwrap();
    store::commit(&setup.store, complete(&claimed, at(2)).0).await.unwrap();
    store::commit(&setup.store, step(vec![put])).await.unwrap();

    let late = RecordWrite::Put { record: Box::new(self::record()), expect: Expect::Any };
    let refused = store::commit(&setup.store, step(vec![late])).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Conflict { parts } if *parts == [Part::Task]), "{refused:?}");
}
