//! What a runner has used, told when it ends its run.

use std::time::Duration;

use errand::{
    ids::{Id, Name},
    money::Usd,
    services::Services,
    store::{Expect, RecordKey, RecordWrite},
};
use errand_models::Usage;
use jiff::tz::TimeZone;

use crate::{
    RunAction,
    budget::Spending,
    journal::{JournalError, Place, write},
    keyed_id,
};

/// How long it is known that an execution has told it.
const KEEP: Duration = Duration::from_secs(7 * 24 * 3600);

/// What an execution of a runner's has used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UsedByRunner {
    /// The backend's name for the exchange.
    pub thread_id: Option<String>,
    /// The backend's name for the newest turn.
    pub turn_id: Option<String>,
    /// Tokens read and written, if it says so.
    pub usage: Option<Usage>,
    /// What they cost.
    pub cost: Usd,
}

/// Counts `used` in the run at `place` and in what its `spender` has spent, once for each execution (`attempt`), however often
/// it is said: the runner that was not answered says it again.
pub async fn used(
    app: &Services,
    place: &Place,
    (attempt, spender): (u32, &Id),
    used: &UsedByRunner,
    zone: &TimeZone,
) -> Result<(), JournalError> {
    let tenant = &place.tenant;
    let kind = Name::of("run_used");
    let id = keyed_id(kind.as_str(), &place.run, Some(&attempt.to_string()));
    let told = RecordKey { tenant: tenant.clone(), kind, id };
    let counter = Spending::key(tenant, spender);
    write(app, place, &[told.clone(), counter.clone()], |draft| {
        if draft.also.first().is_some_and(Option::is_some) {
            return Ok(());
        }
        let UsedByRunner { thread_id, turn_id, usage, cost } = used.clone();
        draft.on_run(RunAction::Used { attempt, thread_id, turn_id, usage, cost })?;
        let put = RecordWrite::put(told.clone(), Default::default(), Expect::Absent, draft.now);
        draft.put_first(put.expiring(draft.now + KEEP));
        draft.spend((1, counter.clone()), cost, (draft.now, zone));
        Ok(())
    })
    .await
}
