//! Taking a run up with the claim of its task.

use crate::{
    AgentAction, AgentStatus, Refused, Run, RunAction, RunStatus, SessionAction,
    event::BackendPhase,
    journal::{JournalError, Place, Start, start, write},
};
use errand::{Services, Task};

/// Takes up the run of `task`, which was just claimed, and makes it if there is none yet; as it is then. Said again by
/// the same worker it changes nothing. `by`: who works, for people.
///
/// [`JournalError::Waits`] where its turn in the session has not come. Refused where the agent lives another life: that
/// ends.
pub async fn claim(app: &Services, task: &Task, begun_with: &Start, by: &str) -> Result<Run, JournalError> {
    let place = Place::held(app, task).await?;
    start::start(app, &place, task, begun_with).await?;
    let attempt = task.executions;
    write(app, &place, &[], |draft| {
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
