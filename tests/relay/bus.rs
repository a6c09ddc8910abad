//! EventBridge where it takes some and not others, or does not answer at all.

use std::sync::{Arc, Mutex};

use aws_sdk_eventbridge::{Client, config::retry::RetryConfig};
use axum::{Router, extract::State, http::StatusCode, routing::post};
use errand::{Id, Listener, Name, NotTaken, Published};
use errand_aws::event_bridge::EventBridge;
use integration_tests::ministack;
use serde_json::{Value, json};

/// What it was asked to take, request by request: the ids.
type Asked = Arc<Mutex<Vec<Vec<String>>>>;

/// An EventBridge that refuses `once-…` the first time, `never-…` always, and fails as a whole with a `down-…`.
async fn event_bridge() -> (EventBridge, Asked) {
    let asked = Asked::default();
    let app = Router::new().route("/", post(put_events)).with_state(asked.clone());
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", socket.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(socket, app).await.unwrap() });
    let config = aws_sdk_eventbridge::config::Builder::from(&ministack::config(&endpoint));
    let config = config.retry_config(RetryConfig::disabled()).build();
    (EventBridge::new(Client::from_conf(config), "bus"), asked)
}

async fn put_events(State(asked): State<Asked>, body: String) -> (StatusCode, String) {
    let request: Value = serde_json::from_str(&body).unwrap();
    let id = |entry: &Value| {
        let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
        detail["id"].as_str().unwrap().to_owned()
    };
    let ids: Vec<String> = request["Entries"].as_array().unwrap().iter().map(id).collect();
    let mut asked = asked.lock().unwrap();
    let before: Vec<String> = asked.iter().flatten().cloned().collect();
    asked.push(ids.clone());
    if ids.iter().any(|id| id.starts_with("down")) {
        return (StatusCode::BAD_REQUEST, json!({"__type": "InternalException"}).to_string());
    }
    let refused = |id: &String| id.starts_with("never") || (id.starts_with("once") && !before.contains(id));
    let answer = |id: &String| {
        if refused(id) {
            json!({"ErrorCode": "ThrottlingException", "ErrorMessage": "slowly"})
        } else {
            json!({"EventId": id})
        }
    };
    let entries: Vec<Value> = ids.iter().map(answer).collect();
    (
        StatusCode::OK,
        json!({"FailedEntryCount": ids.iter().filter(|id| refused(id)).count(), "Entries": entries}).to_string(),
    )
}

fn events(ids: &[&str]) -> Vec<Published> {
    let event = |id: &&str| Published { id: Id::new(id).unwrap(), tenant: Name::default(), doc: Default::default() };
    ids.iter().map(event).collect()
}

#[tokio::test]
async fn what_the_bus_refuses_of_a_request_is_put_again_alone() {
    let (bus, asked) = event_bridge().await;
    let taken = bus.tell(&events(&["a", "never-1", "once-1", "b", "once-2"])).await;
    assert_eq!(taken.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, true, true]);
    assert!(taken[1].as_ref().unwrap_err().to_string().contains("ThrottlingException: slowly"), "{taken:?}");
    let expected: [&[&str]; 3] =
        [&["a", "never-1", "once-1", "b", "once-2"], &["never-1", "once-1", "once-2"], &["never-1"]];
    assert_eq!(*asked.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_bus_that_is_gone_is_not_asked_for_every_event() {
    let (bus, asked) = event_bridge().await;
    let ids: Vec<String> = (0..500).map(|n| format!("down-{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let taken = bus.tell(&events(&ids)).await;
    assert_eq!((taken.len(), taken.iter().filter(|taken| taken.is_err()).count()), (500, 500));
    let asked = asked.lock().unwrap().clone();
    assert!(asked.len() <= 8, "{} requests", asked.len());
    let not_asked = taken.iter().filter(|taken| matches!(taken, Err(NotTaken::NotAsked))).count();
    assert_eq!(not_asked, 500 - asked.concat().len());
}

#[tokio::test]
async fn what_was_taken_before_the_bus_was_gone_is_taken() {
    let (bus, _) = event_bridge().await;
    let ids = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "down-1"];
    let taken = bus.tell(&events(&ids)).await;
    assert_eq!(taken.iter().map(Result::is_ok).collect::<Vec<_>>(), [&[true; 10][..], &[false]].concat());
}
