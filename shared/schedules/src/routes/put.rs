//! A schedule is made, or changed.

use errand::{
    App, OfSchedule, StoreError, Stored, Timestamp,
    spi::{
        accept::check_size,
        ids,
        json::Json,
        store::{MAX_TRIES, RecordKey},
    },
};
use errand_http::{Answer, ApiError, Request};

use crate::{
    kept::{self, Beside, commit},
    life::{ScheduleAct, ScheduleStep, apply},
    made::{self, ToMake},
    plan::Plan,
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
    let fresh = new(&asked, request.caller.principal.clone(), app.clock.now());
    let plan = kept::plan_of(&key, &asked.spec).map_err(|error| error.within("spec"))?;
    try_out(app, &key, &fresh, &payload).await?;
    let wanted = Asked { fresh, payload, plan };
    for _ in 0..MAX_TRIES {
        let kept = kept::kept(app, &key).await?;
        let there = kept.as_ref().filter(|kept| kept.value.removed_at.is_none());
        if if_match.is_some_and(|version| there.is_none_or(|there| there.value.revision != version)) {
            return Err(ApiError::conflict("the schedule has another version than If-Match names"));
        }
        match wanted.put_over(app, &key, kept.as_ref()).await {
            Err(StoreError::Conflict { .. }) if if_match.is_none() => {}
            put => return Ok(wanted.answer(put?, there.is_none(), app.clock.now())),
        }
    }
    Err(StoreError::Busy.into())
}

/// What is asked for, and found to be right.
struct Asked {
    fresh: Schedule,
    payload: Json,
    plan: Plan,
}

impl Asked {
    async fn put_over(
        &self,
        app: &App,
        key: &RecordKey,
        kept: Option<&Stored<Schedule>>,
    ) -> Result<Stored<Schedule>, StoreError> {
        let now = app.clock.now();
        let step = match kept.filter(|kept| kept.value.removed_at.is_none()) {
            Some(there) => {
                let (old, new) = (&there.value, &self.fresh);
                let is_same = (&old.spec, &old.task, old.policy) == (&new.spec, &new.task, new.policy);
                if is_same && there.value.blocked.is_none() && kept::payload(app, key).await? == self.payload {
                    return Ok(there.clone());
                }
                apply(&there.value, key, ScheduleAct::Put(new.clone().into()), now)
            }
            None => ScheduleStep::of(Schedule { made_at: now, judged: now, ..self.fresh.clone() }),
        };
        let beside = Beside { payload: Some(&self.payload), ..Beside::default() };
        commit(app, (key, kept), step, beside, now).await
    }

    fn answer(&self, put: Stored<Schedule>, is_new: bool, now: Timestamp) -> Answer {
        let view = ScheduleView::of(put, Some(&self.plan), now);
        let view = ScheduleView { payload: Some(self.payload.clone()), ..view };
        Answer::json(if is_new { 201 } else { 200 }, &view)
    }
}

fn new(asked: &ScheduleRequest, by: String, now: Timestamp) -> Schedule {
    Schedule {
        spec: asked.spec.clone(),
        task: asked.task.clone(),
        policy: asked.policy,
        made_at: now,
        put_by: by,
        revision: ids::fresh(),
        judged: now,
        paused: None,
        blocked: None,
        live: Vec::new(),
        buffered: Vec::new(),
        last: None,
        fired: 0,
        skipped: 0,
        missed: 0,
        removed_at: None,
    }
}

/// Whether a task as it would make them is taken: what is wrong with it is told now.
async fn try_out(app: &App, key: &RecordKey, schedule: &Schedule, payload: &Json) -> Result<(), ApiError> {
    let of = OfSchedule { id: key.id.clone(), nominal: schedule.made_at, backfilled: false };
    let wanted = vec![ToMake { id: ids::fresh(), of }];
    let made = made::tasks(app, (key, schedule), payload, wanted, schedule.made_at).await;
    made.map(drop).map_err(|why| {
        let mut error = ApiError::from(why);
        error.field =
            error.field.map(|field| if field.starts_with("payload") { field } else { format!("task.{field}") });
        error
    })
}
