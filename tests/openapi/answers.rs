//! Every route of agent runs answers, each time it does what it is asked, as the document says.

use std::{cell::RefCell, collections::BTreeSet};

use errand_agents::ROUTES;
use errand_http::Route;
use integration_tests::{
    described::{DOCUMENT, answers},
    events::{Call, is_of_agents},
    world::World,
};
use serde_json::{Value, json};

/// A world, and what it has answered so far: routes and statuses.
struct Walk {
    world: World,
    answered: RefCell<BTreeSet<(String, u16)>>,
}

/// The routes of agent runs.
fn ours() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|info| is_of_agents(info.path))
}

impl Walk {
    /// Asks for what must be done. (`Call::answer` compares what is answered with the document.)
    async fn ask(&self, call: Call) -> Value {
        let answered = call.answer(&self.world.app).await;
        assert!(answered.status < 300, "{} {:#}", call.path(), answered.body);
        if is_of_agents(call.path()) {
            self.answered.borrow_mut().insert((call.route().key(), answered.status));
        }
        answered.body
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.ask(Call::post(path, &body)).await
    }

    /// Asks twice under one key: it is new, and then it is there.
    async fn twice(&self, path: &str, body: Value) -> Value {
        let call = Call::post(path, &body).header("idempotency-key", "k");
        let new = self.ask(call.clone()).await;
        assert_eq!((&new["deduplicated"], &self.ask(call).await["deduplicated"]), (&json!(false), &json!(true)));
        new
    }

    /// Reads all there is to read of a run.
    async fn reads(&self, run: &Value) {
        for info in ours().filter(|info| info.method == "GET") {
            let of = match info.path.split('/').nth(2) {
                Some("sessions") => &run["session_id"],
                Some("agents") => &run["agent_id"],
                Some(one @ "commands") => {
                    let list = self.ask(Call::get(&format!("/v1/runs/{}/{one}", run["id"].as_str().unwrap()))).await;
                    // A run may have none.
                    let Some(first) = list["items"].get(0) else { continue };
                    &first["id"].clone()
                }
                _ => &run["id"],
            };
            let path = info.path.replace("{id}", of.as_str().unwrap());
            self.ask(Call::get(&path)).await;
            if takes(info, "reader_id") {
                self.ask(Call::get(&format!("{path}?reader_id=ada"))).await;
            }
        }
    }
}

/// Whether a route has this parameter after `?`.
fn takes(info: &Route, parameter: &str) -> bool {
    let parameters = DOCUMENT["paths"][info.path][info.method.to_lowercase()]["parameters"].as_array().unwrap();
    parameters.iter().any(|it| it["in"] == "query" && it["name"] == parameter)
}

/// One event of each type.
fn events() -> Value {
    json!([
        {"type": "backend_status", "payload": {"phase": "session-updated", "command_id": "c", "note": "n"}},
        {"type": "assistant_message", "payload": {"text": "x".repeat(20_000), "turn_id": "t"}},
        {"type": "command_output", "payload": {"text": "ok", "command": "ls", "exit_code": 0}},
        {"type": "tool_call", "payload": {"tool": "search", "call_id": "c", "input": {"q": 1}, "output": "3"}},
        {"type": "diff", "payload": {"text": "+a", "path": "a.rs"}},
        {"type": "error", "payload": {"message": "no", "kind": "rate_limit"}},
    ])
}

