//! The relay on DynamoDB: what it reads of items, how its counters are stored, and what they cost.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_dynamodb::{config::retry::RetryConfig, types::AttributeValue};
use integration_tests::{
    relay::{batch, stream_record},
    world::World,
};
use serde_json::Value;
use shared::{
    app::App,
    ids::{Id, Name, fresh},
    lifecycle::{Failure, FailureKind, Settlement, Status, Task},
    relay::{Batch, Change, Counter, Counters, Moved, Seen, Sequence, Standing, Tally, relay},
    store::{self, Commit, Doc, Expect, Record, RecordKey, RecordWrite, hour_of},
};

use super::{
    Item, Setup, at, claim, complete,
    faults::{Fault, Faults},
    meter::Meter,
    settle, setup, setup_with, task, watched,
};

pub(super) fn app() -> App {
    World::new().app
}

fn total(tenant: Option<&Name>) -> Counter {
    Counter { tenant: tenant.cloned(), hour: None }
}

/// A counter's item.
async fn item(setup: &Setup, counter: &Counter) -> Item {
    let tenant = counter.tenant.as_ref().map_or("*", Name::as_str);
    let sk = counter.hour.map_or("total".to_owned(), |hour| format!("hour#{}", hour.as_millis()));
    let key = [("pk", format!("c#{tenant}")), ("sk", sk)];
    let key = key.map(|(name, value)| (name.to_owned(), AttributeValue::S(value))).into();
    let get = setup.client.get_item().table_name(&setup.tables.tasks).set_key(Some(key)).consistent_read(true);
    get.send().await.unwrap().item.unwrap_or_default()
}

/// What a counter holds, by name.
async fn read(setup: &Setup, counter: &Counter) -> BTreeMap<String, i64> {
    let item = item(setup, counter).await.into_iter().filter(|(name, _)| name.contains('/'));
    item.map(|(name, value)| (name, value.as_n().unwrap().parse().unwrap())).collect()
}

fn sequence(number: usize) -> Sequence {
    Sequence::try_from(number.to_string()).unwrap()
}

/// The life of a task that fails once and then succeeds: its item after each write.
async fn life(setup: &Setup, task: &Task) -> Vec<Item> {
    store::insert(&setup.store, task.clone()).await.unwrap();
    let mut images = vec![setup.item(&task.key).await];
    let (first, claimed) = claim(task, at(1));
    let failure = Failure::new(FailureKind::Handler, "no", at(2), 1);
    let (second, waiting) = settle(&claimed, Settlement::Retry { run_at: at(60), failure, hinted: true }, at(2));
    let (third, running) = claim(&waiting, at(60));
    let (fourth, _) = complete(&running, at(61));
    for commit in [first, second, third, fourth] {
        store::commit(&setup.store, commit).await.unwrap();
        images.push(setup.item(&task.key).await);
    }
    images
}

/// The stream's records of an item's life, from this number on.
fn records(images: &[Item], first: usize) -> Vec<Value> {
    let new =
        |n: usize| stream_record(&(first + n).to_string(), n.checked_sub(1).map(|old| &images[old]), Some(&images[n]));
    (0..images.len()).map(new).collect()
}

