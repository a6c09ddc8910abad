//! A task as the protocol shows it: as what a tool answered, and as a task of the extension. Pure.

use std::time::Duration;

use errand::{
    FailureKind, Status, Timestamp,
    spi::{lifecycle::KeptFailure, store::Retention},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{client::Peer, handle::Handle};

/// How soon a client is to ask again for what may end at any time, and at the latest for what begins later.
const POLL: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));

/// How soon to ask again for what waits for a person.
const POLL_BLOCKED: Duration = Duration::from_secs(15);

/// What of a task is shown, as the API answers it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ShownTask {
    pub(crate) id: Uuid,
    pub(crate) status: Status,
    pub(crate) redrives: u32,
    task_type: String,
    queue: String,
    output: Option<Value>,
    failure: Option<KeptFailure>,
    reason: Option<String>,
    run_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    ended_at: Option<Timestamp>,
    executions: u32,
    failures: u32,
}

impl ShownTask {
    /// The same as it was when it had ended so.
    pub(crate) fn ended(
        self,
        status: Status,
        failure: Option<KeptFailure>,
        reason: Option<String>,
        at: Timestamp,
    ) -> Self {
        Self { status, failure, reason, updated_at: at, ended_at: Some(at), output: None, ..self }
    }

    /// The key of the question that a blocked task asks. No other question of the task's has it.
    pub(crate) fn question(&self) -> String {
        format!("blocked-{}", self.redrives)
    }

    /// Whether the tool has answered, and nothing is left to be asked for.
    pub(crate) fn is_answered(&self) -> bool {
        match self.status {
            Status::Completed | Status::Cancelled => true,
            Status::Failed => self.is_the_tools(),
            Status::Pending | Status::Running | Status::Waiting | Status::Blocked => false,
        }
    }

    /// Whether it was the tool that failed, and not its worker, its time or its payload.
    fn is_the_tools(&self) -> bool {
        use FailureKind::{Expired, InvalidPayload, UnknownType, WorkerLost};
        let kind = self.failure.as_ref().map(|failure| failure.kind);
        !matches!(kind, Some(WorkerLost | Expired | InvalidPayload | UnknownType))
    }

    /// What the tool answered: of a task that goes on, where it is and what to ask for.
    pub(crate) fn result(&self, client: Peer) -> Value {
        match self.status {
            Status::Completed => completed(self.output.clone().unwrap_or_default(), client),
            Status::Failed => refusal(
                &self
                    .failure
                    .as_ref()
                    .map_or_else(String::new, |failure| format!("{}: {}", failure.kind, failure.message)),
            ),
            Status::Cancelled => refusal(&format!("cancelled: {}", self.why())),
            Status::Blocked => refusal(&format!(
                "blocked: {}. Ask your user, and answer with retry_task: {{\"id\": \"{}\", \"note\": \"…\"}}",
                self.why(),
                self.id
            )),
            Status::Pending | Status::Running | Status::Waiting => {
                let poll_after_s = POLL.0.as_secs();
                let text = format!("The task {} goes on. Ask for it with get_task in {poll_after_s} s.", self.id);
                let shown = json!({"task_id": self.id, "status": self.status, "poll_after_s": poll_after_s});
                json!({"content": [text_of(&text)], "structuredContent": shown, "isError": false})
            }
        }
    }

    /// The task of the extension, as it is created.
    pub(crate) fn task(&self, handle: Handle, client: Peer, now: Timestamp, kept: &Retention) -> Map<String, Value> {
        let kept_until =
            self.ended_at.filter(|_| self.is_over(client)).map(|at| at + kept.of_named(&self.task_type, &self.queue));
        let ttl_ms = kept_until.map(|until| until.since(self.created_at).as_millis());
        let shown = json!({
            "taskId": handle.to_string(),
            "status": self.name(client),
            "statusMessage": self.said(now),
            "createdAt": self.created_at,
            "lastUpdatedAt": self.updated_at,
            "ttlMs": ttl_ms.and_then(|ms| u64::try_from(ms).ok()),
            "pollIntervalMs": u64::try_from(self.poll(now).as_millis()).unwrap_or_default(),
        });
        if let Value::Object(fields) = shown { fields } else { Map::new() }
    }