async fn outside(walk: &Walk) {
    let bundle = json!({"kind": "git", "repo_url": "https://git.example/r", "tool_aliases": {"sh": "bash"},
        "credential_ref": "key"});
    let asked = json!({"prompt": "do it", "executor": "runner", "profile": "fast", "session_id": "s", "agent_id": "a",
        "conversation_id": "c", "metadata": {"title": "T"}, "agent_metadata": {"auto_recovery": true},
        "resource_bundle": bundle});
    let run = walk.twice("/v1/runs", asked).await;
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    let command =
        walk.twice(&format!("{path}/commands"), json!({"kind": "steer", "payload": {"prompt": "left"}})).await;
    let unwanted = walk.post(&format!("{path}/commands"), json!({"kind": "interrupt"})).await;

    let claim = json!({"worker_id": "w", "task_types": ["run_outside"], "pool": "fast"});
    let claimed = walk.ask(Call::post("/v1/claims", &claim)).await["items"][0].take();
    let lease = &claimed["lease_token"];
    let held = json!({"task_id": claimed["task_id"], "lease_token": lease});
    walk.ask(Call::post("/v1/claims/heartbeat", &json!({"worker_id": "w", "leases": [held]}))).await;
    walk.post(&format!("{path}/events"), json!({"lease_token": lease, "events": events()})).await;
    let command = format!("/v1/commands/{}", command["id"].as_str().unwrap());
    walk.post(&format!("{command}/ack"), json!({"lease_token": lease})).await;
    walk.reads(&run).await;
    walk.post(&format!("{command}/finish"), json!({"lease_token": lease, "status": "failed", "error": "no"})).await;
    walk.post(&format!("/v1/commands/{}/cancel", unwanted["id"].as_str().unwrap()), json!({})).await;
    let failed =
        json!({"lease_token": lease, "status": "failed", "failure": {"message": "no", "kind": "schema_invalid"}});
    walk.ask(Call::post(&format!("/v1/tasks/{}/finish", claimed["task_id"].as_str().unwrap()), &failed)).await;
    walk.reads(&run).await;
    walk.post("/v1/sessions/s/read", json!({"reader_id": "ada"})).await;
    // It has ended, and stays as it is.
    let late = json!({"lease_token": lease});
    for (path, more) in [
        (format!("{path}/cancel"), json!({})),
        ("/v1/agents/a/kill".to_owned(), json!({})),
        (format!("{path}/commands"), json!({"kind": "interrupt"})),
        (format!("{path}/events"), json!({"lease_token": lease, "events": []})),
        (format!("{command}/ack"), late.clone()),
        (format!("{command}/finish"), json!({"lease_token": lease, "status": "completed"})),
        (format!("{command}/cancel"), json!({})),
    ] {
        assert_eq!(Call::post(&path, &more).answer(&walk.world.app).await.status, 409, "{path}");
    }
}

#[tokio::test]
async fn every_route_of_agent_runs_does_what_it_is_asked_as_it_is_described() {
    let walk = Walk { world: World::new(), answered: RefCell::default() };
    outside(&walk).await;
    // One of our own worker's, with a budget.
    let budgets = json!({"hourly_usd": 1, "daily_usd": 2, "monthly_usd": 3});
    let run = walk.post("/v1/runs", json!({"prompt": "A. B. C.", "agent_id": "w", "budgets": budgets})).await;
    walk.world.drain().await;
    walk.reads(&run).await;
    let run = walk.post("/v1/runs", json!({"prompt": "x", "budgets": {"daily_usd": 0}})).await;
    assert_eq!(run["warning"]["budget"]["window"], "daily", "{run:#}");
    walk.post(&format!("/v1/runs/{}/cancel", run["id"].as_str().unwrap()), json!({"reason": "no"})).await;
    walk.reads(&run).await;
    let run = walk.post("/v1/runs", json!({"prompt": "x", "executor": "runner"})).await;
    walk.post(&format!("/v1/agents/{}/kill", run["agent_id"].as_str().unwrap()), json!({})).await;
    walk.reads(&run).await;

    let described = ours().flat_map(|info| answers(info).into_keys().map(|status| (info.key(), status)));
    let done: BTreeSet<(String, u16)> = described.filter(|(_, status)| *status < 300).collect();
    assert_eq!(walk.answered.into_inner(), done);
}

#[test]
fn a_worker_is_offered_every_type_of_event_but_the_end() {
    let types = DOCUMENT.pointer("/components/schemas/AppendRequest/properties/events/items/oneOf").unwrap();
    let offered = types.as_array().unwrap().iter().map(|of| &of["properties"]["type"]["const"]);
    let events = events();
    let sent: Vec<&Value> = events.as_array().unwrap().iter().map(|event| &event["type"]).collect();
    assert_eq!(offered.collect::<Vec<_>>(), sent);
}
