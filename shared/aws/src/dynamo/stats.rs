//! What was counted, as it is read: one item for a queue, one for everybody. They lag behind the tasks: the relay counts
//! once in 30 s, and the poller folds once a minute what it has counted.

use std::collections::BTreeMap;

use crate::{
    dynamo::{
        DynamoStore,
        attributes::{Item, text},
        errors::read_failed,
        fold::{read_counter, told},
        keys,
    },
    relay::{ByStatus, Sums, Tally, TallyKind, before},
};
use errand::{
    Name, StoreError, Timestamp,
    spi::store::{Counts, Ends, HOUR, Page, PastDay, QueuePlace, QueueStats, Stats, StatsScope},
};

/// Sorts after every queue's counter.
const BEHIND_QUEUES: &str = "q$";

const UNREADABLE: &str = "a counter cannot be read; it is left out";

impl DynamoStore {
    pub(super) async fn stats_of(&self, scope: &StatsScope, now: Timestamp) -> Result<Stats, StoreError> {
        let tenant = match scope {
            StatsScope::All => None,
            StatsScope::Queue { tenant, .. } => Some(tenant),
        };
        let (mut counted, rest) = self.counted_before(tenant, now, vec![keys::counter(scope)]).await?;
        for item in rest {
            if let Some((_, sums)) = told(read_counter(&item), UNREADABLE) {
                counted.of_mut(scope.clone()).merge(&sums);
            }
        }
        Ok(counted.remove(scope).map_or_else(|| Stats::at(now), |sums| stats(&sums, now)))
    }

    /// A page of the tenant's queues. Reads no more items than it answers with, besides those of the version before.
    pub(super) async fn stats_by_queue(
        &self,
        tenant: &Name,
        after: Option<&QueuePlace>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page<QueueStats, QueuePlace>, StoreError> {
        let (before, _) = self.counted_before(Some(tenant), now, Vec::new()).await?;
        let mut queues: BTreeMap<(Name, Name), Sums> = BTreeMap::new();
        for (counter, sums) in before.iter() {
            if let StatsScope::Queue { project, queue, .. } = counter {
                queues.insert((project.clone(), queue.clone()), sums.clone());
            }
        }
        queues.retain(|(project, queue), _| {
            after.is_none_or(|(of, after)| (project, Some(queue)) > (of, after.as_ref()))
        });
        // One more than asked for: whether there are more. Of those with an item none that is among the first is missed.
        for item in self.queue_counters(tenant, after, limit.saturating_add(1)).await? {
            let Some(place) = place_of(&item) else { continue };
            let queue = queues.entry(place).or_default();
            told(read_counter(&item), UNREADABLE).into_iter().for_each(|(_, sums)| queue.merge(&sums));
        }
        let placed = queues.into_iter().map(|((project, queue), sums)| {
            let queue = QueueStats { project, queue, stats: stats(&sums, now) };
            (queue.place(), queue)
        });
        Ok(Page::first(placed, limit))
    }

    /// What the hours of all the tenant's counters say. The version before counted no ends that a plot of today shows.
    pub(super) async fn history_of(&self, tenant: &Name, now: Timestamp) -> Result<PastDay, StoreError> {
        let mut history = PastDay::at(now, HOUR);
        for item in self.queue_counters(tenant, None, usize::MAX).await? {
            let Some((_, sums)) = told(read_counter(&item), UNREADABLE) else { continue };
            sums.hours.iter().for_each(|(hour, by)| history.add(*hour, Ends::from(&counts(by))));
        }
        Ok(history)
    }

    async fn queue_counters(
        &self,
        tenant: &Name,
        after: Option<&QueuePlace>,
        limit: usize,
    ) -> Result<Vec<Item>, StoreError> {
        let from = match after {
            None => "q#".to_owned(),
            Some((project, None)) => keys::queue_counters(project),
            // `!` sorts before all that a longer name goes on with.
            Some((project, Some(queue))) => keys::queue_counter(project, queue) + "!",
        };
        let query = self.client.query().table_name(&self.config.tasks_table).consistent_read(true);
        let query = query
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":pk", text(keys::counters(Some(tenant))))
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":to", text(BEHIND_QUEUES))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX));
        let mut found: Vec<Item> = Vec::new();
        let mut pages = query.into_paginator().send();
        while let Some(page) = pages.next().await {
            found.extend(page.map_err(read_failed)?.items.unwrap_or_default());
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    /// What the version before has counted of a tenant's queues or of everybody; and, read with it, these other items.
    async fn counted_before(
        &self,
        tenant: Option<&Name>,
        now: Timestamp,
        others: Vec<Item>,
    ) -> Result<(Tally, Vec<Item>), StoreError> {
        let since = Stats::at(now).since;
        let hours = [None, Some(since), Some(since + HOUR)];
        let wanted = hours.map(|hour| keys::counter_before(tenant, hour)).into_iter().chain(others).collect();
        let mut found = self.counter_items(wanted).await?;
        let mut counted = Tally::default();
        for hour in hours {
            let item = found.remove(&super::fold::key_of(&keys::counter_before(tenant, hour)));
            for (name, value) in item.into_iter().flatten() {
                let n = value.as_n().ok().and_then(|n| n.parse().ok());
                n.and_then(|n| before::add(&mut counted, tenant, hour, &name, n));
            }
        }
        Ok((counted, found.into_values().collect()))
    }
}

fn place_of(item: &Item) -> Option<(Name, Name)> {
    let (project, queue) = item.get("sk")?.as_s().ok()?.strip_prefix("q#")?.split_once('#')?;
    Some((Name::new(project).ok()?, Name::new(queue).ok()?))
}

fn stats(sums: &Sums, now: Timestamp) -> Stats {
    let (mut all, mut lanes, mut types) = (ByStatus::new(), BTreeMap::new(), BTreeMap::new());
    for (kind, by) in &sums.kinds {
        add(&mut all, by);
        if let TallyKind::Of(lane, task_type) = kind {
            add(lanes.entry(lane.clone()).or_default(), by);
            add(types.entry(task_type.clone()).or_default(), by);
        }
    }
    let named = |of: BTreeMap<Name, ByStatus>| of.into_iter().map(|(name, by)| (name, counts(&by))).collect();
    let mut stats = Stats {
        now: counts(&all),
        lanes: named(lanes),
        types: named(types),
        changes: sums.changes,
        last_processed_at: sums.last_processed_at,
        ..Stats::at(now)
    };
    sums.hours.iter().for_each(|(hour, by)| stats.add_hour(*hour, &counts(by)));
    stats
}

fn add(to: &mut ByStatus, by: &ByStatus) {
    by.iter().for_each(|(status, n)| *to.entry(*status).or_default() += n);
}

/// A task whose kind has no room may have been counted under its name when there was: then one of the two is less than
/// none, and only their sum is right.
fn counts(by: &ByStatus) -> Counts {
    let mut counts = Counts::default();
    by.iter().for_each(|(status, n)| *counts.of_mut(*status) = u64::try_from(*n).unwrap_or(0));
    counts
}
