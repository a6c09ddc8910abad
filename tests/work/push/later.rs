//! A target that answers 202 has the task, and says later how it ended.

use std::sync::{Arc, Mutex, OnceLock};

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use errand::{Status, spi::json::Json};
use integration_tests::{events::Call, world::World};
use serde_json::{Value, json};

use super::{Reply, Target, code, enqueue, output, push, world};

/// A world with one task that goes on elsewhere, and the path of its callback.
async fn parked(lease_s: &'static str) -> (World, uuid::Uuid, String, Target) {
    let target = Target::answering([Reply::json(202, "").with("errand-lease", lease_s)]).await;
    let (world, _) = world(&target, &json!({"may_enqueue": ["scripted"]})).await;
    let id = enqueue(&world, json!({})).await;
    push(&world).await;
    assert_eq!(world.task(id).await.status(), Status::Running);
    let callback = target.heard()[0].callback();
    (world, id, callback, target)
}

async fn say(world: &World, path: &str, body: Value) -> integration_tests::events::Answered {
    Call::post(path, &body).answer(&world.app).await
}

#[tokio::test]
async fn who_has_the_task_ends_it_and_says_so_as_often_as_they_like() {
    let (world, id, callback, _target) = parked("3600").await;
    let ended = json!({"status": "completed", "output": 7, "events": [{"type": "picture.made"}],
        "follow_up": [{"task_type": "scripted", "payload": {"mark": "made"}, "user_id": "u"}]});
    for _ in 0..3 {
        let answer = say(&world, &callback, ended.clone()).await.body(200);
        assert_eq!(answer, json!({"task_id": id, "task_status": "completed"}));
    }
    let task = world.task(id).await;
    assert_eq!((output(&task), task.executions), (json!(7), 1));
    world.drain().await;
    assert_eq!((world.events().await.len(), world.marks("made").await), (1, 1));
    assert_eq!(super::super::outcomes(&world.log(id).await), ["completed"]);
    let other = say(&world, &callback, json!({"status": "cancelled"})).await;
    assert_eq!(code(&other), (410, "gone"), "it was said otherwise");
    let beat = say(&world, &format!("{callback}/heartbeat"), json!({})).await;
    assert_eq!(code(&beat), (410, "gone"));
}

#[tokio::test]
async fn a_task_whose_lease_ends_is_tried_again_and_who_had_it_is_told() {
    let (world, id, callback, _target) = parked("120").await;
    world.advance(119);
    world.poll().await;
    assert_eq!(world.task(id).await.status(), Status::Running);
    let beat = json!({"lease_s": 600, "progress": {"done": 1}});
    say(&world, &format!("{callback}/heartbeat"), beat).await.body(200);
    assert_eq!(world.task(id).await.progress.as_ref().map(Json::as_str), Some(r#"{"done":1}"#));
    world.advance(599);
    world.poll().await;
    assert_eq!(world.task(id).await.status(), Status::Running, "it was renewed");
    world.advance(2);
    world.poll().await;
    assert_eq!((world.task(id).await.losses, world.task(id).await.status()), (1, Status::Pending));
    for path in [callback.clone(), format!("{callback}/heartbeat")] {
        let body = if path == callback { json!({"status": "completed"}) } else { json!({}) };
        assert_eq!(code(&say(&world, &path, body).await), (409, "lease_conflict"), "{path}");
    }
    push(&world).await;
    let task = world.task(id).await;
    assert_eq!((task.status(), task.executions), (Status::Completed, 2));
    assert_eq!(code(&say(&world, &callback, json!({"status": "completed"})).await), (410, "gone"), "another did it");
}

#[tokio::test]
async fn an_answer_that_comes_before_it_is_noted_that_one_will_come_counts() {
    let (early, told) = (Arc::new(OnceLock::<World>::new()), Arc::new(Mutex::new(Vec::new())));
    let (there, heard) = (early.clone(), told.clone());
    // It says how the task ended, and only then that it will say so.
    let answer = move |headers: HeaderMap| {
        let (there, heard) = (there.clone(), heard.clone());
        async move {
            let callback = headers["errand-callback"].to_str().unwrap().strip_prefix("https://errand.example").unwrap();
            let call = Call::post(callback, &json!({"status": "completed", "output": 1}));
            let answered = call.answer(&there.get().unwrap().app).await;
            heard.lock().unwrap().push(answered.status);
            StatusCode::ACCEPTED
        }
    };
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", socket.local_addr().unwrap());
    let router = Router::new().route("/", post(answer));
    tokio::spawn(async move { axum::serve(socket, router).await.unwrap() });
    let world = World::new();
    super::put(&world, &json!({"kind": "http", "url": url}), &json!({})).await.body(201);
    assert!(early.set(world.clone()).is_ok());
    let id = enqueue(&world, json!({})).await;
    for _ in 0..3 {
        push(&world).await;
        world.advance(1000);
        world.poll().await;
    }
    let task = world.task(id).await;
    assert_eq!((output(&task), task.executions, task.losses), (json!(1), 1, 0));
    assert_eq!(*told.lock().unwrap(), [200], "it was called once, and heard");
    assert_eq!(super::super::outcomes(&world.log(id).await), ["completed"]);
}

#[tokio::test]
async fn a_token_of_nobodys_opens_nothing() {
    let (world, id, callback, _target) = parked("120").await;
    let mut other = callback.clone();
    let last = other.pop().unwrap();
    other.push(if last == 'A' { 'B' } else { 'A' });
    for path in [other, "/v1/callbacks/none".to_owned()] {
        assert_eq!(code(&say(&world, &path, json!({"status": "completed"})).await), (404, "not_found"), "{path}");
    }
    // Nor is what cannot be taken for an end.
    assert_eq!(say(&world, &callback, json!({"status": "blocked"})).await.status, 400);
    assert_eq!(say(&world, &format!("{callback}/heartbeat"), json!({"lease_s": 59})).await.status, 400);
    assert_eq!(world.task(id).await.status(), Status::Running);
    // Whoever says for whom they ask: it is the token that says that.
    let call = Call::post(&callback, &json!({"status": "completed"})).header("x-errand-tenant", "other");
    call.answer(&world.app).await.body(200);
    assert_eq!(world.task(id).await.status(), Status::Completed);
}
