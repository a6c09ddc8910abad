//! What was counted, as it is read: two or three items for a queue, for all of a tenant's, and for everybody. The relay
//! writes them once in 30 s, so they lag behind the tasks.

use std::{collections::BTreeMap, time::Duration};

use super::{DynamoStore, counters::count};
use crate::{
    clock::Timestamp,
    ids::Name,
    relay::{Counter, Field, What},
    store::{Counts, QueueStats, Scope, Stats, StoreError},
};

const HOUR: Duration = Duration::from_secs(3600);

/// A tenant's project and queue; `None` is everything.
type Of = Option<(Name, Name)>;

impl DynamoStore {
    pub(super) async fn stats_of(&self, scope: &Scope, now: Timestamp) -> Result<Stats, StoreError> {
        let (tenant, of) = match scope {
            Scope::All => (None, None),
            Scope::Queue { tenant, project, queue } => (Some(tenant), Some((project.clone(), queue.clone()))),
        };
        let found = self.counted(tenant, now).await?.remove(&of);
        Ok(found.unwrap_or_else(|| Stats::at(now)))
    }

    pub(super) async fn stats_by_queue(&self, tenant: &Name, now: Timestamp) -> Result<Vec<QueueStats>, StoreError> {
        let found = self.counted(Some(tenant), now).await?.into_iter();
        Ok(found.filter_map(|(of, stats)| of.map(|(project, queue)| QueueStats { project, queue, stats })).collect())
    }

    async fn counted(&self, tenant: Option<&Name>, now: Timestamp) -> Result<BTreeMap<Of, Stats>, StoreError> {
        let since = Stats::at(now).since;
        let counter = |hour| Counter { tenant: tenant.cloned(), hour };
        let counters = [None, Some(since), Some(since + HOUR)].map(counter);
        let mut all = BTreeMap::new();
        for (counter, item) in self.counter_items(&counters).await? {
            for name in item.keys() {
                let Some((named, n)) = Field::read(name).zip(count(&item, name)) else { continue };
                let stats = all.entry(named.queue.clone()).or_insert_with(|| Stats::at(now));
                add(stats, named.what, named.kind, counter.hour, n);
            }
        }
        Ok(all)
    }
}

/// Adds what one field of a counter says.
fn add(stats: &mut Stats, what: What, kind: Option<(Name, Name)>, hour: Option<Timestamp>, n: i64) {
    // What found no room under its own name may take from what did.
    let n_or_0 = u64::try_from(n).unwrap_or(0);
    match (what, hour) {
        (What::Tasks(status), hour) => {
            let mut counts = Counts::default();
            *counts.of_mut(status) = n_or_0;
            match (hour, kind) {
                (Some(hour), _) => stats.add_hour(hour, &counts),
                (None, Some((lane, task_type))) => stats.add_place(&lane, &task_type, &counts),
                (None, None) => stats.now.add(&counts),
            }
        }
        (What::Changes, _) => stats.changes += n_or_0,
        (What::LastProcessed, _) => stats.last_processed_at = Some(Timestamp::from_millis(n)),
    }
}
