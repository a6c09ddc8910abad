//! Who pays for a run, whatever its request leaves out.

use std::sync::Arc;

use errand::FailureKind;
use errand_agents::{AgentRules, Agents, RunStatus};
use integration_tests::{events::Call, settings::Settings, world::World};
use serde_json::{Value, json};
use uuid::Uuid;

use super::stage::{says, until_ended, world};

/// A world where each user may spend next to nothing a day.
fn limited() -> World {
    let (mut world, _) = world(vec![says("All is done.")], 0);
    let limits = r#"{"budgets": {"user": {"daily_usd": 0.000001}, "tenant": {"daily_usd": 100}}}"#;
    let mut settings = Settings::asking(world.app.types.state::<Agents>().unwrap().profiles.clone());
    settings.installation.agents.rules = Arc::new(AgentRules::read(limits).unwrap());
    world.set(&settings);
    world
}

async fn ask(world: &World, path: &str, of: &[&Value]) -> (u16, Value) {
    let mut body = serde_json::Map::new();
    of.iter().for_each(|fields| body.extend(fields.as_object().unwrap().clone()));
    let answered = Call::post(path, &Value::Object(body)).answer(&world.app).await;
    (answered.status, answered.body)
}

fn task(answer: &Value, field: &str) -> Uuid {
    answer[field].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn what_a_request_leaves_out_evades_no_budget() {
    let world = limited();
    let run = json!({"prompt": "x", "budget_check": "block"});
    for user in [json!({"user_id": "ada"}), json!({})] {
        let (_, first) = ask(&world, "/v1/runs", &[&run, &user]).await;
        assert_eq!(until_ended(&world, task(&first, "task_id")).await.run.status, RunStatus::Completed);
        // Not by another agent, nor by none, nor by limits of its own.
        for more in [json!({}), json!({"agent_id": "other"}), json!({"budgets": {"daily_usd": 50}})] {
            let (status, refused) = ask(&world, "/v1/runs", &[&run, &user, &more]).await;
            assert_eq!((status, &refused["error"]["code"]), (429, &json!("budget_exceeded")), "{user} {more}");
        }
        // Nor as a task like any other.
        let asked = json!({"task_type": "run_agent", "payload": {"prompt": "x"}});
        let (_, other) = ask(&world, "/v1/tasks", &[&asked, &user]).await;
        let failure = until_ended(&world, task(&other, "id")).await.run.failure.unwrap();
        assert_eq!(failure.kind, FailureKind::BudgetExceeded);
        assert!(failure.message.starts_with("the user's daily budget is spent"), "{}", failure.message);
    }
    assert_eq!(ask(&world, "/v1/runs", &[&run, &json!({"user_id": "grace"})]).await.0, 201);
}

/// A request that refuses to begin on a spent budget, and what it was answered with.
async fn asks(world: &World, more: Value) -> u16 {
    let run = json!({"prompt": "x", "budget_check": "block", "agent_id": "a"});
    let (status, begun) = ask(world, "/v1/runs", &[&run, &more]).await;
    if status == 201 {
        assert_eq!(until_ended(world, task(&begun, "task_id")).await.run.status, RunStatus::Completed);
    }
    status
}

#[tokio::test]
async fn an_agent_keeps_the_limits_that_were_named_for_it_last() {
    let (world, _) = world(vec![says("All is done.")], 0);
    let named = json!({"budgets": {"daily_usd": 0.000_001}});
    assert_eq!(asks(&world, named.clone()).await, 201);
    assert_eq!(Call::get("/v1/agents/a").answer(&world.app).await.body["budgets"], named["budgets"]);
    // Who names none is held to them, however it asks.
    assert_eq!(asks(&world, json!({})).await, 429);
    assert_eq!(asks(&world, json!({"agent_id": "b"})).await, 201);
    let asked = json!({"task_type": "run_agent", "payload": {"prompt": "x", "agent_id": "a"}});
    let (_, other) = ask(&world, "/v1/tasks", &[&asked]).await;
    let failure = until_ended(&world, task(&other, "id")).await.run.failure.unwrap();
    assert_eq!(failure.kind, FailureKind::BudgetExceeded);
    // Who names others replaces them all; none at all are also others.
    let hourly = json!({"budgets": {"hourly_usd": 50}});
    assert_eq!([asks(&world, hourly).await, asks(&world, json!({})).await], [201, 201]);
    assert_eq!([asks(&world, json!({"budgets": {}})).await, asks(&world, json!({})).await], [201, 201]);
    assert_eq!(asks(&world, named).await, 429);
    assert_eq!(asks(&world, json!({})).await, 201, "what was refused has named nothing");
}
