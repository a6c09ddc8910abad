//! Many at once: exactly one wins, and nothing is lost.

use errand::{
    Expect, Patch, StoreError, Task,
    spi::store::{self, Commit, Inserted, RecordWrite, Store},
};
use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;

use super::{
    Case,
    fixtures::{at, claimed, insert, log, now, put, read, record, stored, task, tenant, writes},
};

/// How many try at once.
const RIVALS: u32 = 16;

pub(super) const CASES: &[Case] = &[
    Case { name: "of_many_inserts_of_one_id_exactly_one_is_new", check: |s| Box::pin(inserts(s)) },
    Case { name: "of_many_changes_of_one_version_exactly_one_is_made", check: |s| Box::pin(changes(s)) },
    Case { name: "of_many_puts_of_an_absent_record_exactly_one_is_made", check: |s| Box::pin(puts(s)) },
    Case { name: "additions_made_at_once_all_count", check: |s| Box::pin(additions(s)) },
];

async fn inserts(store: &dyn Store) {
    let first = task(&tenant());
    let rivals = (0..RIVALS).map(|_| store::insert(store, Task { version: Uuid::new_v4(), ..first.clone() }));
    let answers: Vec<Inserted> = join_all(rivals).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| **answer == Inserted::New).count(), 1);
    let stored = read(store, &first.key).await;
    let losers = answers.into_iter().filter(|answer| *answer != Inserted::New);
    assert!(losers.into_iter().all(|answer| answer == Inserted::Existing(Box::new(stored.clone()))));
}

async fn changes(store: &dyn Store) {
    let tenant = tenant();
    let pending = insert(store, task(&tenant)).await;
    let commits: Vec<Commit> = (0..RIVALS)
        .map(|n| {
            let note = record(&tenant, &json!({"n": n}));
            let change = Commit::change(pending.version, claimed(&pending, at(1)));
            Commit { records: vec![put(&note, Expect::Absent)], ..change }
        })
        .collect();
    let answers = join_all(commits.iter().cloned().map(|commit| store::commit(store, commit))).await;
    let stored = read(store, &pending.key).await;
    for (commit, answer) in commits.iter().zip(&answers) {
        let won =
            matches!(&commit.task, Some(store::TaskWrite::Change { transition, .. }) if transition.task == stored);
        let lost = matches!(answer, Err(StoreError::Conflict { .. } | StoreError::Busy));
        assert!(if won { answer.is_ok() } else { lost }, "{answer:?}");
        assert_eq!(store.record(commit.records[0].key()).await.unwrap().is_some(), won);
    }
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(log(store, &pending).await, []);
}

async fn puts(store: &dyn Store) {
    let first = record(&tenant(), &json!({}));
    let rivals = (0..RIVALS).map(|_| {
        let rival = store::Record { version: Uuid::new_v4(), ..first.clone() };
        store::commit(store, writes(vec![put(&rival, Expect::Absent)]))
    });
    let answers = join_all(rivals).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
}

async fn additions(store: &dyn Store) {
    let counter = stored(store, record(&tenant(), &json!({}))).await;
    join_all((0..RIVALS).map(|_| add_one(store, &counter))).await;
    let found = store.record(&counter.key).await.unwrap().unwrap();
    assert_eq!(found.doc.get("n"), Some(&json!(RIVALS)));
}

/// Tries until the store is not busy; anything else but success is a fault.
async fn add_one(store: &dyn Store, counter: &store::Record) {
    let patch = Box::new(Patch { add: [("n".to_owned(), 1)].into(), ..Patch::default() });
    let (version, key) = (Uuid::new_v4(), counter.key.clone());
    let write = RecordWrite::Patch { key, patch, expect: Expect::Any, version, at: now() };
    for _ in 0..1000 {
        match store::commit(store, writes(vec![write.clone()])).await {
            Err(StoreError::Busy) => {}
            answer => return answer.unwrap(),
        }
    }
    panic!("the store stayed busy");
}
