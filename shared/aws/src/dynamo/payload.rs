//! Payloads that are items of their own, so that a claim and a settlement do not pay for rewriting them.
//!
//! Such an item is written once, before its task and if that is not there yet, and nothing deletes it but TTL. Its
//! `ttl_s` must therefore be right from the start:
//!
//! - an **orphan** (a crash before the task's put, or two of one key at once) dies by it;
//! - it **never ends under a live task**: it lies [`OUTAGE`] and a week beyond the task's start, however far
//!   that is deferred, and a commit that would leave less than [`OUTAGE`] puts the payload again first, with a later one
//!   (a task rescheduled, redriven, or a week past its start; its payload is in the commit's task anyway). Only a
//!   live task that nobody, the hourly poller included, has touched for all of [`OUTAGE`] could lose its payload;
//! - it **outlives the ended task** by [`TTL_LAG`] at least, since a redrive may come until the last moment, and by
//!   [`OUTAGE`] and a week at most, at no further write: TTL deletes are free.
//!
//! All of it follows from the task itself: no clock, and nothing to read before a settlement.

use std::time::Duration;

use crate::dynamo::{
    attributes::{Item, text, ttl, uuid},
    keys,
};
use errand::{State, Task, Timestamp};

/// The largest task item that keeps its payload within: above it, writing the task three more times costs more.
const INLINE_BYTES: usize = 2048;

/// What the item of a new task takes besides its texts: ids, numbers, names of attributes.
const FRAME_BYTES: usize = 250;

/// What it takes to say which trace a task was asked for in.
const TRACE_BYTES: usize = 60;

/// What it takes to say of which firing of a schedule a task is, besides the schedule's id.
const SCHEDULE_BYTES: usize = 50;

/// And which firing was before it.
const PREVIOUS_BYTES: usize = 95;

/// And which backfill goes on with its end.
const BACKFILL_BYTES: usize = 45;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long a live task may go untouched before its payload is in danger.
const OUTAGE: Duration = DAY.saturating_mul(30);

/// How much later than `ttl_s` DynamoDB may delete a task, and a redrive still find it.
const TTL_LAG: Duration = DAY.saturating_mul(3);

/// What a put adds to the least, so that an ordinary task never needs a second one.
const SLACK: Duration = DAY.saturating_mul(7);

/// Whether `task`'s payload is an item of its own. Looks only at what never changes in a task's life.
pub(super) fn is_apart(task: &Task) -> bool {
    let tenant = &task.key.tenant; // in the keys of the table, the list and the user
    let names = [tenant, tenant, tenant, &task.project, &task.queue, &task.lane, &task.task_type];
    let more = [&task.agent_type, &task.context_type];
    let names = names.into_iter().chain(more.into_iter().flatten()).map(|name| name.as_str().len());
    let ids = [&task.user_id, &task.context_id].into_iter().flatten().map(|id| id.as_str().len());
    let texts = [&task.idempotency_key, &task.request_id].into_iter().flatten().map(String::len);
    let schedule = task.schedule.as_ref().map_or(0, |of| {
        let previous = of.previous.as_ref().map_or(0, |_| PREVIOUS_BYTES);
        let backfill = of.backfill.as_ref().map_or(0, |_| BACKFILL_BYTES);
        of.id.as_str().len() + SCHEDULE_BYTES + previous + backfill
    });
    let trace = task.traceparent.map_or(0, |_| TRACE_BYTES);
    let all: usize = schedule + trace + names.chain(ids).chain(texts).sum::<usize>() + task.created_by.len();
    FRAME_BYTES + all + task.payload.as_str().len() > INLINE_BYTES
}

/// The item of `task`'s payload. `v` tells which write put it.
pub(super) fn write(task: &Task, retention: Duration) -> Item {
    let mut item = keys::payload(&task.key, &task.payload_hash);
    item.insert("b".to_owned(), text(task.payload.as_str()));
    item.insert("v".to_owned(), uuid(task.version));
    item.insert("ttl_s".to_owned(), ttl(kept_until(task, retention)));
    item
}

/// Whether a commit that leaves `task` behind must put its payload again.
pub(super) fn must_be_put_again(task: &Task, retention: Duration) -> bool {
    needed_until(task, retention) > first_kept_until(task, retention)
}

/// Until when a payload put now is kept.
fn kept_until(task: &Task, retention: Duration) -> Timestamp {
    first_kept_until(task, retention).max(needed_until(task, retention) + SLACK)
}

/// Until when the insert keeps it; told from what never changes, so that every later commit knows it.
fn first_kept_until(task: &Task, retention: Duration) -> Timestamp {
    task.created_at.max(task.scheduled_for) + OUTAGE.max(retention) + SLACK
}

