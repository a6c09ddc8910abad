//! The cost table of data-model.md, measured with `ReturnConsumedCapacity=INDEXES`.
//!
//! Write units are what MiniStack answers: it counts them by item sizes, per index, twice for a changed index key and
//! for a transaction's base writes, as DynamoDB documents them. Read units it does not count by size, so
//! those are computed here from the items: one for each 4 KiB that a strongly consistent Query reads.

use std::collections::BTreeMap;

use errand::{
    FailureKind, Task,
    spi::{
        json::Json,
        lifecycle::{KeptFailure, Report, Settlement, Trigger},
        store::{self, Inserted, Store, Wanted},
    },
};
use uuid::Uuid;

use super::{
    Item, Setup, at, change, claim, complete, fence,
    meter::{Meter, Used},
    new_task, size, task, watched,
};

fn units(of: &[(&str, f64)]) -> BTreeMap<String, f64> {
    of.iter().map(|(what, units)| ((*what).to_owned(), *units)).collect()
}

fn read_units(items: &[Item]) -> usize {
    items.iter().map(size).sum::<usize>().div_ceil(4096)
}

/// Insert, claim and settle of `task`: what each used, and the read units of the claim.
async fn life(setup: &Setup, meter: &Meter, task: Task) -> ([Used; 3], usize) {
    assert_eq!(store::insert(&setup.store, task.clone()).await.unwrap(), Inserted::New);
    let insert = meter.take();

    let read = store::task(&setup.store, &task.key).await.unwrap().unwrap();
    let reads = read_units(&setup.items(&task.key).await);
    let (commit, claimed) = claim(&read, at(1));
    store::commit(&setup.store, commit).await.unwrap();
    let claim = meter.take();

    store::commit(&setup.store, complete(&claimed, at(2)).0).await.unwrap();
    ([insert, claim, meter.take()], reads)
}

#[tokio::test]
async fn a_task_costs_ten_write_units_and_five_requests() {
    let meter = Meter::default();
    let setup = watched(meter.clone()).await;
    let ([insert, claim, settle], reads) = life(&setup, &meter, task(300)).await;

    assert_eq!((insert.requests, claim.requests, settle.requests), (1, 2, 2));
    assert_eq!(insert.writes, units(&[("tasks", 1.0), ("due", 1.0), ("listing", 1.0), ("user", 1.0)]));
    assert_eq!(claim.writes, units(&[("tasks", 1.0)]));
    assert_eq!(settle.writes, units(&[("tasks", 1.0), ("due", 1.0), ("listing", 2.0), ("log", 1.0)]));
    assert!(reads <= 2, "{reads} read units");
}

#[tokio::test]
async fn a_late_claim_costs_no_more_than_a_prompt_one_and_a_further_message_three_units() {
    let meter = Meter::default();
    let setup = watched(meter.clone()).await;
    for (messages, claimed_at) in [(0, 1), (0, 110), (1, 130), (2, 800)] {
        let mut task = task(300);
        store::insert(&setup.store, task.clone()).await.unwrap();
        for _ in 0..messages {
            meter.take();
            let (commit, notified) = change(&task, Trigger::Notify, task.wake_at.unwrap());
            store::commit(&setup.store, commit).await.unwrap();
            assert_eq!(meter.take().writes, units(&[("tasks", 1.0), ("due", 2.0)]));
            task = notified;
        }
        meter.take();
        let (commit, claimed) = claim(&task, at(claimed_at));
        store::commit(&setup.store, commit).await.unwrap();
        assert_eq!(meter.take().writes, units(&[("tasks", 1.0)]), "at {claimed_at}");
        store::commit(&setup.store, complete(&claimed, at(claimed_at + 1)).0).await.unwrap();
        assert_eq!(meter.take().write_units(), 5.0);
    }
}

#[tokio::test]
async fn a_task_that_follows_from_another_costs_one_write_unit_more() {
    let meter = Meter::default();
    let setup = watched(meter.clone()).await;
    let child = task(300).asking(|asked| asked.parent_id = Some(Uuid::new_v4()));
    let ([insert, claim, settle], _) = life(&setup, &meter, child).await;
    let expected = [("tasks", 1.0), ("due", 1.0), ("listing", 1.0), ("user", 1.0), ("parent", 1.0)];
    assert_eq!(insert.writes, units(&expected));
    assert_eq!(claim.writes, units(&[("tasks", 1.0)]));
    assert_eq!(settle.writes, units(&[("tasks", 1.0), ("due", 1.0), ("listing", 2.0), ("log", 1.0)]));
}

