//! Outside workers, and the jobs they do for runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    CommandStatus, Refused, Run,
    command::{ERROR_CHARS, RUN_ENDED},
    preview::preview,
};
use errand::{Doc, Entity, Id, Name, Relation, Relations, Timestamp, owner};

/// A worker that takes runs over HTTP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Runner {
    /// The tenant's project.
    pub project: Name,
    /// What people call it.
    pub name: String,
    /// The profiles it takes runs of; empty: any.
    #[serde(default)]
    pub profiles: Vec<Name>,
    /// What it says of itself.
    #[serde(default)]
    pub metadata: Doc,
    /// When it registered.
    pub registered_at: Timestamp,
    /// When it was last heard of.
    pub last_seen_at: Timestamp,
}

/// Something a runner is to do for a run. Idempotent as a command is, and with the same statuses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunnerJob {
    /// For which run.
    pub run_id: Id,
    /// By which runner; absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner_id: Option<Id>,
    /// For which command, if for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_id: Option<Id>,
    /// What sort of job.
    pub kind: Name,
    /// What it is given.
    #[serde(default)]
    pub payload: Value,
    /// A hash of what is asked for.
    pub payload_hash: String,
    /// The caller's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Where it is in its life: pending until it ends.
    pub status: CommandStatus,
    /// What came of it, if it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Why it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// How a job ends.
#[derive(Clone, Debug, PartialEq)]
pub enum JobEnd {
    /// Done, and what came of it; null for nothing.
    Completed(Value),
    /// Not done, and why.
    Failed(String),
}

impl RunnerJob {
    /// The job after it has come to `end` at `now`. One that has ended so is as it is: its runner may not have heard.
    pub fn ended(&self, end: &JobEnd, now: Timestamp) -> Result<RunnerJob, Refused> {
        let (status, result, error) = match end {
            JobEnd::Completed(result) => (CommandStatus::Completed, Some(result.clone()), None),
            JobEnd::Failed(why) => (CommandStatus::Failed, None, Some(preview(why, ERROR_CHARS))),
        };
        let result = result.filter(|result| !result.is_null());
        match self.ended_at {
            Some(_) if self.status == status => Ok(self.clone()),
            Some(_) => Err(Refused::Ended(self.status.as_str())),
            None => Ok(RunnerJob { status, result, error, ended_at: Some(now), ..self.clone() }),
        }
    }

    /// As it is shown beside its run: what is open once that has ended is called off with it.
    pub fn beside(self, run: &Run) -> RunnerJob {
        if self.ended_at.is_some() || run.ended_at.is_none() {
            return self;
        }
        let error = Some(RUN_ENDED.to_owned());
        RunnerJob { status: CommandStatus::Cancelled, error, ended_at: run.ended_at, ..self }
    }
}

impl Entity for Runner {
    const KIND: &'static str = "runner";

    fn relations(&self, _: &str) -> Relations {
        owner(&Id::from(&self.project), &self.registered_at.to_string())
    }
}

impl Entity for RunnerJob {
    const KIND: &'static str = "runner_job";

    fn relations(&self, _: &str) -> Relations {
        let to = |of: &Id| Relation { of: of.clone(), sort: self.created_at.to_string() };
        Relations { parent: Some(to(&self.run_id)), owner: self.runner_id.as_ref().map(to) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_listed_by_its_run_and_by_the_runner_that_has_it() {
        let mut job = RunnerJob {
            run_id: Id::of("r"),
            runner_id: None,
            command_id: None,
            kind: Name::of("checkout"),
            payload: Value::Null,
            payload_hash: "h".into(),
            idempotency_key: None,
            status: CommandStatus::Pending,
            result: None,
            error: None,
            created_at: Timestamp::default(),
            ended_at: None,
        };
        let of = |job: &RunnerJob| (job.relations("").parent.map(|to| to.of), job.relations("").owner.map(|to| to.of));
        assert_eq!(of(&job), (Some(Id::of("r")), None));
        job.runner_id = Some(Id::of("w"));
        assert_eq!(of(&job), (Some(Id::of("r")), Some(Id::of("w"))));
    }

    #[test]
    fn runners_are_listed_by_project() {
        let at = Timestamp::default();
        let (project, name) = (Name::of("p"), "build box".to_owned());
        let runner =
            Runner { project, name, profiles: vec![], metadata: Doc::new(), registered_at: at, last_seen_at: at };
        assert_eq!(runner.relations("").owner.unwrap().of, Id::of("p"));
    }
}
