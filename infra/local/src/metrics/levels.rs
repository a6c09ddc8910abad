//! What stands in the file: how many tasks wait where, and since when.

use std::{collections::BTreeMap, time::Duration};

use errand::{StoreError, Timestamp};
use prometheus::{GaugeVec, IntGauge, IntGaugeVec, Opts, core::Collector, proto::MetricFamily};
use tokio::sync::Mutex;

use super::{OTHER, unwritten};
use crate::sqlite::{Busiest, QueueLevel, QueueLevels, SqliteStore};

/// What was read is shown for so long, however often it is asked for.
const SHOWN: Duration = Duration::from_secs(1);

/// So long the busiest queues stay those that they were.
const BUSIEST: Duration = Duration::from_secs(60);

/// What was read last, and when.
#[derive(Default)]
pub(super) struct Levels(Mutex<Read>);

#[derive(Default)]
struct Read {
    shown: Option<(Timestamp, Vec<MetricFamily>)>,
    busiest: Option<(Timestamp, Busiest)>,
}

impl Levels {
    /// As they were at `now`, or not more than a second before.
    pub(super) async fn at(&self, store: &SqliteStore, now: Timestamp) -> Result<Vec<MetricFamily>, StoreError> {
        // Whoever asks meanwhile waits, and finds what was read.
        let mut read = self.0.lock().await;
        if let Some((_, families)) = read.shown.as_ref().filter(|(at, _)| is_within(*at, now, SHOWN)) {
            return Ok(families.clone());
        }
        // Where they are all that there are, another one may have come.
        let known = read.busiest.take().filter(|(at, busiest)| !busiest.all && is_within(*at, now, BUSIEST));
        let (at, busiest) = match known {
            Some(known) => known,
            None => (now, store.busiest(now).await?),
        };
        read.busiest = Some((at, busiest.clone()));
        let families = families(&store.levels(busiest, now).await?, now).map_err(unwritten)?;
        read.shown = Some((now, families.clone()));
        Ok(families)
    }
}

fn is_within(at: Timestamp, now: Timestamp, within: Duration) -> bool {
    at <= now && now.since(at) < within
}

/// The levels as metrics, made anew each time: a queue that is no longer among the busiest is not shown as it was.
fn families(levels: &QueueLevels, now: Timestamp) -> Result<Vec<MetricFamily>, prometheus::Error> {
    let tasks = Opts::new("errand_queue_tasks", "Tasks that have not ended");
    let tasks = IntGaugeVec::new(tasks, &["project", "queue", "status"])?;
    let oldest = Opts::new("errand_oldest_due_seconds", "How long the longest due task has been due; 0 if none is");
    let oldest = GaugeVec::new(oldest, &["project", "queue"])?;
    let wal = IntGauge::new("errand_store_wal_bytes", "Size of the write-ahead log's file")?;
    wal.set(i64::try_from(levels.wal_bytes).unwrap_or(i64::MAX));
    for ((project, queue), level) in by_name(levels) {
        let of = |status| tasks.with_label_values(&[project, queue, status]);
        of("pending").set(level.pending);
        of("running").set(level.running);
        of("waiting").set(level.waiting);
        of("blocked").set(level.blocked);
        let due = level.due_from.map_or(0.0, |at| now.since(at).as_secs_f64());
        oldest.with_label_values(&[project, queue]).set(due);
    }
    let all = [tasks.collect(), oldest.collect(), wal.collect()].into_iter().flatten();
    // One that has no values is refused by who writes the page.
    Ok(all.filter(|family| !family.get_metric().is_empty()).collect())
}

/// Queues of the same project and name are several tenants', and are shown as one.
fn by_name(levels: &QueueLevels) -> BTreeMap<(&str, &str), QueueLevel> {
    let mut all: BTreeMap<(&str, &str), QueueLevel> = BTreeMap::new();
    for (project, queue, level) in &levels.named {
        all.entry((project.as_str(), queue.as_str())).or_default().add(level);
    }
    if let Some(other) = &levels.other {
        all.entry((OTHER, OTHER)).or_default().add(other);
    }
    all
}
