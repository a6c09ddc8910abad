//! `tools/call`: what each tool does, at the route that it stands for.

use std::time::Duration;

use errand::spi::store::Retention;
use errand_http::ApiError;
use errand_work::RESERVED;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    api::{Api, Asking, may},
    client::Peer,
    handle::Handle,
    message::{RpcError, RpcMessage},
    shown::{ShownTask, completed, refusal},
    tools::{ENQUEUE, MAX_WAIT_S, own, route_of},
    waiting::TaskWatch,
};

/// How long a call waits for its task's end before it answers with the task's handle: what is quick needs none.
const QUICK: Duration = Duration::from_millis(250);

/// How long for a client that takes no handle.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many tasks a page of list_tasks has unless it is told otherwise.
const LISTED: u64 = 20;

/// What of a listed task is shown.
const OF_A_LISTED: [&str; 9] =
    ["id", "task_type", "status", "created_at", "updated_at", "run_at", "ended_at", "failure", "reason"];

/// What is called, and what a call works with.
pub(crate) struct Calls<'a> {
    pub(crate) api: &'a Api<'a>,
    pub(crate) client: Peer,
    pub(crate) waiting: Option<&'a TaskWatch>,
    /// How long an ended task is kept.
    pub(crate) kept: &'a Retention,
}

type Arguments = Map<String, Value>;

impl Calls<'_> {
    /// Answers a call. What is wrong with its arguments is the tool's answer, so that the model can mend it.
    pub(crate) async fn call(&self, message: &RpcMessage) -> Result<Value, RpcError> {
        let (name, none) = (message.text("name")?, Arguments::new());
        let arguments = match message.params.get("arguments") {
            None | Some(Value::Null) => &none,
            Some(Value::Object(arguments)) => arguments,
            Some(_) => return Err(RpcError::invalid("params.arguments: expected an object")),
        };
        if !RESERVED.contains(&name) && self.api.offered(name).await.map_err(told)?.is_none() {
            return Err(RpcError::invalid(format!("unknown tool: {name}")));
        }
        Ok(self.answer(name, arguments).await.unwrap_or_else(|error| match &error.field {
            Some(field) => refusal(&format!("{field}: {error}")),
            None => refusal(&error.to_string()),
        }))
    }

    async fn answer(&self, name: &str, arguments: &Arguments) -> Result<Value, ApiError> {
        if !may(self.api.caller, route_of(name)) {
            return Err(ApiError::forbidden(format!("{name} needs a right that the token does not have")));
        }
        if let Some(tool) = own().find(|tool| tool.get("name").is_some_and(|own| own == name)) {
            check(&tool, arguments)?;
        }
        match name {
            "list_task_types" => Ok(self.shown(self.types().await?)),
            "enqueue_task" => self.enqueue(arguments).await,
            "get_task" => self.get(arguments).await,
            "list_tasks" => self.list(arguments).await,
            "cancel_task" => Ok(self.shown(self.operate(name, "reason", arguments).await?)),
            "retry_task" => self.retry(arguments).await,
            of_a_type => self.run(of_a_type, arguments).await,
        }
    }

    /// An answer that is an object.
    fn shown(&self, value: Value) -> Value {
        completed(value, self.client)
    }

    async fn types(&self) -> Result<Value, ApiError> {
        let types = self.api.all_offered().await?.into_iter().filter(|of| !of.is_retired);
        let types = types.map(|of| json!({"name": of.name, "description": of.description, "schema": of.schema}));
        Ok(json!({"items": types.collect::<Vec<_>>()}))
    }

    async fn enqueue(&self, arguments: &Arguments) -> Result<Value, ApiError> {
        let asked = arguments.get("task_type").and_then(Value::as_str).unwrap_or_default();
        if self.api.offered(asked).await?.is_none() {
            return Err(ApiError::invalid("task_type", format!("no type `{asked}` here; see list_task_types")));
        }
        let body = Value::Object(arguments.clone());
        Ok(self.shown(self.api.ask(ENQUEUE, Asking { body, ..Asking::default() }).await?))
    }

    async fn get(&self, arguments: &Arguments) -> Result<Value, ApiError> {
        let wait_s = arguments.get("wait_s").map_or(Some(0), Value::as_u64);
        let wait_s = wait_s.filter(|wait_s| *wait_s <= MAX_WAIT_S);
        let wait_s =
            wait_s.ok_or_else(|| ApiError::invalid("wait_s", format!("expected a number up to {MAX_WAIT_S}")))?;
        let waiting = self.waiting.filter(|_| wait_s > 0);
        let task = TaskWatch::for_task(waiting, Duration::from_secs(wait_s), (self.api, id(arguments)));
        Ok(self.shown(task.await?))
    }

    async fn list(&self, arguments: &Arguments) -> Result<Value, ApiError> {
        let text = |name| arguments.get(name).and_then(Value::as_str).map(str::to_owned);
        let limit = arguments.get("limit").map_or_else(|| LISTED.to_string(), Value::to_string);
        let asked = [("status", text("status")), ("type", text("task_type")), ("cursor", text("cursor"))];
        let asked = asked.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let query = asked.chain([("limit", limit)]).collect();
        let mut page = self.api.ask(route_of("list_tasks"), Asking { query, ..Asking::default() }).await?;
        let items = page.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
        let offered = self.api.all_offered().await?;
        let is_offered =
            |task: &Value| offered.iter().any(|of| task.get("task_type").is_some_and(|name| name == of.name.as_str()));
        let items = items.into_iter().filter(is_offered).map(|task| {
            let fields = OF_A_LISTED.into_iter().filter_map(|name| Some((name.to_owned(), task.get(name)?.clone())));
            Value::Object(fields.collect())
        });
        Ok(self.shown(json!({"items": items.collect::<Vec<_>>(), "cursor": page.get("cursor")})))
    }

    /// What a person does to a task, with a word about it.
    async fn operate(&self, tool: &str, word: &'static str, arguments: &Arguments) -> Result<Value, ApiError> {
        let id = id(arguments);
        self.api.check_offered(id).await?;
        let body = json!({word: arguments.get(word)});
        self.api.ask(route_of(tool), Asking { id: Some(id.to_owned()), body, ..Asking::default() }).await
    }

    /// A task that is set going again has a handle of its own.
    async fn retry(&self, arguments: &Arguments) -> Result<Value, ApiError> {
        let task = self.operate("retry_task", "note", arguments).await?;
        if !self.client.has_tasks {
            return Ok(self.shown(task));
        }
        let seen = seen(&task)?;
        Ok(self.handle(&seen, seen.redrives))
    }

    /// A call of a type's own tool is a new task: its handle or, if it was quick, what came of it.
    async fn run(&self, name: &str, arguments: &Arguments) -> Result<Value, ApiError> {
        let body = json!({"task_type": name, "payload": arguments});
        let mut task = self.api.ask(ENQUEUE, Asking { body, ..Asking::default() }).await?;
        let within = if self.client.has_tasks { QUICK } else { PATIENCE };
        if let Some(waiting) = self.waiting.filter(|_| may(self.api.caller, route_of("get_task"))) {
            let id = task.get("id").and_then(Value::as_str).unwrap_or_default();
            task = TaskWatch::for_task(Some(waiting), within, (self.api, id)).await?;
        }
        let seen = seen(&task)?;
        Ok(if self.client.has_tasks && !seen.is_answered() { self.handle(&seen, 0) } else { seen.result(self.client) })
    }

    fn handle(&self, seen: &ShownTask, redrives: u32) -> Value {
        let mut task = seen.task(Handle { id: seen.id, redrives }, self.client, self.api.app.clock.now(), self.kept);
        task.insert("resultType".to_owned(), "task".into());
        Value::Object(task)
    }
}

