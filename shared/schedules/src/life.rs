//! The life of a schedule: what becomes of it, and which tasks it makes. Pure.

use std::time::Duration;

use errand::{
    CatchUp, Overlap, SchedulePolicy, Status, Timestamp,
    spi::{json::Json, store::RecordKey},
};
use uuid::Uuid;

use crate::{
    plan::{Firing, Plan},
    schedule::{Blocked, Pause, Schedule, ScheduledTask, task_id},
};

/// The most firings that one look judges: a schedule of every second that nobody looked after for a year is not to keep the
/// others waiting.
const JUDGED_AT_ONCE: usize = 5_000;

/// The most tasks that one look makes.
const FIRED_AT_ONCE: usize = 40;

/// How many bytes of payloads one look writes at the most.
const PAYLOAD_BYTES: usize = 3 * 1024 * 1024;

/// How late a firing may be that nobody has to catch up with: within this the poller makes a lost message good.
const PUNCTUAL: Duration = Duration::from_secs(120);

/// Of how many of its tasks a schedule remembers that they live.
const MOST_LIVE: usize = 20;

/// What may happen to a schedule.
#[derive(Clone, Debug)]
pub(crate) enum ScheduleAct {
    /// Somebody looks at it, who knows when it fires and what became of its live tasks (`None`: such a task is there no
    /// more), and makes so many tasks at the most.
    Look {
        plan: Box<Plan>,
        live: Vec<(Uuid, Option<Status>)>,
        most: usize,
    },
    /// It cannot fire, for this reason.
    Block(String),
    /// Somebody asks for a task of it now.
    Trigger {
        task: Uuid,
    },
    Pause {
        by: String,
        note: Option<String>,
    },
    Resume,
    /// It is to be as this one was asked for.
    Put(Box<Schedule>),
    Remove,
}

/// What becomes of a schedule, and what goes with that.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScheduleStep {
    pub schedule: Schedule,
    /// The firings that make a task, by their nominal times.
    pub fires: Vec<Timestamp>,
    /// Which tasks have to be cancelled before.
    pub cancels: Vec<Uuid>,
    pub told: Vec<ScheduleNews>,
}

/// What is told of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ScheduleNews {
    /// So many firings were left out, the newest of them named by this, because the task before had not ended.
    Skipped(u64, Timestamp),
    /// So many came too late.
    Missed(u64, Timestamp),
    Blocked(String),
    Paused(Pause),
}

/// How many tasks that are given this payload are made at once.
pub(crate) fn at_once(payload: &Json) -> usize {
    (PAYLOAD_BYTES / payload.as_str().len().max(1)).clamp(1, FIRED_AT_ONCE)
}

/// What becomes of `schedule`, which is kept at `key`, by `act`.
pub(crate) fn apply(schedule: &Schedule, key: &RecordKey, act: ScheduleAct, now: Timestamp) -> ScheduleStep {
    let mut step = ScheduleStep::of(schedule.clone());
    let after = &mut step.schedule;
    match act {
        ScheduleAct::Look { plan, live, most } => {
            step.clear(&live, now);
            if step.schedule.paused.is_none() {
                step.fire(key, &plan, most, now);
            }
        }
        ScheduleAct::Block(reason) => {
            if after.blocked.as_ref().is_none_or(|before| before.reason != reason) {
                after.blocked = Some(Blocked { since: now, reason: reason.clone() });
                step.told.push(ScheduleNews::Blocked(reason));
            }
        }
        ScheduleAct::Trigger { task } => {
            after.fired += 1;
            after.lives(task);
        }
        ScheduleAct::Pause { by, note } => {
            after.paused = Some(Pause { at: now, by, note });
        }
        ScheduleAct::Resume => {
            // What would have fired meanwhile was not to.
            if after.paused.take().is_some() {
                after.judged = after.judged.max(now);
            }
        }
        ScheduleAct::Put(asked) => {
            let Schedule { spec, task, policy, put_by, revision, .. } = *asked;
            if spec != after.spec {
                // What it would have fired before it was so is none of its firings.
                after.judged = after.judged.max(now);
            }
            let kept = after.buffered.len().min(policy.max_buffered);
            let mut left_out = ScheduleNews::Skipped(0, now);
            after.buffered.drain(kept..).for_each(|nominal| left_out.count(nominal));
            (after.spec, after.task, after.policy, after.blocked) = (spec, task, policy, None);
            (after.put_by, after.revision) = (put_by, revision);
            step.tell([left_out]);
        }
        ScheduleAct::Remove => after.removed_at = Some(now),
    }
    step
}

impl ScheduleStep {
    /// That `schedule` is as it is.
    pub(crate) fn of(schedule: Schedule) -> Self {
        Self { schedule, fires: Vec::new(), cancels: Vec::new(), told: Vec::new() }
    }

