//! What was used: by a worker outside, told as it ends a run; and by an execution, for the task's log.

use std::time::Duration;

use errand::{
    Expect, Name, Report, Services, StoreError, Stored, Task,
    spi::{
        money::Usd,
        store::{RecordKey, RecordWrite, shown},
    },
};
use jiff::tz::TimeZone;

use crate::{
    ExecutionUse, Run, RunAction,
    journal::{JournalError, Place, write},
    key_of, keyed_id,
};

/// How long it is known that an execution has told it.
const KEEP: Duration = Duration::from_secs(7 * 24 * 3600);

/// What an execution outside has used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UsedOutside {
    /// The backend's name for the exchange.
    pub thread_id: Option<String>,
    /// The backend's name for the newest turn.
    pub turn_id: Option<String>,
    /// What it used, and cost.
    pub used: ExecutionUse,
}

/// Counts `used` in the run at `place` and in the `counters` of whose budgets it works on, once for each execution
/// (`attempt`), however often it is said: the worker that was not answered says it again.
pub async fn used(
    app: &Services,
    place: &Place,
    (attempt, counters): (u32, &[RecordKey]),
    used: &UsedOutside,
    zone: &TimeZone,
) -> Result<(), JournalError> {
    let tenant = &place.tenant;
    let kind = Name::of("run_used");
    let id = keyed_id(kind.as_str(), &place.run, Some(&attempt.to_string()));
    let told = RecordKey { tenant: tenant.clone(), kind, id };
    let also: Vec<RecordKey> = [&told].into_iter().chain(counters).cloned().collect();
    write(app, place, &also, |draft| {
        if draft.also.first().is_some_and(Option::is_some) {
            return Ok(());
        }
        let UsedOutside { thread_id, turn_id, used } = used.clone();
        let cost = used.cost_usd;
        draft.on_run(RunAction::Used { attempt, thread_id, turn_id, used })?;
        let put = RecordWrite::put(told.clone(), Default::default(), Expect::Absent, draft.now);
        draft.put_first(put.expiring(draft.now + KEEP));
        for (nth, counter) in also.iter().enumerate().skip(1) {
            draft.spend((nth, counter.clone()), cost, (draft.now, zone));
        }
        Ok(())
    })
    .await
}

/// What the execution that has `task` has used so far, as its run says.
pub async fn used_by_execution(app: &Services, task: &Task) -> Result<Report, StoreError> {
    let id = super::find_id(app, task, task.redrives).await?;
    // Of one that cannot be read nothing is known; its task must be able to end all the same.
    let run = shown(app.store.record(&key_of::<Run>(&task.key.tenant, &id)).await)?.flatten();
    let Some(run) = run.and_then(|run| Stored::<Run>::read(run).ok()) else {
        return Ok(Report::default());
    };
    if run.value.attempt != task.executions {
        return Ok(Report::default()); // this execution has not come to it
    }
    let ExecutionUse { model, usage, cost_usd } = run.value.execution;
    Ok(Report {
        model,
        tokens_in: usage.map(|usage| usage.tokens_in),
        tokens_out: usage.map(|usage| usage.tokens_out),
        cost_nano_usd: (cost_usd > Usd::ZERO).then(|| cost_usd.nanos()),
    })
}
