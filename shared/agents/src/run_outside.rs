//! `run_outside`: a run that a worker outside takes over HTTP. No worker of ours is ever told of it.

mod pulled;

pub(crate) use pulled::PulledRuns;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::{
    Agents, Executor, Session,
    failure::MAX_SNOOZES,
    journal::{self, Start},
    run,
};
use errand::{
    Asked, Dispatch, Effect, Failure, FieldError, Handler, Id, Name, Outcome, Report, Settings, StoreError, Task,
    TaskContext,
    spi::accept::{MAX_PULLED_TIMEOUT_S, check_says_something},
};

/// Waits for a worker outside that takes its run over HTTP; made by `POST /v1/runs` alone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = json!({"prompt": "Build the release and say what broke.", "profile": "codex"}))]
pub struct RunOutside {
    /// What is to be done.
    pub prompt: String,
    /// What sort of worker takes it: the pool that it claims from.
    #[serde(default)]
    pub profile: Name,
    /// The session it goes on in; without one, a session of its own.
    #[serde(default)]
    pub session_id: Option<Id>,
    /// The agent that works; without one, an agent of its own.
    #[serde(default)]
    pub agent_id: Option<Id>,
}

impl RunOutside {
    /// What its run is begun with.
    pub fn start(&self, source: Name, agents: &Agents) -> Start {
        Start {
            executor: Executor::Runner,
            session_id: self.session_id.clone(),
            agent_id: self.agent_id.clone(),
            session_ttl: agents.rules.session_ttl(),
            ..Start::of(source, self.profile.clone(), self.prompt.clone())
        }
    }
}

impl Handler for RunOutside {
    const TYPE: &'static str = "run_outside";
    type State = Agents;

    fn settings() -> Settings {
        Settings {
            // An agent may be at work all day; whether it is, its lease says.
            timeout_s: MAX_PULLED_TIMEOUT_S,
            max_snoozes: MAX_SNOOZES,
            dispatch: Dispatch::Pulled,
            instead: Some("it is followed as a run; see POST /v1/runs"),
            ..Settings::default()
        }
    }

    fn admits(&self, _: &Asked) -> Result<(), FieldError> {
        check_says_something("prompt", &self.prompt)
    }

    async fn handle(&self, _: &TaskContext<'_>, _: &Agents) -> Result<Outcome, Failure> {
        Err(Failure::permanent("only a worker outside does this")) // not reached: no worker is told of it
    }

    fn run_id(task: &Task) -> Option<Id> {
        Some(run::id(task, task.redrives))
    }

    fn pool(&self) -> Option<Name> {
        Some(self.profile.clone())
    }

    fn session_path(&self, id: Uuid) -> Option<String> {
        Some(Session::path_of_task(self.session_id.as_ref(), id))
    }

    async fn ended(&self, task: &TaskContext<'_>, ended: &Task, agents: &Agents) -> Result<Vec<Effect>, StoreError> {
        journal::ends(task.services(), agents.rules.session_ttl(), task.task(), ended).await
    }

    async fn waits(&self, task: &TaskContext<'_>, waiting: &Task, agents: &Agents) -> Result<Vec<Effect>, StoreError> {
        journal::waits(task.services(), (task.task(), waiting), &self.start(Name::of("task"), agents)).await
    }

    async fn used(&self, task: &TaskContext<'_>, _: &Agents) -> Result<Report, StoreError> {
        journal::used_by_execution(task.services(), task.task()).await
    }
}
