//! The agent: who does a task, from when it is called into being until it is done, has failed or was killed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Refused, Terminal, budget::Budgets, preview::preview};
use errand::{Doc, Entity, Id, Name, Relation, Relations, Timestamp};

/// How much of what went wrong an agent keeps, in characters.
const ERROR_CHARS: usize = 1000;

/// Where an agent is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AgentStatus {
    /// Called, not at work yet.
    Spawning,
    /// At work.
    Running,
    /// Done. Final.
    Completed,
    /// Not done, or not without a person. Final.
    Failed,
    /// Stopped. Final.
    Killed,
}

/// An agent in one of its lives.
// Changed by `apply` and nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Agent {
    /// The tenant's project.
    pub project: Name,
    /// What it works on.
    pub task_id: Uuid,
    /// Which drive of the task: the task's `redrives`.
    #[serde(default)]
    pub drive: u32,
    /// Where it is in its life.
    pub status: AgentStatus,
    /// When it was called.
    pub created_at: Timestamp,
    /// When it began to work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When its life ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// What went wrong, or what is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What its caller keeps with it.
    #[serde(default)]
    pub metadata: Doc,
    /// What it may spend: what was named for it last, by which a run that names nothing is held too. Absent: nothing ever
    /// was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budgets: Option<Budgets>,
}

/// What can happen to an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentAction {
    /// Its worker sets it going.
    Start,
    /// It is done.
    Complete,
    /// It is not.
    Fail(String),
    /// Somebody stops it.
    Kill(String),
}

impl AgentAction {
    /// What the end of its run means for the agent. A blocked one has not done its work, and its redrive is another life.
    pub fn run_ended(status: Terminal, text: &str) -> Self {
        match status {
            Terminal::Completed => AgentAction::Complete,
            Terminal::Failed => AgentAction::Fail(text.to_owned()),
            Terminal::Blocked => AgentAction::Fail(format!("blocked: {text}")),
            Terminal::Cancelled => AgentAction::Kill(text.to_owned()),
        }
    }
}

impl Agent {
    /// An agent called for `task`. Where it has lived before (`there`), that life must be over, or be this very one.
    pub fn spawn(there: Option<&Agent>, new: Agent) -> Result<Agent, Refused> {
        match there {
            Some(there) if (there.task_id, there.drive) == (new.task_id, new.drive) => Ok(there.clone()),
            Some(there) if !there.status.is_final() => Err(Refused::NotWhile(there.status.as_str())),
            Some(_) | None => Ok(new),
        }
    }

    /// The agent after `action` at `now`, or why nothing happens to it.
    pub fn apply(&self, action: AgentAction, now: Timestamp) -> Result<Agent, Refused> {
        use AgentStatus as S;
        match (self.status, action) {
            (S::Spawning, AgentAction::Start) => {
                Ok(Agent { status: S::Running, started_at: Some(now), ..self.clone() })
            }
            (S::Running, AgentAction::Complete) => Ok(self.ended(S::Completed, None, now)),
            (S::Running, AgentAction::Start) | (S::Spawning, AgentAction::Complete) => {
                Err(Refused::NotWhile(self.status.as_str()))
            }
            (S::Spawning | S::Running, AgentAction::Fail(why)) => Ok(self.ended(S::Failed, Some(why), now)),
            (S::Spawning | S::Running, AgentAction::Kill(why)) => Ok(self.ended(S::Killed, Some(why), now)),
            (
                S::Completed | S::Failed | S::Killed,
                AgentAction::Start | AgentAction::Complete | AgentAction::Fail(_) | AgentAction::Kill(_),
            ) => Err(Refused::Ended(self.status.as_str())),
        }
    }

    fn ended(&self, status: AgentStatus, error: Option<String>, now: Timestamp) -> Agent {
        let error = error.map(|why| preview(&why, ERROR_CHARS));
        Agent { status, error, ended_at: Some(now), ..self.clone() }
    }
}

impl Entity for Agent {
    const KIND: &'static str = "agent";

