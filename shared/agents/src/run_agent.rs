//! `run_agent`: has an agent do something, turn by turn, each turn stored before anything depends on it.

mod ask;
mod context;
mod follow;
mod pay;
mod shorten;
mod trouble;
mod turn;
mod watch;
mod work;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

use self::{follow::Step, turn::TurnAsked, work::Work};
use crate::{
    Agents, Session,
    budget::Budgets,
    failure::{MAX_SNOOZES, not_begun},
    journal::{self, JournalError, Start},
    of_journal, run,
};
use errand::{
    Effect, Failure, FieldError, Handler, Id, Name, Outcome, Report, RetryPolicy, Settings, StoreError, Task,
    TaskContext,
    spi::{accept::check_says_something, lifecycle, money::Usd},
};

/// Has an agent do something: asks the model of a profile, follows up where the answer is not finished, and stops when it
/// is done, blocked, called off, or out of budget. What it does can be watched and steered as a run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = json!({"prompt": "Ada needs cheaper storage for her cards. Find out what it costs. Tell her."}))]
pub struct RunAgent {
    /// What is to be done.
    pub prompt: String,
    /// Which model backend answers.
    #[serde(default)]
    pub profile: Name,
    /// Who does it, and on whose budget; absent: an agent of the task's own.
    #[serde(default)]
    pub agent_id: Option<Id>,
    /// The session to go on in; absent: one of the task's own.
    #[serde(default)]
    pub session_id: Option<Id>,
    /// What the agent may spend; kept with it, in place of what was named before. If absent, that holds.
    #[serde(default, deserialize_with = "errand::spi::json::read::optional_object")]
    pub budgets: Option<Budgets>,
    /// What may be spent on this task, over all its runs, in USD.
    #[serde(default)]
    pub mission_cost_budget_usd: Option<Usd>,
}

/// As long as a task may take: what is left of it is not paid for, and what does not fit goes on in the next execution.
const TIMEOUT_S: u32 = 840;

impl Handler for RunAgent {
    const TYPE: &'static str = "run_agent";
    type State = Agents;

    fn settings() -> Settings {
        // A model that is overloaded, or away, is back in minutes.
        let retry =
            RetryPolicy { base: Duration::from_secs(30), factor: 2.0, cap: Duration::from_secs(3600), jitter: 0.2 };
        Settings { timeout_s: TIMEOUT_S, is_slow: true, retry, max_snoozes: MAX_SNOOZES, ..Settings::default() }
    }

    fn admits(&self, _: &lifecycle::Asked) -> Result<(), FieldError> {
        check_says_something("prompt", &self.prompt)
    }

    async fn handle(&self, task: &TaskContext<'_>, agents: &Agents) -> Result<Outcome, Failure> {
        let by = task.task().fence().map(|fence| fence.worker.to_string()).unwrap_or_default();
        if let Err(error) = journal::claim(task.services(), task.task(), &self.start(agents), &by).await {
            return not_begun(task.task(), error);
        }
        let mut work = Work::load(self, task, agents).await?;
        loop {
            match work.step().await? {
                Step::End(outcome) => return Ok(outcome),
                Step::Ask(ask) => {
                    work.knows_its_cost()?;
                    if !work.has_time() {
                        return Ok(Outcome::Snooze(Duration::ZERO));
                    }
                    let asked = if work.is_long(&ask) { work.put_in_short().await? } else { work.ask(ask).await? };
                    match asked {
                        TurnAsked::Stored | TurnAsked::Interrupted => {}
                        TurnAsked::Lost => return Err(of_journal(JournalError::LeaseLost)),
                    }
                }
            }
        }
    }

    fn run_id(task: &Task) -> Option<Id> {
        Some(run::id(task, task.redrives))
    }

    fn session_path(&self, id: Uuid) -> Option<String> {
        Some(Session::path_of_task(self.session_id.as_ref(), id))
    }

    async fn ended(&self, task: &TaskContext<'_>, ended: &Task, agents: &Agents) -> Result<Vec<Effect>, StoreError> {
        journal::ends(task.services(), agents.rules.session_ttl(), task.task(), ended).await
    }

    async fn waits(&self, task: &TaskContext<'_>, waiting: &Task, _: &Agents) -> Result<Vec<Effect>, StoreError> {
        journal::waits_for_worker(task.services(), waiting).await
    }

    async fn used(&self, task: &TaskContext<'_>, _: &Agents) -> Result<Report, StoreError> {
        journal::used_by_execution(task.services(), task.task()).await
    }
}

impl RunAgent {
    /// What a run of a task that nobody has begun one for is begun with.
    pub fn start(&self, agents: &Agents) -> Start {
        Start {
            session_id: self.session_id.clone(),
            agent_id: self.agent_id.clone(),
            budgets: self.budgets,
            session_ttl: agents.rules.session_ttl(),
            ..Start::of(Name::of("task"), self.profile.clone(), self.prompt.clone())
        }
    }
}
