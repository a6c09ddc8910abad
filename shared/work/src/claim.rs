//! Workers outside take tasks: several at once, each claimed by a commit of its own.
//!
//! An answer may be lost on its way, and the tasks in it would be nobody's until their leases end. So a claim under an
//! `Idempotency-Key` first writes down which tasks it goes for, and a secret that their fences are derived from: said again,
//! it finds those that it holds.

mod candidates;
mod form;
mod remembered;

use std::{collections::HashSet, time::Duration};

use errand::{
    App, Dispatch, Id, Name, Task,
    spi::{attended, ids},
};
use errand_http::{ApiError, Caller};
use futures::future::join_all;

pub use form::{ClaimTasks, ClaimedTask, Claims};
pub(crate) use form::{LEASE_S, TYPES, lease};

use crate::{
    OpenWork,
    pulled::{begin, pulled_type},
    worker::{self, WorkerState},
};
use candidates::Candidates;
use remembered::Remembered;

/// How soon is looked again, while it is waited: for what becomes due without anybody's doing.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The longest that a worker is told to wait before it asks again, in seconds.
const MAX_POLL_AFTER_S: u32 = 15;

/// How often it is looked for tasks that no other worker is faster with.
const ROUNDS: usize = 3;

/// Takes tasks for the worker that asks, as the caller's; under `key` once.
pub(crate) async fn claim(
    app: &App,
    caller: &Caller,
    request: &ClaimTasks,
    key: Option<&str>,
) -> Result<Claims, ApiError> {
    request.check()?;
    let tenant = &caller.tenant;
    are_pulled(app, tenant, request).await?;
    attended::asked(app, &request.wanted(tenant)).await;
    let state = worker::heard_of(app, tenant, &request.worker_id).await?;
    let once = key.map(|key| Remembered::of(tenant, request, key));
    let mut items = match &once {
        Some(once) => held(app, request, once).await?,
        None => None,
    };
    if items.is_none() && state == WorkerState::Run {
        items = Some(waited(app, tenant, request, once.as_ref()).await?);
    }
    let items = items.unwrap_or_default();
    let poll_after_s = if items.is_empty() { poll_after(app, request) } else { 0 };
    Ok(Claims { count: items.len(), items, poll_after_s, state })
}

/// Refuses a type that nobody ever has tasks of to give out: who waits for them would never hear why there are none.
async fn are_pulled(app: &App, tenant: &Name, request: &ClaimTasks) -> Result<(), ApiError> {
    for name in &request.task_types {
        if request.pool.is_none() && pulled_type(app, name.as_str()).is_some() {
            let message = format!("each task of the type `{name}` is in the pool of its profile: say which");
            return Err(ApiError::invalid("pool", message));
        }
        let settings = match (app.types.settings(name), OpenWork::of(app)) {
            (Some(settings), _) => Some(settings),
            (None, Some(open)) => open.find(app, tenant, name).await?.map(|found| found.record.settings()),
            (None, None) => None,
        };
        let message = match settings.map(|settings| settings.dispatch) {
            Some(Dispatch::Pulled) => continue,
            Some(_) => format!("tasks of the type `{name}` are not given to workers outside"),
            None => format!("unknown task type `{name}`; see PUT /v1/task-types/{{name}}"),
        };
        return Err(ApiError::invalid("task_types", message));
    }
    Ok(())
}

/// Where it was waited there is no need to wait besides; elsewhere ever longer.
fn poll_after(app: &App, request: &ClaimTasks) -> u32 {
    let waited = app.bell.is_some() && request.wait_s > 0;
    if waited { 0 } else { 1_u32.checked_shl(request.idle).unwrap_or(u32::MAX).min(MAX_POLL_AFTER_S) }
}

async fn waited(
    app: &App,
    tenant: &Name,
    request: &ClaimTasks,
    once: Option<&Remembered>,
) -> Result<Vec<ClaimedTask>, ApiError> {
    let until = app.clock.now() + Duration::from_secs(request.wait_s.into());
    // Before it is looked: what comes between rings, and is not missed.
    let mut bell = app.bell.as_ref().map(|bell| bell.listen());
    loop {
        let taken = take(app, tenant, request, once).await?;
        let left = until.since(app.clock.now());
        let Some(bell) = bell.as_mut().filter(|_| taken.is_empty() && !left.is_zero()) else { return Ok(taken) };
        tokio::select! {
            () = bell.rung() => {}
            () = app.clock.sleep(left.min(LOOK_EVERY)) => {}
        }
    }
}

/// What a claim that was said before holds still; `None` if it was not said before.
async fn held(app: &App, request: &ClaimTasks, once: &Remembered) -> Result<Option<Vec<ClaimedTask>>, ApiError> {
    let Some(held) = once.held(app).await? else { return Ok(None) };
    Ok(Some(begun(app, &request.worker_id, held).await))
}

/// Those of `claimed` that can begin.
async fn begun(app: &App, worker: &Id, claimed: Vec<Task>) -> Vec<ClaimedTask> {
    let begun = claimed.iter().map(async |task| ClaimedTask::of(task, begin(app, task, worker).await?));
    join_all(begun).await.into_iter().flatten().collect()
}

/// Takes what there is now.
async fn take(
    app: &App,
    tenant: &Name,
    request: &ClaimTasks,
    once: Option<&Remembered>,
) -> Result<Vec<ClaimedTask>, ApiError> {
    let max = request.max as usize;
    let wanted = request.wanted(tenant);
    let mut tried = HashSet::new();
    let mut taken = Vec::new();
    for _ in 0..ROUNDS {
        let candidates = Candidates::find(app, &wanted, max - taken.len(), &mut tried).await?;
        if candidates.keys.is_empty() {
            break;
        }
        let seed = match once {
            Some(once) => match once.begin(app, &candidates.keys).await? {
                Some(seed) => seed,
                // The same claim, said twice at once: the other is answered.
                None => return Ok(held(app, request, once).await?.unwrap_or_default()),
            },
            None => ids::secret(),
        };
        let claimed = candidates.claim(app, request.lease(), seed).await?;
        taken.extend(begun(app, &request.worker_id, claimed).await);
        // What a claim under a key goes for is written down once.
        if taken.len() >= max || once.is_some() {
            break;
        }
    }
    Ok(taken)
}
