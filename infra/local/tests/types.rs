//! The task types over HTTP: their schemas, and model backends from a file.

use axum::{Router, routing::post};
use serde_json::{Value, json};

use crate::process::{self, Server};

#[tokio::test]
async fn each_type_is_served_with_its_schema_and_an_example_that_is_taken() {
    let server = Server::start(&[]);
    let types = server.get("/v1/task-types").await;
    assert_eq!(types["count"], names().len());
    for task_type in types["items"].as_array().unwrap() {
        let (name, example) = (&task_type["name"], &task_type["example"]);
        assert!(task_type["schema"]["properties"].is_object() && task_type["description"].is_string(), "{task_type}");
        let (status, answer) =
            server.post("/v1/tasks", json!({"task_type": name, "payload": example, "user_id": "ada"})).await;
        if ["run_outside", "erase_user"].map(Value::from).contains(name) {
            // Each has a route of its own, which makes it with what belongs to it.
            assert_eq!((status, &answer["error"]["field"]), (400, &json!("task_type")), "{answer}");
            continue;
        }
        assert_eq!(status, 201, "{answer}");
        let mut payload = example.clone();
        payload["x"] = json!(1);
        let (status, answer) =
            server.post("/v1/tasks", json!({"task_type": name, "payload": payload, "user_id": "ada"})).await;
        assert_eq!((status, &answer["error"]["field"]), (400, &json!("payload.x")), "{answer}");
    }
}

/// A model that answers `answer` as `model`.
async fn model(answer: &'static str) -> String {
    let reply = json!({"model": "tiny-1", "choices": [{"message": {"content": answer}}],
        "usage": {"prompt_tokens": 2_000_000, "completion_tokens": 1_000_000}})
    .to_string();
    let router = Router::new().route("/v1/chat/completions", post(move || async move { reply }));
    process::serve(router).await + "/v1"
}

#[tokio::test]
async fn profiles_come_from_a_file_and_what_a_model_costs_is_in_the_log() {
    let endpoint = model(r#"{"usefulness": 9, "impact": "It holds k-12345678."}"#).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("profiles.json");
    let profiles = json!({"default": {"kind": "openai", "model": "tiny", "endpoint": endpoint, "api_key_env": "TINY_KEY",
        "usd_per_million_in": 0.5, "usd_per_million_out": 2.0}});
    std::fs::write(&file, profiles.to_string()).unwrap();
    let file = file.to_str().unwrap();
    let error = process::refusal(&["--profiles", file, "--data", dir.path().to_str().unwrap(), "--port", "0"]);
    assert!(error.contains("profile `default` takes its key from the environment variable TINY_KEY"), "{error}");

    let server = Server::start_with(&["--profiles", file], &[("TINY_KEY", "k-12345678")]);
    server.put("/v1/records/user/e", json!({})).await;
    server.put("/v1/records/community_request/r", json!({"question": "?", "requester_id": "u"})).await;
    let response = json!({"request_id": "r", "expert_id": "e", "text": "So."});
    server.put("/v1/records/community_response/a", response).await;
    let payload = json!({"response_id": "a", "request_id": "r"});
    let task = server.run(json!({"task_type": "process_community_response", "payload": payload})).await;
    assert_eq!(task["output"]["credits"], 35, "{task}");
    assert_eq!(task["output"]["impact"], "It holds [redacted].", "a key is a secret wherever it comes from");
    assert_eq!(server.get("/v1/records/user/e").await["credits"], 35);
    let log = server.get(&format!("/v1/tasks/{}/log", task["id"].as_str().unwrap())).await;
    let Value::Object(row) = log["items"][0].clone() else { panic!("{log}") };
    assert_eq!(
        (&row["model"], &row["tokens_in"], &row["cost_usd"]),
        (&json!("tiny-1"), &json!(2_000_000), &json!(3.0))
    );
}

/// The names of all task types.
pub(crate) fn names() -> Vec<String> {
    let types = shared::handlers::types(&shared::handlers::Installation::default());
    types.names().map(ToString::to_string).collect()
}
