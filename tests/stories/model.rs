//! A model for the stories: an HTTP server on this machine that finds everything very useful.

use axum::{Router, routing::post};
use errand_models::Profiles;
use integration_tests::settings::Settings;
use serde_json::json;
use tokio::net::TcpListener;

/// What it says of every response.
pub(super) const IMPACT: &str = "Saves her a third of the cost.";

/// The settings of an installation that asks it.
pub(super) async fn settings() -> Settings {
    let (chat, _) = Profiles::read(&profiles().await, |_| None).unwrap();
    Settings::asking(chat)
}

/// Its profiles, as they are written.
async fn profiles() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}/v1", listener.local_addr().unwrap());
    let rating = json!({"usefulness": 9.0, "impact": IMPACT}).to_string();
    let answer = json!({
        "model": "test", "choices": [{"message": {"content": rating}}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 10},
    });
    let routes = Router::new().route("/v1/chat/completions", post(async move || answer.to_string()));
    tokio::spawn(axum::serve(listener, routes).into_future());
    json!({"default": {"kind": "openai", "model": "test", "endpoint": endpoint}}).to_string()
}