#[tokio::test]
async fn the_life_of_a_task_is_counted_by_what_it_is_and_when() {
    let setup = setup().await;
    let task = task(300);
    let records = records(&life(&setup, &task).await, 7);
    let relayed = relay::handle(&app(), &setup.store, batch("s-1", None, &records[..2], false)).await.unwrap();
    assert!(read(&setup, &total(None)).await.is_empty(), "a window is written before it ends");
    let state = relayed.time_window_event_response_properties.state;
    relay::handle(&app(), &setup.store, batch("s-1", Some(&state), &records[2..], true)).await.unwrap();

    let of = |letter: &str| format!("{letter}/{}/{}/{}/{}", task.project, task.queue, task.lane, task.task_type);
    let of_queue = |letter: &str| format!("{letter}/{}/{}", task.project, task.queue);
    let counts = |counts: &[(String, i64)]| counts.iter().cloned().collect::<BTreeMap<_, _>>();
    let stored = read(&setup, &total(Some(&task.key.tenant))).await;
    let last_end = at(61).as_millis();
    assert_eq!(stored, counts(&[(of("c"), 1), (of_queue("n"), 5), (of_queue("e"), last_end)]));
    assert_eq!(
        read(&setup, &total(None)).await,
        counts(&[("c/".into(), 1), ("n/".into(), 5), ("e/".into(), last_end)])
    );
    let hour = Counter { tenant: Some(task.key.tenant.clone()), hour: Some(hour_of(at(0))) };
    assert_eq!(read(&setup, &hour).await, counts(&[(of("p"), 2), (of("r"), 2), (of("c"), 1)]));
    assert_eq!(setup.store.watermark("s-1").await.unwrap(), Some(sequence(11)));
    assert_eq!(setup.store.watermark("s-2").await.unwrap(), None);

    // All of it once more, without a state, and without a window.
    relay::handle(&app(), &setup.store, batch("s-1", None, &records, true)).await.unwrap();
    assert_eq!(read(&setup, &total(Some(&task.key.tenant))).await, stored);
    let mut bare = batch("s-1", None, &records, true);
    bare.is_final_invoke_for_window = None;
    relay::handle(&app(), &setup.store, bare).await.unwrap();
    assert_eq!(read(&setup, &total(Some(&task.key.tenant))).await, stored);
}

#[tokio::test]
async fn an_hour_dies_two_days_after_its_end_and_a_total_never() {
    let setup = setup().await;
    let task = task(300);
    let records = records(&life(&setup, &task).await, 1);
    relay::handle(&app(), &setup.store, batch("s", None, &records, true)).await.unwrap();
    let tenant = Some(task.key.tenant.clone());
    let hour = hour_of(at(0));
    let of_hour = item(&setup, &Counter { tenant: tenant.clone(), hour: Some(hour) }).await;
    let ttl: i64 = of_hour["ttl_s"].as_n().unwrap().parse().unwrap();
    assert!(ttl * 1000 >= (hour + Duration::from_secs(49 * 3600)).as_millis(), "{ttl}");
    assert!(!item(&setup, &Counter { tenant, hour: None }).await.contains_key("ttl_s"));
}

#[tokio::test]
async fn a_task_of_a_newer_version_is_counted_and_what_cannot_be_read_stops_nothing() {
    let setup = setup().await;
    let task = task(300);
    let images = life(&setup, &task).await;
    let mut records = records(&images, 1);
    let edit = |image: &Item, edit: &dyn Fn(&mut Item)| {
        let mut image = image.clone();
        edit(&mut image);
        image
    };
    let newer = edit(&images[0], &|item| {
        let AttributeValue::M(doc) = item.get_mut("doc").unwrap() else { panic!("{item:?}") };
        doc.insert("from_the_future".into(), AttributeValue::S("x".into()));
    });
    records[0] = stream_record("1", None, Some(&newer));
    let removed = |name: &'static str| edit(&images[0], &move |item| _ = item.remove(name));
    let set = |name: &'static str, value: String| {
        edit(&images[0], &move |item| _ = item.insert(name.into(), AttributeValue::S(String::clone(&value))))
    };
    let broken = [
        removed("doc"),
        removed("s"),
        removed("sk"),
        removed("l"),
        set("s", "dreaming".to_owned()),
        set("pk", "t#".to_owned()),
    ];
    for (n, image) in broken.iter().enumerate() {
        records.push(stream_record(&(100 + n).to_string(), None, Some(image)));
    }
    records.push(stream_record("no-number", None, Some(&images[0])));
    // Neither of these is a change of a task: a removal, a payload, a record, a counter.
    records.push(stream_record("200", Some(&images[4]), None));
    let sk = |sk: &str| set("sk", sk.to_owned());
    for (n, image) in [sk("payload#x"), sk("r"), sk("total")].iter().enumerate() {
        records.push(stream_record(&(201 + n).to_string(), None, Some(image)));
    }
    let response = relay::handle(&app(), &setup.store, batch("s", None, &records, true)).await.unwrap();
    assert!(response.batch_item_failures.is_empty(), "{response:?}");
    let counted = read(&setup, &total(None)).await;
    assert_eq!((counted["c/"], counted["n/"], counted.get("p/").copied().unwrap_or(0)), (1, 5, 0));
    // The answer has the shape that Lambda knows.
    let answer = serde_json::to_value(&response).unwrap();
    assert!(answer["state"].as_object().unwrap().values().all(Value::is_string), "{answer}");
    assert_eq!(answer["batchItemFailures"], serde_json::json!([]));
}

