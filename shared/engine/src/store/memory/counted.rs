//! What the store in memory has counted, by queue.

use std::collections::BTreeMap;

use crate::{
    clock::Timestamp,
    ids::Name,
    lifecycle::{Status, Task},
    store::{CountStep, Counts, Ends, HOUR, KEEP_HOURS, Page, PastDay, QueuePlace, QueueStats, Stats, StatsScope},
};

/// Tenant, project, queue.
type QueueKey = (Name, Name, Name);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Counted(BTreeMap<QueueKey, Queue>);

#[derive(Debug, Default)]
struct Queue {
    /// By lane and type.
    places: BTreeMap<(Name, Name), Counts>,
    /// What entered in the hour that began then.
    hours: BTreeMap<Timestamp, Counts>,
    changes: u64,
    last_processed_at: Option<Timestamp>,
}

impl Counted {
    /// Counts that a task whose status was `before` has become `task`.
    pub(super) fn count(&mut self, before: Option<Status>, task: &Task) {
        let Some(step) = CountStep::of(before, task) else { return };
        let key = (task.key.tenant.clone(), task.project.clone(), task.queue.clone());
        self.0.entry(key).or_default().count((task.lane.clone(), task.task_type.clone()), step);
    }

    /// What was counted of `scope`.
    pub(super) fn stats(&self, scope: &StatsScope, now: Timestamp) -> Stats {
        match scope {
            StatsScope::Queue { tenant, project, queue } => {
                let found = self.0.get(&(tenant.clone(), project.clone(), queue.clone()));
                found.map_or_else(|| Stats::at(now), |queue| queue.stats(now))
            }
            StatsScope::All => {
                let mut all = Stats::at(now);
                for stats in self.0.values().map(|queue| queue.stats(now)) {
                    all.now.add(&stats.now);
                    all.last_hours.add(&stats.last_hours);
                    all.changes += stats.changes;
                    all.last_processed_at = all.last_processed_at.max(stats.last_processed_at);
                }
                all
            }
        }
    }

    /// What was counted of each queue of `tenant`.
    pub(super) fn queues(
        &self,
        tenant: &Name,
        after: Option<&QueuePlace>,
        limit: usize,
        now: Timestamp,
    ) -> Page<QueueStats, QueuePlace> {
        let of_tenant = self.0.iter().filter(|((of, ..), _)| of == tenant);
        let placed = of_tenant.map(|((_, project, queue), counted)| {
            let stats = QueueStats { project: project.clone(), queue: queue.clone(), stats: counted.stats(now) };
            (stats.place(), stats)
        });
        Page::first(placed.filter(|(place, _)| after.is_none_or(|after| place > after)), limit)
    }

    /// The ends of the tenant's tasks.
    pub(super) fn history(&self, tenant: &Name, now: Timestamp) -> PastDay {
        let mut history = PastDay::at(now, HOUR);
        for (_, queue) in self.0.iter().filter(|((of, ..), _)| of == tenant) {
            queue.hours.iter().for_each(|(hour, entered)| history.add(*hour, Ends::from(entered)));
        }
        history
    }
}

impl Queue {
    fn count(&mut self, place: (Name, Name), step: CountStep) {
        let counts = self.places.entry(place).or_default();
        *counts.of_mut(step.entered) += 1;
        if let Some(left) = step.left {
            *counts.of_mut(left) -= 1;
        }
        *self.hours.entry(step.hour).or_default().of_mut(step.entered) += 1;
        self.hours.retain(|hour, _| *hour > step.hour - KEEP_HOURS);
        self.changes += 1;
        self.last_processed_at = self.last_processed_at.max(step.processed_at);
    }

    fn stats(&self, now: Timestamp) -> Stats {
        let mut stats = Stats { changes: self.changes, last_processed_at: self.last_processed_at, ..Stats::at(now) };
        for ((lane, task_type), counts) in &self.places {
            stats.add_place(lane, task_type, counts);
        }
        for (hour, entered) in &self.hours {
            stats.add_hour(*hour, entered);
        }
        stats
    }
}