/// The least that must be left.
fn needed_until(task: &Task, retention: Duration) -> Timestamp {
    match (&task.state, task.ended_at) {
        (_, Some(ended_at)) => ended_at + retention + TTL_LAG,
        (State::Pending { run_at: at, .. } | State::Running { lease_expires_at: at, .. }, _) => {
            task.updated_at.max(*at) + OUTAGE
        }
        (State::Waiting { .. }, _) => task.updated_at + OUTAGE,
        _ => task.updated_at + retention + TTL_LAG,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        Shards,
        dynamo::{attributes, task_item},
    };
    use errand::{
        Asked, Id, Name, OfSchedule, PreviousFiring, TaskKey, TraceParent,
        spi::{
            json::Json,
            lifecycle::{Trigger, apply},
        },
    };

    fn at(days: u32) -> Timestamp {
        Timestamp::default() + DAY * days
    }

    fn task(scheduled_for: Timestamp) -> Task {
        let key = TaskKey { tenant: Name::default(), id: Uuid::from_u128(1) };
        let payload = Json::new(&"x".repeat(10_240).into());
        let new = Asked { scheduled_for, ..Asked::of_type(key, Name::default(), payload, "me".into(), at(0)) };
        Task::accept(new, Uuid::from_u128(2), at(0))
    }

    fn after(task: &Task, trigger: Trigger, now: Timestamp) -> Task {
        apply(task, trigger, now).unwrap().task
    }

    #[test]
    fn a_payload_that_would_make_the_item_exceed_2_kib_is_apart() {
        let of = |bytes: usize| task(at(0)).asking(|asked| asked.payload = Json::new(&"x".repeat(bytes).into()));
        assert!(!is_apart(&of(300)));
        assert!(is_apart(&of(2000)));
        for bytes in 1500..2000 {
            // From a task of which little is said to one with everything at its longest.
            let (bare, long) = (of(bytes), Name::new(&"n".repeat(64)).unwrap());
            let about = Some(Id::new(&"i".repeat(128)).unwrap());
            let full = bare.clone().asking(|full| {
                (full.user_id, full.context_id, full.expires_at) = (about.clone(), about, Some(at(1)));
                (full.key.tenant, full.project, full.queue) = (long.clone(), long.clone(), long.clone());
                (full.agent_type, full.context_type) = (Some(long.clone()), Some(long));
                (full.parent_id, full.max_retries, full.scheduled_for) = (Some(bare.version), 9, at(1));
                full.traceparent = TraceParent::of(1, 1, 1);
                full.payload = Json::new(&"x".repeat(bytes - 1110).into());
                full.idempotency_key = Some("k".repeat(64));
                let previous = Some(PreviousFiring { nominal: at(1), task_id: bare.version });
                let backfill = Some(Id::from(bare.version));
                let of =
                    OfSchedule { backfilled: true, previous, backfill, ..OfSchedule::of(Id::of("nightly"), at(1)) };
                full.schedule = Some(of);
            });
            for task in [bare, full] {
                let whole = attributes::size(&task_item::write(&task, false, DAY, Shards::default()).unwrap());
                // Its place in its parent's list is not counted: tasks were stored before there was one, and a payload
                // stays where it is.
                let most = INLINE_BYTES + if task.parent_id.is_some() { 200 } else { 0 };
                assert!(if is_apart(&task) { whole > INLINE_BYTES - 150 } else { whole <= most }, "{whole}");
            }
        }
    }

    #[test]
    fn a_payload_outlives_a_deferred_task_by_a_month() {
        let deferred = task(at(400));
        assert!(!must_be_put_again(&deferred, DAY * 30));
        assert_eq!(kept_until(&deferred, DAY * 30), at(437));
    }

    #[test]
    fn an_ordinary_life_needs_one_put_and_a_long_one_another() {
        let retention = DAY * 30;
        let claimed = after(&task(at(0)), Trigger::Claim { worker: Uuid::from_u128(3), lease: None }, at(0));
        assert!(!must_be_put_again(&claimed, retention));
        let cancel = || Trigger::Cancel { reason: "no".into(), by: "me".into() };
        assert!(!must_be_put_again(&after(&claimed, cancel(), at(1)), retention));

        let late = after(&claimed, cancel(), at(20));
        assert!(must_be_put_again(&late, retention));
        assert!(kept_until(&late, retention) >= at(20) + retention + TTL_LAG);

        let moved = after(&task(at(0)), Trigger::Reschedule { run_at: at(300), by: "me".into(), if_due: false }, at(1));
        assert!(must_be_put_again(&moved, retention));
        assert_eq!(kept_until(&moved, retention), at(337));
        let redriven =
            after(&late, Trigger::Redrive { note: None, by: "me".into(), failed_at: None, run_at: None }, at(49));
        assert!(must_be_put_again(&redriven, retention));
    }
}
