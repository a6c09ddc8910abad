//! Another tenant's run, session, command or agent is one that is not there, on every route.

use errand_agents::ROUTES;
use errand_http::Route;
use integration_tests::{
    events::{Call, is_of_agents},
    world::World,
};
use serde_json::{Value, json};

use super::{asks, claim, done, get, id, outside};

/// What makes something of the caller's own; it is asked for by name below.
const MAKES: [&str; 1] = ["StartRun"];

/// The routes that are walked here. (`tests/tenants.rs` walks the others.)
fn routes() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|info| is_of_agents(info.path))
}

#[tokio::test]
async fn another_tenant_finds_nothing_on_any_route_and_changes_nothing() {
    let world = World::new();
    let run = outside(&world, &json!({})).await;
    let lease = claim(&world, &run, "r").await;
    let command = id(&done(&world, &format!("/v1/runs/{run}/commands"), &json!({"kind": "steer"})).await);
    let shown = get(&world, &format!("/v1/runs/{run}")).await;
    let of = |path: &str| match path.split('/').nth(2) {
        Some("runs") => run.clone(),
        Some("commands") => command.clone(),
        Some("sessions") => shown["session_id"].as_str().unwrap().to_owned(),
        Some("agents") => shown["agent_id"].as_str().unwrap().to_owned(),
        other => panic!("{other:?} is not known here"),
    };
    let body = |path: &str| match path.rsplit('/').next().unwrap() {
        "cancel" | "kill" => json!({}),
        "ack" => json!({ "lease_token": lease }),
        "finish" => json!({"lease_token": lease, "status": "completed"}),
        "events" => json!({"lease_token": lease, "events": []}),
        "commands" => json!({"kind": "steer"}),
        "read" => json!({"reader_id": "ada"}),
        other => panic!("{other} is not known here"),
    };
    let everything = async |id_of: &dyn Fn(&str) -> String| {
        let mut answers: Vec<(String, u16, Value)> = Vec::new();
        for info in routes().filter(|info| !MAKES.contains(&info.name)) {
            let has_id = info.path.contains("{id}");
            let path = if has_id { info.path.replace("{id}", &id_of(info.path)) } else { info.path.to_owned() };
            let call = match info.method {
                "GET" => Call::get(&path),
                _ => Call::post(&path, &body(info.path)),
            };
            let answered = call.header("x-errand-tenant", "other").answer(&world.app).await;
            answers.push((info.key(), answered.status, answered.body));
        }
        answers
    };
    let theirs = everything(&of).await;
    assert_eq!(theirs, everything(&|_| "nobodys".to_owned()).await, "it can be told that there is something");
    for (key, status, body) in &theirs {
        if key.contains("{id}") {
            assert_eq!((*status, &body["error"]["code"]), (404, &json!("not_found")), "{key}: {body}");
        } else if !key.contains("backends") {
            assert_eq!(body["count"], 0, "{key}: {body}");
        }
    }
    assert_eq!(theirs.len() + MAKES.len(), routes().count());
    // By their own worker neither, and nothing has happened to the run.
    let claims = Call::post("/v1/claims", &asks(&json!({}))).header("x-errand-tenant", "other");
    assert_eq!(claims.answer(&world.app).await.body(200)["count"], 0);
    assert_eq!(get(&world, &format!("/v1/runs/{run}")).await, shown);
    let their_run = Call::post("/v1/runs", &json!({"prompt": "x", "executor": "runner"}));
    let their_run = id(&their_run.header("x-errand-tenant", "other").answer(&world.app).await.body(201));
    assert_eq!(done(&world, "/v1/claims", &asks(&json!({}))).await["count"], 0);
    let given = claims.answer(&world.app).await.body(200);
    assert_eq!(given["items"][0]["details"]["run_id"], json!(their_run));
}
