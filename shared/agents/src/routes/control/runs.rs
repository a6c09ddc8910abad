//! Runs, as whoever wants something done asks for them: start one, call one off.

use crate::{
    Agent, AgentStatus, Agents, Run, RunStatus,
    api::{BudgetCheck, BudgetWarning, EntityView, RunRequest, RunView, StartedRun},
    budget::{self, Budgets, OverBudget, Spending},
    journal::{self, Begun},
};
use errand::{
    App, Id, Name, Stored, Task, TaskKey,
    spi::{
        accept::check_is_in_time,
        change::{With, change},
        ids,
        lifecycle::Trigger,
        money::Usd,
        store::{self, RecordKey},
    },
};
use errand_http::{Answer, ApiError, CancelRequest, Request};
use errand_models::Prices;
use uuid::Uuid;

/// `POST /v1/runs`: the task, its run, and its session and agent if they are new, in one commit.
pub(crate) async fn start(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let agents = Agents::of(app)?;
    let mut body: RunRequest = request.json()?;
    body.idempotency_key = request.key_beside(body.idempotency_key)?;
    let (start, budgets) = (body.start(agents), Budgeted::of(&body));
    let now = app.clock.now();
    let new = body.accept(&request.caller, app, agents, now).await?;
    let may = match check_is_in_time(&new, now) {
        Ok(()) => budgets.check(app, agents, request).await,
        Err(late) => Err(late.into()),
    };
    let (begun, warning) = match may {
        Ok(warning) => (journal::begin(app, new, &start).await?, warning),
        // Said again it gets its first answer, whatever has become of time and money since.
        Err(refused) => (journal::begun_before(app, new).await?.ok_or(refused)?, None),
    };
    let run = present_or_last(app, request, &begun).await?;
    let (run, deduplicated) = (RunView::of(&request.caller.tenant, &run.id, &run.value), begun.deduplicated);
    let status = if deduplicated { 200 } else { 201 };
    Ok(Answer::json(status, &StartedRun { run, deduplicated, warning }))
}

/// The run that was begun; of a task that was set going again since and waits for its worker, the one before.
async fn present_or_last(app: &App, request: &Request, begun: &Begun) -> Result<Stored<Run>, ApiError> {
    if let Some(run) = &begun.run {
        return Ok(run.clone());
    }
    let before = begun.task.redrives.saturating_sub(1);
    let run = request.find::<Run>(app, &journal::find_id(app, &begun.task, before).await?).await?;
    run.ok_or_else(|| ApiError::conflict(format!("task {} has no run yet", begun.task.key.id)))
}

/// What the request says of money.
struct Budgeted {
    /// Absent: what the agent has.
    budgets: Option<Budgets>,
    goal: Option<Usd>,
    agent: Option<Id>,
    user: Option<Id>,
    profile: Name,
    check: BudgetCheck,
}

impl Budgeted {
    fn of(body: &RunRequest) -> Self {
        let (budgets, agent) = (body.budgets, body.agent_id.clone());
        let (goal, user) = (body.mission_cost_budget_usd, body.user_id.clone());
        Self { budgets, goal, agent, user, profile: body.profile.clone(), check: body.budget_check }
    }

    /// What the agent may spend, once the run has begun.
    async fn budgets(&self, app: &App, request: &Request) -> Result<Budgets, ApiError> {
        let (None, Some(agent)) = (self.budgets, &self.agent) else { return Ok(self.budgets.unwrap_or_default()) };
        let there = request.find::<Agent>(app, agent).await?;
        Ok(there.and_then(|agent| agent.value.budgets).unwrap_or_default())
    }

