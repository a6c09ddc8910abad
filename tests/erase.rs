//! `DELETE /v1/users/{id}`: nothing of a user is left, in tasks, runs, records and the log, but a receipt.

mod places;

use std::{sync::Arc, time::Duration};

use errand::{
    Doc, Expect, Id, Name,
    spi::{
        clock::Clock,
        queue::QueueName,
        store::{self, Commit, MemoryStore, Record, RecordKey, RecordWrite},
    },
};
use integration_tests::{
    aws::Stack,
    crash::at_every_call,
    events::Call,
    in_memory::process,
    settings::Settings,
    world::{VISIBILITY, World},
};
use places::Place;
use serde_json::{Value, json};

use crate::stories::OneMachine;

/// Stands in all that is hers.
const MARKER: &str = "Zauberwort-7";
const ADA: &str = "ada-lovelace";

async fn ask(place: &impl Place, call: Call, status: u16) -> Value {
    place.ask(&call).await.body(status)
}

fn scripted(user: &str, payload: Value) -> Value {
    json!({"task_type": "scripted", "user_id": user, "payload": payload})
}

/// A task that was taken: its id.
async fn enqueue(place: &impl Place, body: &Value) -> String {
    ask(place, Call::post("/v1/tasks", body), 201).await["id"].as_str().unwrap().to_owned()
}

/// Ada has tasks in all states, runs that a worker holds and that wait, records, and a schedule; Bob
/// has as much as she.
async fn given(place: &impl Place) {
    let mut begun = Vec::new();
    for (user, said) in [(ADA, MARKER), ("bob", "something")] {
        let fatal = json!({"acts": [{"fail_for_good": said}], "ballast": said});
        let step = json!({"acts": ["step"], "mark": "m", "ballast": said.repeat(300)});
        for payload in [json!({"ballast": said}), fatal, step] {
            begun.push(enqueue(place, &scripted(user, payload)).await);
        }
        let first_name = json!({"first_name": said});
        ask(place, Call::put(&format!("/v1/records/user/{user}"), &first_name), 201).await;
        let of = Call::put(&format!("/v1/records/conversation/c-{user}"), &json!({"user_id": user}));
        ask(place, of, 201).await;
        let text = json!({"conversation_id": format!("c-{user}"), "role": "user", "direction": "inbound",
            "content": said});
        ask(place, Call::put(&format!("/v1/records/message/m-{user}"), &text), 201).await;
    }
    for id in begun {
        until(place, &id, |task| task["executions"] != 0 && task["status"] != "running").await;
    }
    for (user, said) in [(ADA, MARKER), ("bob", "something")] {
        held_run(place, user, said).await;
        spent(place, user).await;
    }
    for (user, said) in [(ADA, MARKER), ("bob", "something")] {
        let mut later = scripted(user, json!({"ballast": said}));
        (later["delay_s"], later["idempotency_key"]) = (json!(864_000), json!(format!("key of {user}")));
        enqueue(place, &later).await;
        let run = json!({"prompt": said, "executor": "runner", "user_id": user});
        ask(place, Call::post("/v1/runs", &run), 201).await;
        let of = json!({"task_type": "scripted", "user_id": user});
        let nightly = json!({"spec": {"cron": ["0 3 1 7 *"]}, "task": of, "payload": {"ballast": said}});
        ask(place, Call::put(&format!("/v1/schedules/nightly-{user}"), &nightly), 201).await;
    }
}

/// What somebody has spent, as budgets count it.
async fn spent(place: &impl Place, user: &str) {
    let key = RecordKey { tenant: Name::default(), kind: Name::of("spending_of_user"), id: Id::new(user).unwrap() };
    let doc = Doc::from_iter([("day".to_owned(), json!("2026-01-09"))]);
    let record = Box::new(Record::new(key, doc, place.clock().now()));
    let records = vec![RecordWrite::Put { record, expect: Expect::Absent }];
    store::commit(place.store(), Commit { records, ..Commit::default() }).await.unwrap();
}

