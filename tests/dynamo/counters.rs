//! The relay on DynamoDB: what it reads of items, how its counters are stored, and what they cost.

use aws_sdk_dynamodb::{config::retry::RetryConfig, types::AttributeValue};
use errand::{
    App, Doc, Expect, FailureKind, Id, Name, Status, Task,
    spi::{
        clock::ManualClock,
        ids::fresh,
        lifecycle::{KeptFailure, Settlement},
        store::{self, Commit, Counts, Record, RecordKey, RecordWrite, Stats, StatsScope, Store, hour_of},
    },
};
use errand_aws::relay::{
    Batch, BusEvents, Change, Counters, Deltas, Moved, Seen, Sequence, Tally, TaskStanding, fold, relay,
};
use integration_tests::{
    relay::{batch, stream_record},
    world::World,
};
use serde_json::Value;

use super::{
    Item, Setup, at, claim, complete,
    faults::{Fault, Faults},
    meter::Meter,
    settle, setup, setup_with, task, watched,
};

pub(super) fn app() -> App {
    World::new().app
}

/// The clock of those that fold.
fn clock() -> ManualClock {
    ManualClock::at(at(0))
}

async fn folded(setup: &Setup) {
    fold(&setup.store, &clock(), None).await.unwrap();
}

/// The queue of a change.
fn queue_of(change: &Change) -> StatsScope {
    StatsScope::Queue {
        tenant: change.key.tenant.clone(),
        project: change.project.clone(),
        queue: change.queue.clone(),
    }
}

async fn stats(setup: &Setup, scope: &StatsScope) -> Stats {
    setup.store.stats(scope, at(0)).await.unwrap()
}

/// An item of the tasks' table.
async fn item(setup: &Setup, pk: &str, sk: &str) -> Option<Item> {
    let key = [("pk", pk), ("sk", sk)];
    let key = key.map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned()))).into();
    let get = setup.client.get_item().table_name(&setup.tables.tasks).set_key(Some(key)).consistent_read(true);
    get.send().await.unwrap().item
}

fn sequence(number: usize) -> Sequence {
    Sequence::try_from(number.to_string()).unwrap()
}

/// The life of a task that fails once and then succeeds: its item after each write.
async fn life(setup: &Setup, task: &Task) -> Vec<Item> {
    store::insert(&setup.store, task.clone()).await.unwrap();
    let mut images = vec![setup.item(&task.key).await];
    let (first, claimed) = claim(task, at(1));
    let failure = KeptFailure::new(FailureKind::Handler, "no", at(2), 1);
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
    let queue =
        StatsScope::Queue { tenant: task.key.tenant.clone(), project: task.project.clone(), queue: task.queue.clone() };
    let relayed = relay::handle(&app(), &setup.store, BusEvents::default(), batch("s-1", None, &records[..2], false))
        .await
        .unwrap();
    folded(&setup).await;
    assert_eq!(stats(&setup, &queue).await.changes, 0, "a window is written before it ends");
    let state = relayed.time_window_event_response_properties.state;
    relay::handle(&app(), &setup.store, BusEvents::default(), batch("s-1", Some(&state), &records[2..], true))
        .await
        .unwrap();
    folded(&setup).await;

    let counted = stats(&setup, &queue).await;
    let now = Counts { completed: 1, ..Counts::default() };
    let expected = Stats {
        now,
        lanes: [(task.lane.clone(), now)].into(),
        types: [(task.task_type.clone(), now)].into(),
        changes: 5,
        last_hours: Counts { pending: 2, running: 2, ..now },
        last_processed_at: Some(at(61)),
        ..Stats::at(at(0))
    };
    assert_eq!(counted, expected);
    let all = Stats { lanes: Default::default(), types: Default::default(), ..expected };
    assert_eq!(stats(&setup, &StatsScope::All).await, all);
    assert_eq!(setup.store.watermark("s-1").await.unwrap(), Some(sequence(11)));
    assert_eq!(setup.store.watermark("s-2").await.unwrap(), None);

    // All of it once more, without a state, and without a window.
    relay::handle(&app(), &setup.store, BusEvents::default(), batch("s-1", None, &records, true)).await.unwrap();
    let mut bare = batch("s-1", None, &records, true);
    bare.is_final_invoke_for_window = None;
    relay::handle(&app(), &setup.store, BusEvents::default(), bare).await.unwrap();
    folded(&setup).await;
    assert_eq!(stats(&setup, &queue).await, counted);
}

