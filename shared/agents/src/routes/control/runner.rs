//! Runs, as a runner outside sees them: register, claim, heartbeat, append, commands, jobs, finish.
//!
//! There is one lease, the task's: the claim of a run is the claim of its task, and its fence is what the runner shows
//! with every write. Whoever has lost it is told `lease_conflict`, whatever the run has become since.

mod claim;
mod register;
mod report;

use crate::{
    Run,
    api::LeaseToken,
    journal::{JournalError, Place},
};
use errand::{App, Stored, TaskKey, spi::store};
use errand_http::{ApiError, Request};

pub(crate) use claim::{claim, heartbeat};
pub(crate) use register::register;
pub(crate) use report::{acknowledge, append, finish, finish_command, finish_job};

/// Where a runner writes: nothing once it has lost the run.
fn held(request: &Request, run: &Stored<Run>, LeaseToken(fence): LeaseToken) -> Result<Place, ApiError> {
    if run.value.attempt != fence.executions {
        return Err(ApiError::lease_conflict("the lease was lost: another runner has taken the run"));
    }
    if let Some(ended) = run.value.status.terminal() {
        return Err(ApiError::lease_conflict(format!("the lease is over: the run is {}", ended.as_str())));
    }
    let tenant = request.caller.tenant.clone();
    let key = TaskKey { tenant: tenant.clone(), id: run.value.task_id };
    Ok(Place { tenant, run: run.id.clone(), task: Some((key, fence)) })
}

/// What a runner is told of a write that was refused: before anything else, that it has no lease.
async fn explained(app: &App, place: &Place, error: JournalError) -> ApiError {
    if let (JournalError::Refused(_), Some((key, fence))) = (&error, &place.task) {
        match store::task(&*app.store, key).await {
            Ok(Some(task)) if task.fence() == Some(*fence) => {}
            Ok(_) => return JournalError::LeaseLost.into(),
            Err(problem) => return problem.into(),
        }
    }
    error.into()
}
