//! What is stored: names and forms of attributes, what TTL may delete, and items that nobody can read.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use errand::{
    Asked, Dispatch, FailureKind, Name, StoreError, Task, TaskKey, Timestamp,
    spi::{
        lifecycle::{KeptFailure, Settlement, Trigger},
        store::{self, Due, DueItem, Position, Retention, StatsScope, Store},
    },
};
use errand_aws::dynamo::{Config, DynamoStore};
use integration_tests::{
    conformance::{lives::a_log_is_of_one_life, unreadable::lists_leave_out_what_cannot_be_read},
    events::Call,
    world::World,
};
use serde_json::json;

use super::{Setup, at, change, claim, complete, name, new_task, settle, setup, task};

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

async fn insert(setup: &Setup, task: &Task) {
    store::insert(&setup.store, task.clone()).await.unwrap();
}

async fn due(setup: &Setup, until: Timestamp) -> Vec<Due> {
    let mut all = Vec::new();
    for shard in 0..setup.store.shards() {
        all.extend(setup.store.due(shard, until, 10).await.unwrap());
    }
    all
}

#[tokio::test]
async fn a_task_is_stored_under_the_documented_names() {
    let setup = setup().await;
    let task = task(300);
    insert(&setup, &task).await;
    let item = setup.item(&task.key).await;
    let TaskKey { tenant, id } = &task.key;
    assert_eq!(item["pk"], text(format!("t#{tenant}#{id}")));
    assert_eq!(item["v"], AttributeValue::B(Blob::new(task.version.as_bytes())));
    assert_eq!((&item["s"], &item["e"]), (&text("pending"), &AttributeValue::N("0".into())));
    let l = item["l"].as_s().unwrap();
    assert!(l.starts_with(&format!("{tenant}/{}/{}#open#", task.project, task.queue)), "{l}");
    assert_eq!(item["m"], AttributeValue::B(Blob::new(Position::in_queue(&task).as_bytes())));
    let u = item["u"].as_s().unwrap();
    assert!(u.starts_with(&format!("{tenant}#{}", task.user_id.as_ref().unwrap())), "{u}");
    assert_eq!(item["c"], AttributeValue::B(Blob::new(Position::by_age(&task).as_bytes())));
    assert!(item["d"].as_s().unwrap().starts_with("due#"));
    assert_eq!(item["w"], AttributeValue::N(task.wake_at.unwrap().as_millis().to_string()));
    let mut names: Vec<&str> = item.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["c", "d", "doc", "e", "l", "m", "pk", "s", "sk", "u", "v", "w"]);
}

#[tokio::test]
async fn only_an_ended_task_has_a_ttl_and_a_redrive_takes_it_back() {
    let setup = setup().await;
    let task = task(300);
    insert(&setup, &task).await;
    let (claimed_commit, claimed) = claim(&task, at(1));
    let failure = KeptFailure::new(FailureKind::Handler, "no", at(2), 1);
    let (failed_commit, failed) = settle(&claimed, Settlement::Fail { failure }, at(2));
    let (redriven_commit, _) =
        change(&failed, Trigger::Redrive { note: None, by: "me".into(), failed_at: None, run_at: None }, at(3));
    let ttl = (at(2) + setup.config.retention.tasks).as_millis() / 1000;
    let expected = [None, Some(AttributeValue::N(ttl.to_string())), None];
    for (commit, expected) in [claimed_commit, failed_commit, redriven_commit].into_iter().zip(expected) {
        store::commit(&setup.store, commit).await.unwrap();
        assert_eq!(setup.item(&task.key).await.get("ttl_s"), expected.as_ref());
    }
    let row = setup.log_items(&task.key).await.remove(0);
    assert_eq!(row["ttl_s"], AttributeValue::N(((at(2) + setup.config.retention.log).as_millis() / 1000).to_string()));
}

#[tokio::test]
async fn what_a_rule_is_for_has_the_ttl_of_the_rule() {
    let setup = setup().await;
    let ttl = async |rules: &str| {
        let retention = Retention { rules: rules.parse().unwrap(), ..Retention::default() };
        let store = DynamoStore::new(setup.client.clone(), Config { retention, ..setup.config.clone() });
        let task = task(300);
        store::insert(&store, task.clone()).await.unwrap();
        let (commit, _) = change(&task, Trigger::Cancel { reason: "no".into(), by: "me".into() }, at(1));
        store::commit(&store, commit).await.unwrap();
        setup.item(&task.key).await["ttl_s"].as_n().unwrap().parse::<i64>().unwrap() - at(1).as_millis() / 1000
    };
    let (of_type, of_queue) = (format!("type:{}=7", name("type")), format!("queue:{}=400", name("queue")));
    let days = [ttl(&format!("{of_type},{of_queue}")).await, ttl(&of_queue).await, ttl("type:x=7").await];
    assert_eq!(days.map(|s| s / 86_400), [7, 400, 30]);
}