#[tokio::test]
async fn a_counter_forgets_the_hours_that_nobody_asks_for() {
    let setup = setup().await;
    for (shard, hour) in [("a", 0_u64), ("b", 2), ("c", 49)] {
        let late = Change { at: at(hour * 3600), ..change(0, 0, None, Status::Pending) };
        let records = vec![(sequence(1), Seen::Task(Box::new(late)))];
        relay(
            &app(),
            &setup.store,
            BusEvents::default(),
            Batch { shard: shard.into(), records, state: None, is_last: true },
        )
        .await
        .unwrap();
        fold(&setup.store, &ManualClock::at(at(hour * 3600)), None).await.unwrap();
    }
    let all = item(&setup, "c#*", "q").await.unwrap();
    let hours = all["counts"].as_m().unwrap()["hours"].as_m().unwrap();
    assert_eq!(hours.len(), 2, "{hours:?}");
    assert!(!all.contains_key("ttl_s"));
    assert_eq!(stats(&setup, &StatsScope::All).await.changes, 3);
}

/// The items that a version before wrote of a task's three changes: its own total and hour, and everybody's.
async fn counted_before(setup: &Setup, of: &Change) {
    let hour = format!("hour#{}", hour_of(at(0)).as_millis());
    let place = format!("//{}//{}", of.queue, of.task_type);
    let tenant = format!("c#{}", of.key.tenant);
    let queue = format!("n//{}", of.queue);
    let ended = format!("e//{}", of.queue);
    type Numbers = Vec<(String, i64)>;
    let items: [(&str, &str, Numbers); 4] = [
        (
            &tenant,
            "total",
            vec![(format!("p{place}"), 2), (format!("c{place}"), 1), (queue, 5), (ended, at(5).as_millis())],
        ),
        (&tenant, &hour, vec![(format!("p{place}"), 3), (format!("c{place}"), 1), ("p/*".to_owned(), 7)]),
        (
            "c#*",
            "total",
            vec![
                ("p/".to_owned(), 2),
                ("c/".to_owned(), 1),
                ("n/".to_owned(), 5),
                ("e/".to_owned(), at(5).as_millis()),
            ],
        ),
        ("c#*", &hour, vec![("p/".to_owned(), 3), ("c/".to_owned(), 1)]),
    ];
    for (pk, sk, numbers) in items {
        let numbers = numbers.into_iter().map(|(name, n)| (name, AttributeValue::N(n.to_string())));
        let mut item: Item = numbers.collect();
        item.insert("pk".into(), AttributeValue::S(pk.to_owned()));
        item.insert("sk".into(), AttributeValue::S(sk.to_owned()));
        setup.put(item).await;
    }
}

#[tokio::test]
async fn what_the_version_before_has_counted_counts_on() {
    let setup = setup().await;
    let of = change(0, 0, None, Status::Pending);
    counted_before(&setup, &of).await;
    let before = stats(&setup, &queue_of(&of)).await;
    let now = Counts { pending: 2, completed: 1, ..Counts::default() };
    assert_eq!((before.now, before.types[&of.task_type], before.changes), (now, now, 5));
    assert_eq!(before.last_hours, Counts { pending: 3, completed: 1, ..Counts::default() });
    assert_eq!(before.last_processed_at, Some(at(5)));

    // One that was pending then runs; another queue begins; and one from before is among them on its page.
    let runs = change(0, 0, Some(Status::Pending), Status::Running);
    let named = |queue: &str| Change { queue: Name::new(queue).unwrap(), ..of.clone() };
    let changes = [runs, named("a"), named("z"), named("z-1"), named("z.1")];
    let records = changes.into_iter().enumerate().map(|(n, change)| (sequence(n), Seen::Task(Box::new(change))));
    let batch = Batch { shard: "s".into(), records: records.collect(), state: None, is_last: true };
    relay(&app(), &setup.store, BusEvents::default(), batch).await.unwrap();
    folded(&setup).await;
    let counted = stats(&setup, &queue_of(&of)).await;
    assert_eq!((counted.now.pending, counted.now.running, counted.changes), (1, 1, 6));
    let all = stats(&setup, &StatsScope::All).await;
    assert_eq!((all.now.pending, all.now.running, all.now.completed, all.changes), (5, 1, 1, 10));

    let mut listed = Vec::new();
    for queue in setup.store.queues(&of.key.tenant, None, 100, at(0)).await.unwrap().items {
        listed.push((queue.queue.to_string(), queue.stats.now.open()));
    }
    let expected = [("a", 1), (of.queue.as_str(), 2), ("z", 1), ("z-1", 1), ("z.1", 1)];
    assert_eq!(listed, expected.map(|(queue, open)| (queue.to_owned(), open)));
}