#[tokio::test]
async fn a_keyed_task_costs_no_more() {
    let meter = Meter::default();
    let setup = watched(meter.clone()).await;
    let keyed = task(300).asking(|asked| asked.idempotency_key = Some("k".repeat(36)));
    let (used, reads) = life(&setup, &meter, keyed).await;
    assert_eq!(used.iter().map(Used::write_units).sum::<f64>(), 10.0);
    assert_eq!((used.iter().map(|u| u.requests).sum::<usize>(), reads), (5, 1));
}

#[tokio::test]
async fn a_ten_kib_payload_costs_at_most_22_units_and_seven_requests() {
    let meter = Meter::default();
    let setup = watched(meter.clone()).await;
    let (used, reads) = life(&setup, &meter, task(10 * 1024)).await;
    assert_eq!(used.each_ref().map(|used| used.requests), [3, 2, 2]);
    let write_units: f64 = used.iter().map(Used::write_units).sum();
    assert!(write_units <= 22.0, "{write_units} write units: {used:?}");
    assert_eq!(reads, 3); // 11 KiB by 4
}

#[tokio::test]
async fn a_duplicate_with_a_large_payload_writes_nothing() {
    let meter = Meter::default();
    let setup = watched(meter.clone()).await;
    let first = task(256 * 1024).asking(|asked| asked.idempotency_key = Some("k".repeat(36)));
    assert_eq!(store::insert(&setup.store, first.clone()).await.unwrap(), Inserted::New);
    meter.take();
    // A later request, which would want its payload kept for longer.
    let later = at(7 * 86_400);
    let again = Task { version: Uuid::new_v4(), created_at: later, ..first.clone() }
        .asking(|asked| asked.scheduled_for = later);
    assert_eq!(store::insert(&setup.store, again).await.unwrap(), Inserted::Existing(Box::new(first.clone())));
    let used = meter.take();
    assert_eq!((used.requests, used.writes), (1, units(&[])), "one look, which shows the task without its payload");
    let other = Json::new(&"y".repeat(256 * 1024).into());
    let other = Task { version: Uuid::new_v4(), ..first.clone() }.asking(|asked| {
        asked.payload_hash = other.hash();
        asked.payload = other;
    });
    assert_eq!(store::insert(&setup.store, other).await.unwrap(), Inserted::Existing(Box::new(first)));
    let used = meter.take();
    assert_eq!((used.requests, used.writes), (2, units(&[])), "another read, for the payload that is there");
}

#[tokio::test]
async fn tasks_are_read_together_with_one_request_and_their_large_payloads_with_another() {
    let meter = Meter::default();
    let setup = watched(meter.clone()).await;
    for (payload_bytes, requests) in [(300, 1), (10 * 1024, 2)] {
        let tasks: Vec<Task> = (0..10).map(|_| task(payload_bytes)).collect();
        setup.store.insert(tasks.clone()).await.into_iter().for_each(|inserted| _ = inserted.unwrap());
        let missing = task(300);
        let keys: Vec<_> = tasks.iter().chain([&missing]).map(|task| task.key.clone()).collect();
        meter.take();
        let read = setup.store.tasks(&keys).await.into_iter().map(Result::unwrap);
        let expected = tasks.into_iter().map(Some).chain([None]);
        assert!(read.eq(expected), "{payload_bytes}");
        assert_eq!(meter.take().requests, requests);
    }
}

#[tokio::test]
async fn what_an_ended_task_leaves_is_as_large_as_the_guide_reckons() {
    let setup = super::setup().await;
    let task = task(300);
    store::insert(&setup.store, task.clone()).await.unwrap();
    let (commit, claimed) = claim(&task, at(1));
    store::commit(&setup.store, commit).await.unwrap();
    store::commit(&setup.store, complete(&claimed, at(2)).0).await.unwrap();
    // DynamoDB adds 100 bytes to each item, those of indexes too, which have its keys besides their own.
    let item = setup.item(&task.key).await;
    let entry = |keys: [&str; 4]| item.clone().into_iter().filter(|(name, _)| keys.contains(&name.as_str())).collect();
    let entries = [entry(["pk", "sk", "l", "m"]), entry(["pk", "sk", "u", "c"])];
    let stored = size(&item) + 100 + entries.iter().map(|entry: &Item| size(entry) + 100).sum::<usize>();
    let row: usize = setup.log_items(&task.key).await.iter().map(|row| size(row) + 100).sum();
    assert!((1_370..=1_470).contains(&stored) && (500..=600).contains(&row), "{stored} and {row} bytes");
}

