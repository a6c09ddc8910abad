//! What a worker outside has used, and what can be asked of runs and commands.

use errand::{Id, Name, spi::store::RecordKey};
use integration_tests::{
    events::Call,
    faults::{Fault, Faults},
    world::World,
};
use serde_json::{Value, json};

use super::{claim, done, end, error, finish, get, id, outside, refused_end};

/// A run of the agent `a` in the hands of the worker `one`, and its lease.
async fn held(world: &World) -> (String, String) {
    let run = outside(world, &json!({"agent_id": "a"})).await;
    let lease = claim(world, &run, "one").await;
    (run, lease)
}

async fn spent(world: &World) -> Value {
    let key = RecordKey { tenant: Name::default(), kind: Name::of("spending"), id: Id::of("a") };
    let counter = world.app.store.record(&key).await.unwrap();
    counter.map_or(Value::Null, |counter| counter.doc["day:2026-01-01"].clone())
}

#[tokio::test]
async fn what_a_worker_has_used_is_counted_once_whatever_answer_is_lost() {
    let faults = [Fault::Unavailable, Fault::LostAnswer].into_iter();
    for (fault, nth) in faults.flat_map(|fault| (0..16).map(move |nth| (fault, nth))) {
        let world = World::new();
        let (run, lease) = held(&world).await;
        let used = json!({"model": "m", "tokens_in": 1000, "tokens_out": 20, "cost_usd": 0.25});
        let more = json!({"output": {"result": "fine"}, "thread_id": "th", "turn_id": "tu", "used": used});
        let (path, end) = end(&world, &run, &lease, &more).await;
        // Its answer may be lost, at whatever the store was asked just then; the worker says it again.
        let app = Faults::at(nth, fault).around(&world.app);
        world.run(Call::post(&path, &end).answer(&app)).await;
        let ended = finish(&world, &run, &lease, more).await;
        assert_eq!(
            [&ended["status"], &ended["tokens_in"], &ended["tokens_out"], &ended["cost_usd"]],
            [&json!("completed"), &json!(1000), &json!(20), &json!(0.25)]
        );
        assert_eq!([&ended["thread_id"], &ended["turn_id"]], [&json!("th"), &json!("tu")]);
        assert_eq!(spent(&world).await, 250_000);
        let log = get(&world, &format!("/v1/tasks/{}/log", ended["task_id"].as_str().unwrap())).await;
        let row = log["items"].as_array().unwrap().last().unwrap();
        assert_eq!([&row["model"], &row["tokens_in"], &row["cost_usd"]], [&json!("m"), &json!(1000), &json!(0.25)]);
    }
}

#[tokio::test]
async fn a_worker_that_has_lost_its_run_has_used_nothing_of_it() {
    let world = World::new();
    let (run, lease) = held(&world).await;
    world.advance(600);
    world.poll().await;
    claim(&world, &run, "one").await;
    let refused = refused_end(&world, &run, &lease, json!({"used": {"cost_usd": 1.0}})).await;
    assert_eq!(refused, error(409, "lease_conflict", ""));
    assert_eq!(spent(&world).await, Value::Null);
}

#[tokio::test]
async fn a_name_of_the_backends_that_is_too_long_is_refused() {
    let world = World::new();
    let (run, lease) = held(&world).await;
    for (field, more) in [
        ("thread_id", json!({"thread_id": "x".repeat(201)})),
        ("used.model", json!({"used": {"model": "x".repeat(201)}})),
    ] {
        assert_eq!(refused_end(&world, &run, &lease, more).await, error(400, "invalid", field));
    }
}

#[tokio::test]
async fn the_runs_of_a_task_are_its_drives_newest_first() {
    let world = World::new();
    let (run, lease) = held(&world).await;
    let more = json!({"status": "failed", "failure": {"message": "no", "kind": "backend"}});
    let ended = finish(&world, &run, &lease, more).await;
    let task = ended["task_id"].as_str().unwrap();
    let of_task = format!("/v1/runs?task_id={task}");
    assert_eq!(get(&world, &of_task).await["items"][0]["id"], json!(run));
    done(&world, &format!("/v1/tasks/{task}/retry"), &json!({})).await;
    world.deliver_all().await;
    let runs = get(&world, &of_task).await;
    let drives: Vec<&Value> = runs["items"].as_array().unwrap().iter().map(|run| &run["drive"]).collect();
    assert_eq!(drives, [&json!(1), &json!(0)], "{runs:#}");
    assert_eq!(get(&world, &format!("{of_task}&status=failed")).await["count"], 1);
    assert_eq!(get(&world, &format!("{of_task}&limit=1")).await["count"], 1);
    let both = Call::get(&format!("{of_task}&session_id=s")).answer(&world.app).await;
    assert_eq!(both.error().2, "task_id");
    let nobodys = format!("/v1/runs?task_id={}", uuid::Uuid::nil());
    assert_eq!(get(&world, &nobodys).await["count"], 0);
}

#[tokio::test]
async fn a_command_is_seen_by_its_id() {
    let world = World::new();
    let (run, _) = held(&world).await;
    let command = id(&done(&world, &format!("/v1/runs/{run}/commands"), &json!({"kind": "steer"})).await);
    let seen = get(&world, &format!("/v1/commands/{command}")).await;
    assert_eq!((&seen["kind"], &seen["status"]), (&json!("steer"), &json!("pending")));
}

#[tokio::test]
async fn a_command_is_taken_back_with_a_reason_as_often_as_it_is_said() {
    let world = World::new();
    let (run, _) = held(&world).await;
    let command = id(&done(&world, &format!("/v1/runs/{run}/commands"), &json!({"kind": "steer"})).await);
    let cancel = format!("/v1/commands/{command}/cancel");
    let cancelled = done(&world, &cancel, &json!({"reason": "not needed"})).await;
    assert_eq!((&cancelled["status"], &cancelled["error"]), (&json!("cancelled"), &json!("not needed")));
    assert_eq!(done(&world, &cancel, &json!({"reason": "again"})).await, cancelled);
}

#[tokio::test]
async fn sessions_with_something_new_since_are_told_apart() {
    let world = World::new();
    done(&world, "/v1/runs", &json!({"prompt": "x", "session_id": "old", "executor": "runner"})).await;
    world.advance(60);
    let since = world.now().to_string();
    world.advance(60);
    done(&world, "/v1/runs", &json!({"prompt": "x", "session_id": "new", "executor": "runner"})).await;
    let sessions = get(&world, &format!("/v1/sessions?state=all&updated_after={since}")).await;
    assert_eq!((&sessions["count"], &sessions["items"][0]["id"]), (&json!(1), &json!("new")), "{sessions:#}");
    assert_eq!(get(&world, "/v1/sessions?state=all").await["count"], 2);
}

#[tokio::test]
async fn a_new_run_and_an_agents_failure_say_what_there_is_to_say() {
    let world = World::new();
    let (run, lease) = held(&world).await;
    let events = get(&world, &format!("/v1/runs/{run}/events")).await;
    let created = events["items"].as_array().unwrap().iter().find(|event| event["payload"]["phase"] == "run-created");
    let note = created.unwrap()["payload"]["note"].as_str().unwrap();
    assert!(note.contains("from api") && note.contains("runner") && note.contains("profile default"), "{note}");
    let more = json!({"status": "failed", "failure": {"message": "no disk", "kind": "backend"}});
    finish(&world, &run, &lease, more).await;
    world.poll().await;
    let events = world.events().await;
    let failed = events.iter().find(|event| event["type"] == "agent.failed").unwrap();
    assert_eq!(failed["data"]["error"], "no disk");
}
