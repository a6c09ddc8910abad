//! `tasks/get`, `tasks/update`, `tasks/cancel`: a task by its handle.

use errand::{
    Status,
    spi::{lifecycle::log::LogEntry, store::Retention},
};
use errand_http::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    api::{Api, Asking},
    calls::{seen, told},
    client::Peer,
    handle::{EndOf, Handle},
    message::{RpcError, RpcMessage},
    shown::ShownTask,
    tools::route_of,
};

/// The task that a request names.
pub(crate) struct NamedTask<'a> {
    api: &'a Api<'a>,
    client: Peer,
    handle: Handle,
}

impl<'a> NamedTask<'a> {
    /// Reads it; a client that does not take tasks has none.
    pub(crate) fn of(api: &'a Api<'a>, client: Peer, message: &RpcMessage) -> Result<Self, RpcError> {
        client.check_has_tasks()?;
        let handle = Handle::read(message.text("taskId")?).ok_or_else(no_such_task)?;
        Ok(Self { api, client, handle })
    }

    /// The task with what its status has.
    pub(crate) async fn get(&self, kept: &Retention) -> Result<Value, RpcError> {
        let seen = self.seen().await.map_err(told)?;
        Ok(Value::Object(seen.detailed(self.handle, self.client, self.api.app.clock.now(), kept)))
    }

    /// Answers the question that the task waits with; other answers are passed over. Who declines, or closes the form,
    /// leaves it waiting.
    pub(crate) async fn update(&self, message: &RpcMessage) -> Result<Value, RpcError> {
        let seen = self.seen().await.map_err(told)?;
        let question = seen.question();
        let given = message.params.get("inputResponses").and_then(Value::as_object);
        let given = given.ok_or_else(|| RpcError::invalid("params.inputResponses: expected an object"))?;
        if let (Status::Blocked, Some(note)) = (seen.status, given.get(&question).and_then(accepted)) {
            // Once: a second answer must not meet the next question.
            let asking =
                Asking { body: json!({ "note": note }), key: Some(format!("mcp-{question}")), ..self.asking() };
            done(self.api.ask(route_of("retry_task"), asking).await)?;
        }
        Ok(json!({}))
    }

    /// Calls the task off. One that has ended, or waits for a person, stays as it is.
    pub(crate) async fn cancel(&self) -> Result<Value, RpcError> {
        let seen = self.seen().await.map_err(told)?;
        if !seen.status.is_ended() {
            let body = json!({"reason": "cancelled by the client"});
            done(self.api.ask(route_of("cancel_task"), Asking { body, ..self.asking() }).await)?;
        }
        Ok(json!({}))
    }

    fn asking(&self) -> Asking {
        Asking { id: Some(self.handle.id.to_string()), ..Asking::default() }
    }

    /// The task as this handle has it.
    async fn seen(&self) -> Result<ShownTask, ApiError> {
        let now = seen(&self.api.task(&self.handle.id.to_string()).await?)?;
        if now.redrives < self.handle.redrives {
            return Err(ApiError::no_such_task());
        }
        if now.redrives == self.handle.redrives {
            return Ok(now);
        }
        let (mut end, mut cursor) = (EndOf::new(self.handle), None);
        loop {
            let query = [("limit", Some("100".to_owned())), ("cursor", cursor)];
            let query = query.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            let page = self.api.ask("GET /v1/tasks/{id}/log", Asking { query, ..self.asking() }).await?;
            let Rows { items, cursor: next } =
                Rows::deserialize(page).map_err(|error| ApiError::new(500, "unreadable", error.to_string()))?;
            if let Some(row) = end.find(items) {
                let status = if row.failure.is_some() { Status::Failed } else { Status::Cancelled };
                return Ok(now.ended(status, row.failure, row.reason, row.ended_at));
            }
            match next {
                Some(_) => cursor = next,
                None => return Ok(now),
            }
        }
    }
}

/// A page of a task's log.
#[derive(Deserialize)]
struct Rows {
    items: Vec<LogEntry>,
    cursor: Option<String>,
}

/// The note of a form that was sent.
fn accepted(response: &Value) -> Option<&str> {
    let is_sent = response.get("action").is_some_and(|action| action == "accept");
    let note = response.pointer("/content/note").and_then(Value::as_str);
    is_sent.then(|| note.unwrap_or_default())
}

/// What came too late, or twice, is done.
fn done(answered: Result<Value, ApiError>) -> Result<(), RpcError> {
    match answered {
        Err(error) if error.status != 409 => Err(told(error)),
        _ => Ok(()),
    }
}

fn no_such_task() -> RpcError {
    told(ApiError::no_such_task())
}