    /// Whether whoever pays may spend anything now. (It is asked again before every turn.)
    async fn check(&self, app: &App, agents: &Agents, request: &Request) -> Result<Option<BudgetWarning>, ApiError> {
        // An agent that nobody has named is new, and has spent nothing.
        let agent = self.agent.clone().unwrap_or_else(|| Id::from(ids::fresh()));
        let (tenant, user) = (&request.caller.tenant, self.user.as_ref());
        let holders = agents.rules.budgets.holders(tenant, (&agent, self.budgets(app, request).await?), user);
        let counters: Vec<RecordKey> = holders.iter().map(|holder| holder.counter.clone()).collect();
        let counters = app.store.records_at(&counters).await?;
        let backends = agents.backends();
        let known = backends.iter().any(|view| view.name == self.profile && view.prices_known);
        let prices = known.then(Prices::default);
        let zone = agents.rules.zone();
        let now = app.clock.now();
        let mut checked = Ok(None);
        for (holder, counter) in holders.iter().zip(&counters) {
            let spending = Spending::read(counter.as_ref());
            let said = budget::before_turn(holder, self.goal, prices, &spending, now, zone);
            // The first that stops it, or else the first that is near.
            checked = checked.and_then(|near| said.map(|standing| near.or(standing)));
        }
        match (checked, self.check) {
            (Ok(None), _) => Ok(None),
            (Ok(Some(near)), _) => {
                let message = format!("{} is nearly spent", near.name());
                Ok(Some(BudgetWarning { message, budget: Some(near) }))
            }
            (Err(over), BudgetCheck::Warn) => {
                let budget = match &over {
                    OverBudget::Exceeded(standing) => Some(*standing),
                    OverBudget::Unavailable(_) => None,
                };
                Ok(Some(BudgetWarning { message: over.to_string(), budget }))
            }
            (Err(over), BudgetCheck::Block) => Err(refused(over, app, agents)),
        }
    }
}

/// A spent budget, with when there is some again.
fn refused(over: OverBudget, app: &App, agents: &Agents) -> ApiError {
    let relief = match &over {
        OverBudget::Exceeded(standing) => Some(standing.window.relief(app.clock.now(), agents.rules.zone())),
        OverBudget::Unavailable(_) => None,
    };
    let error = ApiError::from(over);
    match relief {
        Some(relief) => error.retry_after(relief.as_secs() + 1), // a part of a second would be too early
        None => error,
    }
}

/// `POST /v1/runs/{id}/cancel {reason?}`: ends its task, and with it all of it. Its worker or runner is told by its next
/// heartbeat, and writes nothing more. One that is cancelled already answers as it is.
pub(crate) async fn cancel(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: CancelRequest = request.json()?;
    let mut run = request.found::<Run>(app).await?;
    if run.value.status != RunStatus::Cancelled {
        not_ended(&run.value)?;
        end(app, request, run.value.task_id, body.reason).await?;
        run = request.found::<Run>(app).await?;
    }
    Ok(Answer::json(200, &RunView::of(&request.caller.tenant, &run.id, &run.value)))
}

/// `POST /v1/agents/{id}/kill {reason?}`: the same, of the run that the agent lives for.
pub(crate) async fn kill(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: CancelRequest = request.json()?;
    let mut agent = request.found::<Agent>(app).await?;
    if agent.value.status != AgentStatus::Killed {
        if agent.value.status.is_final() {
            return Err(ApiError::conflict(format!("already {}", agent.value.status.as_str())));
        }
        end(app, request, agent.value.task_id, body.reason.or_else(|| Some("killed by an operator".into()))).await?;
        agent = request.found::<Agent>(app).await?;
    }
    Ok(Answer::json(200, &EntityView::from(&agent)))
}

async fn end(app: &App, request: &Request, task_id: Uuid, reason: Option<String>) -> Result<Task, ApiError> {
    let task = task_of(app, request, task_id).await?;
    let reason = reason.unwrap_or_else(|| "cancelled by an operator".to_owned());
    let trigger = Trigger::Cancel { reason, by: request.caller.principal.clone() };
    Ok(change(app, &task, trigger, With::nothing()).await?)
}

/// The task of a run or agent of the caller's.
pub(crate) async fn task_of(app: &App, request: &Request, id: Uuid) -> Result<Task, ApiError> {
    let key = TaskKey { tenant: request.caller.tenant.clone(), id };
    let task = store::task(&*app.store, &key).await?;
    task.ok_or_else(|| ApiError::conflict("its task is past its retention"))
}

fn not_ended(run: &Run) -> Result<(), ApiError> {
    match run.status.terminal() {
        None => Ok(()),
        Some(ended) => Err(ApiError::conflict(format!("the run is already {}", ended.as_str()))),
    }
}
