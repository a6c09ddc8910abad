//! What waits for a worker outside: as the list shows it, and as it is given out.

use errand_agents::{Run, RunStatus};
use integration_tests::world::World;
use serde_json::{Value, json};

use super::{done, get, given, id, outside};

/// The ids of the runs that wait, newest first.
async fn waiting(world: &World) -> Vec<String> {
    let page = get(world, "/v1/runs?executor=runner&status=pending").await;
    page["items"].as_array().unwrap().iter().map(id).collect()
}

/// Takes the only run that waits.
async fn take(world: &World, worker: &str) -> Value {
    let [run] = waiting(world).await.try_into().expect("one run waits");
    let taken = given(world, json!({ "worker_id": worker })).await.remove(0);
    assert_eq!(taken["details"]["run_id"], json!(run));
    taken
}

async fn finish(world: &World, claimed: &Value, more: Value) -> Value {
    let lease = claimed["lease_token"].as_str().unwrap();
    super::finish(world, claimed["details"]["run_id"].as_str().unwrap(), lease, more).await
}

/// A run that was blocked, and its task.
async fn blocked(world: &World, more: &Value) -> (String, String) {
    let run = outside(world, more).await;
    let claimed = take(world, "one").await;
    let ended = finish(world, &claimed, json!({"status": "blocked", "reason": "which branch?"})).await;
    (run, ended["task_id"].as_str().unwrap().to_owned())
}

async fn retry(world: &World, task: &str) {
    done(world, &format!("/v1/tasks/{task}/retry"), &json!({"note": "main"})).await;
}

/// Polls when the poller next looks at what it has just looked at, or what was claimed.
async fn next_poll(world: &World) {
    world.advance(130);
    world.poll().await;
}

#[tokio::test]
async fn a_run_whose_worker_is_lost_is_found_and_finished_by_another() {
    let world = World::new();
    let run = outside(&world, &json!({})).await;
    take(&world, "one").await;
    assert_eq!(waiting(&world).await, [""; 0]);
    next_poll(&world).await;
    assert_eq!(waiting(&world).await, [run.as_str()]);
    let claimed = take(&world, "two").await;
    let ended = finish(&world, &claimed, json!({})).await;
    assert_eq!((&ended["id"], &ended["status"], &ended["attempt"]), (&json!(run), &json!("completed"), &json!(2)));
    let events = get(&world, &format!("/v1/runs/{run}/events")).await;
    let phases = events["items"].as_array().unwrap().iter().filter_map(|event| event["payload"]["phase"].as_str());
    assert_eq!(phases.collect::<Vec<_>>(), ["run-created", "run-claimed", "run-released", "run-claimed"]);
}

#[tokio::test]
async fn a_run_that_an_older_version_did_not_release_is_found_at_the_pollers_next_look() {
    let world = World::new();
    let run = outside(&world, &json!({})).await;
    take(&world, "one").await;
    next_poll(&world).await;
    let left = Run { status: RunStatus::Running, ..world.get(&run).await.unwrap() };
    world.put(&run, &left).await;
    assert_eq!(waiting(&world).await, [""; 0]);
    next_poll(&world).await;
    assert_eq!(waiting(&world).await, [run]);
}

#[tokio::test]
async fn a_run_that_is_set_going_again_is_found_as_a_new_one() {
    let world = World::new();
    let (run, task) = blocked(&world, &json!({"session_id": "s", "agent_id": "a"})).await;
    retry(&world, &task).await;
    let [new] = waiting(&world).await.try_into().unwrap();
    assert_ne!(new, run);
    let claimed = take(&world, "two").await;
    assert_eq!((&claimed["details"]["run_id"], &claimed["redrive_note"]), (&json!(new), &json!("main")));
    let ended = finish(&world, &claimed, json!({})).await;
    assert_eq!((&ended["session_id"], &ended["agent_id"]), (&json!("s"), &json!("a")));
    assert_eq!(get(&world, &format!("/v1/tasks/{task}")).await["status"], "completed");
}

#[tokio::test]
async fn a_run_that_is_set_going_again_while_its_agent_works_is_found_when_that_is_done() {
    let world = World::new();
    let (_, task) = blocked(&world, &json!({"agent_id": "a"})).await;
    outside(&world, &json!({"agent_id": "a", "session_id": "other"})).await;
    let other = take(&world, "one").await;
    retry(&world, &task).await;
    assert_eq!(waiting(&world).await, [""; 0]);
    finish(&world, &other, json!({})).await;
    next_poll(&world).await;
    let claimed = take(&world, "two").await;
    assert_eq!(claimed["task_id"], json!(task));
}

#[tokio::test]
async fn a_run_that_is_set_going_again_fails_loudly_too_if_no_worker_comes() {
    let world = World::new();
    let (run, task) = blocked(&world, &json!({})).await;
    retry(&world, &task).await;
    let again = get(&world, &format!("/v1/tasks/{task}")).await;
    assert_eq!(again["expires_at"], "2026-01-08T00:00:00.000Z", "seven days");
    let [new] = waiting(&world).await.try_into().unwrap();
    assert_ne!(new, run);
    world.advance(7 * 24 * 3600);
    world.poll().await;
    let failed = get(&world, &format!("/v1/runs/{new}")).await;
    assert_eq!((&failed["status"], &failed["failure"]["kind"]), (&json!("failed"), &json!("expired")));
    assert_eq!(world.letters().len(), 1);
    assert!(given(&world, json!({})).await.is_empty());
}

#[tokio::test]
async fn a_run_that_is_set_going_again_has_what_it_was_asked_for_with() {
    let world = World::new();
    let bundle = json!({"kind": "git", "repo_url": "https://git.example/r", "commit_id": "abc"});
    let asked = json!({"resource_bundle": bundle, "kind": "review"});
    let (_, task) = blocked(&world, &asked).await;
    let mut ended = Value::Null;
    for _ in 0..2 {
        retry(&world, &task).await;
        let claimed = take(&world, "one").await;
        assert_eq!(claimed["details"]["resource_bundle"]["repo_url"], "https://git.example/r");
        ended = finish(&world, &claimed, json!({"status": "blocked", "reason": "which?"})).await;
    }
    assert_eq!(ended["kind"], "review");
}

#[tokio::test]
async fn a_workers_run_that_is_set_going_again_is_of_the_same_sort() {
    let world = World::new();
    let run = done(&world, "/v1/runs", &json!({"prompt": "x", "kind": "review"})).await;
    let (session, task) = (run["session_id"].as_str().unwrap(), run["task_id"].as_str().unwrap());
    // Once more before its worker has made a second run.
    for _ in 0..2 {
        done(&world, &format!("/v1/tasks/{task}/cancel"), &json!({})).await;
        retry(&world, task).await;
    }
    world.deliver_all().await;
    let runs = get(&world, &format!("/v1/runs?session_id={session}")).await;
    let sorts = runs["items"].as_array().unwrap().iter().map(|run| run["kind"].clone());
    assert_eq!(sorts.collect::<Vec<_>>(), vec![json!("review"); 2]);
}