    /// Forgets tasks that have ended; where one has failed, that may be reason to pause.
    fn clear(&mut self, live: &[(Uuid, Option<Status>)], now: Timestamp) {
        let schedule = &mut self.schedule;
        let ended = |id: &Uuid| live.iter().any(|(task, status)| task == id && status.is_none_or(Status::is_ended));
        let failed = live.iter().find(|(id, status)| schedule.live.contains(id) && *status == Some(Status::Failed));
        if let (true, None, Some((id, _))) = (schedule.policy.pause_on_failure, &schedule.paused, failed) {
            let pause = Pause { at: now, by: "_errand".to_owned(), note: Some(format!("task {id} has failed")) };
            self.told.push(ScheduleNews::Paused(pause.clone()));
            schedule.paused = Some(pause);
        }
        schedule.live.retain(|id| !ended(id));
    }

    /// Fires what is due, as its policy has it.
    fn fire(&mut self, key: &RecordKey, plan: &Plan, most: usize, now: Timestamp) {
        let due = |after| plan.next(after).filter(|firing| firing.effective <= now);
        let (mut skipped, mut missed) = (ScheduleNews::Skipped(0, now), ScheduleNews::Missed(0, now));
        self.schedule.blocked = None;
        while self.schedule.live.is_empty() && self.fires.is_empty() && !self.schedule.buffered.is_empty() {
            let waited = self.schedule.buffered.remove(0);
            match self.schedule.task.may_start(waited, now) {
                true => self.fires.push(waited),
                false => missed.count(waited),
            }
        }
        let mut next = due(self.schedule.judged);
        for _ in 0..JUDGED_AT_ONCE {
            let Some(firing) = next.filter(|_| self.fires.len() < most) else { break };
            next = due(firing.nominal);
            if !self.schedule.is_in_time(&firing, next.is_none(), now) {
                missed.count(firing.nominal);
            } else if let Some(left_out) = self.meet(firing.nominal) {
                skipped.count(left_out);
            }
            self.schedule.judged = firing.nominal;
        }
        self.tell([skipped, missed]);
        let of = (self.schedule.made_at, self.schedule.policy.keeps_live());
        for nominal in &self.fires {
            self.schedule.fired += 1;
            self.schedule.last = Some(*nominal);
            if of.1 {
                self.schedule.lives(task_id(key, of.0, *nominal));
            }
        }
    }

    /// Counts and tells what is left out, if anything is.
    fn tell(&mut self, news: impl IntoIterator<Item = ScheduleNews>) {
        for told in news.into_iter().filter(ScheduleNews::is_any) {
            match told {
                ScheduleNews::Skipped(count, _) => self.schedule.skipped += count,
                ScheduleNews::Missed(count, _) => self.schedule.missed += count,
                ScheduleNews::Blocked(_) | ScheduleNews::Paused(_) => {}
            }
            self.told.push(told);
        }
    }

    /// What a firing means beside the tasks before it; the firing that is left out, if one is.
    fn meet(&mut self, nominal: Timestamp) -> Option<Timestamp> {
        let SchedulePolicy { overlap, max_buffered, .. } = self.schedule.policy;
        let is_alone = self.schedule.live.is_empty() && self.fires.is_empty();
        match overlap {
            Overlap::Allow => self.fires.push(nominal),
            Overlap::Cancel => {
                self.cancels.append(&mut self.schedule.live);
                // One that was to be cancelled at once does not begin.
                return std::mem::replace(&mut self.fires, vec![nominal]).pop();
            }
            Overlap::Skip | Overlap::Buffer if is_alone => self.fires.push(nominal),
            Overlap::Buffer if self.schedule.buffered.len() < max_buffered => self.schedule.buffered.push(nominal),
            Overlap::Skip | Overlap::Buffer => return Some(nominal),
        }
        None
    }
}

impl ScheduleNews {
    fn count(&mut self, nominal: Timestamp) {
        if let ScheduleNews::Skipped(count, newest) | ScheduleNews::Missed(count, newest) = self {
            (*count, *newest) = (*count + 1, nominal);
        }
    }

    fn is_any(&self) -> bool {
        !matches!(self, ScheduleNews::Skipped(0, _) | ScheduleNews::Missed(0, _))
    }
}

impl Schedule {
    /// Whether a due firing, the newest or not, is still to make a task.
    fn is_in_time(&self, firing: &Firing, is_newest: bool, now: Timestamp) -> bool {
        let late = now.since(firing.effective);
        let is_wanted = match self.policy.catch_up {
            CatchUp::Latest => is_newest && late <= self.policy.window(),
            CatchUp::All => late <= self.policy.window(),
            CatchUp::None => late <= PUNCTUAL,
        };
        is_wanted && self.task.may_start(firing.nominal, now)
    }

    fn lives(&mut self, task: Uuid) {
        self.live.push(task);
        let most = self.live.len().saturating_sub(MOST_LIVE);
        self.live.drain(..most);
    }
}

impl ScheduledTask {
    /// Until when a task of the firing named by this may start.
    pub(crate) fn ends_after(&self, nominal: Timestamp) -> Option<Timestamp> {
        self.ttl_s.map(|seconds| nominal + Duration::from_secs(seconds))
    }

    /// Whether a task of the firing named by this may start yet.
    fn may_start(&self, nominal: Timestamp, now: Timestamp) -> bool {
        self.ends_after(nominal).is_none_or(|end| end > now)
    }
}

#[cfg(test)]
mod tests;
