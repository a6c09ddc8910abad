//! From a task's item to the task: what the attributes say, and what `doc` says.

use uuid::Uuid;

use crate::dynamo::task_doc::{TaskDoc, dispatch_of};
use errand::{
    Asked, Id, Name, State, Status, Task, TaskKey, Timestamp,
    spi::{
        json::Json,
        lifecycle::{Attempt, Member},
    },
};

/// What a task's other attributes say of it.
pub(super) struct Keyed {
    pub(super) key: TaskKey,
    pub(super) project: Name,
    pub(super) queue: Name,
    pub(super) user_id: Option<Id>,
    pub(super) status: Status,
    pub(super) worker: Option<Uuid>,
    pub(super) executions: u32,
    pub(super) version: Uuid,
    pub(super) wake_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
}

impl TaskDoc {
    /// The task, of which `keyed` has what the other attributes say, and whether its payload is apart.
    pub(super) fn complete(self, keyed: Keyed) -> anyhow::Result<(Task, bool)> {
        let state = self.state(keyed.status, keyed.worker)?;
        let (payload, payload_hash, apart) = match (self.payload, self.payload_hash) {
            (Some(text), None) => {
                let payload = Json::from_stored(text)?;
                let hash = payload.hash();
                (payload, hash, false)
            }
            (None, Some(hash)) => (Json::default(), hash, true),
            _ => anyhow::bail!("its payload is neither here nor apart"),
        };
        let created_at = self.created_at.0;
        let asked = Asked {
            key: keyed.key,
            project: keyed.project,
            queue: keyed.queue,
            lane: self.lane,
            dispatch: self.dispatch.unwrap_or_else(|| dispatch_of(&self.task_type)),
            pool: self.pool,
            task_type: self.task_type,
            agent_type: self.agent_type,
            user_id: keyed.user_id,
            context_id: self.context_id,
            context_type: self.context_type,
            parent_id: self.parent_id,
            member_of: self.member_of.into_iter().map(|(group, index)| Member { group, index }).collect(),
            priority: self.priority,
            payload,
            payload_hash,
            idempotency_key: self.idempotency_key,
            max_retries: self.max_retries.unwrap_or(Task::RETRIES),
            timeout_s: self.timeout_s.unwrap_or(Task::TIMEOUT_S),
            scheduled_for: self.scheduled_for.map_or(created_at, |at| at.0),
            expires_at: self.expires_at.map(|at| at.0),
            created_by: self.created_by,
            request_id: self.request_id,
            traceparent: self.traceparent,
            session_path: self.session_path,
            schedule: self.schedule,
        };
        let latest = self.latest_attempt;
        let task = Task {
            asked: asked.into(),
            created_at,
            updated_at: self.updated_at.map_or(created_at, |at| at.0),
            last_attempted_at: self.last_attempted_at.map(|at| at.0),
            ended_at: keyed.ended_at,
            dead_lettered_at: self.dead_lettered_at.map(|at| at.0),
            state,
            executions: keyed.executions,
            failures: self.failures,
            losses: self.losses,
            snoozes: self.snoozes,
            notified: self.notified,
            redrives: self.redrives,
            log_seq: self.log_seq,
            revision: self.revision,
            version: keyed.version,
            wake_at: keyed.wake_at,
            last_errors: self.last_errors,
            latest_attempt: latest.map(|(execution, outcome, at)| Attempt { execution, outcome, ended_at: at.0 }),
            redrive_note: self.redrive_note,
            progress: self.progress.map(Json::from_stored).transpose()?,
        };
        Ok((task, apart))
    }

    fn state(&self, status: Status, worker: Option<Uuid>) -> anyhow::Result<State> {
        let missing = |what: &str| anyhow::anyhow!("a {} task without {what}", status.as_str());
        let until = || self.until.map(|at| at.0).ok_or_else(|| missing("ra"));
        let reason = || self.reason.clone().ok_or_else(|| missing("re"));
        Ok(match status {
            Status::Pending => State::Pending { run_at: until()? },
            Status::Running => State::Running {
                lease_expires_at: until()?,
                worker: worker.ok_or_else(|| missing("k"))?,
                started_at: self.started_at.ok_or_else(|| missing("st"))?.0,
            },
            Status::Waiting => {
                State::Waiting { group: reason()?.parse()?, since: self.started_at.ok_or_else(|| missing("st"))?.0 }
            }
            Status::Completed => {
                State::Completed { output: Json::from_stored(self.output.clone().ok_or_else(|| missing("o"))?)? }
            }
            Status::Failed => {
                let failure = self.failure.as_ref().or(self.last_errors.last());
                State::Failed { failure: failure.cloned().ok_or_else(|| missing("fa"))? }
            }
            Status::Cancelled => State::Cancelled { reason: reason()? },
            Status::Blocked => State::Blocked { reason: reason()? },
        })
    }
}