/// The task of the cost table in every state, and its log rows.
#[tokio::test]
async fn the_task_of_the_cost_table_fits_one_unit_in_every_state() {
    let setup = super::setup().await;
    let fresh_task = || Task::accept(new_task(300), Uuid::new_v4(), at(0));
    let failure = |task: &Task| {
        KeptFailure::new(FailureKind::Handler, "the mail server answered 451: try again later", at(2), task.executions)
    };
    let output = Json::new(&serde_json::json!({ "delivered": true, "message_id": "0190d3a4-7b7e" }));
    let ends: [&dyn Fn(&Task) -> Settlement; 6] = [
        &|_| Settlement::Complete(output.clone()),
        &|task| Settlement::Fail { failure: failure(task) },
        &|task| Settlement::Retry { run_at: at(60), failure: failure(task), hinted: true },
        &|_| Settlement::Snooze { run_at: at(3600), hinted: false },
        &|_| Settlement::Cancel { reason: "the user has been deleted".into() },
        &|_| Settlement::Block { reason: "waits for the user's consent".into() },
    ];
    for end in ends {
        let task = fresh_task();
        store::insert(&setup.store, task.clone()).await.unwrap();
        let mut sizes = vec![size(&setup.item(&task.key).await)];
        let (commit, claimed) = claim(&task, at(1));
        let (renew, renewed) =
            change(&claimed, Trigger::Renew { fence: fence(&claimed), lease: None, progress: None }, at(2));
        // With the row of its end, which rides in it, and what a call of a model adds to that.
        let report = Report {
            model: Some("claude-sonnet-4-5".into()),
            tokens_in: Some(12_345),
            tokens_out: Some(678),
            cost_nano_usd: Some(47_205_000),
        };
        let (ended, _) =
            change(&renewed, Trigger::Settle { fence: fence(&renewed), settlement: end(&renewed), report }, at(3));
        for commit in [commit, renew, ended] {
            store::commit(&setup.store, commit).await.unwrap();
            sizes.push(size(&setup.item(&task.key).await));
        }
        sizes.extend(setup.log_items(&task.key).await.iter().map(size));
        assert_eq!(sizes.len(), 5);
        assert!(sizes.iter().all(|bytes| *bytes <= 1024), "{:?}: {sizes:?}", end(&renewed));
    }
}

#[tokio::test]
async fn a_task_of_a_worker_outside_costs_two_write_units_more_and_a_look_where_it_stands() {
    let meter = Meter::default();
    let setup = watched(meter.clone()).await;
    let pulled = task(300).asking(|asked| asked.dispatch = errand::Dispatch::Pulled);
    let wanted = Wanted { tenant: pulled.key.tenant.clone(), types: vec![pulled.task_type.clone()], pool: None };
    assert_eq!(store::insert(&setup.store, pulled.clone()).await.unwrap(), Inserted::New);
    let expected = [("tasks", 1.0), ("due", 1.0), ("listing", 1.0), ("user", 1.0), ("ready", 1.0)];
    assert_eq!(meter.take().writes, units(&expected));
    assert_eq!(setup.store.ready(&wanted, at(1), 1).await.unwrap(), std::slice::from_ref(&pulled.key));
    let looks = meter.take().requests;
    // Two parts for each priority down to its own, the medium one.
    assert!(looks <= 6, "{looks}");
    let (commit, claimed) = claim(&pulled, at(1));
    store::commit(&setup.store, commit).await.unwrap();
    assert_eq!(meter.take().writes, units(&[("tasks", 1.0), ("ready", 1.0)]));
    store::commit(&setup.store, complete(&claimed, at(2)).0).await.unwrap();
    assert_eq!(meter.take().writes, units(&[("tasks", 1.0), ("due", 1.0), ("listing", 2.0), ("log", 1.0)]));
    assert_eq!(setup.store.ready(&wanted, at(9), 9).await.unwrap(), []);
    assert_eq!(meter.take().requests, 8, "who finds nothing has looked at all");
}
