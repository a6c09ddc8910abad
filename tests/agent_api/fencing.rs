//! Two workers outside and one run: one lease, and no write without it.

use std::time::Duration;

use errand::{
    Priority,
    spi::queue::{OutMessage, QueueName},
};
use integration_tests::{events::Call, world::World};
use serde_json::{Value, json};

use super::{
    asks, beat, claim, done, end, error, finish, get, given, id, message, outside, refused, refused_end, task_of,
};

async fn with_a_run() -> (World, String) {
    let world = World::new();
    let run = outside(&world, &json!({})).await;
    (world, run)
}

/// Every write that a lease is for, with this one.
async fn every_write(world: &World, run: &str, command: &str, lease: &str) -> Vec<(u16, String)> {
    let mut answers = Vec::new();
    for (path, more) in [
        (format!("/v1/runs/{run}/events"), json!({"events": [message("late")]})),
        (format!("/v1/commands/{command}/ack"), json!({})),
        (format!("/v1/commands/{command}/finish"), json!({"status": "completed"})),
        end(world, run, lease, &json!({"output": {"result": "late"}})).await,
    ] {
        let mut body = json!({ "lease_token": lease });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, code, _) = refused(world, &path, &body).await;
        answers.push((status, code));
    }
    answers
}

fn all_lost() -> Vec<(u16, String)> {
    vec![(409, "lease_conflict".to_owned()); 4]
}