/// What is shown of a task that a route answered.
pub(crate) fn seen(task: &Value) -> Result<ShownTask, ApiError> {
    ShownTask::deserialize(task).map_err(|error| ApiError::new(500, "unreadable", error.to_string()))
}

/// An error of a route as one of the protocol.
pub(crate) fn told(error: ApiError) -> RpcError {
    if error.is_temporary() { RpcError::internal(error.message) } else { RpcError::invalid(error.message) }
}

fn id(arguments: &Arguments) -> &str {
    arguments.get("id").and_then(Value::as_str).unwrap_or_default()
}

/// Refuses arguments that a tool of Errand's does not have, and the lack of those that it must have.
fn check(tool: &Value, arguments: &Arguments) -> Result<(), ApiError> {
    let properties = tool.pointer("/inputSchema/properties").and_then(Value::as_object);
    let unknown = arguments.keys().find(|name| !properties.is_some_and(|known| known.contains_key(*name)));
    if let Some(unknown) = unknown {
        return Err(ApiError::invalid(unknown, "unknown argument"));
    }
    let required = tool.pointer("/inputSchema/required").and_then(Value::as_array).into_iter().flatten();
    let missing = required.filter_map(Value::as_str).find(|name| !arguments.contains_key(*name));
    missing.map_or(Ok(()), |name| Err(ApiError::invalid(name, "missing argument")))
}
