//! Its claims, heartbeats and ends: what the run is told of them, and what its worker is told of the run.

use async_trait::async_trait;
use serde_json::json;

use crate::{
    Agents, ExecutionUse, Run, RunOutside,
    budget::Budgets,
    failure::not_begun,
    journal::{self, JournalError, Place, UsedOutside},
    key_of,
};
use errand::{
    App, Doc, Failure, FailureKind, Handler, Id, Name, Services, StoreError, Stored, Task,
    spi::{
        processor::Ending,
        redact,
        store::{RecordKey, shown},
    },
};
use errand_http::ApiError;
use errand_models::Usage;
use errand_work::{PulledType, WorkExchange, WorkUsed};

/// The type, for whoever serves claims.
pub(crate) struct PulledRuns(pub(crate) Agents);

#[async_trait]
impl PulledType for PulledRuns {
    fn name(&self) -> &'static str {
        RunOutside::TYPE
    }

    async fn claimed(&self, app: &App, task: &Task, worker: &Id) -> Result<Doc, Ending> {
        let unreadable = |error: serde_json::Error| Failure::said(FailureKind::InvalidPayload, error.to_string());
        let input: RunOutside = task.payload.parse().map_err(unreadable).map_err(Ending::Failed)?;
        let begun_with = input.start(Name::of("task"), &self.0);
        match journal::claim(app, task, &begun_with, worker.as_str()).await {
            Ok(run) => Ok(told(&journal::find_id(app, task, task.redrives).await.map_err(given_back)?, &run)),
            Err(JournalError::Store(problem @ (StoreError::Busy | StoreError::Unavailable(_)))) => {
                Err(given_back(problem))
            }
            Err(error) => Err(not_begun(task, error).into()),
        }
    }

    async fn renewed(&self, app: &App, task: &Task) -> Result<Doc, StoreError> {
        let Some((_, run)) = run_of(app, task).await? else { return Ok(Doc::new()) };
        let news = json!({"open_commands": run.open_commands.len(), "last_command_seq": run.last_command_seq});
        Ok(news.as_object().cloned().unwrap_or_default())
    }

    async fn ends(&self, app: &App, task: &Task, said: WorkExchange) -> Result<(), ApiError> {
        if said == WorkExchange::default() {
            return Ok(());
        }
        let Some((_, run)) = run_of(app, task).await? else { return Ok(()) };
        let rules = &self.0.rules;
        let agent = (&run.spender(), Budgets::default());
        let holders = rules.budgets.holders(&task.key.tenant, agent, task.user_id.as_ref());
        let counters: Vec<RecordKey> = holders.into_iter().map(|holder| holder.counter).collect();
        let by = (task.executions, counters.as_slice());
        let place = Place::held(app, task).await?;
        match journal::used(app, &place, by, &used(said), rules.zone()).await {
            // Its run has ended since, or is another's: so its task has, or is.
            Err(JournalError::Refused(_)) => Err(JournalError::LeaseLost.into()),
            used => Ok(used?),
        }
    }
}

/// Nothing is wrong with the run: another claim may begin it at once.
fn given_back(_: StoreError) -> Ending {
    Ending::Released
}

/// What a worker is told of the run that it has taken.
fn told(id: &Id, run: &Run) -> Doc {
    let told = json!({"run_id": id, "session_id": run.session_id, "resource_bundle": run.resource_bundle});
    let told = told.as_object().cloned().unwrap_or_default();
    told.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

/// The run that does `task`, if there is one that can be read.
async fn run_of(app: &Services, task: &Task) -> Result<Option<(Id, Run)>, StoreError> {
    let id = journal::find_id(app, task, task.redrives).await?;
    let run = shown(app.store.record(&key_of::<Run>(&task.key.tenant, &id)).await)?.flatten();
    Ok(run.and_then(|run| Stored::read(run).ok()).map(|run: Stored<Run>| (id, run.value)))
}

fn used(WorkExchange { thread_id, turn_id, used }: WorkExchange) -> UsedOutside {
    let shown = |name: Option<String>| name.map(|name| redact::text(&name).into_owned());
    let used = used.map(|WorkUsed { model, tokens_in, tokens_out, cost_usd }| ExecutionUse {
        model: shown(model),
        usage: Some(Usage { tokens_in, tokens_out }),
        cost_usd,
    });
    UsedOutside { thread_id: shown(thread_id), turn_id: shown(turn_id), used: used.unwrap_or_default() }
}
