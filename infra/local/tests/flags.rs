//! What `errand serve` is told by a flag is seen in what it does.

use axum::{
    Router,
    http::{HeaderMap, StatusCode, Uri},
};
use errand::Timestamp;
use errand_outbound::{SigningSecret, SigningSecrets, signed};
use serde_json::json;
use tokio::sync::mpsc;

use crate::process::{Server, refusal, scripted, serve};

/// Of the same form as those that are generated.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A request that was heard: its path, its headers, its body.
type Heard = (String, HeaderMap, String);

/// A listener that takes everything, and what it hears.
async fn listener() -> (String, mpsc::UnboundedReceiver<Heard>) {
    let (sender, heard) = mpsc::unbounded_channel();
    let router = Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: String| async move {
        sender.send((uri.path().to_owned(), headers, body)).unwrap();
        StatusCode::ACCEPTED
    });
    (serve(router).await, heard)
}

#[tokio::test]
async fn what_is_posted_to_the_webhook_is_signed_by_its_secret() {
    let (url, mut heard) = listener().await;
    let hook = format!("{url}/hook");
    let server = Server::start(&["--webhook-url", &hook, "--webhook-secret", SECRET, "--poll-interval-ms", "20"]);
    server.run(scripted(json!({"publish": "told"}))).await;
    let (path, headers, body) = heard.recv().await.unwrap();
    assert_eq!(path, "/hook");
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let at: i64 = header("webhook-timestamp").parse().unwrap();
    let secrets = SigningSecrets::of(SigningSecret::try_from(SECRET.to_owned()).unwrap());
    let expected = signed(&secrets, &header("webhook-id"), Timestamp::from_millis(at * 1000), body.as_bytes());
    for (name, value) in expected {
        assert_eq!(header(name), value, "{name}");
    }

    let said = refusal(&["--webhook-url", &hook, "--webhook-secret", "no secret"]);
    assert!(said.contains("whsec_"), "{said}");
    let said = refusal(&["--webhook-secret", SECRET]);
    assert!(said.contains("--webhook-url"), "{said}");
}

#[tokio::test]
async fn who_is_called_is_told_to_answer_at_the_public_url() {
    let (url, mut heard) = listener().await;
    for public in ["https://errand.example.org", "https://example.org/errand", "https://example.org/errand/"] {
        let server = Server::start(&["--public-url", public]);
        server.put("/v1/task-types/resize", json!({"run": {"kind": "http", "url": url}})).await;
        server.enqueue(json!({"task_type": "resize", "payload": {}})).await;
        let (_, headers, _) = heard.recv().await.unwrap();
        let callback = headers["errand-callback"].to_str().unwrap();
        let begins = format!("{}/v1/callbacks/", public.trim_end_matches('/'));
        assert!(callback.starts_with(&begins), "{callback}");
    }
}
