//! A run that nobody has any more: its worker was lost, or it waits for a runner, and is found by who asks for such runs.

use crate::{
    RunAction, RunStatus,
    event::BackendPhase,
    journal::{Draft, JournalError, Start},
};
use errand::{Effect, Services, StoreError, Task, spi::redact::chain};

/// What becomes of the run of `task`, which waits for a runner: one that a runner had is released, and a new drive's is
/// begun. One that cannot be begun now, such as while its agent lives another life, is begun when the poller next looks
/// at its task, or by its claim. To be asked again if any of it has changed when it is committed.
pub async fn waits(app: &Services, task: &Task, begun_with: &Start) -> Result<Vec<Effect>, StoreError> {
    effects(draft(app, task, Some(begun_with)).await)
}

/// What becomes of the run of `task`, whose worker was lost: it is released. So it has changed, and a worker that lives
/// all the same and has it pay for another turn meanwhile is found out before its cost is missed in the task's log.
pub async fn lost(app: &Services, task: &Task) -> Result<Vec<Effect>, StoreError> {
    effects(draft(app, task, None).await)
}

fn effects(draft: Result<Option<Draft>, JournalError>) -> Result<Vec<Effect>, StoreError> {
    let records = match draft {
        Ok(Some(draft)) => draft.records(),
        Ok(None) => Ok(Vec::new()),
        Err(problem) => Err(problem),
    };
    match records {
        Ok(records) => Ok(records.into_iter().map(Effect::write).collect()),
        Err(JournalError::Store(problem @ StoreError::Corrupt { .. })) => {
            // The task must come to its end all the same.
            tracing::error!(error = %chain(&problem), "a run cannot be read; its task waits without it");
            Ok(Vec::new())
        }
        Err(JournalError::Store(problem)) => Err(problem),
        Err(_) => Ok(Vec::new()),
    }
}

async fn draft(app: &Services, task: &Task, begun_with: Option<&Start>) -> Result<Option<Draft>, JournalError> {
    let id = super::find_id(app, task, task.redrives).await?;
    let Some(mut draft) = Draft::read(app, &task.key.tenant, &id, &[]).await? else {
        return match begun_with {
            Some(begun_with) => begun_with.draft(app, task, id).await,
            None => Ok(None),
        };
    };
    if !matches!(draft.run().status, RunStatus::Claimed | RunStatus::Running) {
        return Ok(None);
    }
    draft.on_run(RunAction::Release)?;
    draft.happened(BackendPhase::RunReleased, None, None);
    Ok(Some(draft))
}
