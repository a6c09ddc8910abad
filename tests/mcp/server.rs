//! A server with these types, and its clients.

use std::time::Duration;

use errand_local::{
    options::{Durability, Options},
    running::RunningServer,
};
use serde_json::{Map, Value, json};

use super::types::types;

/// No test waits so long for what comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// One that runs until it is dropped.
pub(crate) struct Server {
    pub(crate) running: RunningServer,
    _data: tempfile::TempDir,
}

/// What was answered: the HTTP status, and the message.
pub(crate) type Answer = (u16, Value);

/// What one client declares, and by which token it asks.
#[derive(Clone, Default)]
pub(crate) struct Asker {
    pub(crate) capabilities: Map<String, Value>,
    pub(crate) token: Option<String>,
}

impl Asker {
    /// One that declares tasks and forms.
    pub(crate) fn of_tasks() -> Self {
        let declared = json!({"elicitation": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}});
        Self { capabilities: declared.as_object().unwrap().clone(), token: None }
    }
}

/// Asks over HTTP.
pub(crate) fn client() -> reqwest::Client {
    errand_models::http::client(PATIENCE).unwrap()
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Options)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut options = Options::on_a_free_port(data.path().to_owned(), Durability::Normal);
        change(&mut options);
        let running = RunningServer::start(&options, types()).await.unwrap();
        Self { running, _data: data }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.running.address)
    }

    /// Posts a body with these headers.
    pub(crate) async fn post(&self, headers: &[(&str, &str)], body: String) -> Answer {
        let mut request = client().post(self.url()).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
        (status, if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() })
    }

    /// Sends a request as a client of the newest revision does.
    pub(crate) async fn send(&self, asker: &Asker, method: &str, mut params: Value) -> Answer {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": asker.capabilities,
        });
        let name = params.get("name").or(params.get("taskId")).and_then(Value::as_str).unwrap_or_default().to_owned();
        let bearer = format!("Bearer {}", asker.token.as_deref().unwrap_or_default());
        let mut headers = vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
        headers.extend((!name.is_empty()).then_some(("mcp-name", name.as_str())));
        headers.extend(asker.token.is_some().then_some(("authorization", bearer.as_str())));
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        self.post(&headers, body.to_string()).await
    }

    /// The result of a request that must have one.
    pub(crate) async fn result(&self, asker: &Asker, method: &str, params: Value) -> Value {
        let (status, mut answer) = self.send(asker, method, params).await;
        assert_eq!((status, &answer["error"]), (200, &Value::Null), "{method}");
        answer["result"].take()
    }

    /// The code of the error of a request that must have one.
    pub(crate) async fn error(&self, asker: &Asker, method: &str, params: Value) -> i64 {
        let (_, answer) = self.send(asker, method, params).await;
        answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("{answer}"))
    }

    /// What a tool answers.
    pub(crate) async fn call(&self, asker: &Asker, name: &str, arguments: Value) -> Value {
        self.result(asker, "tools/call", json!({"name": name, "arguments": arguments})).await
    }

    /// A task of the extension, once its status is this.
    pub(crate) async fn until(&self, asker: &Asker, id: &Value, status: &str) -> Value {
        let seen = tokio::time::timeout(PATIENCE, async {
            loop {
                let task = self.result(asker, "tasks/get", json!({"taskId": id})).await;
                if task["status"] == status {
                    return task;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        seen.await.unwrap_or_else(|_| panic!("{id} is never {status}"))
    }
}
