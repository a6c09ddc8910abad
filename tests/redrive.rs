//! Dead letters: listed, shown, and redriven many at a time, on every store.

use std::{collections::BTreeSet, pin::pin, sync::Arc, task::Poll, time::Duration};

use errand::{
    App, Asked, FailureKind, Name, State, Status, Task, TaskKey, Timestamp,
    spi::{
        ids,
        json::Json,
        lifecycle::{KeptFailure, log::LogKind},
    },
};
use errand_local::sqlite::{SqliteSettings, SqliteStore};
use integration_tests::{
    events::{Answered, Call},
    faults::{Fault, Faults},
    world::{World, key},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

/// One of each store, empty, with what keeps its files. (Only the one in memory can be driven by its clock.)
pub(crate) async fn worlds() -> Vec<(World, Option<TempDir>)> {
    let dir = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(&dir.path().join("errand.db"), SqliteSettings::default()).unwrap();
    let dynamo = crate::dynamo::setup().await.store;
    vec![(World::new(), None), (World::on(Arc::new(sqlite)), Some(dir)), (World::on(Arc::new(dynamo)), None)]
}

/// A task that failed `s` seconds ago, after one execution, and whose dead letter was sent.
fn failed(world: &World, s: u64) -> Task {
    let (created_at, ended_at) = (world.now() - Duration::from_secs(s + 10), world.now() - Duration::from_secs(s));
    let id = TaskKey { tenant: Name::default(), id: ids::fresh() };
    let payload = Json::new(&json!({"acts": [{"fail_for_good": "again"}]}));
    let new = Asked::of_type(id, Name::of("scripted"), payload, "me".into(), created_at);
    let failure = KeptFailure::new(FailureKind::Handler, "no", ended_at, 1);
    Task {
        state: State::Failed { failure: failure.clone() },
        executions: 1,
        failures: 1,
        log_seq: 1,
        last_errors: vec![failure],
        ended_at: Some(ended_at),
        dead_lettered_at: Some(ended_at),
        wake_at: None,
        ..Task::accept(new, ids::fresh(), created_at)
    }
}

async fn insert(world: &World, tasks: Vec<Task>) -> Vec<Uuid> {
    let ids = tasks.iter().map(|task| task.key.id).collect();
    for inserted in world.app.store.insert(tasks).await {
        inserted.unwrap();
    }
    ids
}

/// `count` of them, a second apart, newest first.
async fn failures(world: &World, count: u64) -> Vec<Uuid> {
    insert(world, (0..count).map(|s| failed(world, s)).collect()).await
}

fn call(body: &Value) -> Call {
    Call::post("/v1/dead-letters/redrive", body)
}

async fn redrive(app: &App, body: &Value) -> Value {
    call(body).answer(app).await.body(200)
}

/// Calls again with each cursor, to the end.
async fn redrive_all(app: &App, body: &Value) -> Vec<Value> {
    let mut answers = vec![redrive(app, body).await];
    while let Some(cursor) = answers.last().unwrap()["cursor"].as_str() {
        let mut next = body.clone();
        next["cursor"] = cursor.into();
        answers.push(redrive(app, &next).await);
        assert!(answers.len() < 100, "no end");
    }
    answers
}

fn sum(answers: &[Value], field: &str) -> u64 {
    answers.iter().map(|answer| answer[field].as_u64().unwrap()).sum()
}

/// Each task waits again, redriven once, with one row that says so.
async fn redriven_once(world: &World, ids: &[Uuid]) {
    for id in ids {
        let task = world.task(*id).await;
        assert_eq!((task.status(), task.redrives, task.ended_at), (Status::Pending, 1, None));
        let rows = world.log(*id).await;
        assert_eq!(rows.iter().map(|row| (row.kind, row.seq)).collect::<Vec<_>>(), [(LogKind::Redrive, 2)]);
    }
}

#[tokio::test]
async fn more_than_a_thousand_failed_tasks_are_redriven_each_once_with_one_row() {
    for (world, _dir) in worlds().await {
        let ids = failures(&world, 1050).await;
        let answers = redrive_all(&world.app, &json!({"all": true, "note": "mended"})).await;
        let done: Vec<_> = answers.iter().map(|answer| answer["done"].as_u64().unwrap()).collect();
        assert_eq!((done, sum(&answers, "skipped")), (vec![1000, 50], 0));
        redriven_once(&world, &ids).await;
        let row = world.log(ids[7]).await.remove(0);
        assert_eq!((row.by.as_deref(), row.reason.as_deref()), (Some("local"), Some("mended")));
        assert_eq!(world.task(ids[7]).await.redrive_note.as_deref(), Some("mended"));
        assert_eq!(redrive(&world.app, &json!({"all": true})).await, json!({"done": 0, "skipped": 0, "cursor": null}));
    }
}

#[tokio::test]
async fn the_limit_and_the_border_of_a_page_lose_and_double_nothing() {
    for (world, _dir) in worlds().await {
        for limit in [7, 99, 100, 101] {
            let ids = failures(&world, 205).await;
            let answers = redrive_all(&world.app, &json!({"all": true, "limit": limit})).await;
            assert!(answers.iter().all(|answer| answer["done"].as_u64().unwrap() <= limit));
            assert_eq!((sum(&answers, "done"), sum(&answers, "skipped")), (205, 0), "limit {limit}");
            redriven_once(&world, &ids[..3]).await;
        }
    }
}

#[tokio::test]
async fn two_operators_at_once_redrive_each_task_once() {
    for (world, _dir) in worlds().await {
        let ids = failures(&world, 120).await;
        let body = json!({"all": true});
        let (a, b) = futures::join!(redrive_all(&world.app, &body), redrive_all(&world.app, &body));
        assert_eq!(sum(&a, "done") + sum(&b, "done"), 120);
        redriven_once(&world, &ids).await;
    }
}

#[tokio::test]
async fn a_task_changed_between_its_listing_and_its_redrive_is_skipped() {
    let world = World::new();
    let ids = failures(&world, 3).await;
    // Stops before the list's answer is acted on; meanwhile one is redriven, fails again, and is failed once more.
    let faults = Faults::stepping();
    let app = faults.around(&world.app);
    let call = call(&json!({"all": true}));
    let mut work = pin!(call.answer(&app));
    assert!(futures::poll!(work.as_mut()).is_pending());
    faults.go();
    assert!(futures::poll!(work.as_mut()).is_pending());
    assert_eq!(faults.calls(), 1, "the list");
    world.request("POST /v1/tasks/{id}/retry", Some(ids[1]), &Value::Null, None).await;
    world.deliver_all().await;
    assert_eq!(world.task(ids[1]).await.executions, 2);
    let answer = finished(&faults, work).await.body(200);
    assert_eq!(answer, json!({"done": 2, "skipped": 1, "cursor": null}));
    let task = world.task(ids[1]).await;
    assert_eq!((task.status(), task.redrives), (Status::Failed, 1));
}

async fn finished(faults: &Faults, mut work: std::pin::Pin<&mut impl Future<Output = Answered>>) -> Answered {
    loop {
        faults.go();
        if let Poll::Ready(answer) = futures::poll!(work.as_mut()) {
            return answer;
        }
    }
}

#[tokio::test]
async fn a_dry_run_shows_what_would_be_redriven_and_changes_nothing() {
    for (world, _dir) in worlds().await {
        let ids = failures(&world, 130).await;
        let first = redrive(&world.app, &json!({"dry_run": true, "limit": 120})).await;
        assert_eq!((&first["matched"], &first["done"], &first["skipped"]), (&json!(120), &json!(0), &json!(0)));
        let cursor = first["cursor"].as_str().unwrap();
        let rest = redrive(&world.app, &json!({"dry_run": true, "cursor": cursor})).await;
        assert_eq!((&rest["matched"], &rest["cursor"]), (&json!(10), &Value::Null));
        let shown = [&first, &rest].into_iter().flat_map(|answer| answer["items"].as_array().unwrap());
        let shown: Vec<&str> = shown.map(|item| item["id"].as_str().unwrap()).collect();
        assert_eq!(shown, ids.iter().map(Uuid::to_string).collect::<Vec<_>>(), "newest end first");
        let item = &first["items"][0];
        assert_eq!((&item["failure_kind"], &item["message"]), (&json!("handler"), &json!("no")));
        for id in ids {
            let task = world.task(id).await;
            assert_eq!((task.status(), task.redrives, task.log_seq), (Status::Failed, 0, 1));
        }
    }
}

/// Four that differ in everything a filter names, and one beside them in another queue.
async fn different(world: &World) -> Vec<Uuid> {
    let of = |kind| State::Failed { failure: KeptFailure::new(kind, "no", world.now(), 1) };
    let name = |text: &'static str| Name::of(text);
    let tasks = vec![
        failed(world, 10),
        Task { state: of(FailureKind::Timeout), ..failed(world, 20) },
        failed(world, 30).asking(|asked| asked.lane = name("fast")),
        failed(world, 40).asking(|asked| asked.task_type = name("verify_user")),
        failed(world, 50).asking(|asked| asked.queue = name("mail")),
        failed(world, 60).asking(|asked| asked.project = name("shop")),
    ];
    insert(world, tasks).await
}

fn filters(now: Timestamp) -> Vec<(Value, Vec<usize>)> {
    let ago = |s| (now - Duration::from_secs(s)).to_string();
    vec![
        (json!({}), vec![0, 1, 2, 3]),
        (json!({"failure_kind": "timeout"}), vec![1]),
        (json!({"lane": "fast"}), vec![2]),
        (json!({"type": "verify_user"}), vec![3]),
        (json!({"queue": "mail"}), vec![4]),
        (json!({"project": "shop"}), vec![5]),
        (json!({"ended_after": ago(30)}), vec![0, 1]),
        (json!({"ended_before": ago(20)}), vec![2, 3]),
        (json!({"ended_after": ago(40), "ended_before": ago(10), "type": "scripted"}), vec![1, 2]),
        (json!({"queue": "nobodys"}), vec![]),
    ]
}

#[tokio::test]
async fn a_filter_shows_and_redrives_what_it_names_and_nothing_else() {
    for (world, _dir) in worlds().await {
        let ids = different(&world).await;
        let place = |id: &Value| ids.iter().position(|task| *id == task.to_string()).unwrap();
        for (filter, expected) in filters(world.now()) {
            let dry = redrive(&world.app, &json!({"filter": filter, "dry_run": true})).await;
            let shown: Vec<usize> = dry["items"].as_array().unwrap().iter().map(|item| place(&item["id"])).collect();
            assert_eq!(shown, expected, "{filter}");
            let query =
                filter.as_object().unwrap().iter().map(|(name, value)| format!("{name}={}&", value.as_str().unwrap()));
            let mut path = format!("/v1/dead-letters?limit=1&{}", query.collect::<String>());
            let mut listed = Vec::new();
            loop {
                let page = Call::get(&path).answer(&world.app).await.body(200);
                let items = page["items"].as_array().unwrap();
                assert_eq!(page["count"], items.len());
                assert!(items.iter().all(|task| task["failure"]["message"] == "no"));
                listed.extend(items.iter().map(|item| place(&item["id"])));
                let Some(cursor) = page["cursor"].as_str() else { break };
                path = format!("{}&cursor={cursor}", path.split("&cursor").next().unwrap());
            }
            assert_eq!(listed, expected, "{filter}");
        }
        let (filter, expected) = &filters(world.now())[8];
        assert_eq!(redrive(&world.app, &json!({"filter": filter})).await["done"], expected.len());
        let mut waiting = Vec::new();
        for (place, id) in ids.iter().enumerate() {
            waiting.extend((world.task(*id).await.status() == Status::Pending).then_some(place));
        }
        assert_eq!(waiting, *expected);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_redrive_is_a_400_that_names_it() {
    let world = World::new();
    let refused = [
        (json!({"filter": {"type": "no/name"}}), "filter.type"),
        (json!({"filter": {"failure_kind": "bad luck"}}), "filter.failure_kind"),
        (json!({"filter": {"ended_after": "yesterday"}}), "filter.ended_after"),
        (json!({"filter": {"ended_before": 5}}), "filter.ended_before"),
        (json!({"filter": {"queue": ""}}), "filter.queue"),
        (json!({"filter": {"project": "a b"}}), "filter.project"),
        (json!({"filter": {"lane": 1}}), "filter.lane"),
        (json!({"filter": {"tenant": "other"}}), "filter.tenant"),
        (json!({"filter": null}), "filter"),
        (json!({}), "filter"),
        (json!({"filter": {}, "note": "mended"}), "filter"),
        (json!({"all": false}), "filter"),
        (json!({"all": true, "filter": {"lane": "fast"}}), "all"),
        (json!({"filter": [null, null]}), "filter"),
        (json!({"dry_run": "yes"}), "dry_run"),
        (json!({"limit": 0}), "limit"),
        (json!({"limit": 1001}), "limit"),
        (json!({"rate": 0}), "rate"),
        (json!({"rate": -1}), "rate"),
        (json!({"rate": 1001}), "rate"),
        (json!({"all": true, "cursor": "nonsense"}), "cursor"),
        (json!({"force": true}), "force"),
    ];
    for (body, field) in refused {
        let (status, code, at, said) = call(&body).answer(&world.app).await.error();
        assert_eq!((status, code.as_str(), at.as_str()), (400, "invalid", field), "{body}: {said}");
    }
    let long = call(&json!({"all": true, "note": "x".repeat(4097)})).answer(&world.app).await.error();
    assert_eq!((long.0, long.2.as_str()), (413, "note"));
    for (query, field) in [
        ("type=no/name", "type"),
        ("failure_kind=bad", "failure_kind"),
        ("ended_after=yesterday", "ended_after"),
        ("status=open", "status"),
        ("cursor=nonsense", "cursor"),
        ("limit=101", "limit"),
    ] {
        let (status, _, at, _) = Call::get(&format!("/v1/dead-letters?{query}")).answer(&world.app).await.error();
        assert_eq!((status, at.as_str()), (400, field));
    }
}

#[tokio::test]
async fn without_a_word_of_which_nothing_is_redriven() {
    let world = World::new();
    let ids = failures(&world, 2).await;
    let nothing = Call::to("POST", "/v1/dead-letters/redrive").answer(&world.app).await;
    assert_eq!((nothing.error().0, nothing.error().2.as_str()), (400, "filter"));
    // To look needs no such word.
    assert_eq!(redrive(&world.app, &json!({"dry_run": true})).await["matched"], 2);
    for id in ids {
        assert_eq!(world.task(id).await.redrives, 0);
    }
}

#[tokio::test]
async fn a_rate_spreads_the_starts_and_holds_over_all_calls() {
    for (world, _dir) in worlds().await {
        let ids = failures(&world, 25).await;
        let answers = redrive_all(&world.app, &json!({"all": true, "rate": 0.5, "limit": 10})).await;
        assert_eq!(answers.len(), 3);
        let begin = world.now();
        for (nth, id) in (0..).zip(&ids) {
            assert_eq!(world.task(*id).await.run_at(), Some(begin + Duration::from_secs(2 * nth)));
        }
    }
}

#[tokio::test]
async fn a_start_beyond_what_a_message_can_wait_is_the_pollers() {
    let world = World::new();
    let ids = failures(&world, 3).await;
    redrive(&world.app, &json!({"all": true, "rate": 0.001})).await;
    world.drain().await;
    for id in &ids {
        assert_eq!(world.task(*id).await.executions, 2);
    }
    let first = world.task(ids[0]).await.last_attempted_at.unwrap();
    let last = world.task(ids[2]).await.last_attempted_at.unwrap();
    assert!((2000..2010).contains(&last.since(first).as_secs()), "{first} {last}");
}

#[tokio::test]
async fn a_call_that_broke_off_anywhere_goes_on_and_repeats_nothing() {
    for fault in [Fault::CrashBefore, Fault::CrashAfter] {
        for nth in 0.. {
            let world = World::new();
            let ids = failures(&world, 4).await;
            let faults = Faults::at(nth, fault);
            let app = faults.around(&world.app);
            let body = json!({"all": true, "limit": 2});
            let first = world.run_unless(|| faults.crashed(), redrive(&app, &body)).await;
            // What it had redriven runs, and fails again; then the same call comes again.
            world.advance(60);
            let answers = redrive_all(&world.app, &body).await;
            redriven_once(&world, &ids).await;
            assert!(sum(&answers, "done") <= 4);
            world.drain().await;
            for id in &ids {
                assert_eq!(world.task(*id).await.executions, 2, "{fault:?} at call {nth}");
            }
            if first.is_some() {
                assert!(nth > 3, "nothing was tried");
                break;
            }
        }
    }
}

#[tokio::test]
async fn what_fails_again_meanwhile_is_not_redriven_by_where_the_list_goes_on() {
    let world = World::new();
    let ids = failures(&world, 4).await;
    let first = redrive(&world.app, &json!({"all": true, "limit": 2})).await;
    world.deliver_all().await;
    let cursor = first["cursor"].clone();
    for expected in [2, 0] {
        assert_eq!(redrive(&world.app, &json!({"all": true, "cursor": cursor})).await["done"], expected);
        world.deliver_all().await;
    }
    for id in ids {
        assert_eq!(world.task(id).await.redrives, 1);
    }
}

#[tokio::test]
async fn a_store_that_fails_under_way_ends_the_call_with_where_to_go_on() {
    for fault in [Fault::Unavailable, Fault::Busy] {
        let world = World::new();
        let ids = failures(&world, 3).await;
        // The list, then one commit for each task; the second of them fails.
        let faults = Faults::at(2, fault);
        let answer = redrive(&faults.around(&world.app), &json!({"all": true})).await;
        assert_eq!((&answer["done"], &answer["skipped"]), (&json!(2), &json!(0)), "{fault:?}");
        world.advance(1);
        world.deliver_all().await; // they fail again, and must not be met again
        let answer = redrive(&world.app, &json!({"all": true, "cursor": answer["cursor"]})).await;
        assert_eq!(answer, json!({"done": 1, "skipped": 0, "cursor": null}));
        world.deliver_all().await;
        for id in ids {
            assert_eq!(world.task(id).await.redrives, 1, "{fault:?}");
        }
        let failures = failures(&world, 1).await;
        let answer = call(&json!({"all": true})).answer(&Faults::at(0, fault).around(&world.app)).await;
        assert!([429, 503].contains(&answer.status), "{failures:?}");
    }
}

#[tokio::test]
async fn a_call_takes_up_nothing_after_twenty_seconds() {
    let world = World::new();
    failures(&world, 500).await;
    let faults = Faults::stepping();
    let app = faults.around(&world.app);
    let call = call(&json!({"all": true}));
    let mut work = pin!(call.answer(&app));
    let begin = world.now();
    let answer = loop {
        if let Poll::Ready(answer) = futures::poll!(tokio::task::unconstrained(work.as_mut())) {
            break answer.body(200);
        }
        world.advance(4);
        faults.go();
    };
    assert!(world.now().since(begin) < Duration::from_secs(30));
    assert!((100..=200).contains(&answer["done"].as_u64().unwrap()), "{answer}");
    assert!(answer["cursor"].is_string());
}

#[tokio::test]
async fn a_redrive_under_a_key_happens_once() {
    for (world, _dir) in worlds().await {
        let ids = failures(&world, 3).await;
        let call = call(&json!({"all": true, "limit": 2})).header("idempotency-key", "once");
        let first = call.answer(&world.app).await.body(200);
        assert_eq!(first["done"], 2);
        assert_eq!(call.answer(&world.app).await.body(200), first, "the answer of the first");
        let redrives = [1, 1, 0];
        for (id, redrives) in ids.iter().zip(redrives) {
            assert_eq!(world.task(*id).await.redrives, redrives);
        }
        call.clone().text(r#"{"all": true}"#).answer(&world.app).await.body(409);
    }
}

#[tokio::test]
async fn a_redrive_under_a_key_that_broke_off_anywhere_is_finished_and_not_repeated() {
    for nth in 0.. {
        let world = World::new();
        let ids = failures(&world, 3).await;
        let faults = Faults::at(nth, Fault::CrashAfter);
        let app = faults.around(&world.app);
        let call = call(&json!({"all": true})).header("idempotency-key", "once");
        let first = world.run_unless(|| faults.crashed(), call.answer(&app)).await;
        world.drain().await; // what was redriven runs, and fails again
        call.answer(&world.app).await.body(200);
        world.drain().await;
        for id in &ids {
            let task = world.task(*id).await;
            assert_eq!((task.redrives, task.executions), (1, 2), "call {nth}");
        }
        if first.is_some() {
            assert!(nth > 5, "nothing was tried");
            break;
        }
    }
}

#[tokio::test]
async fn nobody_redrives_another_tenants_tasks() {
    for (world, _dir) in worlds().await {
        let ids = failures(&world, 2).await;
        let other = call(&json!({"all": true})).header("x-errand-tenant", "other");
        assert_eq!(other.answer(&world.app).await.body(200)["done"], 0);
        let listed = Call::get("/v1/dead-letters").header("x-errand-tenant", "other").answer(&world.app).await;
        assert_eq!(listed.body(200)["count"], 0);
        let seen: BTreeSet<_> = ids.iter().map(|id| key(*id).tenant).collect();
        assert_eq!(seen.len(), 1);
        for id in ids {
            assert_eq!(world.task(id).await.redrives, 0);
        }
    }
}
