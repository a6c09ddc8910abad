//! A schedule is made, or changed.

use errand::{
    App, EnqueueError, StoreError,
    spi::{accept::check_size, json::Json, store::MAX_TRIES},
};
use errand_http::{Answer, ApiError, Request};

use super::carried;
use crate::{
    asked::ScheduleAsked,
    kept,
    schedule::Schedule,
    view::{ScheduleRequest, ScheduleView},
};

/// `PUT /v1/schedules/{id}`: 201 if it is new. What is there already as it is asked for stays untouched.
pub(super) async fn put(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let asked: ScheduleRequest = request.json()?;
    let (id, if_match) = (request.path_id("id")?, request.matched_version()?);
    asked.check()?;
    let payload = Json::new(&asked.payload);
    check_size(payload.as_str().len())?;
    let key = kept::place(&request.caller.tenant, &id);
    let of = (asked.spec, asked.task, asked.policy);
    let fresh = Schedule::new(of, request.caller.principal.clone(), app.clock.now());
    let asked = ScheduleAsked { fresh, payload };
    let plan = asked.plan(&key).map_err(|error| error.within("spec"))?;
    asked.try_out(app, &key).await.map_err(refused)?;
    for _ in 0..MAX_TRIES {
        let kept = kept::kept(app, &key).await?;
        let there = kept.as_ref().filter(|kept| kept.value.removed_at.is_none());
        if if_match.is_some_and(|version| there.is_none_or(|there| there.value.revision != version)) {
            return Err(ApiError::conflict("the schedule has another version than If-Match names"));
        }
        if there.is_some_and(|there| there.value.carried) {
            return Err(carried());
        }
        match asked.put_over(app, &key, kept.as_ref()).await {
            Err(StoreError::Conflict { .. }) if if_match.is_none() => {}
            put => {
                let view = ScheduleView::of(put?, Some(&plan), app.clock.now());
                let view = ScheduleView { payload: Some(asked.payload), ..view };
                return Ok(Answer::json(if there.is_none() { 201 } else { 200 }, &view));
            }
        }
    }
    Err(StoreError::Busy.into())
}

/// Why its tasks are not taken, by the field of the request.
fn refused(why: EnqueueError) -> ApiError {
    let mut error = ApiError::from(why);
    error.field = error.field.map(|field| if field.starts_with("payload") { field } else { format!("task.{field}") });
    error
}
