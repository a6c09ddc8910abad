//! Runs that a worker outside does: claimed, kept and ended as all tasks of such workers are.

use std::time::Duration;

use errand::{Id, Name, spi::store::RecordKey};
use integration_tests::{
    accounts::the_log_is_complete,
    events::{Answered, Call},
    faults::{Fault, Faults},
    world::World,
};
use serde_json::{Value, json};

use super::{asks, done, get, given, id, message, outside, post};

/// A story with more calls than this has no end.
const MOST_CALLS: usize = 80;

/// The ids of the runs that it is given.
async fn runs(world: &World) -> Vec<String> {
    let taken = given(world, json!({})).await;
    taken.iter().map(|item| item["details"]["run_id"].as_str().unwrap().to_owned()).collect()
}

/// How it ends one: the path, and the body.
fn ends(claimed: &Value, more: &Value) -> (String, Value) {
    let mut body = json!({"lease_token": claimed["lease_token"], "status": "completed"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    (format!("/v1/tasks/{}/finish", claimed["task_id"].as_str().unwrap()), body)
}

async fn finish(world: &World, claimed: &Value, more: Value) -> Value {
    let (path, body) = ends(claimed, &more);
    done(world, &path, &body).await
}

#[tokio::test]
async fn a_run_is_claimed_followed_steered_and_ended() {
    let world = World::new();
    let bundle = json!({"kind": "git", "repo_url": "https://git.example/r", "commit_id": "abc"});
    let run = outside(&world, &json!({"resource_bundle": bundle, "session_id": "s"})).await;
    let path = format!("/v1/runs/{run}");
    let claimed = given(&world, json!({})).await.remove(0);
    assert_eq!((&claimed["payload"]["prompt"], &claimed["attempt"]), (&json!("do it"), &json!(1)));
    let details = &claimed["details"];
    assert_eq!((&details["run_id"], &details["session_id"]), (&json!(run), &json!("s")));
    assert_eq!(details["resource_bundle"]["repo_url"], "https://git.example/r");
    let shown = get(&world, &path).await;
    assert_eq!(
        [&shown["status"], &shown["claimed_by"], &shown["attempt"]],
        [&json!("running"), &json!("one"), &json!(1)]
    );

    done(&world, &format!("{path}/commands"), &json!({"kind": "steer", "payload": {"prompt": "left"}})).await;
    let lease = json!({"task_id": claimed["task_id"], "lease_token": claimed["lease_token"]});
    let beat = json!({"worker_id": "one", "leases": [lease]});
    let news = done(&world, "/v1/claims/heartbeat", &beat).await["items"][0].take();
    assert_eq!(news["details"], json!({"open_commands": 1, "last_command_seq": 1}));
    let events = json!({"lease_token": claimed["lease_token"], "events": [message("hi")]});
    done(&world, &format!("{path}/events"), &events).await;

    let used = json!({"model": "m", "tokens_in": 10, "tokens_out": 2, "cost_usd": 0.5});
    let more = json!({"output": {"result": "well done"}, "thread_id": "th", "turn_id": "tu", "used": used});
    let task = finish(&world, &claimed, more).await;
    assert_eq!(task["status"], "completed");
    let ended = get(&world, &path).await;
    assert_eq!([&ended["status"], &ended["result_preview"]], [&json!("completed"), &json!("well done")]);
    assert_eq!([&ended["thread_id"], &ended["turn_id"], &ended["cost_usd"]], [&json!("th"), &json!("tu"), &json!(0.5)]);
    let log = get(&world, &format!("/v1/tasks/{}/log", task["id"].as_str().unwrap())).await;
    assert_eq!([&log["items"][0]["model"], &log["items"][0]["cost_usd"]], [&json!("m"), &json!(0.5)]);
}

#[tokio::test]
async fn a_worker_takes_runs_of_the_profile_that_it_names() {
    let world = World::new();
    let fast = outside(&world, &json!({"profile": "fast"})).await;
    assert_eq!(runs(&world).await, [""; 0]);
    let taken = given(&world, json!({"pool": "fast"})).await;
    assert_eq!(taken[0]["details"]["run_id"], json!(fast));
    // Whoever names none would wait for ever.
    let mut body = asks(&json!({}));
    body.as_object_mut().unwrap().remove("pool");
    let (status, answer) = post(&world, "/v1/claims", &body).await;
    assert_eq!((status, &answer["error"]["field"]), (400, &json!("pool")));
}

#[tokio::test]
async fn a_run_whose_turn_has_not_come_is_given_to_nobody_and_holds_nobody_up() {
    let world = World::new();
    let first = outside(&world, &json!({"session_id": "s"})).await;
    let next = outside(&world, &json!({"session_id": "s"})).await;
    let last = outside(&world, &json!({"session_id": "s"})).await;
    let held = given(&world, json!({"max": 1})).await.remove(0);
    assert_eq!(held["details"]["run_id"], json!(first));
    let other = outside(&world, &json!({"session_id": "other"})).await;
    // It is found though those that stand before it wait.
    assert_eq!(runs(&world).await, [other]);
    let waiting = get(&world, "/v1/sessions/s").await["waiting"].clone();
    let places: Vec<&Value> = waiting.as_array().unwrap().iter().map(|place| &place["run_id"]).collect();
    assert_eq!(places, [&json!(next), &json!(last)]);
    finish(&world, &held, json!({})).await;
    // The end has woken the next one, and no other.
    assert_eq!(runs(&world).await, [next]);
}

#[tokio::test]
async fn a_run_whose_agent_lives_another_life_is_begun_once_that_is_over() {
    let world = World::new();
    let of = |session: &str| json!({"agent_id": "a", "session_id": session});
    let first = outside(&world, &of("s")).await;
    let held = given(&world, json!({})).await.remove(0);
    finish(&world, &held, json!({"status": "blocked", "reason": "which?"})).await;
    outside(&world, &of("t")).await;
    let other = given(&world, json!({})).await.remove(0);
    done(&world, &format!("/v1/tasks/{}/retry", held["task_id"].as_str().unwrap()), &json!({"note": "main"})).await;
    assert_eq!(runs(&world).await, [""; 0]);
    finish(&world, &other, json!({})).await;
    world.advance(30);
    let again = given(&world, json!({})).await.remove(0);
    assert_eq!((&again["task_id"], &again["redrive_note"]), (&held["task_id"], &json!("main")));
    assert_ne!(again["details"]["run_id"], json!(first), "a new run");
}

#[tokio::test]
async fn a_run_may_take_a_day_while_its_worker_says_that_it_goes_on() {
    let world = World::new();
    let run = outside(&world, &json!({})).await;
    let claimed = given(&world, json!({"lease_s": 60})).await.remove(0);
    let lease = json!({"task_id": claimed["task_id"], "lease_token": claimed["lease_token"]});
    for _ in 0..20 {
        world.advance(50);
        let beat = json!({"worker_id": "one", "leases": [lease], "lease_s": 60});
        let news = done(&world, "/v1/claims/heartbeat", &beat).await;
        assert!(news["items"][0].get("lost").is_none(), "{news:#}");
        world.poll().await;
    }
    assert_eq!(get(&world, &format!("/v1/runs/{run}")).await["attempt"], 1);
    let asks = |timeout_s: u32| json!({"prompt": "x", "executor": "runner", "timeout_s": timeout_s});
    assert_eq!(post(&world, "/v1/runs", &asks(86_400)).await.0, 201);
    let (status, answer) = post(&world, "/v1/runs", &asks(86_401)).await;
    assert_eq!((status, &answer["error"]["field"]), (400, &json!("timeout_s")));
    world.advance(200);
    world.poll().await;
    assert_eq!(get(&world, &format!("/v1/runs/{run}")).await["status"], "pending", "its lease is over all the same");
}

/// What the agent `a` has spent, in millionths of a dollar.
async fn spent(world: &World) -> Value {
    let key = RecordKey { tenant: Name::default(), kind: Name::of("spending"), id: Id::of("a") };
    let counter = world.app.store.record(&key).await.unwrap();
    counter.map_or(Value::Null, |counter| counter.doc["day:2026-01-01"].clone())
}

/// A worker that says again what was not answered.
async fn worker(app: &errand::App) {
    let twice = async |call: Call| {
        let answered: Answered = call.answer(app).await;
        if answered.status < 500 { answered } else { call.answer(app).await }
    };
    let claim = Call::post("/v1/claims", &asks(&json!({}))).header("idempotency-key", "k");
    for claimed in twice(claim).await.body["items"].as_array().into_iter().flatten() {
        let (path, body) = ends(claimed, &said());
        twice(Call::post(&path, &body)).await;
    }
}

fn said() -> Value {
    json!({"output": {"result": "fine"}, "thread_id": "th", "used": {"tokens_in": 7, "cost_usd": 0.25}})
}

#[tokio::test]
async fn a_worker_of_runs_and_whoever_answers_it_may_end_anywhere() {
    for fault in Fault::ALL {
        for nth in 0..MOST_CALLS {
            let world = World::new();
            let run = outside(&world, &json!({"agent_id": "a"})).await;
            let faults = Faults::at(nth, fault);
            let app = faults.around(&world.app);
            world.run_unless(|| faults.crashed(), worker(&app)).await;
            #[allow(clippy::print_stdout)] // shown if what follows fails
            {
                println!("{fault:?} at call {nth}");
            }
            // Another does what is left.
            for _ in 0..4 {
                world.poll().await;
                for claimed in given(&world, json!({"worker_id": "two"})).await {
                    finish(&world, &claimed, said()).await;
                }
                world.clock.advance(Duration::from_secs(130));
            }
            let ended = get(&world, &format!("/v1/runs/{run}")).await;
            assert_eq!((&ended["status"], &ended["result_preview"]), (&json!("completed"), &json!("fine")));
            let events = get(&world, &format!("/v1/runs/{run}/events")).await;
            let events = events["items"].as_array().unwrap();
            assert!(events.iter().zip(1..).all(|(event, seq)| event["seq"] == seq), "{events:#?}");
            assert_eq!(events.iter().filter(|event| event["type"] == "terminal_status").count(), 1);
            // Paid for by each execution that said so, once.
            let task = world.task(ended["task_id"].as_str().unwrap().parse().unwrap()).await;
            the_log_is_complete(&world, &task).await;
            let paid = world.log(task.key.id).await.iter().filter_map(|row| row.cost_usd).sum::<f64>();
            assert_eq!(
                (json!(paid), spent(&world).await),
                (ended["cost_usd"].clone(), json!((paid * 1e6).round() as u64))
            );
            if faults.calls() <= nth {
                assert!(nth > 0, "nothing was called");
                break;
            }
            assert!(nth + 1 < MOST_CALLS, "it never came to its end");
        }
    }
}

#[tokio::test]
async fn what_a_failed_run_says_is_kept_and_it_is_tried_again_as_the_failure_says() {
    for (failure, status, kind) in [
        (json!({"message": "no disk"}), "pending", "handler"),
        (json!({"message": "no disk", "kind": "OSError"}), "pending", "handler"),
        (json!({"message": "no disk", "retry": false}), "failed", "handler"),
        (json!({"message": "no disk", "kind": "infra_failed"}), "pending", "infra_failed"),
        (json!({"message": "no key", "kind": "provider_auth"}), "failed", "provider_auth"),
        // Who is lost does not say so.
        (json!({"message": "I am gone", "kind": "worker_lost"}), "pending", "handler"),
    ] {
        let world = World::new();
        let run = outside(&world, &json!({})).await;
        let claimed = given(&world, json!({})).await.remove(0);
        let more = json!({"status": "failed", "failure": failure, "used": {"cost_usd": 0.1}});
        let task = finish(&world, &claimed, more.clone()).await;
        // Said again, it is answered again.
        finish(&world, &claimed, more).await;
        let run = get(&world, &format!("/v1/runs/{run}")).await;
        assert_eq!((&run["status"], &run["cost_usd"]), (&json!(status), &json!(0.1)), "{failure}");
        let log = get(&world, &format!("/v1/tasks/{}/log", id(&task))).await;
        assert_eq!(log["items"][0]["failure"]["kind"], kind, "{failure}");
    }
}
