//! The tasks that a handler asks for beside its outcome.

use std::time::Duration;

use super::TaskContext;
use crate::{
    handler::{Failure, Handler},
    ids::{self, Id, Name, TaskKey},
    json::Json,
    lifecycle::Asked,
};

impl TaskContext<'_> {
    /// A follow-up of this task: of its tenant, project, queue, lane, user, principal, request and trace, due after `wait`,
    /// with an id that this execution always gives it.
    pub fn follow_up<H: Handler>(&self, input: &H, wait: Duration) -> Result<Asked, Failure> {
        self.follow_up_about(self.task.user_id.as_ref(), input, wait)
    }

    /// The same, about another user.
    pub fn follow_up_about<H: Handler>(&self, user: Option<&Id>, input: &H, wait: Duration) -> Result<Asked, Failure> {
        let task = self.task;
        let (task_type, payload) = (Name::new(H::TYPE)?, Json::new(&serde_json::to_value(input)?));
        let (life, nth) = (task.life(), task.executions.to_string());
        let parts = [&*life, &*nth, task_type.as_str(), payload.as_str(), user.map_or("", Id::as_str)];
        let key = TaskKey { tenant: task.key.tenant.clone(), id: ids::derived(&parts) };
        let now = self.now();
        let settings = H::settings();
        let new = Asked {
            project: task.project.clone(),
            queue: task.queue.clone(),
            lane: task.lane.clone(),
            agent_type: task.agent_type.clone(),
            user_id: user.cloned(),
            context_id: task.context_id.clone(),
            context_type: task.context_type.clone(),
            parent_id: Some(task.key.id),
            max_retries: settings.max_retries.unwrap_or(self.services.rules.max_retries),
            timeout_s: settings.timeout_s,
            scheduled_for: now + wait,
            request_id: task.request_id.clone(),
            traceparent: task.traceparent,
            session_path: input.session_path(key.id),
            pool: input.pool(),
            ..Asked::of_type(key, task_type, payload, task.created_by.clone(), now)
        };
        Ok(new.dispatched(settings.dispatch, now))
    }
}
