//! Two runners and one run: one lease, and no write without it.

use std::time::Duration;

use errand::{
    Priority,
    spi::queue::{OutMessage, QueueName},
};
use integration_tests::{events::Call, world::World};
use serde_json::{Value, json};

use super::{claim, done, error, get, id, message, outside, post, refused, register};

async fn with_two_runners() -> (World, String) {
    let world = World::new();
    register(&world, "one").await;
    register(&world, "two").await;
    let run = outside(&world, &json!({})).await;
    (world, run)
}

/// Every write that a lease is for, with this one.
async fn every_write(world: &World, run: &str, (command, job): (&str, &str), lease: &str) -> Vec<(u16, String)> {
    let mut answers = Vec::new();
    for (path, more) in [
        (format!("/v1/runs/{run}/heartbeat"), json!({})),
        (format!("/v1/runs/{run}/events"), json!({"events": [message("late")]})),
        (format!("/v1/commands/{command}/ack"), json!({})),
        (format!("/v1/commands/{command}/finish"), json!({"status": "completed"})),
        (format!("/v1/jobs/{job}/finish"), json!({"status": "completed"})),
        (format!("/v1/runs/{run}/finish"), json!({"status": "completed", "output": {"result": "late"}})),
    ] {
        let mut body = json!({ "lease_token": lease });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, code, _) = refused(world, &path, &body).await;
        answers.push((status, code));
    }
    answers
}

