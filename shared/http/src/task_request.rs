//! The body of `POST /v1/tasks`, and what must hold of it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

use crate::{ApiError, Caller, size::least_bytes};
use errand::{
    App, Asked, Id, Name, Priority, Timestamp,
    spi::{
        accept::{self, TaskLimits},
        json::{Json, read::read_lenient},
    },
};

/// A request for a task. Names and ids are as their schemas say, times RFC 3339.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
pub struct TaskRequest {
    /// Which handler runs it: one of `GET /v1/task-types`.
    pub task_type: Name,
    /// What the handler is given, as its type's schema says; at most 256 KiB.
    #[schemars(with = "serde_json::Value")]
    pub payload: Box<RawValue>,
    /// The project of the tenant that it belongs to; `default` if absent.
    #[serde(default)]
    pub project: Name,
    /// The named list that it stands in, for people; `default` if absent.
    #[serde(default)]
    pub queue: Name,
    /// A part of that list, for people; `default` if absent.
    #[serde(default)]
    pub lane: Name,
    /// What sort of agent asks for it; none if absent.
    #[serde(default)]
    pub agent_type: Option<Name>,
    /// Which user it is about; none if absent.
    #[serde(default)]
    pub user_id: Option<Id>,
    /// What else it is about; nothing if absent.
    #[serde(default)]
    pub context_id: Option<Id>,
    /// What sort of thing `context_id` names; unsaid if absent.
    #[serde(default)]
    pub context_type: Option<Name>,
    /// The task that it follows from; none if absent.
    #[serde(default)]
    pub parent_id: Option<Uuid>,
    /// What tasks after it in the same batch call it by; nothing if absent.
    #[serde(default)]
    pub name: Option<Name>,
    /// Within a batch: it begins once these of the tasks before it are completed; if one of them ends otherwise it is
    /// cancelled once all have ended. At once if absent.
    #[serde(default)]
    #[schemars(length(max = 99))]
    pub after: Vec<Name>,
    /// How soon it is run among others that are due, and its place in lists; `medium` if absent. Of tasks with a
    /// `timeout_s` over 60, and of those of `create_conversation_summary`, `erase_user`, `process_community_response` and
    /// `run_agent`, it orders lists alone: they ride one queue.
    #[serde(default)]
    pub priority: Priority,
    /// The caller's name for this request, 1 to 256 bytes, as the header `Idempotency-Key`. Within tenant and project, as
    /// long as the task is kept, the same key with the same type and payload is the same task, with another a 409. If
    /// absent, each request is a new task.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    pub idempotency_key: Option<String>,
    /// How many failures are followed by another try, 0 to 100; what the installation says if absent, 3 unless it does.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    pub max_retries: Option<u32>,
    /// How long one execution may take: 1 to 840 seconds, and up to 86,400 where workers outside do it. If absent, as long
    /// as its type says: 840 for `run_agent`, 300 for `erase_user`, 86400 for `run_outside`, 60 for `cleanup_session`, `create_conversation_summary` and `process_community_response`, 30
    /// for the others.
    #[serde(default)]
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_s: Option<u32>,
    /// When it may start; not beside `delay_s`. Now if both are absent.
    #[serde(default)]
    pub scheduled_for: Option<Timestamp>,
    /// In how many seconds it may start; not beside `scheduled_for`.
    #[serde(default)]
    pub delay_s: Option<u64>,
    /// Not started after this, which must be later than its start; never if absent.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

impl TaskRequest {
    /// Checks the request against its type and the limits ([`accept::check`]), and makes it a task of the caller's.
    pub async fn accept(self, caller: &Caller, app: &App, now: Timestamp) -> Result<Asked, ApiError> {
        if !self.after.is_empty() {
            return Err(ApiError::invalid("after", "only tasks of one batch may follow each other"));
        }
        let (payload, scheduled_for) = (payload(&self.payload)?, self.start(now)?);
        let limits = TaskLimits { max_retries: self.max_retries, timeout_s: self.timeout_s };
        let key = accept::key(&caller.tenant, &self.project, self.idempotency_key.as_deref());
        let new = Asked {
            project: self.project,
            queue: self.queue,
            lane: self.lane,
            agent_type: self.agent_type,
            user_id: self.user_id,
            context_id: self.context_id,
            context_type: self.context_type,
            parent_id: self.parent_id,
            priority: self.priority,
            idempotency_key: self.idempotency_key,
            scheduled_for,
            expires_at: self.expires_at,
            request_id: Some(caller.request_id.clone()).filter(|id| !id.is_empty()),
            traceparent: caller.traceparent,
            ..Asked::of_type(key, self.task_type, payload, caller.principal.clone(), now)
        };
        Ok(accept::check(app, new, limits).await?)
    }

    fn start(&self, now: Timestamp) -> Result<Timestamp, ApiError> {
        match (self.scheduled_for, self.delay_s) {
            (Some(_), Some(_)) => Err(ApiError::invalid("delay_s", "name delay_s or scheduled_for, not both")),
            (Some(at), None) => Ok(at),
            (None, delay) => Ok(now + Duration::from_secs(delay.unwrap_or(0))),
        }
    }
}

/// The payload, made compact. One that is too large is not looked into.
fn payload(sent: &RawValue) -> Result<Json, ApiError> {
    accept::check_size(least_bytes(sent.get()))?;
    let value = read_lenient::<Value>(sent.get()).map_err(|error| error.within("payload"))?;
    Ok(Json::new(&value))
}