    /// The same with what its status has: its result, its error, or the question it asks.
    pub(crate) fn detailed(
        &self,
        handle: Handle,
        client: Peer,
        now: Timestamp,
        kept: &Retention,
    ) -> Map<String, Value> {
        let mut task = self.task(handle, client, now, kept);
        let (name, detail) = match self.name(client) {
            "completed" => ("result", self.result(client)),
            "failed" => ("error", json!({"code": -32603, "message": self.said(now)})),
            "input_required" => ("inputRequests", json!({self.question(): self.asks()})),
            _ => return task,
        };
        task.insert(name.to_owned(), detail);
        task
    }

    /// The name of its status. A tool that failed is completed, with an error for its result; `failed` is only what
    /// failed beside the tool. A question is one to who can put it to a user; to others it is an answer.
    fn name(&self, client: Peer) -> &'static str {
        match self.status {
            Status::Pending | Status::Running | Status::Waiting => "working",
            Status::Blocked if client.asks_users => "input_required",
            Status::Failed if !self.is_the_tools() => "failed",
            Status::Completed | Status::Failed | Status::Blocked => "completed",
            Status::Cancelled => "cancelled",
        }
    }

    fn is_over(&self, client: Peer) -> bool {
        !["working", "input_required"].contains(&self.name(client))
    }

    /// A sentence for people.
    fn said(&self, now: Timestamp) -> String {
        match self.status {
            Status::Pending => match self.run_at.filter(|at| *at > now) {
                Some(at) if self.failures > 0 => format!("failed {} times; tried again at {at}", self.failures),
                Some(at) => format!("begins at {at}"),
                None => "waits for a worker".to_owned(),
            },
            Status::Waiting => "waits for others to come to their end".to_owned(),
            Status::Running => format!("execution {} is under way", self.executions),
            Status::Completed => "done".to_owned(),
            Status::Failed => self.failure.as_ref().map_or_else(String::new, |failure| failure.message.clone()),
            Status::Cancelled | Status::Blocked => self.why().to_owned(),
        }
    }

    fn poll(&self, now: Timestamp) -> Duration {
        match (self.status, self.run_at) {
            (Status::Blocked, _) => POLL_BLOCKED,
            (_, Some(at)) => at.since(now).clamp(POLL.0, POLL.1),
            _ => POLL.0,
        }
    }

    /// What a blocked task asks, as a form.
    fn asks(&self) -> Value {
        let note = json!({"type": "string", "description": "What the task is told when it goes on."});
        let form = json!({"type": "object", "properties": {"note": note}, "required": ["note"]});
        let message = format!("Blocked: {}\nWhat should it do?", self.why());
        json!({
            "method": "elicitation/create",
            "params": {"mode": "form", "message": message, "requestedSchema": form},
        })
    }

    fn why(&self) -> &str {
        self.reason.as_deref().unwrap_or_default()
    }
}

/// What a tool answered, as text and as it is. Older clients take an object alone.
pub(crate) fn completed(output: Value, client: Peer) -> Value {
    let text = output.as_str().map_or_else(|| output.to_string(), str::to_owned);
    let mut result = json!({"content": [text_of(&text)], "isError": false});
    if let (true, Some(fields)) = (output.is_object() || client.is_modern, result.as_object_mut()) {
        fields.insert("structuredContent".to_owned(), output);
    }
    result
}

/// What a tool answers that did not do what it was asked for.
pub(crate) fn refusal(why: &str) -> Value {
    json!({"content": [text_of(why)], "isError": true})
}

fn text_of(text: &str) -> Value {
    json!({"type": "text", "text": text})
}