#[tokio::test]
async fn a_runner_does_a_run_from_claim_to_finish() {
    let (world, run) = with_two_runners().await;
    let (pending, path) = (get(&world, "/v1/runs?executor=runner&status=pending").await, format!("/v1/runs/{run}"));
    assert_eq!(pending["items"][0]["id"], run.as_str());
    let claimed = done(&world, &format!("{path}/claim"), &json!({"runner_id": "one"})).await;
    assert_eq!((&claimed["run_id"], &claimed["payload"]["prompt"]), (&json!(run), &json!("do it")));
    let lease = &claimed["lease_token"];
    let command =
        id(&done(&world, &format!("{path}/commands"), &json!({"kind": "steer", "payload": {"prompt": "left"}})).await);
    let news = done(&world, &format!("{path}/heartbeat"), &json!({"lease_token": lease})).await;
    assert_eq!((&news["open_commands"], &news["cancel"]), (&json!(1), &json!(false)));
    done(&world, &format!("{path}/events"), &json!({"lease_token": lease, "events": [message("hi")]})).await;
    done(&world, &format!("/v1/commands/{command}/ack"), &json!({"lease_token": lease})).await;
    done(&world, &format!("/v1/commands/{command}/finish"), &json!({"lease_token": lease, "status": "completed"}))
        .await;
    let end = json!({"lease_token": lease, "status": "completed", "output": {"result": "well done"}});
    let ended = done(&world, &format!("{path}/finish"), &end).await;
    assert_eq!((&ended["status"], &ended["terminal_status"]), (&json!("completed"), &json!("completed")));
    assert_eq!((&ended["result_preview"], &ended["claimed_by"]), (&json!("well done"), &json!("one")));
    // Said again: the answer may have been lost.
    assert_eq!(done(&world, &format!("{path}/finish"), &end).await, ended);

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
async fn a_run_is_one_runners_until_its_lease_is_lost_and_then_anothers() {
    let (world, run) = with_two_runners().await;
    let first = claim(&world, &run, "one").await;
    let command = id(&done(&world, &format!("/v1/runs/{run}/commands"), &json!({"kind": "interrupt"})).await);
    let job = id(&done(&world, &format!("/v1/runs/{run}/jobs"), &json!({"kind": "checkout"})).await);
    let claim_path = format!("/v1/runs/{run}/claim");
    let taken = refused(&world, &claim_path, &json!({"runner_id": "two"})).await;
    assert_eq!(taken, error(409, "lease_conflict", ""));
    let events = format!("/v1/runs/{run}/events");
    let append = |lease: &str, text: &str| json!({"lease_token": lease, "events": [message(text)]});
    let before = done(&world, &events, &append(&first, "a")).await;

    // A heartbeat keeps it.
    world.advance(60);
    done(&world, &format!("/v1/runs/{run}/heartbeat"), &json!({"lease_token": first})).await;
    world.advance(60);
    world.poll().await;
    done(&world, &events, &append(&first, "b")).await;

    // Silence loses it: the poller reaps it as any task, and nothing of the old runner's is written.
    world.advance(100);
    world.poll().await;
    assert_eq!(every_write(&world, &run, (&command, &job), &first).await, vec![(409, "lease_conflict".to_owned()); 6]);
    let second = claim(&world, &run, "two").await;
    assert_eq!(every_write(&world, &run, (&command, &job), &first).await, vec![(409, "lease_conflict".to_owned()); 6]);
    let after = done(&world, &events, &append(&second, "c")).await;
    assert!(after["first_seq"].as_u64() > before["last_seq"].as_u64());
    let seen = get(&world, &events).await;
    let seqs: Vec<u64> = seen["items"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    let texts: Vec<&Value> =
        seen["items"].as_array().unwrap().iter().map(|e| &e["payload"]["text"]).filter(|t| !t.is_null()).collect();
    assert_eq!(texts, ["a", "b", "c"]);
    assert_eq!(get(&world, &format!("/v1/runs/{run}/jobs")).await["items"][0]["status"], "pending");
    let run = get(&world, &format!("/v1/runs/{run}")).await;
    assert_eq!((&run["attempt"], &run["claimed_by"]), (&json!(2), &json!("two")));
}

#[tokio::test]
async fn of_two_claims_at_once_one_has_the_run() {
    let (world, run) = with_two_runners().await;
    let path = format!("/v1/runs/{run}/claim");
    let claims = ["one", "two"].map(|runner| {
        let (world, path) = (world.clone(), path.clone());
        async move { post(&world, &path, &json!({"runner_id": runner})).await }
    });
    let mut statuses: Vec<u16> =
        futures::future::join_all(claims).await.into_iter().map(|(status, _)| status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_answered_again_under_its_key() {
    let (world, run) = with_two_runners().await;
    let path = format!("/v1/runs/{run}/claim");
    let call = |runner: &str| Call::post(&path, &json!({"runner_id": runner})).header("idempotency-key", "c1");
    let first = call("one").answer(&world.app).await.body(200);
    assert_eq!(call("one").answer(&world.app).await.body(200)["lease_token"], first["lease_token"]);
    assert_eq!(call("two").answer(&world.app).await.status, 409);
}

#[tokio::test]
async fn a_lease_follows_from_nothing_that_others_know() {
    let mut leases = Vec::new();
    for _ in 0..2 {
        // The same run, runner and key, in two installations.
        let world = World::new();
        register(&world, "one").await;
        let run = outside(&world, &json!({"idempotency_key": "r"})).await;
        let call = Call::post(&format!("/v1/runs/{run}/claim"), &json!({"runner_id": "one"}));
        let claimed = call.header("idempotency-key", "c1").answer(&world.app).await.body(200);
        leases.push((claimed["run_id"].clone(), claimed["lease_token"].clone()));
    }
    assert_eq!(leases[0].0, leases[1].0);
    assert_ne!(leases[0].1, leases[1].1);
}

#[tokio::test]
async fn a_claims_key_serves_again_once_its_lease_is_lost() {
    for runner in ["one", "two"] {
        let (world, run) = with_two_runners().await;
        let path = format!("/v1/runs/{run}/claim");
        let call = |runner: &str| Call::post(&path, &json!({"runner_id": runner})).header("idempotency-key", "c1");
        let first = call("one").answer(&world.app).await.body(200);
        world.advance(200);
        world.poll().await;
        let next = call(runner).answer(&world.app).await.body(200);
        assert_ne!(next["lease_token"], first["lease_token"]);
        assert_eq!(call(runner).answer(&world.app).await.body(200)["lease_token"], next["lease_token"]);
    }
}

#[tokio::test]
async fn a_finish_said_again_under_a_lost_lease_is_not_taken_for_the_others() {
    let (world, run) = with_two_runners().await;
    let first = claim(&world, &run, "one").await;
    world.advance(200);
    world.poll().await;
    let second = claim(&world, &run, "two").await;
    let path = format!("/v1/runs/{run}/finish");
    let end = |lease: &str| json!({"lease_token": lease, "status": "completed", "output": {"result": lease}});
    let ended = done(&world, &path, &end(&second)).await;
    assert_eq!(refused(&world, &path, &end(&first)).await, error(409, "lease_conflict", ""));
    assert_eq!(done(&world, &path, &end(&second)).await, ended);
}

#[tokio::test]
async fn a_runner_hears_of_a_cancel_and_writes_nothing_more() {
    let (world, run) = with_two_runners().await;
    let lease = claim(&world, &run, "one").await;
    let command = id(&done(&world, &format!("/v1/runs/{run}/commands"), &json!({"kind": "interrupt"})).await);
    let job = id(&done(&world, &format!("/v1/runs/{run}/jobs"), &json!({"kind": "checkout"})).await);
    let cancelled = done(&world, &format!("/v1/runs/{run}/cancel"), &json!({"reason": "enough"})).await;
    assert_eq!((&cancelled["status"], &cancelled["result_preview"]), (&json!("cancelled"), &json!("enough")));
    let news = done(&world, &format!("/v1/runs/{run}/heartbeat"), &json!({"lease_token": lease})).await;
    assert_eq!((&news["cancel"], &news["lease_expires_at"]), (&json!(true), &Value::Null));
    let writes = every_write(&world, &run, (&command, &job), &lease).await;
    assert_eq!(writes[1..], vec![(409, "lease_conflict".to_owned()); 5]);
    let command = &get(&world, &format!("/v1/runs/{run}/commands")).await["items"][0];
    assert_eq!(command["status"], "cancelled");
    // Again: as it is.
    assert_eq!(done(&world, &format!("/v1/runs/{run}/cancel"), &json!({})).await, cancelled);
}

#[tokio::test]
async fn a_killed_agents_run_is_over() {
    let (world, run) = with_two_runners().await;
    let lease = claim(&world, &run, "one").await;
    let agent = get(&world, &format!("/v1/runs/{run}")).await["agent_id"].as_str().unwrap().to_owned();
    let kill = format!("/v1/agents/{agent}/kill");
    assert_eq!(done(&world, &kill, &json!({"reason": "wrong one"})).await["status"], "killed");
    assert_eq!(done(&world, &kill, &json!({})).await["error"], "wrong one");
    assert_eq!(get(&world, &format!("/v1/runs/{run}")).await["status"], "cancelled");
    let news = done(&world, &format!("/v1/runs/{run}/heartbeat"), &json!({"lease_token": lease})).await;
    assert_eq!(news["cancel"], true);
}

#[tokio::test]
async fn nobody_is_told_of_a_run_for_runners_and_it_fails_loudly_if_none_comes() {
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
async fn a_dead_letter_moved_back_sets_a_run_going_for_runners_alone() {
    let (world, run) = with_two_runners().await;
    let lease = claim(&world, &run, "one").await;
    let end = json!({"lease_token": lease, "status": "failed", "failure": {"message": "no disk", "kind": "backend"}});
    let task = done(&world, &format!("/v1/runs/{run}/finish"), &end).await["task_id"].as_str().unwrap().to_owned();
    world.poll().await;
    let body = serde_json::to_string(&world.letters()[0]).unwrap();
    let message = OutMessage { body, delay: Duration::ZERO, group: None, attributes: vec![] };
    world.app.queue.send(QueueName::Work(Priority::Medium), vec![message]).await.remove(0).unwrap();
    world.deliver_all().await;
    let task = get(&world, &format!("/v1/tasks/{task}")).await;
    assert_eq!((&task["status"], &task["redrives"], &task["executions"]), (&json!("pending"), &json!(1), &json!(1)));
}

#[tokio::test]
async fn a_redriven_run_is_taken_up_under_its_old_name_as_a_new_run() {
    let (world, run) = with_two_runners().await;
    let lease = claim(&world, &run, "one").await;
    let path = format!("/v1/runs/{run}");
    let blocked = json!({"lease_token": lease, "status": "blocked", "reason": "which branch?"});
    let ended = done(&world, &format!("{path}/finish"), &blocked).await;
    assert_eq!((&ended["status"], &ended["result_preview"]), (&json!("blocked"), &json!("which branch?")));
    let again = refused(&world, &format!("{path}/claim"), &json!({"runner_id": "two"})).await;
    assert_eq!(again, error(409, "conflict", ""));
    let task = ended["task_id"].as_str().unwrap();
    done(&world, &format!("/v1/tasks/{task}/retry"), &json!({"note": "main"})).await;
    let claimed = done(&world, &format!("{path}/claim"), &json!({"runner_id": "two"})).await;
    assert_ne!(claimed["run_id"], run.as_str());
    assert_eq!((&claimed["redrive_note"], &claimed["run"]["status"]), (&json!("main"), &json!("running")));
    assert_eq!(claimed["run"]["session_id"], ended["session_id"]);
    let (new, lease) = (claimed["run_id"].as_str().unwrap(), &claimed["lease_token"]);
    done(&world, &format!("/v1/runs/{new}/finish"), &json!({"lease_token": lease, "status": "completed"})).await;
    assert_eq!(get(&world, &path).await["status"], "blocked");
}

#[tokio::test]
async fn two_runs_of_one_session_do_not_go_on_at_once() {
    let (world, first) = with_two_runners().await;
    let session = get(&world, &format!("/v1/runs/{first}")).await["session_id"].clone();
    let second = outside(&world, &json!({"session_id": session})).await;
    let lease = claim(&world, &first, "one").await;
    let path = format!("/v1/runs/{second}/claim");
    assert_eq!(refused(&world, &path, &json!({"runner_id": "two"})).await, error(409, "conflict", ""));
    // Given back at once: no lease stands in the way when the other is over.
    let end = json!({"lease_token": lease, "status": "failed", "failure": {"kind": "backend", "message": "no disk"}});
    let failed = done(&world, &format!("/v1/runs/{first}/finish"), &end).await;
    assert_eq!((&failed["status"], &failed["failure"]["kind"]), (&json!("failed"), &json!("backend")));
    done(&world, &path, &json!({"runner_id": "two"})).await;
}

#[tokio::test]
async fn a_run_that_its_runner_failed_is_tried_again_as_often_as_it_may_be() {
    let world = World::new();
    register(&world, "one").await;
    let run = outside(&world, &json!({"max_retries": 1})).await;
    let (path, finish) = (format!("/v1/runs/{run}"), format!("/v1/runs/{run}/finish"));
    let failed = |lease: &str, kind: &str| json!({"lease_token": lease, "status": "failed", "failure": {"message": "no disk", "kind": kind}});
    let lease = claim(&world, &run, "one").await;
    let answer = done(&world, &finish, &failed(&lease, "handler")).await;
    assert_eq!(answer["status"], "pending", "{answer:#}");
    // It has no lease any more: said again, that is what it hears.
    assert_eq!(refused(&world, &finish, &failed(&lease, "handler")).await, error(409, "lease_conflict", ""));
    // As it is for a worker: a minute later, and under a new lease.
    assert_eq!(refused(&world, &format!("{path}/claim"), &json!({"runner_id": "one"})).await.0, 409);
    world.advance(60);
    let second = claim(&world, &run, "one").await;
    assert_eq!(refused(&world, &finish, &failed(&lease, "handler")).await, error(409, "lease_conflict", ""));
    done(&world, &finish, &failed(&second, "handler")).await;
    let ended = get(&world, &path).await;
    assert_eq!((&ended["status"], &ended["failure"]["message"]), (&json!("failed"), &json!("no disk")));

    // What no other try can mend has failed for good.
    let run = outside(&world, &json!({"max_retries": 5})).await;
    let lease = claim(&world, &run, "one").await;
    let ended = done(&world, &format!("/v1/runs/{run}/finish"), &failed(&lease, "provider_auth")).await;
    assert_eq!(ended["status"], "failed");
}
