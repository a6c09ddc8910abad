//! Runs that a worker of ours does, and what their budgets say to a request.

use errand::{
    Expect, Id, Name,
    spi::store::{self, Commit, RecordKey, RecordWrite},
};
use errand_models::Profiles;
use integration_tests::{settings::Settings, world::World};
use serde_json::{Value, json};

use super::{done, error, get, given, id, post, refused};

#[tokio::test]
async fn a_run_is_started_done_by_a_worker_and_seen() {
    let world = World::new();
    let run = done(&world, "/v1/runs", &json!({"prompt": "Ada needs cheaper cards.", "agent_id": "a"})).await;
    assert_eq!(
        (&run["status"], &run["executor"], &run["source"]),
        (&json!("pending"), &json!("worker"), &json!("api"))
    );
    assert!(run.get("warning").is_none(), "{run:#}");
    let path = format!("/v1/runs/{}", id(&run));
    // No worker outside takes it.
    assert!(given(&world, json!({})).await.is_empty());
    world.deliver_all().await;
    let run = get(&world, &path).await;
    assert_eq!((&run["status"], &run["attempt"]), (&json!("completed"), &json!(1)), "{run:#}");
    assert_eq!(get(&world, "/v1/agents/a").await["status"], "completed");
    assert_eq!(get(&world, &format!("/v1/agents?task_id={}", run["task_id"].as_str().unwrap())).await["count"], 1);
    let output = get(&world, &format!("/v1/sessions/{}/output", run["session_id"].as_str().unwrap())).await;
    assert_eq!(output["items"][0]["type"], "assistant_message");
}

/// Notes that the agent `a` has spent so much today, in millionths of a dollar.
async fn spent(world: &World, micros: &Value) {
    let key = RecordKey { tenant: Name::default(), kind: Name::of("spending"), id: Id::of("a") };
    let doc = json!({"day:2026-01-01": micros}).as_object().unwrap().clone();
    let put = RecordWrite::put(key, doc, Expect::Any, world.now());
    store::commit(&*world.app.store, Commit { records: vec![put], ..Commit::default() }).await.unwrap();
}

#[tokio::test]
async fn a_budget_warns_or_refuses_when_a_run_is_asked_for() {
    let world = World::new();
    let ask =
        |check: &str| json!({"prompt": "x", "agent_id": "a", "budgets": {"daily_usd": 1.0}, "budget_check": check});
    spent(&world, &json!(790_000)).await;
    assert!(done(&world, "/v1/runs", &ask("block")).await.get("warning").is_none());
    world.deliver_all().await;
    let said_again = json!({"prompt": "x", "agent_id": "a", "budgets": {"daily_usd": 1.0}, "budget_check": "block",
        "idempotency_key": "k"});
    let (status, first) = post(&world, "/v1/runs", &said_again).await;
    assert_eq!(status, 201);
    world.deliver_all().await;
    for (micros, says, blocked) in [
        (json!(800_000), "nearly spent", None),
        (json!(1_000_000), "is spent", Some((429, "budget_exceeded"))),
        (json!("a lot"), "cannot be checked", Some((409, "budget_unavailable"))),
    ] {
        spent(&world, &micros).await;
        let (status, run) = post(&world, "/v1/runs", &ask("warn")).await;
        let warning = run["warning"]["message"].as_str().unwrap();
        assert!(status == 201 && warning.contains(says), "{micros}: {run:#}");
        world.deliver_all().await;
        let answer = refused(&world, "/v1/runs", &ask("block")).await;
        match blocked {
            Some((status, code)) => assert_eq!(answer, error(status, code, "")),
            None => assert_eq!(answer.0, 201),
        }
        // What was taken before has not become another request.
        let (status, again) = post(&world, "/v1/runs", &said_again).await;
        assert_eq!((status, &again["id"], &again["deduplicated"]), (200, &first["id"], &json!(true)), "{micros}");
        let mut other = said_again.clone();
        other["prompt"] = json!("y");
        assert_eq!(refused(&world, "/v1/runs", &other).await, error(409, "conflict", "idempotency_key"), "{micros}");
        world.deliver_all().await;
    }
}

#[tokio::test]
async fn a_limit_of_the_task_alone_needs_a_price_too_when_a_run_is_asked_for() {
    let mut world = World::new();
    let of =
        |prices: &str| format!(r#"{{"kind": "openai", "model": "m", "endpoint": "http://127.0.0.1:9/v1"{prices}}}"#);
    let priced = of(r#", "usd_per_million_in": 1, "usd_per_million_out": 1"#);
    let profiles = format!(r#"{{"default": {priced}, "unpriced": {}}}"#, of(""));
    let (chat, _) = Profiles::read(&profiles, |_| None).unwrap();
    world.set(&Settings::asking(chat));
    let ask = |profile: &str, check: &str| json!({"prompt": "x", "profile": profile, "mission_cost_budget_usd": 1, "budget_check": check});
    let run = done(&world, "/v1/runs", &ask("unpriced", "warn")).await;
    assert_eq!(run["warning"]["message"], "the budget cannot be checked: the profile has no prices");
    assert_eq!(refused(&world, "/v1/runs", &ask("unpriced", "block")).await, error(409, "budget_unavailable", ""));
    assert_eq!(post(&world, "/v1/runs", &ask("default", "block")).await.0, 201);
}
