//! Schedules in the store: how they are read, and the one commit by which one goes on, with the tasks that it makes.

use errand::{
    App, Entity, Event, Expect, FieldError, Id, Name, Patch, ScheduleSpec, StoreError, Stored, Task, Timestamp,
    spi::{
        event, ids,
        json::Json,
        notify::{notify, notify_due},
        records::key_of,
        store::{self, Commit, Record, RecordKey, RecordWrite},
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    life::{ScheduleNews, ScheduleStep},
    plan::Plan,
    preview::hashed,
    schedule::{Schedule, ScheduledPayload},
    spec,
    wake::wake_at,
};

/// Where the schedule `id` of `tenant` is kept.
pub(crate) fn place(tenant: &Name, id: &Id) -> RecordKey {
    key_of::<Schedule>(tenant, id)
}

/// The schedule at `key` as it is kept now, or was when it was removed.
pub(crate) async fn kept(app: &App, key: &RecordKey) -> Result<Option<Stored<Schedule>>, StoreError> {
    app.store.record(key).await?.map(Stored::read).transpose()
}

/// The schedule at `key`, if there is one.
pub(crate) async fn stored(app: &App, key: &RecordKey) -> Result<Option<Stored<Schedule>>, StoreError> {
    Ok(kept(app, key).await?.filter(|there| there.value.removed_at.is_none()))
}

/// What its tasks are given. It is read after the schedule, and written with it: where it is a newer one's, the schedule has
/// another version, too.
pub(crate) async fn payload(app: &App, key: &RecordKey) -> Result<Json, StoreError> {
    let place = key_of::<ScheduledPayload>(&key.tenant, &key.id);
    let record = app.store.record(&place).await?.ok_or(StoreError::Busy)?;
    let corrupt =
        |source: serde_json::Error| StoreError::Corrupt { id: format!("payload of {}", key.id), source: source.into() };
    let text = Stored::<ScheduledPayload>::read(record)?.value.text;
    Json::from_stored(text).map_err(corrupt)
}

/// When the schedule at `key` fires that is asked for so.
pub(crate) fn plan_of(key: &RecordKey, spec: &ScheduleSpec) -> Result<Plan, FieldError> {
    spec::plan(spec, hashed(&key.tenant, Some(&key.id)))
}

/// When `schedule`, kept at `key`, fires; or why it cannot.
pub(crate) fn plan(key: &RecordKey, schedule: &Schedule) -> Result<Plan, String> {
    plan_of(key, &schedule.spec).map_err(|error| format!("{}: {}", error.field, error.message))
}

/// What is written beside a schedule.
#[derive(Default)]
pub(crate) struct Beside<'a> {
    pub tasks: Vec<Task>,
    pub payload: Option<&'a Json>,
}

/// Puts the schedule at `key` in place of what was read, with all that goes with that; then sends what messages it needs. The
/// condition on what was read is what makes that nothing fires of a schedule that was paused, changed or removed meanwhile.
pub(crate) async fn commit(
    app: &App,
    (key, before): (&RecordKey, Option<&Stored<Schedule>>),
    step: ScheduleStep,
    beside: Beside<'_>,
    now: Timestamp,
) -> Result<Stored<Schedule>, StoreError> {
    let ScheduleStep { schedule, told, .. } = step;
    let plan = plan(key, &schedule).ok();
    let relations = schedule.relations(&schedule.made_at.to_string());
    let record = Record {
        parent: relations.parent,
        owner: relations.owner,
        wake_at: wake_at(&schedule, plan.as_ref(), now, app.rules.look_ahead),
        expires_at: schedule.removed_at,
        created_at: schedule.made_at,
        ..Record::new(key.clone(), schedule.doc(), now)
    };
    let (version, fires) = (record.version, record.wake_at.is_some() && schedule.blocked.is_none());
    let expect = before.map_or(Expect::Absent, |before| Expect::Version(before.version));
    let mut records = vec![RecordWrite::Put { record: Box::new(record), expect }];
    if let Some(payload) = beside.payload {
        let payload = ScheduledPayload { text: payload.as_str().to_owned() };
        let place = key_of::<ScheduledPayload>(&key.tenant, &key.id);
        records.push(RecordWrite::put(place, payload.doc(), Expect::Any, now));
    }
    if schedule.removed_at.is_some() {
        let (key, patch) =
            (key_of::<ScheduledPayload>(&key.tenant, &key.id), Patch { expires_at: Some(now), ..Patch::default() });
        records.push(RecordWrite::Patch {
            key,
            patch: Box::new(patch),
            expect: Expect::Any,
            version: ids::fresh(),
            at: now,
        });
    }
    records.extend(told.into_iter().map(|told| event::put(event_of(told, key, version, now), &key.tenant, now)));
    let commit = Commit { records, tasks: beside.tasks.clone(), ..Commit::default() };
    store::commit(&*app.store, commit).await?;
    notify(app, &beside.tasks).await;
    if let (true, Some(next)) = (fires, plan.and_then(|plan| plan.next(schedule.judged))) {
        notify_due(app, key, next.effective, schedule.task.priority).await;
    }
    Ok(Stored { id: key.id.clone(), version, created_at: schedule.made_at, value: schedule })
}

fn event_of(told: ScheduleNews, key: &RecordKey, version: Uuid, now: Timestamp) -> Event {
    let (what, data): (&str, Value) = match told {
        ScheduleNews::Skipped(count, nominal) => ("schedule.skipped", json!({"count": count, "nominal": nominal})),
        ScheduleNews::Missed(count, nominal) => ("schedule.missed", json!({"count": count, "nominal": nominal})),
        ScheduleNews::Blocked(reason) => ("schedule.blocked", json!({"reason": reason})),
        ScheduleNews::Paused(pause) => ("schedule.paused", json!({"by": pause.by, "note": pause.note})),
    };
    let id = ids::derived(&["schedule event", key.tenant.as_str(), key.id.as_str(), &version.to_string(), what]);
    let subject = key.id.as_str().to_owned();
    Event { id, event_type: what.to_owned(), time: now, subject, data, request_id: None }
}
