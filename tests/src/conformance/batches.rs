//! Commits made together, commits that add tasks, and how much one may carry.

use errand::{
    Expect, StoreError, Task,
    spi::{
        json::Json,
        store::{self, COMMIT_ITEMS, Commit, Part, RECORD_BYTES, Store},
    },
};
use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;

use super::{
    Case,
    changes::conflict,
    fixtures::{at, change, claimed, completed, insert, log, put, read, record, task, tenant, writes},
};

pub(super) const CASES: &[Case] = &[
    Case { name: "each_commit_of_a_call_is_answered_for_itself_in_order", check: |s| Box::pin(in_order(s)) },
    Case { name: "state_log_row_records_and_new_tasks_are_written_together", check: |s| Box::pin(together(s)) },
    Case { name: "a_new_task_that_was_there_keeps_everything_from_being_written", check: |s| Box::pin(known(s)) },
    Case { name: "all_new_tasks_that_were_there_are_named", check: |s| Box::pin(all_known(s)) },
    Case { name: "a_commit_of_a_hundred_items_is_made_and_a_larger_one_refused", check: |s| Box::pin(limit(s)) },
    Case { name: "more_bytes_than_a_record_or_commit_may_have_are_refused", check: |s| Box::pin(bytes(s)) },
];

async fn in_order(store: &dyn Store) {
    let tenant = tenant();
    let (a, b, c) =
        (insert(store, task(&tenant)).await, insert(store, task(&tenant)).await, insert(store, task(&tenant)).await);
    let stale = Commit::change(Uuid::new_v4(), claimed(&b, at(1)));
    let good = |task: &Task| Commit::change(task.version, claimed(task, at(1)));
    let commits = [good(&a), stale, good(&c)];
    let answers = join_all(commits.map(|commit| store::commit(store, commit))).await;
    let answers: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(answers, [true, false, true]);
    assert!(read(store, &a.key).await.fence().is_some() && read(store, &c.key).await.fence().is_some());
    assert_eq!(read(store, &b.key).await, b);
}

async fn together(store: &dyn Store) {
    let tenant = tenant();
    let pending = insert(store, task(&tenant)).await;
    let running = change(store, &pending, claimed(&pending, at(1))).await;
    let (note, first, second) = (record(&tenant, &json!({"n": 1})), task(&tenant), task(&tenant));
    let transition = completed(&running, at(2));
    let commit = Commit {
        records: vec![put(&note, Expect::Absent)],
        tasks: vec![first.clone(), second.clone()],
        ..Commit::change(running.version, transition.clone())
    };
    store::commit(store, commit).await.unwrap();
    assert_eq!(read(store, &pending.key).await, transition.task);
    assert_eq!(Some(log(store, &pending).await), transition.log.map(|row| vec![row]));
    assert_eq!(store.record(&note.key).await.unwrap(), Some(note));
    assert_eq!(read(store, &first.key).await, first);
    assert_eq!(read(store, &second.key).await, second);
}

async fn all_known(store: &dyn Store) {
    let tenant = tenant();
    for bytes in [10, 10_000] {
        let payload = Json::new(&json!({"text": "x".repeat(bytes)}));
        let new = || task(&tenant).asking(|asked| *asked = asked.clone().with_payload(payload.clone()));
        let (mut tasks, mut parts) = (Vec::new(), Vec::new());
        for place in 0..12 {
            let task = new();
            if place % 6 != 0 {
                insert(store, task.clone()).await;
                parts.push(Part::NewTask(place));
            }
            tasks.push(errand::Task { version: Uuid::new_v4(), ..task });
        }
        let note = record(&tenant, &json!({}));
        let commit = Commit { records: vec![put(&note, Expect::Absent)], tasks, ..Commit::default() };
        assert_eq!(conflict(store::commit(store, commit).await), parts, "payloads of {bytes} bytes");
    }
}

async fn known(store: &dyn Store) {
    let tenant = tenant();
    let running = insert(store, task(&tenant)).await;
    let running = change(store, &running, claimed(&running, at(1))).await;
    let there = insert(store, task(&tenant)).await;
    let (note, unknown) = (record(&tenant, &json!({})), task(&tenant));
    // Even the very same task: a commit made again is known by its own task or records.
    let commit = Commit {
        records: vec![put(&note, Expect::Absent)],
        tasks: vec![unknown.clone(), there.clone()],
        ..Commit::change(running.version, completed(&running, at(2)))
    };
    assert_eq!(conflict(store::commit(store, commit).await), [Part::NewTask(1)]);
    assert_eq!(read(store, &running.key).await, running);
    assert_eq!(log(store, &running).await, []);
    assert_eq!(store.record(&note.key).await.unwrap(), None);
    assert_eq!(store::task(store, &unknown.key).await.unwrap(), None);
}

async fn bytes(store: &dyn Store) {
    let tenant = tenant();
    let sized = |bytes: usize| put(&record(&tenant, &json!({"text": "x".repeat(bytes)})), Expect::Absent);
    store::commit(store, writes(vec![sized(RECORD_BYTES - 100)])).await.unwrap();
    let (large, many) = (vec![sized(RECORD_BYTES)], (0..12).map(|_| sized(RECORD_BYTES - 100)).collect());
    for commit in [large, many] {
        let answer = store::commit(store, writes(commit)).await;
        assert!(matches!(answer, Err(StoreError::TooLarge(_))), "{answer:?}");
    }
}

async fn limit(store: &dyn Store) {
    let tenant = tenant();
    let notes: Vec<_> = (0..=COMMIT_ITEMS).map(|n| put(&record(&tenant, &json!({"n": n})), Expect::Absent)).collect();
    let fits = writes(notes[..COMMIT_ITEMS].to_vec());
    store::commit(store, fits).await.unwrap();
    for write in &notes[..COMMIT_ITEMS] {
        assert!(store.record(write.key()).await.unwrap().is_some());
    }
    let fresh: Vec<_> = (0..=COMMIT_ITEMS).map(|n| put(&record(&tenant, &json!({"n": n})), Expect::Absent)).collect();
    let answer = store::commit(store, writes(fresh.clone())).await;
    assert!(matches!(answer, Err(StoreError::TooLarge(_))), "{answer:?}");
    assert_eq!(store.record(fresh[0].key()).await.unwrap(), None);
}
