//! Runs that wait for their turn in a session: in their order, each woken by the end of the one before.

use std::{sync::Arc, time::Duration};

use errand::{App, Id, Registry, Status, spi::queue::QueueName};
use errand_agents::{ExecutionState, Session};
use integration_tests::{
    events::Call,
    in_memory::process,
    world::{VISIBILITY, World},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::stage::{Told, newest_of, says, world};

/// A run in the session `s`, by an agent of its own: the answer to its request.
async fn queue(world: &World, prompt: &str, more: Value) -> Value {
    let mut body = json!({"prompt": prompt, "session_id": "s"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Call::post("/v1/runs", &body).answer(&world.app).await.body(201)
}

async fn post(world: &World, path: &str, body: Value) -> Value {
    let answered = Call::post(path, &body).answer(&world.app).await;
    assert!(answered.status < 300, "{path}: {:#}", answered.body);
    answered.body
}

/// What a worker outside is given.
async fn given(world: &World) -> Vec<Value> {
    let claim = json!({"worker_id": "w", "task_types": ["run_outside"], "pool": "default"});
    post(world, "/v1/claims", claim).await["items"].as_array().unwrap().clone()
}

/// A run that a worker outside has begun in the session.
async fn goes_on(world: &World) -> Value {
    queue(world, "outside", json!({"executor": "runner"})).await;
    given(world).await.remove(0)
}

async fn finish(world: &World, claimed: &Value) {
    let end = json!({"lease_token": claimed["lease_token"], "status": "completed", "output": {"result": "done"}});
    post(world, &format!("/v1/tasks/{}/finish", claimed["task_id"].as_str().unwrap()), end).await;
}

/// The prompts of the runs as they began.
fn began(told: &Told) -> Vec<String> {
    let asked = told.asked.lock().unwrap();
    asked.iter().map(|request| newest_of(request).lines().next().unwrap_or_default().to_owned()).collect()
}

async fn session(world: &World) -> Session {
    world.get("s").await.unwrap()
}

async fn waiting(world: &World) -> Vec<Id> {
    session(world).await.waiting.into_iter().map(|place| place.run_id).collect()
}

fn id(run: &Value) -> Id {
    Id::new(run["id"].as_str().unwrap()).unwrap()
}

fn says_done() -> (World, Arc<Told>) {
    world(vec![says("All is done.")], 0)
}

#[tokio::test]
async fn runs_queued_in_one_session_start_in_their_order_whatever_order_their_messages_come_in() {
    let (world, told) = says_done();
    for prompt in ["one", "two", "three"] {
        queue(&world, prompt, json!({})).await;
    }
    let mut messages = world.queue.receive(QueueName::Long, 10, VISIBILITY);
    assert_eq!(messages.len(), 3);
    messages.reverse();
    for message in messages {
        world.run(process(&world.app, &world.queue, QueueName::Long, vec![message])).await;
    }
    world.deliver_all().await;
    assert_eq!(began(&told), ["one", "two", "three"]);
    assert_eq!(session(&world).await.execution_state, ExecutionState::Idle);
    assert_eq!(waiting(&world).await, []);
}

#[tokio::test]
async fn the_end_of_a_run_wakes_the_next_in_its_session_at_once() {
    let (world, told) = says_done();
    let first = goes_on(&world).await;
    for prompt in ["two", "three", "four"] {
        queue(&world, prompt, json!({})).await;
        world.deliver_all().await;
    }
    assert_eq!((told.asked(), waiting(&world).await.len()), (0, 3));
    world.advance(7);
    finish(&world, &first).await;
    let ended = world.now();
    world.deliver_all().await;
    assert_eq!(began(&told), ["two", "three", "four"]);
    assert!(world.now().since(ended) < Duration::from_secs(30), "nobody waited until it looks by itself");
}

#[tokio::test]
async fn a_run_that_ends_while_it_waits_leaves_the_line_and_holds_nobody_up() {
    let (world, told) = says_done();
    let first = goes_on(&world).await;
    let cancelled = queue(&world, "two", json!({})).await;
    let expires_at = (world.now() + Duration::from_secs(20)).to_string();
    queue(&world, "three", json!({"expires_at": expires_at})).await;
    let last = queue(&world, "four", json!({})).await;
    world.deliver_all().await;
    post(&world, &format!("/v1/runs/{}/cancel", id(&cancelled)), json!({})).await;
    world.advance(25);
    world.poll().await;
    assert_eq!(world.letters().len(), 1);
    assert_eq!(waiting(&world).await, [id(&last)]);
    finish(&world, &first).await;
    world.deliver_all().await;
    assert_eq!(began(&told), ["four"]);
}

#[tokio::test]
async fn the_head_of_the_line_that_is_called_off_hands_its_turn_on() {
    let (world, told) = says_done();
    let first = goes_on(&world).await;
    let head = queue(&world, "two", json!({})).await;
    queue(&world, "three", json!({})).await;
    world.deliver_all().await;
    finish(&world, &first).await;
    // It has been told, and is called off before it hears of it.
    post(&world, &format!("/v1/runs/{}/cancel", id(&head)), json!({})).await;
    world.deliver_all().await;
    assert_eq!(began(&told), ["three"]);
}

#[tokio::test]
async fn a_run_whose_start_an_operator_moves_gives_its_place_up_until_then() {
    let (world, told) = says_done();
    let first = goes_on(&world).await;
    let moved = queue(&world, "two", json!({})).await;
    queue(&world, "three", json!({})).await;
    world.deliver_all().await;
    let task = moved["task_id"].as_str().unwrap();
    let run_at = world.now() + Duration::from_secs(600);
    post(&world, &format!("/v1/tasks/{task}/reschedule"), json!({"run_at": run_at.to_string()})).await;
    finish(&world, &first).await;
    world.deliver_all().await;
    assert_eq!(began(&told), ["three"]);
    world.advance(600);
    world.deliver_all().await;
    assert_eq!(began(&told), ["three", "two"]);
}

#[tokio::test]
async fn a_run_that_has_no_place_in_a_full_line_takes_one_as_soon_as_it_looks_again() {
    let (world, told) = says_done();
    let first = goes_on(&world).await;
    for n in 0..errand_agents::MAX_WAITING {
        queue(&world, &format!("run {n}"), json!({})).await;
    }
    let beyond = queue(&world, "beyond", json!({})).await;
    world.deliver_all().await;
    let line = waiting(&world).await;
    assert_eq!((line.len(), line.contains(&id(&beyond))), (errand_agents::MAX_WAITING, false));
    finish(&world, &first).await;
    world.deliver_all().await;
    world.advance(30);
    world.deliver_all().await;
    let mut expected: Vec<String> = (0..errand_agents::MAX_WAITING).map(|n| format!("run {n}")).collect();
    expected.push("beyond".to_owned());
    // Beside them the model is asked to put the session in short.
    let began: Vec<String> = began(&told).into_iter().filter(|prompt| expected.contains(prompt)).collect();
    assert_eq!(began, expected);
}

#[tokio::test]
async fn a_worker_outside_obeys_the_line_too() {
    let (world, told) = says_done();
    let first = goes_on(&world).await;
    queue(&world, "two", json!({})).await;
    let third = queue(&world, "three", json!({"executor": "runner"})).await;
    queue(&world, "four", json!({})).await;
    world.deliver_all().await;
    finish(&world, &first).await;
    assert!(given(&world).await.is_empty(), "it is too early");
    world.deliver_all().await;
    assert_eq!(began(&told), ["two"], "the one outside is next");
    let claimed = given(&world).await.remove(0);
    assert_eq!(claimed["details"]["run_id"], third["id"]);
    finish(&world, &claimed).await;
    world.deliver_all().await;
    assert_eq!(began(&told), ["two", "four"]);
}

#[tokio::test]
async fn a_run_whose_wake_is_lost_looks_by_itself() {
    let (world, told) = says_done();
    let first = goes_on(&world).await;
    let second = queue(&world, "two", json!({})).await;
    world.deliver_all().await;
    finish(&world, &first).await;
    // The message, and what the wake has changed in the task, are lost: as where a process ends right after the commit.
    while !world.queue.receive(QueueName::Long, 10, VISIBILITY).is_empty() {}
    let task: Uuid = second["task_id"].as_str().unwrap().parse().unwrap();
    for _ in 0..4 {
        world.poll().await;
        world.deliver_all().await;
        world.clock.set(world.next().await.unwrap());
    }
    assert_eq!((world.task(task).await.status(), told.asked()), (Status::Completed, 1));
}

#[tokio::test]
async fn a_run_whose_task_ended_where_nobody_knew_its_type_holds_nobody_up() {
    // Nor set going again: its new run waits for its agent, whose life nobody has ended.
    for is_set_going in [false, true] {
        let (world, told) = says_done();
        let first = goes_on(&world).await;
        let second = queue(&world, "two", json!({})).await;
        let third = queue(&world, "three", json!({})).await;
        world.deliver_all().await;
        let knows_nothing = App::new(world.app.services.clone(), Registry::new().checked().unwrap());
        let path = format!("/v1/tasks/{}", second["task_id"].as_str().unwrap());
        Call::post(&format!("{path}/cancel"), &json!({})).answer(&knows_nothing).await.body(200);
        assert_eq!(waiting(&world).await, [id(&second), id(&third)]);
        if is_set_going {
            post(&world, &format!("{path}/retry"), json!({})).await;
        }
        finish(&world, &first).await;
        for _ in 0..3 {
            world.deliver_all().await;
            world.advance(60);
        }
        assert_eq!((began(&told), waiting(&world).await), (vec!["three".to_owned()], vec![]));
    }
}
