use serde_json::{Value, json};

use super::*;
use crate::{kept, wake::wake_at};

const HOUR: Duration = Duration::from_secs(3600);

/// When the first hour of 2026 began.
fn begun() -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000)
}

fn key() -> RecordKey {
    kept::place(&errand::Name::default(), &errand::Id::of("it"))
}

/// One that fires at each full hour, put when the year began.
fn hourly(policy: Value) -> Schedule {
    let spec = serde_json::from_value(json!({"cron": ["0 * * * *"]})).unwrap();
    let task = ScheduledTask::of_type(errand::Name::of("scripted"));
    Schedule::new((spec, task, serde_json::from_value(policy).unwrap()), "me".to_owned(), begun())
}

fn looked_at(schedule: &Schedule, now: Timestamp) -> ScheduleStep {
    let plan = Box::new(kept::plan(&key(), schedule).unwrap());
    apply(schedule, &key(), ScheduleAct::Look { plan, live: Vec::new(), most: FIRED_AT_ONCE }, now)
}

#[test]
fn the_newest_firing_is_made_up_for_within_its_window_alone() {
    let schedule = hourly(json!({"catch_up": "latest", "window_s": 600}));
    let in_time = looked_at(&schedule, begun() + 3 * HOUR + Duration::from_secs(600));
    assert_eq!((in_time.fires, in_time.schedule.missed), (vec![begun() + 3 * HOUR], 2));
    let late = looked_at(&schedule, begun() + 3 * HOUR + Duration::from_secs(601));
    assert_eq!((late.fires, late.schedule.missed), (vec![], 3));
}

#[test]
fn whoever_looks_at_a_paused_one_fires_nothing() {
    let pause = ScheduleAct::Pause { by: "me".to_owned(), note: None };
    let paused = apply(&hourly(json!({})), &key(), pause, begun()).schedule;
    assert_eq!(looked_at(&paused, begun() + HOUR), ScheduleStep::of(paused));
}

#[test]
fn what_a_new_specification_would_have_fired_before_it_was_put_is_not_fired() {
    let (mut before, now) = (hourly(json!({})), begun() + 10 * HOUR);
    before.judged = begun() + 2 * HOUR;
    let mut asked = before.clone();
    let same = apply(&before, &key(), ScheduleAct::Put(Box::new(asked.clone())), now);
    assert_eq!(same.schedule.judged, before.judged, "it goes on where it was");
    asked.spec = serde_json::from_value(json!({"cron": ["* * * * *"]})).unwrap();
    let other = apply(&before, &key(), ScheduleAct::Put(Box::new(asked)), now);
    assert_eq!(looked_at(&other.schedule, now).fires, []);
}

#[test]
fn one_whose_firing_waits_for_an_end_is_looked_at_each_minute() {
    let mut schedule = hourly(json!({"overlap": "buffer"}));
    let (plan, now) = (kept::plan(&key(), &schedule).unwrap(), begun() + Duration::from_secs(60));
    let wakes = |schedule: &Schedule| wake_at(schedule, Some(&plan), now, Duration::from_secs(60));
    assert!(wakes(&schedule) > Some(now + Duration::from_secs(600)));
    schedule.buffered.push(begun());
    assert_eq!(wakes(&schedule), Some(now + Duration::from_secs(60)));
}

#[test]
fn what_has_waited_until_it_may_start_no_more_is_missed() {
    let (mut schedule, now) = (hourly(json!({"overlap": "buffer", "max_buffered": 9})), begun() + 3 * HOUR);
    schedule.task.ttl_s = Some(90 * 60);
    schedule.judged = now;
    schedule.buffered = vec![begun() + HOUR, begun() + 2 * HOUR, now];
    let step = looked_at(&schedule, now + Duration::from_secs(60));
    assert_eq!((step.fires, step.schedule.buffered), (vec![begun() + 2 * HOUR], vec![now]));
    assert_eq!((step.schedule.missed, step.told), (1, vec![ScheduleNews::Missed(1, begun() + HOUR)]));
}

#[test]
fn what_a_put_has_no_room_for_is_counted_and_told() {
    let mut schedule = hourly(json!({"overlap": "buffer", "max_buffered": 9}));
    schedule.buffered = vec![begun() + HOUR, begun() + 2 * HOUR, begun() + 3 * HOUR];
    let asked = hourly(json!({"overlap": "buffer", "max_buffered": 1}));
    let step = apply(&schedule, &key(), ScheduleAct::Put(Box::new(asked)), begun() + 4 * HOUR);
    assert_eq!((step.schedule.buffered, step.schedule.skipped), (vec![begun() + HOUR], 2));
    assert_eq!(step.told, [ScheduleNews::Skipped(2, begun() + 3 * HOUR)]);
    let same = apply(&schedule, &key(), ScheduleAct::Put(Box::new(schedule.clone())), begun() + 4 * HOUR);
    assert_eq!((same.schedule.skipped, same.told), (0, vec![]));
}