#[tokio::test]
async fn a_task_reads_back_as_it_was_written_in_every_state() {
    let setup = setup().await;
    let failure = |at| KeptFailure::new(FailureKind::Timeout, "took too long", at, 1);
    let ends: [Settlement; 4] = [
        Settlement::Retry { run_at: at(60), failure: failure(at(2)), hinted: true },
        Settlement::Fail { failure: failure(at(2)) },
        Settlement::Cancel { reason: "no".into() },
        Settlement::Block { reason: String::new() },
    ];
    for end in ends {
        let expected = task(300).asking(|asked| {
            asked.expires_at = Some(at(7200));
            asked.session_path = Some("s/1".into());
            asked.max_retries = if matches!(end, Settlement::Retry { .. }) { 5 } else { 0 };
            asked.timeout_s = 840;
        });
        insert(&setup, &expected).await;
        let (claimed_commit, claimed) = claim(&expected, at(1));
        let (ended_commit, ended) = settle(&claimed, end, at(2));
        for (commit, expected) in [(claimed_commit, claimed), (ended_commit, ended)] {
            store::commit(&setup.store, commit).await.unwrap();
            assert_eq!(store::task(&setup.store, &expected.key).await.unwrap(), Some(expected));
        }
    }
}

#[tokio::test]
async fn how_a_task_is_dispatched_is_written_only_where_an_item_of_before_says_otherwise() {
    let setup = setup().await;
    let written = [
        ("scripted", Dispatch::Announced, None),
        ("fetch", Dispatch::Pulled, Some("pulled")),
        ("run_outside", Dispatch::Pulled, None),
        ("run_outside", Dispatch::Announced, Some("announced")),
    ];
    for (task_type, dispatch, said) in written {
        let task = task(300).asking(|asked| {
            asked.task_type = Name::of(task_type);
            asked.dispatch = dispatch;
            asked.pool = Some(Name::default());
        });
        insert(&setup, &task).await;
        let item = setup.item(&task.key).await;
        assert_eq!(item["doc"].as_m().unwrap().get("di"), said.map(text).as_ref(), "{task_type}");
        assert_eq!(store::task(&setup.store, &task.key).await.unwrap(), Some(task));
    }
}

#[tokio::test]
async fn a_trace_is_written_only_where_there_is_one_and_an_item_of_before_has_none() {
    let setup = setup().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for traceparent in [None, Some(trace)] {
        let task = task(300).asking(|asked| asked.traceparent = traceparent.map(|text| text.parse().unwrap()));
        insert(&setup, &task).await;
        let item = setup.item(&task.key).await;
        assert_eq!(item["doc"].as_m().unwrap().get("tp"), traceparent.map(text).as_ref());
        assert_eq!(store::task(&setup.store, &task.key).await.unwrap(), Some(task));
    }
}

#[tokio::test]
async fn of_tasks_read_together_one_that_cannot_be_read_harms_no_other() {
    let setup = setup().await;
    let tasks = [task(300), task(20 * 1024), task(20 * 1024), task(300)];
    for task in &tasks {
        insert(&setup, task).await;
    }
    let mut broken = setup.item(&tasks[0].key).await;
    broken.insert("s".into(), text("dreaming"));
    setup.put(broken).await;
    let payload = setup.items(&tasks[1].key).await.into_iter().filter(|item| item["sk"] != text("t"));
    setup.delete(&payload.collect::<Vec<_>>()).await;
    let keys = tasks.each_ref().map(|task| task.key.clone());
    let read = setup.store.tasks(&keys).await;
    for (task, read) in tasks[..2].iter().zip(&read) {
        let of_task = |id: &str| id.ends_with(&task.key.id.to_string());
        assert!(matches!(read, Err(StoreError::Corrupt { id, .. }) if of_task(id)), "{read:?}");
    }
    for (task, read) in tasks.into_iter().zip(read).skip(2) {
        assert_eq!(read.unwrap(), Some(task));
    }
    // Two messages may speak of one task.
    let twice = setup.store.tasks(&[keys[3].clone(), keys[3].clone()]).await;
    assert!(twice.iter().all(|read| matches!(read, Ok(Some(_)))), "{twice:?}");
}

