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
    Agents, Refused, Session,
    budget::Budgets,
    journal::{self, JournalError, Start},
    of_journal, run,
};
use errand::{
    Effect, Failure, FieldError, Handler, Id, Name, Outcome, Report, RetryPolicy, Settings, StoreError, Task,
    TaskContext,
    spi::{
        accept::check_says_something,
        lifecycle::{self, LONGEST_HIDING},
        money::Usd,
    },
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

/// How long a run first waits for another one in its session, whose end wakes it sooner, or for its agent's other life. The
/// wait doubles so often: up to 16 minutes.
const BUSY_WAIT_S: u64 = 30;
const BUSY_DOUBLINGS: u32 = 5;

// From there on the message is not hidden: each look has a new one, and none grows old or is received too often.
const _: () = assert!(BUSY_WAIT_S << BUSY_DOUBLINGS > LONGEST_HIDING.as_secs());

/// So many waits (eleven days of them), and executions that had too little time left.
const MAX_SNOOZES: u32 = 1000;

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
        match journal::claim(task.services(), task.task(), &self.start(agents), &by).await {
            Ok(_) => {}
            Err(JournalError::Waits { effects, .. }) => {
                return Ok(Outcome::Wait { wait: longest_wait(task.task()), effects });
            }
            // Its agent lives another life.
            Err(JournalError::Refused(Refused::NotWhile(_))) => {
                return Ok(Outcome::Snooze(longest_wait(task.task())));
            }
            Err(error) => return Err(of_journal(error)),
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

/// How long a run waits for its turn until it looks by itself: as long again as it has waited.
fn longest_wait(task: &Task) -> Duration {
    Duration::from_secs(BUSY_WAIT_S << task.snoozes.min(BUSY_DOUBLINGS))
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