#[tokio::test]
async fn a_worker_does_a_run_from_claim_to_finish() {
    let (world, run) = with_a_run().await;
    let (pending, path) = (get(&world, "/v1/runs?executor=runner&status=pending").await, format!("/v1/runs/{run}"));
    assert_eq!(pending["items"][0]["id"], run.as_str());
    let lease = claim(&world, &run, "one").await;
    let command =
        id(&done(&world, &format!("{path}/commands"), &json!({"kind": "steer", "payload": {"prompt": "left"}})).await);
    let news = beat(&world, &run, &lease).await;
    assert_eq!((&news["details"]["open_commands"], &news["cancel"]), (&json!(1), &Value::Null));
    done(&world, &format!("{path}/events"), &json!({"lease_token": lease, "events": [message("hi")]})).await;
    done(&world, &format!("/v1/commands/{command}/ack"), &json!({"lease_token": lease})).await;
    done(&world, &format!("/v1/commands/{command}/finish"), &json!({"lease_token": lease, "status": "completed"}))
        .await;
    let more = json!({"output": {"result": "well done"}});
    let ended = finish(&world, &run, &lease, more.clone()).await;
    assert_eq!((&ended["status"], &ended["terminal_status"]), (&json!("completed"), &json!("completed")));
    assert_eq!((&ended["result_preview"], &ended["claimed_by"]), (&json!("well done"), &json!("one")));
    // Said again: the answer may have been lost.
    assert_eq!(finish(&world, &run, &lease, more).await, ended);

    let task = get(&world, &format!("/v1/tasks/{}", ended["task_id"].as_str().unwrap())).await;
    assert_eq!((&task["status"], &task["output"]["result"]), (&json!("completed"), &json!("well done")));
    let agent = get(&world, &format!("/v1/agents/{}", ended["agent_id"].as_str().unwrap())).await;
    assert_eq!(agent["status"], "completed");
    let session = get(&world, &format!("/v1/sessions/{}", ended["session_id"].as_str().unwrap())).await;
    assert_eq!((&session["execution_state"], &session["last_run"]), (&json!("idle"), &json!(run)));
    let types: Vec<Value> = get(&world, &format!("{path}/events")).await["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["payload"].get("phase").unwrap_or(&event["type"]).clone())
        .collect();
    let expected = ["run-created", "run-claimed", "command-created", "assistant_message", "command-terminal"];
    assert_eq!(types[..5], expected.map(Value::from));
    assert_eq!(types.last().unwrap(), "terminal_status");
}

#[tokio::test]
async fn a_run_is_one_workers_until_its_lease_is_lost_and_then_anothers() {
    let (world, run) = with_a_run().await;
    let first = claim(&world, &run, "one").await;
    let command = id(&done(&world, &format!("/v1/runs/{run}/commands"), &json!({"kind": "interrupt"})).await);
    assert!(given(&world, json!({"worker_id": "two"})).await.is_empty(), "it is held");
    let events = format!("/v1/runs/{run}/events");
    let append = |lease: &str, text: &str| json!({"lease_token": lease, "events": [message(text)]});
    let before = done(&world, &events, &append(&first, "a")).await;

    // A heartbeat keeps it.
    world.advance(50);
    beat(&world, &run, &first).await;
    world.advance(50);
    world.poll().await;
    done(&world, &events, &append(&first, "b")).await;

    // Silence loses it: the poller reaps it as any task, and nothing of the old worker's is written.
    world.advance(100);
    world.poll().await;
    assert_eq!(every_write(&world, &run, &command, &first).await, all_lost());
    world.advance(100);
    let second = claim(&world, &run, "two").await;
    assert_eq!(every_write(&world, &run, &command, &first).await, all_lost());
    assert_eq!(beat(&world, &run, &first).await["lost"], true);
    let after = done(&world, &events, &append(&second, "c")).await;
    assert!(after["first_seq"].as_u64() > before["last_seq"].as_u64());
    let seen = get(&world, &events).await;
    let seqs: Vec<u64> = seen["items"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    let texts: Vec<&Value> =
        seen["items"].as_array().unwrap().iter().map(|e| &e["payload"]["text"]).filter(|t| !t.is_null()).collect();
    assert_eq!(texts, ["a", "b", "c"]);
    let run = get(&world, &format!("/v1/runs/{run}")).await;
    assert_eq!((&run["attempt"], &run["claimed_by"]), (&json!(2), &json!("two")));
}

#[tokio::test]
async fn of_two_claims_at_once_one_has_the_run() {
    let (world, _) = with_a_run().await;
    let claims = ["one", "two"].map(|worker| {
        let world = world.clone();
        async move { given(&world, json!({ "worker_id": worker })).await.len() }
    });
    let given = futures::future::join_all(claims).await;
    assert_eq!(given.iter().sum::<usize>(), 1);
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_answered_again_under_its_key() {
    let (world, run) = with_a_run().await;
    let call =
        |worker: &str| Call::post("/v1/claims", &asks(&json!({ "worker_id": worker }))).header("idempotency-key", "c1");
    let first = call("one").answer(&world.app).await.body(200);
    assert_eq!(first["items"][0]["details"]["run_id"], json!(run));
    assert_eq!(call("one").answer(&world.app).await.body(200), first);
    assert_eq!(call("two").answer(&world.app).await.body(200)["count"], 0);
}

#[tokio::test]
async fn a_lease_follows_from_nothing_that_others_know() {
    let mut leases = Vec::new();
    for _ in 0..2 {
        // The same run, worker and key, in two installations.
        let world = World::new();
        outside(&world, &json!({"idempotency_key": "r"})).await;
        let call = Call::post("/v1/claims", &asks(&json!({}))).header("idempotency-key", "c1");
        let claimed = call.answer(&world.app).await.body(200)["items"][0].take();
        leases.push((claimed["details"]["run_id"].clone(), claimed["lease_token"].clone()));
    }
    assert_eq!(leases[0].0, leases[1].0);
    assert_ne!(leases[0].1, leases[1].1);
}

#[tokio::test]
async fn a_finish_said_again_under_a_lost_lease_is_not_taken_for_the_others() {
    let (world, run) = with_a_run().await;
    let first = claim(&world, &run, "one").await;
    world.advance(200);
    world.poll().await;
    world.advance(100);
    let second = claim(&world, &run, "two").await;
    let more = |of: &str| json!({"output": {"result": of}});
    let ended = finish(&world, &run, &second, more("second")).await;
    assert_eq!(refused_end(&world, &run, &first, more("first")).await, error(409, "lease_conflict", ""));
    assert_eq!(finish(&world, &run, &second, more("second")).await, ended);
}

#[tokio::test]
async fn a_worker_hears_of_a_cancel_and_writes_nothing_more() {
    let (world, run) = with_a_run().await;
    let lease = claim(&world, &run, "one").await;
    let command = id(&done(&world, &format!("/v1/runs/{run}/commands"), &json!({"kind": "interrupt"})).await);
    let cancelled = done(&world, &format!("/v1/runs/{run}/cancel"), &json!({"reason": "enough"})).await;
    assert_eq!((&cancelled["status"], &cancelled["result_preview"]), (&json!("cancelled"), &json!("enough")));
    let news = beat(&world, &run, &lease).await;
    assert_eq!((&news["cancel"], &news["lease_expires_at"]), (&json!(true), &Value::Null));
    assert_eq!(every_write(&world, &run, &command, &lease).await, all_lost());
    let command = &get(&world, &format!("/v1/runs/{run}/commands")).await["items"][0];
    assert_eq!(command["status"], "cancelled");
    // Again: as it is.
    assert_eq!(done(&world, &format!("/v1/runs/{run}/cancel"), &json!({})).await, cancelled);
}

#[tokio::test]
async fn a_killed_agents_run_is_over() {
    let (world, run) = with_a_run().await;
    let lease = claim(&world, &run, "one").await;
    let agent = get(&world, &format!("/v1/runs/{run}")).await["agent_id"].as_str().unwrap().to_owned();
    let kill = format!("/v1/agents/{agent}/kill");
    assert_eq!(done(&world, &kill, &json!({"reason": "wrong one"})).await["status"], "killed");
    assert_eq!(done(&world, &kill, &json!({})).await["error"], "wrong one");
    assert_eq!(get(&world, &format!("/v1/runs/{run}")).await["status"], "cancelled");
    assert_eq!(beat(&world, &run, &lease).await["cancel"], true);
}

#[tokio::test]
async fn nobody_is_told_of_a_run_for_workers_outside_and_it_fails_loudly_if_none_comes() {
    let world = World::new();
    let run = outside(&world, &json!({"expires_at": "2026-01-02T00:00:00Z"})).await;
    let task = get(&world, &format!("/v1/runs/{run}")).await["task_id"].as_str().unwrap().to_owned();
    let revision = async || get(&world, &format!("/v1/tasks/{task}")).await["revision"].as_u64().unwrap();
    let (mut looks, end) = (0, world.now() + Duration::from_secs(24 * 3600));
    while let Some(at) = world.next().await.filter(|at| *at < end) {
        world.clock.set(at);
        let before = revision().await;
        world.poll().await;
        assert_eq!(world.queue.next_visible(&QueueName::WORK), None, "a message was sent");
        looks += revision().await - before;
    }
    // The poller looks after two minutes, then ever more rarely, at most once an hour.
    assert!((1..=30).contains(&looks), "{looks}");
    let run_path = format!("/v1/runs/{run}");
    assert_eq!(get(&world, &run_path).await["status"], "pending");
    world.drain().await;
    let failed = get(&world, &run_path).await;
    assert_eq!((&failed["status"], &failed["failure"]["kind"]), (&json!("failed"), &json!("expired")));
    assert_eq!(world.letters().len(), 1);
}

#[tokio::test]
async fn a_dead_letter_moved_back_sets_a_run_going_for_workers_outside_alone() {
    let (world, run) = with_a_run().await;
    let lease = claim(&world, &run, "one").await;
    let more = json!({"status": "failed", "failure": {"message": "no disk", "kind": "backend"}});
    finish(&world, &run, &lease, more).await;
    world.poll().await;
    let body = serde_json::to_string(&world.letters()[0]).unwrap();
    let message = OutMessage { body, delay: Duration::ZERO, group: None, attributes: vec![] };
    world.app.queue.send(QueueName::Work(Priority::Medium), vec![message]).await.remove(0).unwrap();
    world.deliver_all().await;
    let task = get(&world, &format!("/v1/tasks/{}", task_of(&world, &run).await.as_str().unwrap())).await;
    assert_eq!((&task["status"], &task["redrives"], &task["executions"]), (&json!("pending"), &json!(1), &json!(1)));
}

#[tokio::test]
async fn a_run_that_its_worker_failed_is_tried_again_as_often_as_it_may_be() {
    let world = World::new();
    let run = outside(&world, &json!({"max_retries": 1})).await;
    let failed = json!({"status": "failed", "failure": {"message": "no disk"}});
    let lease = claim(&world, &run, "one").await;
    let answer = finish(&world, &run, &lease, failed.clone()).await;
    assert_eq!(answer["status"], "pending", "{answer:#}");
    // A minute later, and under a new lease.
    assert!(given(&world, json!({})).await.is_empty());
    world.advance(70);
    let second = claim(&world, &run, "one").await;
    // What the first one has said is answered again, and nothing else is taken of it.
    assert_eq!(finish(&world, &run, &lease, failed.clone()).await["status"], "running");
    assert_eq!(refused_end(&world, &run, &lease, json!({})).await, error(409, "lease_conflict", ""));
    let ended = finish(&world, &run, &second, failed).await;
    assert_eq!((&ended["status"], &ended["failure"]["message"]), (&json!("failed"), &json!("no disk")));
}
