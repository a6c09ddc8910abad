//! When somebody has to look at a schedule. Pure.

use std::time::Duration;

use errand::{
    Timestamp,
    spi::lifecycle::{Hint, hint},
};

use crate::{plan::Plan, schedule::Schedule};

/// How long a schedule is left alone at most: zones change their rules, and what fires earlier then is not to be missed.
const A_DAY: Duration = Duration::from_secs(86_400);

/// When a schedule is looked at again that cannot fire.
const BLOCKED: Duration = Duration::from_secs(3600);

/// When it is looked whether a task has ended that a firing waits for.
const BUFFERED: Duration = Duration::from_secs(60);

/// `wake_at` of `schedule`, which fires by `plan`, as it is written at `now`: nobody looks at one that is paused, or has no
/// firing left. Of the next firing a message tells if it is near, and is sent now; else the poller, who comes so long ahead.
pub(crate) fn wake_at(
    schedule: &Schedule,
    plan: Option<&Plan>,
    now: Timestamp,
    look_ahead: Duration,
) -> Option<Timestamp> {
    if schedule.paused.is_some() || schedule.removed_at.is_some() {
        return None;
    }
    let (None, Some(plan)) = (&schedule.blocked, plan) else { return Some(now + BLOCKED) };
    let fires = plan.next(schedule.judged).map(|next| match hint(next.effective, now) {
        Hint::Message(_) => next.effective.max(now),
        Hint::Poller => (next.effective - look_ahead).min(now + A_DAY),
    });
    let buffered = (!schedule.buffered.is_empty()).then(|| now + BUFFERED);
    fires.into_iter().chain(buffered).min()
}