    fn relations(&self, _: &str) -> Relations {
        let to = |of| Some(Relation { of, sort: self.created_at.to_string() });
        Relations { parent: to(Id::from(self.task_id)), owner: to(Id::from(&self.project)) }
    }
}

impl AgentStatus {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            AgentStatus::Spawning => "spawning",
            AgentStatus::Running => "running",
            AgentStatus::Completed => "completed",
            AgentStatus::Failed => "failed",
            AgentStatus::Killed => "killed",
        }
    }

    /// Whether this life is over.
    pub fn is_final(self) -> bool {
        match self {
            AgentStatus::Spawning | AgentStatus::Running => false,
            AgentStatus::Completed | AgentStatus::Failed | AgentStatus::Killed => true,
        }
    }

    /// The type of the event that leaves with the change into it.
    pub fn event_type(self) -> &'static str {
        match self {
            AgentStatus::Spawning => "agent.spawned",
            AgentStatus::Running => "agent.running",
            AgentStatus::Completed => "agent.completed",
            AgentStatus::Failed => "agent.failed",
            AgentStatus::Killed => "agent.killed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::table;

    use AgentStatus as S;

    const STATUSES: [AgentStatus; 5] = [S::Spawning, S::Running, S::Completed, S::Failed, S::Killed];

    fn agent(status: AgentStatus, drive: u32) -> Agent {
        Agent {
            project: Name::default(),
            task_id: Uuid::nil(),
            drive,
            status,
            created_at: Timestamp::default(),
            started_at: None,
            ended_at: None,
            error: None,
            metadata: Doc::new(),
            budgets: None,
        }
    }

    #[test]
    fn an_agent_that_was_stored_without_limits_is_read() {
        let mut stored = serde_json::to_value(agent(S::Completed, 0)).unwrap();
        stored.as_object_mut().unwrap().remove("budgets");
        assert_eq!(serde_json::from_value::<Agent>(stored).unwrap(), agent(S::Completed, 0));
    }

    #[test]
    fn every_status_against_every_action() {
        let states = STATUSES.map(|status| (status.as_str().to_owned(), agent(status, 0))).into();
        let actions = [
            AgentAction::Start,
            AgentAction::Complete,
            AgentAction::Fail("no".into()),
            AgentAction::Kill("off".into()),
            AgentAction::run_ended(Terminal::Completed, "well"),
            AgentAction::run_ended(Terminal::Failed, "no"),
            AgentAction::run_ended(Terminal::Blocked, "a key"),
            AgentAction::run_ended(Terminal::Cancelled, "off"),
        ];
        let names =
            ["start", "complete", "fail", "kill", "run completed", "run failed", "run blocked", "run cancelled"];
        let actions: Vec<_> = names.map(str::to_owned).into_iter().zip(actions).collect();
        let now = Timestamp::from_millis(1_767_225_600_000);
        insta::assert_snapshot!(table(states, &actions, |agent, action| agent.apply(action, now)));
    }

    #[test]
    fn an_agent_lives_one_life_at_a_time() {
        let next = agent(S::Spawning, 1);
        assert_eq!(Agent::spawn(None, next.clone()), Ok(next.clone()));
        for status in STATUSES {
            let there = agent(status, 0);
            let spawned = Agent::spawn(Some(&there), next.clone());
            let expected = if status.is_final() { Ok(next.clone()) } else { Err(Refused::NotWhile(status.as_str())) };
            assert_eq!(spawned, expected, "{status:?}");
            let again = agent(status, 1);
            assert_eq!(Agent::spawn(Some(&again), next.clone()), Ok(again.clone()), "a second start of {status:?}");
        }
    }

    #[test]
    fn an_agent_is_listed_by_task_and_project_and_tells_of_every_status() {
        let relations = agent(S::Running, 0).relations("");
        assert_eq!(relations.parent.unwrap().of, Id::from(Uuid::nil()));
        assert_eq!(relations.owner.unwrap().of, Id::of("default"));
        let told = STATUSES.map(AgentStatus::event_type);
        assert_eq!(told, ["agent.spawned", "agent.running", "agent.completed", "agent.failed", "agent.killed"]);
    }
}
