//! A schedule as it is to be, and how it is put over what is there.

use errand::{
    App, EnqueueError, FieldError, OfSchedule, StoreError, Stored,
    spi::{ids, json::Json, store::RecordKey},
};

use crate::{
    kept::{self, Beside, commit},
    life::{ScheduleAct, ScheduleStep, apply},
    made::{self, ToMake},
    plan::Plan,
    schedule::Schedule,
};

/// What a schedule is to be, with what its tasks are given.
pub(crate) struct ScheduleAsked {
    pub fresh: Schedule,
    pub payload: Json,
}

impl ScheduleAsked {
    /// When it fires, or which field of its `spec` is wrong.
    pub(crate) fn plan(&self, key: &RecordKey) -> Result<Plan, FieldError> {
        kept::plan_of(key, &self.fresh.spec)
    }

    /// Whether a task as it would make them is taken: what is wrong with it is told now.
    pub(crate) async fn try_out(&self, app: &App, key: &RecordKey) -> Result<(), EnqueueError> {
        let at = self.fresh.made_at;
        let of = OfSchedule::of(key.id.clone(), at);
        let wanted = vec![ToMake { id: ids::fresh(), of }];
        made::tasks(app, (key, &self.fresh), &self.payload, wanted, at).await.map(drop)
    }

    /// Puts it in place of what is kept at `key`. What is there as it is asked for stays untouched.
    pub(crate) async fn put_over(
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
}