#[tokio::test]
async fn a_window_that_the_version_before_has_begun_is_counted_to_its_end() {
    let setup = setup().await;
    let of = change(0, 0, None, Status::Pending);
    let (tenant, hour) = (&of.key.tenant, hour_of(at(0)).as_millis());
    let place = format!("p//{}//{}", of.queue, of.task_type);
    let state = serde_json::json!({"from": null, "to": "3", "counts": {
        tenant.as_str(): {&place: 2, format!("n//{}", of.queue): 2},
        format!("{tenant}#{hour}"): {&place: 2},
        "*": {"p/": 2, "n/": 2},
        format!("*#{hour}"): {"p/": 2},
    }});
    let records = vec![(sequence(4), Seen::Task(Box::new(of.clone())))];
    let batch = Batch { shard: "s".into(), records, state: Some(state.to_string()), is_last: true };
    relay(&app(), &setup.store, BusEvents::default(), batch).await.unwrap();
    folded(&setup).await;
    for scope in [StatsScope::All, queue_of(&of)] {
        let counted = stats(&setup, &scope).await;
        assert_eq!((counted.now.pending, counted.changes, counted.last_hours.pending), (3, 3, 3), "{scope}");
    }
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
    let response =
        relay::handle(&app(), &setup.store, BusEvents::default(), batch("s", None, &records, true)).await.unwrap();
    assert!(response.batch_item_failures.is_empty(), "{response:?}");
    folded(&setup).await;
    let counted = stats(&setup, &StatsScope::All).await;
    assert_eq!((counted.now, counted.changes), (Counts { completed: 1, ..Counts::default() }, 5));
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
    let [event, other, told] = [record("event"), record("message"), Record { wake_at: None, ..record("event") }];
    let mut images = Vec::new();
    for record in [&event, &other, &told] {
        let put = RecordWrite::Put { record: Box::new(record.clone()), expect: Expect::Absent };
        store::commit(&setup.store, Commit { records: vec![put], ..Commit::default() }).await.unwrap();
        let RecordKey { tenant, kind, id } = &record.key;
        let key = [("pk", format!("r#{tenant}#{kind}#{id}")), ("sk", "r".to_owned())];
        let key = key.map(|(name, value)| (name.to_owned(), AttributeValue::S(value))).into();
        let get = setup.client.get_item().table_name(&setup.tables.tasks).set_key(Some(key));
        images.push(get.send().await.unwrap().item.unwrap());
    }
    let seen = |old: Option<&Item>, new: Option<&Item>| errand_aws::dynamo::image::read(old, new).unwrap();
    assert_eq!(seen(None, Some(&images[0])), Seen::Event(Box::new(event)));
    assert_eq!(seen(Some(&images[0]), Some(&images[0])), Seen::Nothing);
    assert_eq!(seen(Some(&images[0]), None), Seen::Nothing);
    assert_eq!(seen(None, Some(&images[1])), Seen::Nothing);
    assert_eq!(seen(None, Some(&images[2])), Seen::Nothing, "nobody has to deliver it");
}