#[tokio::test]
async fn an_item_that_cannot_be_read_is_corrupt_and_can_be_set_aside() {
    let setup = setup().await;
    let task = task(300);
    insert(&setup, &task).await;
    let whole = setup.item(&task.key).await;
    let mut newer = whole.clone();
    let AttributeValue::M(doc) = newer.get_mut("doc").unwrap() else { panic!("{newer:?}") };
    doc.insert("from_the_future".into(), text("x"));
    let mut broken = whole.clone();
    broken.insert("s".into(), text("dreaming"));
    let mut poorer = whole;
    poorer.remove("v");
    for item in [newer, broken, poorer] {
        setup.put(item).await;
        let read = store::task(&setup.store, &task.key).await;
        let id = format!("t#{}#{}", task.key.tenant, task.key.id);
        assert!(matches!(&read, Err(StoreError::Corrupt { id: found, .. }) if *found == id), "{read:?}");
        let again = store::insert(&setup.store, Task { version: uuid::Uuid::new_v4(), ..task.clone() }).await;
        assert!(matches!(again, Err(StoreError::Corrupt { .. })), "{again:?}");
    }

    let wake_at = task.wake_at.unwrap();
    let seen = Due { item: DueItem::Task(task.key.clone()), wake_at };
    assert_eq!(due(&setup, wake_at).await, vec![seen.clone()]);
    let later = wake_at + Duration::from_secs(3600);
    setup.store.set_aside(&seen, later).await.unwrap();
    assert_eq!(due(&setup, wake_at).await, []);
    setup.store.set_aside(&seen, at(0)).await.unwrap(); // no longer what was seen
    assert_eq!(due(&setup, later).await, [Due { wake_at: later, ..seen }]);
}

#[tokio::test]
async fn a_task_that_an_older_version_has_written_reads_back() {
    let setup = setup().await;
    let task = task(300);
    insert(&setup, &task).await;
    let mut item = setup.item(&task.key).await;
    let AttributeValue::M(doc) = item.get_mut("doc").unwrap() else { panic!("{item:?}") };
    assert_eq!(doc.insert("hi".into(), AttributeValue::Bool(true)), None);
    setup.put(item).await;
    assert_eq!(store::task(&setup.store, &task.key).await.unwrap(), Some(task));
}

