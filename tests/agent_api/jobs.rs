//! What a runner does for a run besides: from who asks for it to how it ended.

use integration_tests::world::World;
use serde_json::{Value, json};

use super::{claim, done, error, get, id, outside, refused, register};

/// A run in the hands of the runner `one`, and its lease.
async fn held() -> (World, String, String) {
    let world = World::new();
    register(&world, "one").await;
    let run = outside(&world, &json!({})).await;
    let lease = claim(&world, &run, "one").await;
    (world, run, lease)
}

async fn job(world: &World, run: &str, more: Value) -> String {
    let mut body = json!({"kind": "checkout", "payload": {"at": "main"}});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    id(&done(world, &format!("/v1/runs/{run}/jobs"), &body).await)
}

fn finish(job: &str) -> String {
    format!("/v1/jobs/{job}/finish")
}

#[tokio::test]
async fn a_job_ends_as_its_runner_says_and_stays_so() {
    let (world, run, lease) = held().await;
    let (fine, bad) = (job(&world, &run, json!({})).await, job(&world, &run, json!({"runner_id": "one"})).await);
    world.advance(1);
    let completed = json!({"lease_token": lease, "status": "completed"});
    let failed = json!({"lease_token": lease, "status": "failed", "error": "no space, and password=hunter2"});
    let ended = done(&world, &finish(&fine), &completed).await;
    assert_eq!((&ended["status"], &ended["ended_at"]), (&json!("completed"), &json!("2026-01-01T00:00:01.000Z")));
    let ended = done(&world, &finish(&bad), &failed).await;
    assert_eq!((&ended["status"], &ended["error"]), (&json!("failed"), &json!("no space, and password=[redacted]")));
    world.advance(1);
    // Said again it is answered: the answer may have been lost. Said otherwise it is refused.
    assert_eq!(done(&world, &finish(&bad), &failed).await, ended);
    assert_eq!(refused(&world, &finish(&bad), &completed).await, error(409, "conflict", ""));
    let listed = get(&world, &format!("/v1/runs/{run}/jobs")).await;
    let statuses: Vec<&Value> = listed["items"].as_array().unwrap().iter().map(|job| &job["status"]).collect();
    assert!(statuses.contains(&&json!("completed")) && statuses.contains(&&json!("failed")), "{listed:#}");
}

#[tokio::test]
async fn a_job_of_another_runner_or_of_another_run_is_not_this_ones_to_end() {
    let (world, run, lease) = held().await;
    register(&world, "two").await;
    let theirs = job(&world, &run, json!({"runner_id": "two"})).await;
    let end = json!({"lease_token": lease, "status": "completed"});
    assert_eq!(refused(&world, &finish(&theirs), &end).await, error(409, "conflict", ""));
    let other = outside(&world, &json!({})).await;
    let elsewhere = job(&world, &other, json!({})).await;
    assert_eq!(refused(&world, &finish(&elsewhere), &end).await, error(409, "lease_conflict", ""));
    assert_eq!(refused(&world, &finish("none"), &end).await, error(404, "not_found", ""));
    let nonsense = json!({"lease_token": lease, "status": "cancelled"});
    assert_eq!(refused(&world, &finish(&theirs), &nonsense).await.2, "status");
}

#[tokio::test]
async fn a_job_that_is_open_when_its_run_ends_is_called_off_with_it() {
    let (world, run, lease) = held().await;
    let (open, done_before) = (job(&world, &run, json!({})).await, job(&world, &run, json!({})).await);
    let completed = json!({"lease_token": lease, "status": "completed"});
    done(&world, &finish(&done_before), &completed).await;
    done(&world, &format!("/v1/runs/{run}/finish"), &completed).await;
    let listed = get(&world, &format!("/v1/runs/{run}/jobs")).await;
    for job in listed["items"].as_array().unwrap() {
        let expected = if job["id"] == open.as_str() { "cancelled" } else { "completed" };
        assert_eq!(job["status"], expected, "{job:#}");
        assert!(job["ended_at"].is_string(), "{job:#}");
    }
    assert_eq!(refused(&world, &finish(&open), &completed).await, error(409, "lease_conflict", ""));
}
