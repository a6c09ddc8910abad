//! Ends an execution that goes on outside: by a worker that has pulled its task, or by who was called and answers later.

use crate::{
    app::App,
    change::{ChangeError, change},
    dead_letter::dead_letter,
    effects::Effect,
    handler::Settings,
    lifecycle::{Fence, Hint, Report, Settlement, Task, Trigger, hint},
    notify::notify,
    processor::decide::{Decision, Ending, decide},
};

/// How an execution outside has ended.
#[derive(Debug)]
pub struct WorkEnded {
    /// What who did it says.
    pub ending: Ending,
    /// What is committed with that, whichever way it ended.
    pub effects: Vec<Effect>,
    /// What it has used.
    pub report: Report,
}

/// Ends the execution that `fence` is of, as its type's `settings` say; the task as it is then. Refused if that execution is
/// over ([`ChangeError::Rejected`]).
pub async fn end(
    app: &App,
    task: &Task,
    fence: Fence,
    settings: &Settings,
    ended: WorkEnded,
) -> Result<Task, ChangeError> {
    let WorkEnded { ending, effects, report } = ended;
    let now = app.clock.now();
    let Decision { mut settlement, with } = decide(task, ending, settings, fastrand::f64() * 2.0 - 1.0, now);
    if let Settlement::Retry { run_at, hinted, .. } | Settlement::Snooze { run_at, hinted } = &mut settlement {
        // By `notify`, as soon as the commit stands.
        *hinted = matches!(hint(*run_at, now), Hint::Message(_));
    }
    let settled = change(app, task, Trigger::Settle { fence, settlement, report }, with.and(effects)).await?;
    notify(app, std::slice::from_ref(&settled)).await;
    dead_letter(app, &settled).await;
    Ok(settled)
}
