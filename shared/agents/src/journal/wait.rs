//! A run that nobody has any more, or not yet: its worker was lost, its start was put off, or it waits for a worker outside.

use crate::{
    RunAction, RunStatus, SessionAction,
    event::BackendPhase,
    journal::{Draft, JournalError, Start},
};
use errand::{Effect, Services, StoreError, Task, spi::redact::chain};

/// What becomes of the run of `task`, which becomes `waiting` for a worker outside: one that a worker had is released, and a
/// new drive's is begun. One that cannot be begun now, such as while its agent lives another life, is begun when the poller
/// next looks at its task, or by its claim. To be asked again if any of it has changed when it is committed.
pub async fn waits(
    app: &Services,
    (task, waiting): (&Task, &Task),
    begun_with: &Start,
) -> Result<Vec<Effect>, StoreError> {
    // One that was claimed before its turn keeps the place in its session's line that its wait gives it.
    let looked = waiting.snoozes > task.snoozes;
    effects(draft(app, waiting, (Some(begun_with), looked)).await)
}

/// What becomes of the run of `task`, which waits for a worker. One whose worker was lost is released: so it has changed,
/// and a worker that lives all the same and has it pay for another turn meanwhile is found out before its cost is missed in
/// the task's log. One whose start was put off gives up its place in its session's line, which would wait for it; once its
/// new time has come it takes another.
pub async fn waits_for_worker(app: &Services, task: &Task) -> Result<Vec<Effect>, StoreError> {
    effects(draft(app, task, (None, false)).await)
}

fn effects(draft: Result<Option<Draft>, JournalError>) -> Result<Vec<Effect>, StoreError> {
    match draft.and_then(|draft| draft.map_or_else(|| Ok(Vec::new()), Draft::effects)) {
        Ok(effects) => Ok(effects),
        Err(JournalError::Store(problem @ StoreError::Corrupt { .. })) => {
            // The task must come to its end all the same.
            tracing::error!(error = %chain(&problem), "a run cannot be read; its task waits without it");
            Ok(Vec::new())
        }
        Err(JournalError::Store(problem)) => Err(problem),
        Err(_) => Ok(Vec::new()),
    }
}

async fn draft(
    app: &Services,
    task: &Task,
    (begun_with, looked): (Option<&Start>, bool),
) -> Result<Option<Draft>, JournalError> {
    let id = super::find_id(app, task, task.redrives).await?;
    let Some(mut draft) = Draft::read(app, &task.key.tenant, &id, &[]).await? else {
        return match begun_with {
            Some(begun_with) => begun_with.draft(app, task, id).await,
            None => Ok(None),
        };
    };
    if !matches!(draft.run().status, RunStatus::Claimed | RunStatus::Running) {
        let is_put_off = !looked && task.run_at().is_some_and(|at| at > draft.now);
        draft.on_session(SessionAction::RunLeaves { run: draft.run_id().clone() })?;
        return Ok(Some(draft).filter(|_| is_put_off));
    }
    draft.on_run(RunAction::Release)?;
    draft.happened(BackendPhase::RunReleased, None, None);
    Ok(Some(draft))
}
