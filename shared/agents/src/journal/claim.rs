//! Taking a run up with the claim of its task.

use crate::{
    AgentAction, AgentStatus, Refused, Run, RunAction, RunStatus, SessionAction,
    event::BackendPhase,
    journal::{JournalError, Place, Start, start, write},
    key_of,
};
use errand::{Id, Name, Services, Stored, Task, TaskKey, spi::store};

/// Takes up the run of `task`, which was just claimed, and makes it if there is none yet; as it is then. Said again by
/// the same worker it changes nothing. `by`: who works, for people.
///
/// [`JournalError::Waits`] where its turn in the session has not come. Refused where the agent lives another life: that
/// ends.
pub async fn claim(app: &Services, task: &Task, begun_with: &Start, by: &str) -> Result<Run, JournalError> {
    let place = Place::held(app, task).await?;
    start::start(app, &place, task, begun_with).await?;
    loop {
        match take(app, &place, task.executions, by).await {
            Err(JournalError::Waits { refused: Refused::NotItsTurn(head), .. })
                if is_over(app, &place.tenant, &head).await? =>
            {
                write(app, &place, &[], |draft| Ok(draft.on_session(SessionAction::RunLeaves { run: head.clone() })?))
                    .await?;
            }
            taken => return taken,
        }
    }
}

async fn take(app: &Services, place: &Place, attempt: u32, by: &str) -> Result<Run, JournalError> {
    write(app, place, &[], |draft| {
        if (draft.run().attempt, draft.run().status) == (attempt, RunStatus::Running) {
            return Ok(draft.run().clone());
        }
        draft.on_run(RunAction::Claim { by: by.to_owned(), attempt })?;
        draft.on_run(RunAction::Start { attempt })?;
        match draft.on_session(SessionAction::RunStarted { run: draft.run.id.clone() }) {
            Err(refused @ (Refused::Busy(_) | Refused::NotItsTurn(_))) => {
                return Err(JournalError::Waits { refused, effects: draft.waits()? });
            }
            started => started?,
        }
        if draft.agent.as_ref().is_some_and(|agent| agent.value.status == AgentStatus::Spawning) {
            draft.on_agent(AgentAction::Start)?;
        }
        draft.happened(BackendPhase::RunClaimed, None, Some(format!("by {by}, attempt {attempt}")));
        Ok(draft.run().clone())
    })
    .await
}

/// Whether the run at the head of a line is done for, and has only not left: where its task ended, or was set going again,
/// nobody knew the task's type, and so nothing ended with it.
async fn is_over(app: &Services, tenant: &Name, head: &Id) -> Result<bool, JournalError> {
    let Some(run) = app.store.record(&key_of::<Run>(tenant, head)).await? else { return Ok(true) };
    let run: Run = Stored::read(run)?.value;
    let task = store::task(&*app.store, &TaskKey { tenant: tenant.clone(), id: run.task_id }).await?;
    Ok(task.is_none_or(|task| task.status().is_ended() || task.redrives > run.drive))
}
