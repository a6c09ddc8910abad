//! `DELETE /v1/users/{id}`: nothing of a user is left, in tasks, runs, records and the log, but a receipt.

use std::sync::Arc;

use errand::{
    Doc, Expect, Id, Name,
    spi::{
        queue::QueueName,
        store::{self, Commit, MemoryStore, Record, RecordKey, RecordWrite, Store},
    },
};
use integration_tests::{
    crash::at_every_call,
    events::Call,
    in_memory::process,
    world::{VISIBILITY, World},
};
use serde_json::{Value, json};

/// Stands in all that is hers.
const MARKER: &str = "Zauberwort-7";
const ADA: &str = "ada-lovelace";

async fn ask(world: &World, call: Call, status: u16) -> Value {
    call.answer(&world.app).await.body(status)
}

fn scripted(user: &str, payload: Value) -> Value {
    json!({"task_type": "scripted", "user_id": user, "payload": payload})
}

/// Ada has tasks in all states, runs that a worker holds and that wait, records, and a schedule; Bob
/// has as much as she.
async fn given(store: Arc<dyn Store>) -> World {
    let world = World::on(store);
    for (user, said) in [(ADA, MARKER), ("bob", "something")] {
        let fatal = json!({"acts": [{"fail_for_good": said}], "ballast": said});
        let step = json!({"acts": ["step"], "mark": "m", "ballast": said.repeat(300)});
        for payload in [json!({"ballast": said}), fatal, step] {
            world.enqueue(&scripted(user, payload)).await;
        }
        let first_name = json!({"first_name": said});
        ask(&world, Call::put(&format!("/v1/records/user/{user}"), &first_name), 201).await;
        let of = Call::put(&format!("/v1/records/conversation/c-{user}"), &json!({"user_id": user}));
        ask(&world, of, 201).await;
        let text = json!({"conversation_id": format!("c-{user}"), "role": "user", "direction": "inbound",
            "content": said});
        ask(&world, Call::put(&format!("/v1/records/message/m-{user}"), &text), 201).await;
    }
    world.deliver_all().await;
    for (user, said) in [(ADA, MARKER), ("bob", "something")] {
        held_run(&world, user, said).await;
        spent(&world, user).await;
    }
    for (user, said) in [(ADA, MARKER), ("bob", "something")] {
        let mut later = scripted(user, json!({"ballast": said}));
        (later["delay_s"], later["idempotency_key"]) = (json!(864_000), json!(format!("key of {user}")));
        world.enqueue(&later).await;
        let run = json!({"prompt": said, "executor": "runner", "user_id": user});
        ask(&world, Call::post("/v1/runs", &run), 201).await;
        let of = json!({"task_type": "scripted", "user_id": user});
        let nightly = json!({"spec": {"cron": ["0 3 1 7 *"]}, "task": of, "payload": {"ballast": said}});
        ask(&world, Call::put(&format!("/v1/schedules/nightly-{user}"), &nightly), 201).await;
    }
    world
}

/// What somebody has spent, as budgets count it.
async fn spent(world: &World, user: &str) {
    let key = RecordKey { tenant: Name::default(), kind: Name::of("spending_of_user"), id: Id::new(user).unwrap() };
    let doc = Doc::from_iter([("day".to_owned(), json!("2026-01-09"))]);
    let record = Box::new(Record::new(key, doc, world.now()));
    let records = vec![RecordWrite::Put { record, expect: Expect::Absent }];
    store::commit(&*world.app.store, Commit { records, ..Commit::default() }).await.unwrap();
}

/// A run that a worker has begun, with events and a command.
async fn held_run(world: &World, user: &str, said: &str) {
    let run = json!({"prompt": said, "executor": "runner", "user_id": user});
    let run = ask(world, Call::post("/v1/runs", &run), 201).await;
    let claim = json!({"worker_id": "w", "task_types": ["run_outside"], "pool": "default"});
    let claimed = ask(world, Call::post("/v1/claims", &claim), 200).await["items"][0].take();
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    let steer = json!({"kind": "steer", "payload": {"text": said}});
    ask(world, Call::post(&format!("{path}/commands"), &steer), 201).await;
    let events = json!([{"type": "assistant_message", "payload": {"text": said}}]);
    let events = json!({"lease_token": claimed["lease_token"], "events": events});
    assert!(Call::post(&format!("{path}/events"), &events).answer(&world.app).await.status < 300);
}

/// Erases her; the task that did it.
async fn erase(world: &World) -> Value {
    let begun = Call::to("DELETE", &format!("/v1/users/{ADA}")).answer(&world.app).await;
    assert!([200, 202].contains(&begun.status), "{:#}", begun.body);
    finished(world, begun.body["id"].as_str().unwrap()).await
}

async fn finished(world: &World, id: &str) -> Value {
    for _ in 0..10_000 {
        world.deliver(QueueName::Long).await;
        world.poll().await;
        let task = ask(world, Call::get(&format!("/v1/tasks/{id}")), 200).await;
        if !task["ended_at"].is_null() {
            assert_eq!(task["status"], "completed", "{task:#}");
            return task;
        }
        world.advance(1);
    }
    panic!("the erasure has no end");
}

