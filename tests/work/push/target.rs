//! A target of the tests' own, which answers as it is told, and keeps what it was sent.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::Value;

/// One answer.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// With this status, headers and body.
    Of(u16, Vec<(&'static str, &'static str)>, String),
    /// None: the connection ends.
    Nothing,
}

impl Reply {
    pub(super) fn json(status: u16, body: &str) -> Self {
        Self::Of(status, Vec::new(), body.to_owned())
    }

    /// One that says how the task ended.
    pub(super) fn outcome(body: Value) -> Self {
        Self::json(200, &body.to_string()).with("content-type", "application/vnd.errand.outcome+json")
    }

    pub(super) fn with(mut self, name: &'static str, value: &'static str) -> Self {
        if let Self::Of(_, headers, _) = &mut self {
            headers.push((name, value));
        }
        self
    }
}

/// A call as it was heard.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Heard {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The path of its callback, as a route of the API.
    pub(super) fn callback(&self) -> String {
        self.header("errand-callback").strip_prefix("https://errand.example").unwrap().to_owned()
    }
}

#[derive(Default)]
struct Told {
    heard: Mutex<Vec<Heard>>,
    replies: Mutex<VecDeque<Reply>>,
}

/// See the module.
pub(super) struct Target {
    pub(super) url: String,
    told: Arc<Told>,
}

impl Target {
    /// Answers so, one after the other; then with 200.
    pub(super) async fn answering(replies: impl IntoIterator<Item = Reply>) -> Self {
        let told = Arc::new(Told { replies: Mutex::new(replies.into_iter().collect()), ..Told::default() });
        let router = Router::new().route("/resize", post(hear)).with_state(told.clone());
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/resize", socket.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(socket, router).await.unwrap() });
        Self { url, told }
    }

    /// Answers so from now on, before it answers as before.
    pub(super) fn answers(&self, replies: impl IntoIterator<Item = Reply>) {
        self.told.replies.lock().unwrap().extend(replies);
    }

    pub(super) fn heard(&self) -> Vec<Heard> {
        self.told.heard.lock().unwrap().clone()
    }
}

async fn hear(State(told): State<Arc<Told>>, headers: HeaderMap, body: String) -> Response {
    told.heard.lock().unwrap().push(Heard { headers, body });
    let reply = told.replies.lock().unwrap().pop_front().unwrap_or_else(|| Reply::json(200, ""));
    match reply {
        Reply::Of(status, headers, body) => {
            let headers: HeaderMap =
                headers.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            (StatusCode::from_u16(status).unwrap(), headers, body).into_response()
        }
        // The connection breaks off where a body was promised.
        Reply::Nothing => std::panic::resume_unwind(Box::new("told to panic")),
    }
}
