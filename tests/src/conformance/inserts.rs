//! Inserting tasks.

use errand::{
    Task,
    spi::{
        json::Json,
        store::{self, Inserted, Store},
    },
};
use serde_json::json;
use uuid::Uuid;

use super::{
    Case,
    fixtures::{change, claimed, full, insert, read, task, tenant},
};

pub(super) const CASES: &[Case] = &[
    Case { name: "a_task_that_was_not_there_is_new_and_reads_as_it_was", check: |s| Box::pin(new(s)) },
    Case { name: "a_task_that_was_there_is_answered_and_untouched", check: |s| Box::pin(existing(s)) },
    Case { name: "an_insert_made_again_with_its_version_is_new", check: |s| Box::pin(repeated(s)) },
    Case { name: "an_insert_made_again_after_a_claim_meets_the_claimed_task", check: |s| Box::pin(after_claim(s)) },
    Case { name: "each_insert_of_a_call_is_answered_for_itself_in_order", check: |s| Box::pin(in_order(s)) },
    Case { name: "tasks_are_read_in_the_order_of_their_keys", check: |s| Box::pin(reads_in_order(s)) },
    Case { name: "nothing_asked_is_nothing_answered", check: |s| Box::pin(nothing(s)) },
];

async fn new(store: &dyn Store) {
    let tenant = tenant();
    assert_eq!(store::task(store, &task(&tenant).key).await.unwrap(), None);
    let task = insert(store, task(&tenant)).await;
    assert_eq!(read(store, &task.key).await, task);
}

async fn existing(store: &dyn Store) {
    let first = insert(store, full(&tenant())).await;
    let equal = Task { version: Uuid::new_v4(), ..first.clone() };
    let payload = Json::new(&json!("another"));
    let other = Task { version: Uuid::new_v4(), ..first.clone() }.asking(|asked| {
        asked.payload_hash = payload.hash();
        asked.payload = payload;
    });
    for second in [equal, other] {
        let answer = store::insert(store, second).await.unwrap();
        assert_eq!(answer, Inserted::Existing(Box::new(first.clone())));
        assert_eq!(read(store, &first.key).await, first);
    }
}

async fn repeated(store: &dyn Store) {
    let task = insert(store, task(&tenant())).await;
    insert(store, task.clone()).await;
    assert_eq!(read(store, &task.key).await, task);
}

async fn after_claim(store: &dyn Store) {
    let first = insert(store, task(&tenant())).await;
    let running = change(store, &first, claimed(&first, first.created_at)).await;
    let answer = store::insert(store, first).await.unwrap();
    assert_eq!(answer, Inserted::Existing(Box::new(running.clone())));
    assert_eq!(read(store, &running.key).await, running);
}

async fn in_order(store: &dyn Store) {
    let tenant = tenant();
    let there = insert(store, task(&tenant)).await;
    let second = Task { version: Uuid::new_v4(), ..there.clone() };
    let answers = store.insert(vec![task(&tenant), second, task(&tenant)]).await;
    let answers: Vec<Inserted> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, [Inserted::New, Inserted::Existing(Box::new(there)), Inserted::New]);
}

async fn reads_in_order(store: &dyn Store) {
    let tenant = tenant();
    let (a, b) = (insert(store, task(&tenant)).await, insert(store, task(&tenant)).await);
    let keys = [b.key.clone(), task(&tenant).key.clone(), a.key.clone(), b.key.clone()];
    let found: Vec<Option<Task>> = store.tasks(&keys).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(found, [Some(b.clone()), None, Some(a), Some(b)]);
}

async fn nothing(store: &dyn Store) {
    assert!(store.insert(vec![]).await.is_empty());
    assert!(store.tasks(&[]).await.is_empty());
}
