//! Schedules are shown.

use std::{collections::VecDeque, time::Duration};

use errand::{
    App, StoreError, Stored, TaskKey, Timestamp,
    spi::store::{RecordKey, RelationKind, shown},
};
use errand_http::{Answer, ApiError, Listed, Request, cursor, cursor_of, limit};

use super::missing;
use crate::{
    kept,
    plan::Plan,
    schedule::{Schedule, all, task_id},
    view::{RecentFiring, SHOWN, ScheduleView},
};

/// How far back the newest firings are looked for, one after the other: the first that has enough of them will do.
const BACK_S: [u64; 5] = [600, 86_400, 31 * 86_400, 366 * 86_400, 10 * 366 * 86_400];

/// The most firings that are gone through for that.
const GONE_THROUGH: usize = 5_000;

/// `GET /v1/schedules/{id}`.
pub(super) async fn get(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let id = request.path_id("id").map_err(|_| missing())?;
    let key = kept::place(&request.caller.tenant, &id);
    let there = kept::stored(app, &key).await?.ok_or_else(missing)?;
    let payload = kept::payload(app, &key).await?;
    let plan = kept::plan(&key, &there.value).ok();
    let recent = match &plan {
        Some(plan) => recent(app, &key, &there.value, plan).await?,
        None => Vec::new(),
    };
    let view = ScheduleView::of(there, plan.as_ref(), app.clock.now());
    Ok(Answer::json(200, &ScheduleView { payload: Some(payload), recent: Some(recent), ..view }))
}

/// The newest firings that made tasks which are still there. Their ids follow from when they were named: nothing is kept.
async fn recent(app: &App, key: &RecordKey, schedule: &Schedule, plan: &Plan) -> Result<Vec<RecentFiring>, StoreError> {
    let id = |nominal| task_id(key, schedule.made_at, nominal);
    let keys = newest(plan, schedule.judged)
        .into_iter()
        .map(|nominal| TaskKey { tenant: key.tenant.clone(), id: id(nominal) });
    let mut recent = Vec::new();
    for task in app.store.tasks(&keys.collect::<Vec<_>>()).await {
        recent.extend(shown(task)?.flatten().as_ref().and_then(RecentFiring::of));
    }
    Ok(recent)
}

/// The newest firings up to `until`, the newest first.
fn newest(plan: &Plan, until: Timestamp) -> VecDeque<Timestamp> {
    let mut newest = VecDeque::new();
    for back in BACK_S {
        newest.clear();
        let mut after = until - Duration::from_secs(back);
        for _ in 0..GONE_THROUGH {
            let Some(next) = plan.next(after).filter(|next| next.nominal <= until) else { break };
            after = next.nominal;
            newest.push_front(next.nominal);
        }
        newest.truncate(SHOWN);
        if newest.len() == SHOWN {
            break;
        }
    }
    newest
}

/// `GET /v1/schedules`.
pub(super) async fn list(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let related = request.related::<Schedule>(RelationKind::Parent, &all(), false);
    let (after, limit) = (cursor(request)?, limit(request)?);
    let (page, now) = (app.store.records(&related, after.as_deref(), limit).await?, app.clock.now());
    let mut views = Vec::new();
    for record in page.items {
        let key = record.key.clone();
        let Some(there) = shown(Stored::<Schedule>::read(record))? else { continue };
        let plan = kept::plan(&key, &there.value).ok();
        views.push(ScheduleView::of(there, plan.as_ref(), now));
    }
    Ok(Answer::json(200, &Listed::new(views, page.next.as_deref().map(cursor_of))))
}
