//! The body of `POST /v1/tasks`, and what must hold of it.

use std::time::Duration;

use serde::Deserialize;
use uuid::Uuid;

use super::{ApiError, Caller};
use crate::{
    clock::Timestamp,
    config::Settings,
    handlers::TaskInput,
    ids::{self, Id, Name, TaskKey},
    json::Json,
    lifecycle::{NewTask, Priority},
    store::BODY_BYTES,
};

/// A request for a task. What may be absent has the default that is said in the HTTP documentation.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[allow(missing_docs)] // the fields mean what `Task`'s do
pub struct TaskRequest {
    pub task_type: Name,
    pub payload: serde_json::Value,
    #[serde(default)]
    pub project: Name,
    #[serde(default)]
    pub queue: Name,
    #[serde(default)]
    pub lane: Name,
    #[serde(default)]
    pub agent_type: Option<Name>,
    #[serde(default)]
    pub user_id: Option<Id>,
    #[serde(default)]
    pub context_id: Option<Id>,
    #[serde(default)]
    pub context_type: Option<Name>,
    #[serde(default)]
    pub parent_id: Option<Uuid>,
    #[serde(default)]
    pub priority: Priority,
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    pub idempotency_key: Option<String>,
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    pub max_retries: Option<u32>,
    #[serde(default)]
    #[schemars(range(min = 1, max = 840))]
    pub timeout_s: Option<u32>,
    #[serde(default)]
    pub scheduled_for: Option<Timestamp>,
    #[serde(default)]
    pub delay_s: Option<u64>,
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

/// The most retries a request may ask for.
pub const MAX_RETRIES: u32 = 100;

/// The longest timeout: a Lambda function has 900 s, some of them to settle in.
const MAX_TIMEOUT_S: u32 = 840;

/// The longest idempotency key, in bytes.
pub const KEY_BYTES: usize = 256;

/// What errors call the idempotency key, whether it stands in the body or in the header.
pub const KEY_FIELD: &str = "idempotency_key";

/// Refuses an idempotency key that is empty or longer than [`KEY_BYTES`].
pub fn check_key(key: &str) -> Result<(), ApiError> {
    if (1..=KEY_BYTES).contains(&key.len()) {
        return Ok(());
    }
    Err(ApiError::invalid(KEY_FIELD, format!("expected 1 to {KEY_BYTES} bytes")))
}

impl TaskRequest {
    /// Checks the request against its type and the limits, and makes it a task of the caller's. Whether it is still in
    /// time ([`in_time`]) is to be asked besides: one that is said again under its key is answered however late it is.
    pub fn accept(self, caller: &Caller, settings: &Settings, now: Timestamp) -> Result<NewTask, ApiError> {
        let payload = Json::new(&self.payload);
        let bytes = payload.as_str().len();
        if bytes > BODY_BYTES {
            let message = format!("the payload has {bytes} bytes; at most {BODY_BYTES} are taken");
            return Err(ApiError::too_large("payload", message));
        }
        let input = TaskInput::accept(&self.task_type, &payload)?;
        let type_settings = input.handler().settings();
        let scheduled_for = self.start(now)?;
        self.idempotency_key.as_deref().map_or(Ok(()), check_key)?;
        let id = match &self.idempotency_key {
            Some(key) => ids::keyed(&caller.tenant, &self.project, key),
            None => ids::fresh(),
        };
        Ok(NewTask {
            key: TaskKey { tenant: caller.tenant.clone(), id },
            max_retries: within("max_retries", self.max_retries.unwrap_or(settings.max_retries), 0, MAX_RETRIES)?,
            timeout_s: within("timeout_s", self.timeout_s.unwrap_or(type_settings.timeout_s), 1, MAX_TIMEOUT_S)?,
            scheduled_for,
            project: self.project,
            queue: self.queue,
            lane: self.lane,
            task_type: self.task_type,
            agent_type: self.agent_type,
            user_id: self.user_id,
            context_id: self.context_id,
            context_type: self.context_type,
            parent_id: self.parent_id,
            priority: self.priority,
            payload,
            idempotency_key: self.idempotency_key,
            expires_at: self.expires_at,
            created_by: caller.principal.clone(),
            request_id: Some(caller.request_id.clone()).filter(|id| !id.is_empty()),
            session_path: input.session_path(id),
        })
    }

    fn start(&self, now: Timestamp) -> Result<Timestamp, ApiError> {
        match (self.scheduled_for, self.delay_s) {
            (Some(_), Some(_)) => Err(ApiError::invalid("delay_s", "name delay_s or scheduled_for, not both")),
            (Some(at), None) => Ok(at),
            (None, delay) => Ok(now + Duration::from_secs(delay.unwrap_or(0))),
        }
    }
}

/// Whether `new` can start before it expires.
pub fn in_time(new: &NewTask, now: Timestamp) -> Result<(), ApiError> {
    match new.expires_at {
        Some(at) if at <= new.scheduled_for.max(now) => {
            Err(ApiError::invalid("expires_at", "it would expire before it could start"))
        }
        _ => Ok(()),
    }
}

fn within(field: &str, value: u32, least: u32, most: u32) -> Result<u32, ApiError> {
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        Err(ApiError::invalid(field, format!("expected a number from {least} to {most}, found {value}")))
    }
}