/// A run that a worker has begun, with events and a command.
async fn held_run(place: &impl Place, user: &str, said: &str) {
    let run = json!({"prompt": said, "executor": "runner", "user_id": user});
    let run = ask(place, Call::post("/v1/runs", &run), 201).await;
    let claim = json!({"worker_id": "w", "task_types": ["run_outside"], "pool": "default"});
    let claimed = ask(place, Call::post("/v1/claims", &claim), 200).await["items"][0].take();
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    let steer = json!({"kind": "steer", "payload": {"text": said}});
    ask(place, Call::post(&format!("{path}/commands"), &steer), 201).await;
    let events = json!([{"type": "assistant_message", "payload": {"text": said}}]);
    let events = json!({"lease_token": claimed["lease_token"], "events": events});
    assert!(place.ask(&Call::post(&format!("{path}/events"), &events)).await.status < 300);
}

/// Erases her; the task that did it.
async fn erase(place: &impl Place) -> Value {
    let begun = place.ask(&Call::to("DELETE", &format!("/v1/users/{ADA}"))).await;
    assert!([200, 202].contains(&begun.status), "{:#}", begun.body);
    finished(place, begun.body["id"].as_str().unwrap()).await
}

async fn finished(place: &impl Place, id: &str) -> Value {
    let task = until(place, id, |task| !task["ended_at"].is_null()).await;
    assert_eq!(task["status"], "completed", "{task:#}");
    task
}

/// A task once it is as it `should` be.
async fn until<P: Place>(place: &P, id: &str, should: impl Fn(&Value) -> bool) -> Value {
    for look in 1..=200 * P::LOOKS {
        let task = ask(place, Call::get(&format!("/v1/tasks/{id}")), 200).await;
        if should(&task) {
            return task;
        }
        place.go_on().await;
        if look % P::LOOKS == 0 {
            place.clock().advance(Duration::from_secs(1));
        }
    }
    panic!("{id} is never as it should be");
}

/// How many of somebody's tasks, conversations and messages there are, and whether these are: the user, a schedule.
async fn things(place: &impl Place, user: &str) -> (Vec<Value>, [u16; 2]) {
    let mut counts = Vec::new();
    for list in [
        format!("/v1/tasks?user_id={user}"),
        format!("/v1/records/conversation?parent={user}"),
        format!("/v1/records/message?parent=c-{user}"),
    ] {
        counts.push(ask(place, Call::get(&list), 200).await["count"].take());
    }
    let mut there = [0; 2];
    for (status, path) in there.iter_mut().zip([format!("records/user/{user}"), format!("schedules/nightly-{user}")]) {
        *status = place.ask(&Call::get(&format!("/v1/{path}"))).await.status;
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

/// An empty installation in memory, and all that it keeps.
fn in_memory() -> (World, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::default());
    (World::on(store.clone()), store)
}

#[tokio::test]
async fn nothing_of_a_user_is_left_but_a_receipt() {
    let (world, store) = in_memory();
    is_erased(&world, async || format!("{store:?}")).await;
}

#[tokio::test]
async fn nothing_of_a_user_is_left_in_the_file_but_a_receipt() {
    let machine = OneMachine::start(Settings::default().types()).await;
    is_erased(&machine, async || machine.files()).await;
    machine.server.stop().await;
}

#[tokio::test]
async fn nothing_of_a_user_is_left_in_the_tables_but_a_receipt() {
    let stack = Stack::without_bus(Settings::default()).await;
    is_erased(&stack, async || format!("{:?}", stack.tables.items(&stack.dynamo).await)).await;
}

/// Erases her, and looks for what is left of her in `everything` there is.
async fn is_erased(place: &impl Place, everything: impl AsyncFn() -> String) {
    given(place).await;
    assert_eq!(things(place, ADA).await, all());
    let before = everything().await;
    assert!(before.contains(MARKER) && before.contains(ADA));
    let done = erase(place).await;
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
    assert_eq!((things(place, ADA).await, things(place, "bob").await), (nothing(), all()));
    assert!(!done.to_string().contains(ADA));
}

#[tokio::test]
async fn one_task_is_at_it_at_a_time_and_what_comes_meanwhile_goes_too() {
    let (world, store) = in_memory();
    given(&world).await;
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
    let (world, _) = in_memory();
    given(&world).await;
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
