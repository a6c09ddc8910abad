//! Taking a run, and keeping it.

use crate::{
    Agents, Run, RunOutside, RunStatus, Runner,
    api::{ClaimRequest, Claimed, LeaseRequest, LeaseToken, RunNews, RunView},
    journal::{self, JournalError},
};
use errand::{
    App, Handler, Id, Name, State, Stored, Task, Timestamp,
    spi::{
        change::{ChangeError, With, change},
        ids,
        lifecycle::{Rejected, Report, Settlement, Trigger},
        store,
    },
};
use errand_http::{Answer, ApiError, Request, control::Once};
use serde_json::json;
use uuid::Uuid;

use super::register::seen;
use crate::routes::control::runs::task_of;

/// What a claim under a key drew for its lease. Nobody may be able to work it out: it is what a runner writes by.
const WORKER: &str = "worker";

/// `POST /v1/runs/{id}/claim {runner_id}`: the claim of its task. 409 `lease_conflict` while another's lease lives. Under
/// an `Idempotency-Key` a claim whose answer was lost is answered again.
pub(crate) async fn claim(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let ClaimRequest { runner_id } = request.json()?;
    let run = request.found::<Run>(app).await?;
    let no_runner = || ApiError::invalid("runner_id", "no such runner; see POST /v1/runners");
    let runner = request.find::<Runner>(app, &runner_id).await?.ok_or_else(no_runner)?;
    let task = task_of(app, request, run.value.task_id).await?;
    let is_for_runners = task.task_type.as_str() == RunOutside::TYPE;
    let input = is_for_runners.then(|| task.payload.parse::<RunOutside>().ok()).flatten();
    let not_for_runners = || ApiError::conflict("no runner takes this run: it was not made with `executor: runner`");
    let input = input.ok_or_else(not_for_runners)?;
    takes(&runner.value, &run.value)?;
    // Each runner's keys are its own: the lease of another is none of its answers.
    let once = Once::of(request, &format!("{}/{}", run.id, runner.id));
    let worker = ids::secret();
    let with = match &once {
        Some(once) => With::nothing().once(once.remember(WORKER, json!(worker), app.clock.now())),
        None => With::nothing(),
    };
    let claimed = match change(app, &task, Trigger::Claim { worker, lease: None }, with).await {
        Ok(claimed) => claimed,
        Err(ChangeError::Rejected(Rejected::Held(until))) => held_by(app, &task, once.as_ref(), until).await?,
        Err(problem) => return Err(problem.into()),
    };
    let begun_with = input.start(Name::of("task"), Agents::of(app)?);
    match journal::claim(app, &claimed, &begun_with, runner.id.as_str()).await {
        Ok(value) => {
            seen(app, request, &runner).await;
            let id = journal::find_id(app, &claimed, claimed.redrives).await?;
            answer_claim(request, &claimed, &id, &value)
        }
        Err(JournalError::LeaseLost) => Err(JournalError::LeaseLost.into()),
        Err(problem) => {
            give_back(app, &claimed).await;
            Err(problem.into())
        }
    }
}

fn answer_claim(request: &Request, task: &Task, id: &Id, run: &Run) -> Result<Answer, ApiError> {
    let fence = task.fence().ok_or(JournalError::LeaseLost)?;
    let claimed = Claimed {
        run_id: id,
        lease_token: LeaseToken(fence),
        lease_expires_at: lease_end(task),
        payload: &task.payload,
        redrive_note: task.redrive_note.as_deref(),
        resource_bundle: run.resource_bundle.as_ref(),
        run: RunView::of(&request.caller.tenant, id, run),
    };
    Ok(Answer::json(200, &claimed))
}

fn takes(runner: &Runner, run: &Run) -> Result<(), ApiError> {
    if runner.project != run.project {
        return Err(ApiError::tenant_policy_denied("the run belongs to another project"));
    }
    if runner.profiles.is_empty() || runner.profiles.contains(&run.profile) {
        return Ok(());
    }
    Err(ApiError::conflict(format!("the runner takes no runs of profile `{}`", run.profile)))
}

/// The task as this very claim left it, if its answer was lost.
async fn held_by(app: &App, task: &Task, once: Option<&Once>, until: Timestamp) -> Result<Task, ApiError> {
    let before = match once {
        Some(once) => once.recorded(app).await?,
        None => None,
    };
    let before = before.and_then(|doc| Uuid::try_parse(doc.get(WORKER)?.as_str()?).ok());
    let now = store::task(&*app.store, &task.key).await?;
    let ours = now.filter(|task| before.is_some() && task.fence().map(|fence| fence.worker) == before);
    ours.ok_or_else(|| ApiError::lease_conflict(format!("another runner holds it, until {until} or longer")))
}

/// What the run cannot begin for now may be over soon: another run of its session, its agent's other life.
async fn give_back(app: &App, task: &Task) {
    let Some(fence) = task.fence() else { return };
    let settlement = Settlement::Snooze { run_at: app.clock.now(), hinted: false };
    let trigger = Trigger::Settle { fence, settlement, report: Report::default() };
    // If that fails too, the lease ends by itself.
    let _ = change(app, task, trigger, With::nothing()).await;
}

/// `POST /v1/runs/{id}/heartbeat {lease_token}`: renews the lease and tells what is new. Of a run that was called off
/// while the runner had it: `cancel`, and no lease.
pub(crate) async fn heartbeat(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let LeaseRequest { lease_token: LeaseToken(fence) } = request.json()?;
    let run = request.found::<Run>(app).await?;
    let called_off =
        |run: &Stored<Run>| run.value.status == RunStatus::Cancelled && run.value.attempt == fence.executions;
    if called_off(&run) {
        return Ok(news(&run, None));
    }
    let task = task_of(app, request, run.value.task_id).await?;
    match change(app, &task, Trigger::Renew { fence, lease: None }, With::nothing()).await {
        Ok(renewed) => {
            let runner = run.value.claimed_by.as_deref().and_then(|id| Id::new(id).ok());
            if let Some(runner) = runner
                && let Some(runner) = request.find::<Runner>(app, &runner).await?
            {
                seen(app, request, &runner).await;
            }
            Ok(news(&run, Some(&renewed)))
        }
        Err(problem) => {
            let run = request.found::<Run>(app).await?;
            if called_off(&run) { Ok(news(&run, None)) } else { Err(problem.into()) }
        }
    }
}

fn news(run: &Stored<Run>, task: Option<&Task>) -> Answer {
    let Run { status, open_commands, last_command_seq, .. } = &run.value;
    let news = RunNews {
        run_id: &run.id,
        status: *status,
        cancel: *status == RunStatus::Cancelled,
        lease_expires_at: task.and_then(lease_end),
        open_commands: open_commands.len(),
        last_command_seq: *last_command_seq,
    };
    Answer::json(200, &news)
}

fn lease_end(task: &Task) -> Option<Timestamp> {
    match task.state {
        State::Running { lease_expires_at, .. } => Some(lease_expires_at),
        _ => None,
    }
}