#[tokio::test]
async fn an_event_is_seen_when_it_is_stored_and_not_when_it_is_noted() {
    let setup = setup().await;
    let record = |kind: &'static str| Record {
        wake_at: Some(at(0)),
        ..Record::new(
            RecordKey { tenant: Name::default(), kind: Name::of(kind), id: Id::from(fresh()) },
            Doc::new(),
            at(0),
        )
    };
    let [event, other] = [record("event"), record("message")];
    let mut images = Vec::new();
    for record in [&event, &other] {
        let put = RecordWrite::Put { record: Box::new(record.clone()), expect: Expect::Absent };
        store::commit(&setup.store, Commit { records: vec![put], ..Commit::default() }).await.unwrap();
        let RecordKey { tenant, kind, id } = &record.key;
        let key = [("pk", format!("r#{tenant}#{kind}#{id}")), ("sk", "r".to_owned())];
        let key = key.map(|(name, value)| (name.to_owned(), AttributeValue::S(value))).into();
        let get = setup.client.get_item().table_name(&setup.tables.tasks).set_key(Some(key));
        images.push(get.send().await.unwrap().item.unwrap());
    }
    let seen = |old: Option<&Item>, new: Option<&Item>| store::dynamo::image::read(old, new).unwrap();
    assert_eq!(seen(None, Some(&images[0])), Seen::Event(Box::new(event)));
    assert_eq!(seen(Some(&images[0]), Some(&images[0])), Seen::Nothing);
    assert_eq!(seen(Some(&images[0]), None), Seen::Nothing);
    assert_eq!(seen(None, Some(&images[1])), Seen::Nothing);
}

fn change(tenant: usize, kind: usize, old: Option<Status>, new: Status) -> Change {
    let standing = |status| Standing { status, failures: 0 };
    let name = |start: &str, n: usize| Name::new(&format!("{start:x<14}{n}")).unwrap();
    Change {
        key: shared::ids::TaskKey { tenant: name("tenant", tenant), id: fresh() },
        project: Name::default(),
        queue: name("queue", 0),
        lane: Name::default(),
        task_type: name("type", kind),
        version: fresh(),
        at: at(0),
        old: old.map(standing),
        new: standing(new),
    }
}

/// What `tasks` tasks of `tenants` tenants add from insert to end, each of one of `kinds` types.
fn work(tasks: usize, tenants: usize, kinds: usize) -> Tally {
    use Status::{Completed, Failed, Pending, Running};
    let mut counts = Tally::default();
    for n in 0..tasks {
        let end = if n % 10 == 0 { Failed } else { Completed };
        for (old, new) in [(None, Pending), (Some(Pending), Running), (Some(Running), end)] {
            counts.add(&change(n % tenants, n / tenants % kinds, old, new));
        }
    }
    counts
}

#[tokio::test]
async fn counting_costs_a_twentieth_of_a_write_unit_a_task() {
    // A thousand tasks a second write about 4,000 units a second to the table, so that it has four partitions at the
    // least; twice as many, each a shard of the stream with a window of 30 s.
    const SHARDS: usize = 8;
    const TASKS: usize = 1_000 * 30;
    let meter = Meter::default();
    let setup = watched(meter.clone()).await;
    let mut used = f64::MAX;
    for window in 1..=2 {
        meter.take();
        for shard in 0..SHARDS {
            // Five tenants, twenty types each, under names as long as in the cost table.
            let counts = work(TASKS / SHARDS, 5, 20);
            let from = (window > 1).then(|| sequence(window - 1));
            let moved = setup.store.advance(&shard.to_string(), from.as_ref(), &sequence(window), &counts, at(0)).await;
            assert_eq!(moved.unwrap(), Moved::Done);
        }
        let metered = meter.take();
        assert_eq!(metered.requests, 2 * SHARDS, "a read and a write for each");
        assert_eq!(metered.writes.keys().collect::<Vec<_>>(), ["tasks"], "a counter is in an index");
        used = metered.write_units() / TASKS as f64;
    }
    assert!(used <= 0.05, "{used} write units a task");
}

