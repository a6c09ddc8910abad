//! Asks a server over HTTP.

use anyhow::{Context, bail};
use serde_json::Value;

/// How long an answer may take.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

/// A client of one server.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
}

impl Client {
    pub(crate) fn new(url: &str, token: Option<String>) -> anyhow::Result<Self> {
        let http = errand_models::http::client(TIMEOUT)?;
        Ok(Self { http, url: url.trim_end_matches('/').to_owned(), token })
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(self.http.get(format!("{}{path}", self.url))).await
    }

    pub(crate) async fn post(&self, path: &str, body: String) -> anyhow::Result<Value> {
        self.send(self.http.post(format!("{}{path}", self.url)).body(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: String) -> anyhow::Result<Value> {
        self.send(self.http.put(format!("{}{path}", self.url)).body(body)).await
    }

    /// How many tasks the server has completed.
    pub(crate) async fn completed(&self) -> anyhow::Result<u64> {
        let health = self.get("/v1/health").await?;
        health.pointer("/tasks/completed").and_then(Value::as_u64).context("the server keeps no counts")
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request
            .send()
            .await
            .with_context(|| format!("no server answers at {}: start one by errand serve", self.url))?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            bail!("{status}: {text}");
        }
        serde_json::from_str(&text).with_context(|| format!("not JSON: {text}"))
    }
}
