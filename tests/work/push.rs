//! Types whose tasks are pushed: each is a call of a target, which answers at once or later.

mod crash;
mod later;
mod target;
mod trial;

use errand::{App, FailureKind, State, Status, Task, spi::queue::QueueName};
use errand_outbound::{SigningSecret, SigningSecrets, signed};
use integration_tests::{
    events::Call,
    in_memory::process,
    world::{VISIBILITY, World, id_of},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ask, code, waits_s};
use target::{Reply, Target};

/// Drives `work`, which waits for a target, and maybe for the clock: that goes on a second whenever nothing else does for a
/// while. `None` once `dead` says so.
async fn drive<T>(world: &World, dead: impl Fn() -> bool, work: impl Future<Output = T>) -> Option<T> {
    let mut work = std::pin::pin!(work);
    for turn in 1_u64.. {
        if let std::task::Poll::Ready(done) = futures::poll!(work.as_mut()) {
            return Some(done);
        }
        if dead() {
            return None;
        }
        if turn.is_multiple_of(2_000) {
            world.advance(1);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// Has `app` push what is there to be pushed.
async fn push_with(world: &World, app: &App, dead: impl Fn() -> bool) {
    let received = world.queue.receive(QueueName::Pushed, 10, VISIBILITY);
    drive(world, dead, process(app, &world.queue, QueueName::Pushed, received)).await;
}

pub(crate) async fn push(world: &World) {
    push_with(world, &world.app, || false).await;
}

/// A world whose type `resize` is pushed to `target`; and the secret that signs.
async fn world(target: &Target, more: &Value) -> (World, SigningSecret) {
    let world = World::new();
    let made = put(&world, &json!({"kind": "http", "url": target.url}), more).await.body(201);
    let secret = made["signing_secret"].as_str().unwrap().to_owned();
    (world, SigningSecret::try_from(secret).unwrap())
}

async fn put(world: &World, run: &Value, more: &Value) -> integration_tests::events::Answered {
    let mut body = json!({"run": run, "timeout_s": 840});
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    Call::put("/v1/task-types/resize", &body).answer(&world.app).await
}

async fn enqueue(world: &World, payload: Value) -> Uuid {
    id_of(&ask(world, "/v1/tasks", json!({"task_type": "resize", "payload": payload})).await.body(201))
}

fn output(task: &Task) -> Value {
    let State::Completed { output } = &task.state else { panic!("{task:#?}") };
    output.parse().unwrap()
}

#[tokio::test]
async fn a_task_is_posted_to_its_target_signed_and_the_answer_is_its_output() {
    let target = Target::answering([Reply::json(200, r#"{"bytes":7}"#)]).await;
    let (world, secret) = world(&target, &json!({})).await;
    let id = enqueue(&world, json!({"width": 200})).await;
    push(&world).await;
    let task = world.task(id).await;
    assert_eq!(output(&task), json!({"bytes": 7}));
    let heard = target.heard();
    let [call] = heard.as_slice() else { panic!("{heard:#?}") };
    assert_eq!(call.body, r#"{"width":200}"#);
    let expected = signed(&SigningSecrets::of(secret), &format!("{id}_0"), world.now(), call.body.as_bytes());
    for (name, value) in expected {
        assert_eq!(call.header(name), value);
    }
    let said = ["content-type", "errand-task-id", "errand-task-type", "errand-project", "errand-attempt"];
    let id = id.to_string();
    assert_eq!(said.map(|name| call.header(name)), ["application/json", &id, "resize", "default", "1"]);
    assert_eq!((call.header("idempotency-key"), call.header("errand-max-attempts")), (&*id, "4"));
    assert!(call.header("errand-callback").starts_with("https://errand.example/v1/callbacks/"));
    assert!(call.header("errand-deadline").starts_with("2026-01-01T00:13:"));
    assert_eq!(super::outcomes(&world.log(task.key.id).await), ["completed"]);
}

#[tokio::test]
async fn a_target_is_told_the_trace_that_the_task_was_asked_for_in() {
    let target = Target::answering([Reply::json(500, ""), Reply::json(200, ""), Reply::json(200, "")]).await;
    let (world, _) = world(&target, &json!({})).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let body = json!({"task_type": "resize", "payload": {}});
    Call::post("/v1/tasks", &body).header("traceparent", trace).answer(&world.app).await.body(201);
    push(&world).await;
    world.advance(70);
    world.poll().await;
    push(&world).await;
    enqueue(&world, json!({})).await;
    push(&world).await;
    let told: Vec<String> = target.heard().iter().map(|call| call.header("traceparent").to_owned()).collect();
    assert_eq!(told, [trace, trace, ""]);
}

#[tokio::test]
async fn a_target_is_told_the_firing_that_the_task_is_of() {
    let target = Target::answering([Reply::json(200, ""), Reply::json(200, "")]).await;
    let (world, _) = world(&target, &json!({})).await;
    let minutely = json!({"spec": {"cron": ["* * * * *"]}, "task": {"task_type": "resize"}});
    Call::put("/v1/schedules/minutely", &minutely).answer(&world.app).await.body(201);
    world.advance(60);
    world.poll().await;
    push(&world).await;
    enqueue(&world, json!({})).await;
    push(&world).await;
    let told: Vec<_> = target
        .heard()
        .iter()
        .map(|call| ["errand-schedule", "errand-nominal"].map(|name| call.header(name).to_owned()))
        .collect();
    assert_eq!(told, [["minutely", "2026-01-01T00:01:00.000Z"], ["", ""]]);
}

#[tokio::test]
async fn what_a_target_answers_decides_what_becomes_of_its_task() {
    for (reply, status, wait_s) in [
        (Reply::json(204, ""), Status::Completed, None),
        (Reply::json(500, "no"), Status::Pending, Some(54..=66)),
        (Reply::json(404, ""), Status::Pending, Some(54..=66)),
        (Reply::json(429, "").with("retry-after", "1800"), Status::Pending, Some(1800..=1800)),
        (Reply::json(302, "").with("location", "http://127.0.0.1:9/"), Status::Failed, None),
        (Reply::json(400, "no such picture"), Status::Failed, None),
        (Reply::json(400, "").with("errand-no-retry", "false"), Status::Pending, Some(54..=66)),
        (Reply::json(500, "").with("errand-no-retry", "true"), Status::Failed, None),
        (Reply::outcome(json!({"status": "blocked", "reason": "which one?"})), Status::Blocked, None),
        (Reply::outcome(json!({"status": "cancelled"})), Status::Cancelled, None),
        (Reply::outcome(json!({"status": "snoozed", "retry_after_s": 30})), Status::Pending, Some(30..=30)),
        (
            Reply::outcome(json!({"status": "failed", "failure": {"message": "no", "retry": false}})),
            Status::Failed,
            None,
        ),
        (Reply::outcome(json!({"status": "blocked"})), Status::Pending, Some(54..=66)),
        (Reply::Nothing, Status::Pending, Some(54..=66)),
    ] {
        let said = format!("{reply:?}");
        let target = Target::answering([reply]).await;
        let (world, _) = world(&target, &json!({})).await;
        let id = enqueue(&world, json!({})).await;
        push(&world).await;
        let task = world.task(id).await;
        assert_eq!(task.status(), status, "{said}: {task:#?}");
        if let Some(expected) = wait_s {
            let waits = waits_s(&task, task.updated_at);
            assert!(expected.contains(&waits), "{said}: {waits}");
        }
        if said.contains("no such picture") {
            let State::Failed { failure } = &task.state else { panic!("{task:#?}") };
            assert_eq!(failure.kind, FailureKind::Backend);
            assert_eq!(failure.message, "it answered 400 Bad Request: no such picture");
        }
        assert_eq!(target.heard().len(), 1, "{said}");
    }
}

#[tokio::test]
async fn a_redrive_is_another_message_and_a_retry_is_the_same() {
    let target = Target::answering([Reply::json(500, ""), Reply::json(400, ""), Reply::json(200, "")]).await;
    let (world, _) = world(&target, &json!({})).await;
    let id = enqueue(&world, json!({})).await;
    push(&world).await;
    world.advance(70);
    world.poll().await;
    push(&world).await;
    let note = json!({"note": "try — again"});
    Call::post(&format!("/v1/tasks/{id}/retry"), &note).answer(&world.app).await.body(200);
    push(&world).await;
    let ids: Vec<String> = target.heard().iter().map(|call| call.header("webhook-id").to_owned()).collect();
    assert_eq!(ids, [format!("{id}_0"), format!("{id}_0"), format!("{id}_1")]);
    assert_eq!(target.heard()[2].header("errand-redrive-note"), "try%20%E2%80%94%20again");
    assert_eq!(world.task(id).await.status(), Status::Completed);
}

#[tokio::test]
async fn a_target_that_has_too_much_to_do_is_left_alone_and_nothing_is_counted_against_its_tasks() {
    let busy = std::iter::repeat_n(Reply::json(503, ""), 5);
    let target = Target::answering(busy.chain([Reply::json(200, "")])).await;
    let (world, _) = world(&target, &json!({})).await;
    for n in 0..5 {
        enqueue(&world, json!({"n": n})).await;
    }
    push(&world).await;
    assert_eq!(target.heard().len(), 5);
    let later = enqueue(&world, json!({"n": 5})).await;
    push(&world).await;
    let task = world.task(later).await;
    assert_eq!((target.heard().len(), task.executions, task.failures, task.status()), (5, 0, 0, Status::Pending));
    let until = world.now() + std::time::Duration::from_secs(5);
    let left = json!([{"tenant": "default", "task_type": "resize", "since": world.now(), "until": until}]);
    assert_eq!(left_alone(&world).await, [left.clone(), left]);
    world.advance(6);
    push(&world).await;
    assert_eq!((target.heard().len(), world.task(later).await.status()), (6, Status::Completed));
    assert_eq!(left_alone(&world).await, [json!([]), json!([])]);
}

/// Which targets are left alone, as health and the queue's stats have it.
async fn left_alone(world: &World) -> [Value; 2] {
    let mut told = Vec::new();
    for path in ["/v1/health", "/v1/queues/default/stats"] {
        told.push(Call::get(path).answer(&world.app).await.body(200)["left_alone"].clone());
    }
    told.try_into().unwrap()
}

#[tokio::test]
async fn that_a_target_is_left_alone_is_seen_by_its_tenant_and_believed_for_a_while_after_a_restart() {
    let target = Target::answering(std::iter::repeat_n(Reply::json(503, ""), 5)).await;
    let (world, _) = world(&target, &json!({})).await;
    for n in 0..5 {
        enqueue(&world, json!({"n": n})).await;
    }
    push(&world).await;
    let of = async |tenant: &str, queue: &str| {
        let stats = Call::get(&format!("/v1/queues/{queue}/stats")).header("x-errand-tenant", tenant);
        stats.answer(&world.app).await.body(200)["left_alone"].as_array().unwrap().len()
    };
    assert_eq!((of("default", "default").await, of("other", "default").await, of("default", "none").await), (1, 0, 0));
    // One that all tenants have is left alone for all of them.
    let shared = json!({"run": {"kind": "http", "url": target.url}, "timeout_s": 840, "all_tenants": true});
    Call::put("/v1/task-types/shrink", &shared).answer(&world.app).await.body(201);
    target.answers(std::iter::repeat_n(Reply::json(503, ""), 5));
    for _ in 0..5 {
        let task = Call::post("/v1/tasks", &json!({"task_type": "shrink", "payload": {}}));
        task.header("x-errand-tenant", "other").answer(&world.app).await.body(201);
    }
    push(&world).await;
    assert_eq!((of("default", "default").await, of("other", "default").await), (1, 1));
    let told = async |tenant: &str| {
        let claims = json!({"sub": "m", "tenant": tenant, "scope": "errand/read"});
        let health = Call::get("/v1/health").token(&claims).answer(&world.app).await.body(200);
        health["left_alone"].as_array().unwrap().len()
    };
    assert_eq!((told("default").await, told("other").await), (2, 1), "its own, and what all have");
    // The process that left it alone is gone, and nobody calls it.
    world.advance(5 + 899);
    assert_eq!(left_alone(&world).await[0].as_array().unwrap().len(), 2);
    world.advance(1);
    assert_eq!(left_alone(&world).await, [json!([]), json!([])]);
}

#[tokio::test]
async fn secrets_are_shown_once_and_lie_sealed() {
    let target = Target::answering([]).await;
    let (world, first) = world(&target, &json!({})).await;
    let run = json!({"kind": "http", "url": target.url, "headers": {"authorization": "Bearer s3cret"}});
    let shown = put(&world, &run, &json!({})).await.body(200);
    assert_eq!((&shown["run"]["headers"], &shown["signing_secret"]), (&json!({"authorization": "…"}), &Value::Null));
    let kept = world.records("task_type", errand::spi::store::RelationKind::Parent, "all").await;
    let kept = serde_json::to_string(&kept[0].doc).unwrap();
    assert!(!kept.contains("s3cret") && !kept.contains(&first.reveal()), "{kept}");
    // As it was shown.
    put(&world, &shown["run"], &json!({})).await.body(200);
    let rotate = Call::post("/v1/task-types/resize/rotate-secret", &json!({"overlap_s": 60}));
    let second = rotate.answer(&world.app).await.body(200)["signing_secret"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        enqueue(&world, json!({})).await;
        push(&world).await;
        world.advance(61);
        put(&world, &shown["run"], &json!({"description": "read anew"})).await.body(200);
    }
    let heard = target.heard();
    assert!(heard.iter().all(|call| call.header("authorization") == "Bearer s3cret"));
    let signatures: Vec<usize> = heard.iter().map(|call| call.header("webhook-signature").split(' ').count()).collect();
    assert_eq!(signatures, [2, 1]);
    assert_ne!(second, first.reveal());
    for path in ["/v1/task-types/resize", "/v1/task-types"] {
        let shown = Call::get(path).answer(&world.app).await.body(200).to_string();
        assert!(!shown.contains("s3cret") && !shown.contains("whsec_") && !shown.contains("sealed"), "{shown}");
    }
}

#[tokio::test]
async fn what_may_not_be_a_target_is_said_where() {
    let world = World::new();
    for (run, field) in [
        (json!({"kind": "http", "url": "http://169.254.169.254/latest"}), "run.url"),
        (json!({"kind": "http", "url": "http://10.0.0.1/"}), "run.url"),
        (json!({"kind": "http", "url": "ftp://example.org/"}), "run.url"),
        (json!({"kind": "http", "url": "https://ada:s3cret@example.org/"}), "run.url"),
        (json!({"kind": "http", "url": "https://example.org/", "headers": {"webhook-id": "x"}}), "run.headers"),
        (json!({"kind": "http", "url": "https://example.org/", "headers": {"host": "x"}}), "run.headers"),
        (json!({"kind": "http", "url": "https://example.org/", "headers": {"x-key": "…"}}), "run.headers"),
    ] {
        let answer = put(&world, &run, &json!({})).await;
        assert_eq!((answer.status, &answer.body["error"]["field"]), (400, &json!(field)), "{run} {:#}", answer.body);
        assert!(!answer.body.to_string().contains("s3cret"));
    }
    let target = Target::answering([]).await;
    put(&world, &json!({"kind": "http", "url": target.url}), &json!({})).await.body(201);
    assert_eq!(code(&put(&world, &json!({"kind": "worker"}), &json!({})).await), (409, "conflict"));
}

#[tokio::test]
async fn a_name_that_comes_to_lead_inward_is_not_called() {
    let world = World::new();
    // Where it leads shows as it is called.
    put(&world, &json!({"kind": "http", "url": "http://localhost.localdomain.invalid/"}), &json!({})).await.body(201);
    let id = enqueue(&world, json!({})).await;
    push(&world).await;
    assert_eq!((world.task(id).await.status(), world.task(id).await.failures), (Status::Pending, 1));
}
