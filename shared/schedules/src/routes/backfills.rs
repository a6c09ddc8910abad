//! Firings are asked for afterwards, and it is shown how far that is.

use errand::{
    App, Id, StoreError, Stored,
    spi::{
        accept::check_key,
        ids,
        notify::notify_due,
        records::{create, key_of},
        store::{self, Commit, RecordWrite, RelationKind, shown},
    },
};
use errand_http::{Answer, ApiError, Listed, Request, cursor, cursor_of, limit};

use super::missing;
use crate::{
    backfill::{Backfill, begun},
    kept,
    view::{BackfillRequest, BackfillView},
};

/// `POST /v1/schedules/{id}/backfill`: 201, or 200 if the same key has begun one before.
pub(super) async fn begin(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let BackfillRequest { from, to, overlap } = request.json()?;
    let id = request.path_id("id").map_err(|_| missing())?;
    request.idempotency_key.as_deref().map_or(Ok(()), check_key)?;
    let (tenant, now) = (&request.caller.tenant, app.clock.now());
    if to < from || to > now {
        return Err(ApiError::invalid("to", "expected a time that has passed, not before `from`"));
    }
    let schedule = kept::stored(app, &kept::place(tenant, &id)).await?.ok_or_else(missing)?;
    let made_at = schedule.value.made_at.as_millis().to_string();
    let of_key = |key: &str| ids::derived(&["backfill", tenant.as_str(), id.as_str(), &made_at, key]);
    let backfill = Id::from(request.idempotency_key.as_deref().map_or_else(ids::fresh, of_key));
    let key = key_of::<Backfill>(tenant, &backfill);
    let begun = begun(&schedule, (from, to), overlap, request.caller.principal.clone());
    let mut put = create(tenant, &backfill, &begun, now);
    if let RecordWrite::Put { record, .. } = &mut put {
        record.wake_at = Some(now);
    }
    match store::commit(&*app.store, Commit { records: vec![put], ..Commit::default() }).await {
        Ok(()) => {
            notify_due(app, &key, now, schedule.value.task.priority).await;
            Ok(Answer::json(201, &BackfillView { id: backfill, backfill: begun }))
        }
        Err(StoreError::Conflict { .. }) => {
            let there = app.store.record(&key).await?.ok_or(StoreError::Busy)?;
            Ok(Answer::json(200, &view(Stored::read(there)?)))
        }
        Err(problem) => Err(problem.into()),
    }
}

/// `GET /v1/schedules/{id}/backfills`.
pub(super) async fn list(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let id = request.path_id("id").map_err(|_| missing())?;
    kept::stored(app, &kept::place(&request.caller.tenant, &id)).await?.ok_or_else(missing)?;
    let related = request.related::<Backfill>(RelationKind::Parent, &id, true);
    let (after, limit) = (cursor(request)?, limit(request)?);
    let page = app.store.records(&related, after.as_deref(), limit).await?;
    let mut views = Vec::new();
    for record in page.items {
        views.extend(shown(Stored::<Backfill>::read(record))?.map(view));
    }
    Ok(Answer::json(200, &Listed::new(views, page.next.as_deref().map(cursor_of))))
}

fn view(stored: Stored<Backfill>) -> BackfillView {
    BackfillView { id: stored.id, backfill: stored.value }
}