#[tokio::test]
async fn shards_that_count_on_the_same_counters_at_once_lose_nothing() {
    let setup = setup().await;
    let count = async |shard: usize| {
        for window in 1..=5 {
            let records: Vec<_> = (0..4)
                .map(|n| (sequence(window * 10 + n), Seen::Task(Box::new(change(n % 2, 0, None, Status::Pending)))))
                .collect();
            let batch = Batch { shard: shard.to_string(), records, state: None, is_last: true };
            // As Lambda does: again until it is done.
            let mut tries = 0;
            while let Err(problem) = relay(&app(), &setup.store, batch.clone()).await {
                tries += 1;
                assert!(tries < 50, "{problem:?}");
            }
        }
    };
    futures::future::join_all((0..6).map(count)).await;
    let all = read(&setup, &total(None)).await;
    assert_eq!((all["p/"], all["n/"]), (6 * 5 * 4, 6 * 5 * 4));
    let tenant = change(0, 0, None, Status::Pending).key.tenant;
    assert_eq!(read(&setup, &total(Some(&tenant))).await.values().sum::<i64>(), 2 * 6 * 5 * 2);
}

#[tokio::test]
async fn a_window_whose_writing_was_not_heard_of_is_not_counted_twice() {
    let faults = Faults::default();
    let watch = faults.clone();
    let setup = setup_with(|config| config.interceptor(watch).retry_config(RetryConfig::disabled())).await;
    let records = vec![(sequence(1), Seen::Task(Box::new(change(0, 0, None, Status::Pending))))];
    let batch = Batch { shard: "s".into(), records, state: None, is_last: true };
    faults.then([Fault::LoseAnswer]);
    assert!(relay(&app(), &setup.store, batch.clone()).await.is_err());
    relay(&app(), &setup.store, batch).await.unwrap();
    assert_eq!(read(&setup, &total(None)).await["p/"], 1);

    // And by whoever did not see it written when it began.
    let counts = work(1, 1, 1);
    for from in [None, Some(sequence(0))] {
        let moved = setup.store.advance("s", from.as_ref(), &sequence(1), &counts, at(0)).await.unwrap();
        assert_eq!(moved, Moved::StandsAt(Some(sequence(1))), "{from:?}");
    }
    assert_eq!(read(&setup, &total(None)).await["n/"], 1);
}

#[tokio::test]
async fn more_tenants_than_a_transaction_holds_are_written_in_several() {
    let setup = setup().await;
    let records: Vec<_> =
        (0..200).map(|n| (sequence(n), Seen::Task(Box::new(change(n, n, None, Status::Pending))))).collect();
    let batch = Batch { shard: "s".into(), records, state: None, is_last: true };
    relay(&app(), &setup.store, batch).await.unwrap();
    assert_eq!(read(&setup, &total(None)).await["p/"], 200);
    assert_eq!(setup.store.watermark("s").await.unwrap(), Some(sequence(199)));
}

#[tokio::test]
async fn a_counter_with_too_many_names_goes_on_by_status_alone() {
    let setup = setup().await;
    let of = |kind| change(0, kind, None, Status::Pending);
    let tenant = of(0).key.tenant;
    let mut full: Item = (0..6000).map(|n| (format!("c////{n:a>60}"), AttributeValue::N("1".into()))).collect();
    full.insert("pk".into(), AttributeValue::S(format!("c#{tenant}")));
    full.insert("sk".into(), AttributeValue::S("total".into()));
    setup.put(full).await;
    let mut counts = Tally::default();
    (0..3).for_each(|kind| counts.add(&of(kind)));
    let moved = setup.store.advance("s", None, &sequence(1), &counts, at(0)).await.unwrap();
    assert_eq!(moved, Moved::Done);
    let stored = read(&setup, &total(Some(&tenant))).await;
    assert_eq!((stored["p/*"], stored["n/*"], stored.len()), (3, 3, 6002));
    // Only the one that is full.
    let hour = Counter { tenant: Some(tenant), hour: Some(hour_of(at(0))) };
    assert_eq!(read(&setup, &hour).await.len(), 3);
    assert_eq!(read(&setup, &total(None)).await["p/"], 3);
}