pub(super) fn change(tenant: usize, kind: usize, old: Option<Status>, new: Status) -> Change {
    let standing = |status| TaskStanding { status, failures: 0 };
    let name = |start: &str, n: usize| Name::new(&format!("{start:x<14}{n}")).unwrap();
    Change {
        key: errand::TaskKey { tenant: name("tenant", tenant), id: fresh() },
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

/// A place, of so many of a kind, under names as long as in the cost table and as different as names are.
fn places(tenants: usize, queues: usize, kinds: usize) -> Vec<Change> {
    let name = |n: usize| Name::new(&format!("{:016x}", (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))).unwrap();
    let place = move |n: usize| {
        let (tenant, queue, kind) = (n % tenants, n / tenants % queues, n / tenants / queues);
        let mut change = change(0, 0, None, Status::Pending);
        change.key.tenant = name(tenant);
        (change.queue, change.lane, change.task_type) = (name(queue), name(kind % 2), name(kind));
        change
    };
    (0..tenants * queues * kinds).map(place).collect()
}

/// What a shard tells of tasks, each of one of these places, from insert to end: 125 a second from second `from` on.
fn window(places: impl IntoIterator<Item = Change>, shard: usize, from: usize) -> Batch {
    use Status::{Completed, Pending, Running};
    let standing = |status| TaskStanding { status, failures: 0 };
    let tasks = places.into_iter().enumerate().flat_map(|(n, place)| {
        let at = at((from + n / 125) as u64);
        let steps = [(None, Pending), (Some(Pending), Running), (Some(Running), Completed)];
        steps.map(|(old, new)| Change { old: old.map(standing), new: standing(new), at, ..place.clone() })
    });
    let records = tasks.enumerate().map(|(n, change)| (sequence(from * 1_000_000 + n), Seen::Task(Box::new(change))));
    Batch { shard: format!("shardId-{shard:0>20}"), records: records.collect(), state: None, is_last: true }
}

#[tokio::test]
async fn counting_costs_a_tenth_of_a_write_unit_a_task_however_many_count() {
    // A thousand tasks a second write about 4,000 units a second to the table, so that it has four partitions at the
    // least; twice as many, each a shard of the stream with two windows of 30 s between two polls.
    const SHARDS: usize = 8;
    const TASKS: usize = 1_000 * 60;
    for (tenants, queues, kinds) in [(5, 1, 20), (200, 1, 5), (2_000, 1, 1), (1, 100, 10), (1, 1_000, 1)] {
        let meter = Meter::default();
        let setup = watched(meter.clone()).await;
        let places = places(tenants, queues, kinds);
        relay(&app(), &setup.store, BusEvents::default(), window(places.clone(), 0, 0)).await.unwrap();
        folded(&setup).await;
        meter.take();
        for from in [60, 90] {
            for shard in 0..SHARDS {
                let tasks = (0..TASKS / SHARDS / 2).map(|_| places[fastrand::usize(..places.len())].clone());
                relay(&app(), &setup.store, BusEvents::default(), window(tasks, shard, from)).await.unwrap();
            }
        }
        folded(&setup).await;
        let metered = meter.take();
        assert_eq!(metered.writes.keys().collect::<Vec<_>>(), ["tasks"], "a counter is in an index");
        let used = metered.write_units() / TASKS as f64;
        eprintln!("{tenants} tenants of {queues} queues of {kinds} types: {used:.3} write units a task");
        assert!(used <= 0.1, "{tenants} tenants of {queues} queues of {kinds} types: {used} write units a task");
        // A counter once; a watermark whenever a window is full or ends.
        let busiest = metered.items.iter().max_by_key(|(_, times)| **times).unwrap();
        assert!(*busiest.1 <= 10, "in a minute of 60,000 tasks {busiest:?}");
    }
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
            while let Err(problem) = relay(&app(), &setup.store, BusEvents::default(), batch.clone()).await {
                tries += 1;
                assert!(tries < 50, "{problem:?}");
            }
        }
    };
    futures::future::join_all((0..6).map(count)).await;
    folded(&setup).await;
    let all = stats(&setup, &StatsScope::All).await;
    assert_eq!((all.now.pending, all.changes), (6 * 5 * 4, 6 * 5 * 4));
    let queue = queue_of(&change(0, 0, None, Status::Pending));
    assert_eq!(stats(&setup, &queue).await.now.pending, 6 * 5 * 2);
}

