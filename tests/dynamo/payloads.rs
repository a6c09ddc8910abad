//! Payloads that are items of their own.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use errand::{
    Asked, StoreError, Task, Timestamp,
    spi::{
        json::Json,
        lifecycle::Trigger,
        store::{self, Inserted, ListQuery, Listing, Store},
    },
};
use uuid::Uuid;

use super::{Item, Setup, at, change, new_task, setup, task};

const LARGE: usize = 10 * 1024;
const DAY: Duration = Duration::from_secs(24 * 3600);

async fn payload_items(setup: &Setup, task: &Task) -> Vec<Item> {
    let items = setup.items(&task.key).await;
    items.into_iter().filter(|item| item["sk"].as_s().unwrap().starts_with("payload#")).collect()
}

fn ttl(item: &Item) -> Timestamp {
    Timestamp::from_millis(item["ttl_s"].as_n().unwrap().parse::<i64>().unwrap() * 1000)
}

/// The same request again, as a caller's second call makes it.
fn again(task: &Task) -> Task {
    Task { version: Uuid::new_v4(), ..task.clone() }
}

#[tokio::test]
async fn a_large_payload_is_an_item_of_its_own_and_a_small_one_is_not() {
    let setup = setup().await;
    let (small, large) = (task(300), task(LARGE));
    for task in [&small, &large] {
        assert_eq!(store::insert(&setup.store, task.clone()).await.unwrap(), Inserted::New);
        assert_eq!(store::task(&setup.store, &task.key).await.unwrap().as_ref(), Some(task));
    }
    assert!(payload_items(&setup, &small).await.is_empty());
    let item = payload_items(&setup, &large).await.remove(0);
    assert_eq!(item["sk"].as_s().unwrap(), &format!("payload#{}", large.payload_hash));
    assert!(!format!("{:?}", setup.item(&large.key).await).contains("xxxxxxxxxxxxxxxxxxxx"));

    // Existing tasks come with their payload, and so do lists.
    let met = store::insert(&setup.store, again(&large)).await.unwrap();
    assert_eq!(met, Inserted::Existing(Box::new(large.clone())));
    let listing = Listing::User(large.user_id.clone().unwrap());
    let query = ListQuery { tenant: large.key.tenant.clone(), listing, filter: store::Filter::default() };
    assert_eq!(setup.store.list(&query, None, 10).await.unwrap().items, [large]);
}

#[tokio::test]
async fn a_payload_is_kept_for_a_month_beyond_the_start_of_a_deferred_task() {
    let setup = setup().await;
    let start = at(0) + DAY * 300;
    let new = Asked { scheduled_for: start, ..new_task(LARGE) };
    let task = Task::accept(new.clone(), Uuid::new_v4(), at(0));
    store::insert(&setup.store, task.clone()).await.unwrap();
    assert!(ttl(&payload_items(&setup, &task).await[0]) > start + DAY * 30);

    // A second request with the same payload and an earlier start must not shorten that.
    let sooner = Task::accept(Asked { scheduled_for: at(0), ..new }, Uuid::new_v4(), at(0));
    assert!(matches!(store::insert(&setup.store, sooner).await.unwrap(), Inserted::Existing(_)));
    assert!(ttl(&payload_items(&setup, &task).await[0]) > start + DAY * 30);

    let later = start + DAY * 100;
    let (commit, _) = change(&task, Trigger::Reschedule { run_at: later, by: "me".into(), if_due: false }, at(1));
    store::commit(&setup.store, commit).await.unwrap();
    assert!(ttl(&payload_items(&setup, &task).await[0]) > later + DAY * 30);
}

#[tokio::test]
async fn a_payload_outlives_its_ended_task_and_a_redrive_keeps_it() {
    let setup = setup().await;
    let task = task(LARGE);
    store::insert(&setup.store, task.clone()).await.unwrap();
    let cancelled_at = at(0) + DAY * 25;
    let (commit, cancelled) = change(&task, Trigger::Cancel { reason: "no".into(), by: "me".into() }, cancelled_at);
    store::commit(&setup.store, commit).await.unwrap();
    let task_ttl = ttl(&setup.item(&task.key).await);
    assert!(ttl(&payload_items(&setup, &task).await[0]) >= task_ttl + DAY * 3);

    let redriven_at = cancelled_at + DAY * 29;
    let redrive = Trigger::Redrive { note: None, by: "me".into(), failed_at: None, run_at: None };
    store::commit(&setup.store, change(&cancelled, redrive, redriven_at).0).await.unwrap();
    assert!(ttl(&payload_items(&setup, &task).await[0]) >= redriven_at + DAY * 30);
}

#[tokio::test]
async fn a_refused_insert_leaves_no_payload_behind() {
    let setup = setup().await;
    let task = task(LARGE);
    store::insert(&setup.store, task.clone()).await.unwrap();
    let other = Json::new(&"y".repeat(LARGE).into());
    let other = again(&task).asking(|asked| {
        asked.payload_hash = other.hash();
        asked.payload = other;
    });
    let met = store::insert(&setup.store, other).await.unwrap();
    assert_eq!(met, Inserted::Existing(Box::new(task.clone())));
    let left = payload_items(&setup, &task).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["b"].as_s().unwrap(), task.payload.as_str());
}

#[tokio::test]
async fn orphaned_payloads_cannot_hide_a_task() {
    let setup = setup().await;
    let task = task(LARGE);
    store::insert(&setup.store, task.clone()).await.unwrap();
    let payload = payload_items(&setup, &task).await.remove(0);
    // More than the mebibyte that one page of a Query holds.
    for n in 0..6 {
        let mut orphan = payload.clone();
        orphan.insert("sk".into(), AttributeValue::S(format!("payload#~{n}")));
        orphan.insert("b".into(), AttributeValue::S("z".repeat(256 * 1024)));
        setup.put(orphan).await;
    }
    assert_eq!(store::task(&setup.store, &task.key).await.unwrap(), Some(task));
}

#[tokio::test]
async fn a_task_whose_payload_is_gone_is_corrupt() {
    let setup = setup().await;
    let task = task(LARGE);
    store::insert(&setup.store, task.clone()).await.unwrap();
    setup.delete(&payload_items(&setup, &task).await).await;
    let read = store::task(&setup.store, &task.key).await;
    assert!(matches!(read, Err(StoreError::Corrupt { .. })), "{read:?}");
}