#[tokio::test]
async fn what_cannot_be_read_is_left_out_of_lists() {
    let setup = setup().await;
    let spoil = async |task: &Task| {
        let mut item = setup.item(&task.key).await;
        let AttributeValue::M(doc) = item.get_mut("doc").unwrap() else { panic!("{item:?}") };
        doc.insert("from_the_future".into(), text("x"));
        setup.put(item).await;
    };
    // One part, in which all that can be read stands behind what cannot.
    let config = Config { shards: errand_aws::Shards { due: 1, ..setup.config.shards }, ..setup.config.clone() };
    let store = DynamoStore::new(setup.client.clone(), config);
    lists_leave_out_what_cannot_be_read(&store, spoil).await;
    // A payload that is gone.
    let task = task(9000);
    insert(&setup, &task).await;
    let payload = setup.items(&task.key).await.into_iter().find(|item| item.contains_key("b")).unwrap();
    setup.delete(&[payload]).await;
    let listing = store::Listing::User(task.user_id.clone().unwrap());
    let query = store::ListQuery { tenant: task.key.tenant.clone(), listing, filter: store::Filter::default() };
    assert!(setup.store.list(&query, None, 10).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn what_waits_longest_is_told_though_what_is_before_it_cannot_be_read_and_other_parts_have_more() {
    let setup = setup().await;
    let config = Config { shards: errand_aws::Shards { due: 2, ..setup.config.shards }, ..setup.config.clone() };
    let store = DynamoStore::new(setup.client.clone(), config);
    let mut parts: BTreeMap<String, Vec<TaskKey>> = BTreeMap::new();
    while parts.len() < 2 || parts.values().all(|keys| keys.len() < 2) {
        let task = task(300);
        store::insert(&store, task.clone()).await.unwrap();
        let part = setup.item(&task.key).await["d"].as_s().unwrap().clone();
        setup.delete(&setup.items(&task.key).await).await;
        parts.entry(part).or_default().push(task.key.clone());
    }
    let mut parts: Vec<Vec<TaskKey>> = parts.into_values().collect();
    parts.sort_by_key(Vec::len);
    let (other, several) = (&parts[0], &parts[1]);
    let insert = async |key: &TaskKey, scheduled_for: Timestamp| {
        let asked = Asked { key: key.clone(), scheduled_for, ..new_task(300) };
        store::insert(&store, Task::accept(asked, uuid::Uuid::new_v4(), at(0))).await.unwrap();
    };
    insert(&several[0], at(1)).await;
    insert(&several[1], at(2)).await;
    insert(&other[0], at(86_400)).await;
    let mut item = setup.item(&several[0]).await;
    item.insert("s".into(), text("dreaming"));
    setup.put(item).await;
    assert_eq!(store.oldest_due(&StatsScope::All, at(10)).await.unwrap(), Some(at(2)));
}

#[tokio::test]
async fn a_list_drops_what_has_moved_since_the_index_saw_it() {
    let setup = setup().await;
    let task = task(300);
    insert(&setup, &task).await;
    let (claimed_commit, claimed) = claim(&task, at(1));
    store::commit(&setup.store, claimed_commit).await.unwrap();
    store::commit(&setup.store, complete(&claimed, at(2)).0).await.unwrap();
    // As an index that lags would: the item says "completed", its entry still "open".
    let mut item = setup.item(&task.key).await;
    item.insert("m".into(), AttributeValue::B(Blob::new(Position::in_queue(&task).as_bytes())));
    let l = item["l"].as_s().unwrap().replace("#completed#", "#open#");
    item.insert("l".into(), text(l));
    setup.put(item).await;
    let query = store::ListQuery {
        tenant: task.key.tenant.clone(),
        listing: store::Listing::Queue {
            project: task.project.clone(),
            queue: task.queue.clone(),
            bucket: store::Bucket::Open,
        },
        filter: store::Filter::default(),
    };
    assert!(setup.store.list(&query, None, 10).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn check_knows_the_tables_and_says_what_they_lack() {
    let setup = setup().await;
    setup.store.check().await.unwrap();
    let swapped = errand_aws::dynamo::Config::new(&setup.tables.log, &setup.tables.tasks);
    let error = errand_aws::dynamo::DynamoStore::new(setup.client.clone(), swapped).check().await.unwrap_err();
    assert!(format!("{error:?}").contains(&setup.tables.log), "{error:?}");
}

#[tokio::test]
async fn a_task_with_the_key_of_one_that_ttl_removed_has_a_log_of_its_own() {
    let setup = setup().await;
    a_log_is_of_one_life(&setup.store, async |task: &Task| setup.delete(&setup.items(&task.key).await).await).await;
}

#[tokio::test]
async fn a_row_of_the_log_stays_as_it_is_when_its_task_is_restored_and_runs_again() {
    let setup = setup().await;
    let task = task(300);
    let mut rows = vec![];
    for ran_at in [at(1), at(100)] {
        insert(&setup, &task).await;
        let (claimed_commit, claimed) = claim(&task, ran_at);
        store::commit(&setup.store, claimed_commit).await.unwrap();
        let (ended_commit, _) = settle(&claimed, Settlement::Block { reason: String::new() }, ran_at);
        let _ = store::commit(&setup.store, ended_commit).await; // whatever becomes of the second
        rows.push(setup.log_items(&task.key).await);
        setup.delete(&setup.items(&task.key).await).await; // as one that is brought back from before it ran
    }
    assert_eq!(rows[0].len(), 1);
    assert!(rows[1].contains(&rows[0][0]), "{rows:?}");
}

#[tokio::test]
async fn a_run_of_before_that_is_done_outside_is_claimed_now_once_the_poller_has_looked_at_it() {
    let setup = setup().await;
    let world = World::on(Arc::new(setup.store.clone()));
    // A payload of its own item says the profile, too.
    for (profile, prompt) in [("fast", "x".to_owned()), ("slow", "x".repeat(4096))] {
        let ask = json!({"prompt": prompt, "executor": "runner", "profile": profile});
        let run = Call::post("/v1/runs", &ask).answer(&world.app).await.body(201);
        let key = TaskKey { tenant: Name::default(), id: run["task_id"].as_str().unwrap().parse().unwrap() };
        let mut item = setup.item(&key).await;
        assert!(item.remove("q").is_some() && item.remove("qa").is_some());
        let AttributeValue::M(doc) = item.get_mut("doc").unwrap() else { panic!("{item:?}") };
        assert!(doc.remove("po").is_some());
        doc.insert("ts".into(), AttributeValue::N("85".into()));
        setup.put(item).await;
        let task = world.task(key.id).await;
        assert_eq!((task.pool.clone(), task.timeout_s), (Some(Name::of(profile)), 86_400));

        let claim = json!({"worker_id": "w", "task_types": ["run_outside"], "pool": profile});
        let claim = Call::post("/v1/claims", &claim);
        assert_eq!(claim.answer(&world.app).await.body(200)["count"], 0);
        world.advance(121);
        poller::handle(&world.app, None).await;
        let given = claim.answer(&world.app).await.body(200)["items"][0].take();
        assert_eq!(given["details"]["run_id"], run["id"]);
    }
}