#[tokio::test]
async fn a_window_whose_writing_was_not_heard_of_is_not_counted_twice() {
    let faults = Faults::default();
    let watch = faults.clone();
    let setup = setup_with(|config| config.interceptor(watch).retry_config(RetryConfig::disabled())).await;
    let records = vec![(sequence(1), Seen::Task(Box::new(change(0, 0, None, Status::Pending))))];
    let batch = Batch { shard: "s".into(), records, state: None, is_last: true };
    faults.then([Fault::LoseAnswer]);
    assert!(relay(&app(), &setup.store, BusEvents::default(), batch.clone()).await.is_err());
    relay(&app(), &setup.store, BusEvents::default(), batch).await.unwrap();
    folded(&setup).await;
    assert_eq!(stats(&setup, &StatsScope::All).await.now.pending, 1);

    // And by whoever did not see it written when it began.
    let mut counts = Tally::default();
    counts.add(&change(0, 0, None, Status::Pending));
    for from in [None, Some(sequence(0))] {
        let moved = setup.store.advance("s", from.as_ref(), &sequence(1), &counts, at(0)).await.unwrap();
        assert_eq!(moved, Moved::StandsAt(Some(sequence(1))), "{from:?}");
    }
    folded(&setup).await;
    assert_eq!(stats(&setup, &StatsScope::All).await.changes, 1);
}

#[tokio::test]
async fn answers_that_a_folder_never_hears_add_nothing_twice() {
    // In a fold: the round, two counters, the removal.
    for lost in 0..4 {
        let faults = Faults::default();
        let watch = faults.clone();
        let setup = setup_with(|config| config.interceptor(watch).retry_config(RetryConfig::disabled())).await;
        let records = vec![(sequence(1), Seen::Task(Box::new(change(0, 0, None, Status::Pending))))];
        let batch = Batch { shard: "s".into(), records, state: None, is_last: true };
        relay(&app(), &setup.store, BusEvents::default(), batch).await.unwrap();
        faults.lose_answer(lost);
        let _ = fold(&setup.store, &clock(), None).await;
        folded(&setup).await;
        assert_eq!(stats(&setup, &StatsScope::All).await.now.pending, 1, "the {lost}th");
        let queue = queue_of(&change(0, 0, None, Status::Pending));
        assert_eq!(stats(&setup, &queue).await.now.pending, 1, "the {lost}th");
        assert!(setup.store.waiting().await.unwrap().is_empty(), "the {lost}th");
    }
}

#[tokio::test]
async fn what_a_newer_version_has_counted_waits_for_it_and_holds_nothing_up() {
    let setup = setup().await;
    let counts = [("c#*", "q", "n"), ("w#*3", "s#9", "counts")];
    let batch = |number: usize| {
        let records = vec![(sequence(number), Seen::Task(Box::new(change(0, 0, None, Status::Pending))))];
        Batch { shard: "s".into(), records, state: None, is_last: true }
    };
    for (pk, sk, name) in counts {
        let key = [("pk", pk), ("sk", sk), (name, "of a form to come")];
        setup.put(key.map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned()))).into()).await;
    }
    relay(&app(), &setup.store, BusEvents::default(), batch(1)).await.unwrap();
    folded(&setup).await;
    assert_eq!(stats(&setup, &StatsScope::All).await.now.pending, 0);
    let queue = queue_of(&change(0, 0, None, Status::Pending));
    assert_eq!(stats(&setup, &queue).await.now.pending, 1);
    for (pk, sk, name) in counts {
        assert_eq!(item(&setup, pk, sk).await.unwrap()[name], AttributeValue::S("of a form to come".to_owned()));
    }
}

#[tokio::test]
async fn the_fullest_window_fits_an_item() {
    let setup = setup().await;
    let letters: Vec<char> = ('a'..='z').chain('A'..='Z').chain('0'..='9').chain(['-', '_']).collect();
    let name = || Name::new(&(0..64).map(|_| letters[fastrand::usize(..64)]).collect::<String>()).unwrap();
    let fresh = || {
        let mut change = change(0, 0, Some(Status::Running), Status::Completed);
        change.key.tenant = name();
        (change.project, change.queue, change.lane, change.task_type) = (name(), name(), name(), name());
        change
    };
    let mut counts = Tally::default();
    while !counts.is_full() {
        counts.add(&fresh());
    }
    assert!(counts.iter().count() > 900);
    assert!(serde_json::to_string(&counts).unwrap().len() < 700 * 1024, "a window's state is too large");
    let moved = setup.store.advance("s", None, &sequence(1), &counts, at(0)).await.unwrap();
    assert_eq!(moved, Moved::Done);
    folded(&setup).await;
    assert_eq!(stats(&setup, &StatsScope::All).await.now.completed, counts.iter().count() as u64 - 1);
}
