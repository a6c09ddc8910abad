//! What a runner does for a run besides: from who asks for it to how it ended.

use errand::{
    Doc, Entity, Expect, Id, Name, Patch,
    spi::store::{self, Commit, RecordKey, RecordWrite},
};
use errand_agents::{Run, Runner};
use integration_tests::{events::Call, world::World};
use serde_json::{Value, json};
use uuid::Uuid;

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

/// As if so many jobs had been made for `run`.
async fn with_jobs(world: &World, run: &str, jobs: u32) {
    let key = RecordKey { tenant: Name::default(), kind: Run::kind(), id: Id::new(run).unwrap() };
    let patch = Patch { set: [("jobs".to_owned(), json!(jobs))].into_iter().collect(), ..Patch::default() };
    let write = RecordWrite::Patch {
        key,
        patch: Box::new(patch),
        expect: Expect::Any,
        version: Uuid::new_v4(),
        at: world.now(),
    };
    store::commit(&*world.app.store, Commit { records: vec![write], ..Commit::default() }).await.unwrap();
}

#[tokio::test]
async fn a_run_has_a_thousand_jobs_and_no_more() {
    let (world, run, _) = held().await;
    job(&world, &run, json!({})).await;
    assert_eq!(get(&world, &format!("/v1/runs/{run}")).await["jobs"], 1);
    with_jobs(&world, &run, 999).await;
    let path = format!("/v1/runs/{run}/jobs");
    let last = Call::post(&path, &json!({"kind": "last"})).header("idempotency-key", "k");
    let made = last.answer(&world.app).await.body(201);
    assert_eq!(refused(&world, &path, &json!({"kind": "more"})).await, error(409, "conflict", ""));
    // What was asked for before is none more.
    assert_eq!(last.answer(&world.app).await.body(200)["id"], made["id"]);
    assert_eq!(get(&world, &path).await["count"], 2);
}

#[tokio::test]
async fn a_project_has_a_thousand_runners_and_no_more() {
    let world = World::new();
    let at = world.now();
    for nth in 0..999 {
        let runner = Runner {
            project: Name::default(),
            name: "one of many".into(),
            profiles: Vec::new(),
            metadata: Doc::new(),
            registered_at: at,
            last_seen_at: at,
        };
        world.put(&format!("r{nth}"), &runner).await;
    }
    register(&world, "last").await;
    let more = |project: &str| json!({"name": "more", "project": project});
    assert_eq!(refused(&world, "/v1/runners", &more("default")).await, error(409, "conflict", ""));
    // Those that are there can say what they are, and other projects have room.
    done(&world, "/v1/runners", &json!({"runner_id": "r7", "name": "renamed"})).await;
    done(&world, "/v1/runners", &more("other")).await;
}

#[tokio::test]
async fn a_runner_that_is_not_heard_of_for_a_month_is_forgotten() {
    let world = World::new();
    register(&world, "one").await;
    let expires = async || {
        let key = RecordKey { tenant: Name::default(), kind: Runner::kind(), id: Id::of("one") };
        world.app.store.record(&key).await.unwrap().unwrap().expires_at.unwrap().since(world.now()).as_secs()
    };
    let month = 30 * 24 * 3600;
    assert_eq!(expires().await, month);
    let run = outside(&world, &json!({})).await;
    world.advance(60);
    let lease = claim(&world, &run, "one").await;
    assert_eq!(expires().await, month, "it took a run");
    world.advance(60);
    done(&world, &format!("/v1/runs/{run}/heartbeat"), &json!({ "lease_token": lease })).await;
    assert_eq!(expires().await, month, "it goes on");
}

#[tokio::test]
async fn what_a_runner_says_of_itself_is_kept_within_bounds() {
    let world = World::new();
    let large = json!({"name": "r", "metadata": {"x": "x".repeat(64 * 1024)}});
    assert_eq!(refused(&world, "/v1/runners", &large).await, error(413, "too_large", "metadata"));
}