/// How many of somebody's tasks, conversations and messages there are, and whether these are: the user, a schedule.
async fn things(world: &World, user: &str) -> (Vec<Value>, [u16; 2]) {
    let mut counts = Vec::new();
    for list in [
        format!("/v1/tasks?user_id={user}"),
        format!("/v1/records/conversation?parent={user}"),
        format!("/v1/records/message?parent=c-{user}"),
    ] {
        counts.push(ask(world, Call::get(&list), 200).await["count"].take());
    }
    let mut there = [0; 2];
    for (status, path) in there.iter_mut().zip([format!("records/user/{user}"), format!("schedules/nightly-{user}")]) {
        *status = Call::get(&format!("/v1/{path}")).answer(&world.app).await.status;
    }
    (counts, there)
}

/// All that somebody had to begin with, and nothing of it.
fn all() -> (Vec<Value>, [u16; 2]) {
    ([6, 1, 1].map(Value::from).into(), [200, 200])
}

fn nothing() -> (Vec<Value>, [u16; 2]) {
    ([0, 0, 0].map(Value::from).into(), [404, 404])
}

#[tokio::test]
async fn nothing_of_a_user_is_left_but_a_receipt() {
    let store = Arc::new(MemoryStore::default());
    let world = given(store.clone()).await;
    is_erased(&world, async || format!("{store:?}")).await;
}

/// Erases her, and looks for what is left of her in `everything` there is.
async fn is_erased(world: &World, everything: impl AsyncFn() -> String) {
    assert_eq!(things(world, ADA).await, all());
    let before = everything().await;
    assert!(before.contains(MARKER) && before.contains(ADA));
    let done = erase(world).await;
    let removed = &done["output"]["removed"];
    for (kind, count) in [
        ("task", 6),
        ("run", 2),
        ("session", 2),
        ("agent", 2),
        ("command", 1),
        ("user", 1),
        ("conversation", 1),
        ("message", 1),
        ("schedule", 1),
    ] {
        assert_eq!(removed[kind], count, "{kind} of {removed:#}");
    }
    assert!(removed["run_event"].as_u64().unwrap() >= 2, "{removed:#}");
    let left = everything().await;
    for text in [MARKER, ADA] {
        let at = left.find(text).map(|at| &left[at.saturating_sub(400)..(at + 200).min(left.len())]);
        assert_eq!(at, None, "{text}");
    }
    assert_eq!((things(world, ADA).await, things(world, "bob").await), (nothing(), all()));
    assert!(!done.to_string().contains(ADA));
}

#[tokio::test]
async fn one_task_is_at_it_at_a_time_and_what_comes_meanwhile_goes_too() {
    let store = Arc::new(MemoryStore::default());
    let world = given(store.clone()).await;
    let path = format!("/v1/users/{ADA}");
    let first = ask(&world, Call::to("DELETE", &path), 202).await;
    assert_eq!(ask(&world, Call::to("DELETE", &path), 200).await["id"], first["id"]);
    let bobs = ask(&world, Call::to("DELETE", "/v1/users/bob"), 202).await;
    assert_ne!(bobs["id"], first["id"]);
    world.enqueue(&scripted(ADA, json!({"ballast": MARKER}))).await;
    let done = finished(&world, first["id"].as_str().unwrap()).await;
    assert_eq!(done["output"]["removed"]["task"], 7);
    assert!(!format!("{store:?}").contains(ADA));
    // What comes afterwards is another's to erase.
    world.enqueue(&scripted(ADA, json!({}))).await;
    let second = ask(&world, Call::to("DELETE", &path), 202).await;
    assert_ne!(second["id"], first["id"]);
    let again = finished(&world, second["id"].as_str().unwrap()).await;
    assert_eq!((&again["output"]["removed"]["task"], &again["output"]["user"]), (&json!(1), &done["output"]["user"]));
}

#[tokio::test]
async fn a_task_that_erases_is_asked_for_by_its_route_alone() {
    let world = World::new();
    let asked = json!({"task_type": "erase_user", "payload": {"erasure": "x"}});
    let refused = Call::post("/v1/tasks", &asked).answer(&world.app).await;
    assert_eq!(refused.status, 400, "{:#}", refused.body);
}

#[tokio::test]
async fn another_tenants_user_of_the_same_name_keeps_all() {
    let world = given(Arc::new(MemoryStore::default())).await;
    let call = Call::to("DELETE", &format!("/v1/users/{ADA}")).header("x-errand-tenant", "other");
    let begun = call.answer(&world.app).await.body(202);
    while world.deliver(QueueName::Long).await {}
    let task = Call::get(&format!("/v1/tasks/{}", begun["id"].as_str().unwrap())).header("x-errand-tenant", "other");
    assert_eq!(task.answer(&world.app).await.body(200)["status"], "completed");
    assert_eq!(things(&world, ADA).await, all());
}

#[tokio::test]
async fn an_erasure_that_ends_anywhere_is_gone_on_with() {
    at_every_call(
        async || {
            let world = World::new();
            ask(&world, Call::put(&format!("/v1/records/user/{ADA}"), &json!({"first_name": MARKER})), 201).await;
            let mut later = scripted(ADA, json!({"ballast": MARKER}));
            later["delay_s"] = json!(864_000);
            world.enqueue(&later).await;
            ask(&world, Call::to("DELETE", &format!("/v1/users/{ADA}")), 202).await;
            world
        },
        async |world, faults| {
            let app = faults.around(&world.app);
            let received = world.queue.receive(QueueName::Long, 10, VISIBILITY);
            world.run_unless(|| faults.crashed(), process(&app, &world.queue, QueueName::Long, received)).await;
        },
        async |world| {
            world.advance(7200);
            erase(world).await;
            assert_eq!(things(world, ADA).await, nothing());
        },
    )
    .await;
}
