//! The store's change stream in two shards, the bus that it is told on, and the counters that are made of it: what the relay
//! meets on AWS.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use async_trait::async_trait;
use errand::{
    App, Id, Listener, Name, NotTaken, Published, StoreError, Task, Timestamp,
    spi::{event, store::Record},
};
use errand_aws::relay::{Change, Counters, Moved, Seen, Sequence, Tally, TaskStanding};

use crate::pick::Pick;

/// How many shards it has.
pub const SHARDS: usize = 2;

/// Everything that was changed, in the order of each shard.
#[derive(Default)]
pub struct Stream(pub [Vec<Seen>; SHARDS]);

impl Stream {
    /// A task is in another status than before.
    pub fn task(&mut self, before: Option<&Task>, after: &Task) {
        if before.is_some_and(|before| before.status() == after.status()) {
            return;
        }
        let standing = |task: &Task| TaskStanding { status: task.status(), failures: task.failures };
        let change = Change {
            key: after.key.clone(),
            project: after.project.clone(),
            queue: after.queue.clone(),
            lane: after.lane.clone(),
            task_type: after.task_type.clone(),
            version: after.version,
            at: after.updated_at,
            old: before.map(standing),
            new: standing(after),
        };
        self.shard(&after.key.tenant).push(Seen::Task(Box::new(change)));
    }

    /// A record is there that was not.
    pub fn record(&mut self, record: &Record) {
        if record.key.kind == event::kind() && record.wake_at.is_some() {
            self.shard(&record.key.tenant).push(Seen::Event(Box::new(record.clone())));
        }
    }

    /// What all changes add up to.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for seen in self.0.iter().flatten() {
            if let Seen::Task(change) = seen {
                tally.add(change);
            }
        }
        tally
    }

    fn shard(&mut self, tenant: &Name) -> &mut Vec<Seen> {
        let first = tenant.as_str().bytes().next().unwrap_or_default();
        &mut self.0[usize::from(first) % SHARDS]
    }
}

/// The place of the `nth` record of a shard.
pub fn place(nth: usize) -> Sequence {
    Sequence::try_from((nth + 1).to_string()).unwrap_or_else(|error| unreachable!("it is a number: {error}"))
}

/// Keeps what it is told; at times it takes nothing, or says so though it did.
pub struct Bus {
    pub heard: Mutex<BTreeSet<Id>>,
    pub pick: Mutex<Pick>,
    pub calm: AtomicBool,
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bus")
    }
}

#[async_trait]
impl Listener for Bus {
    async fn tell(&self, events: &[Published]) -> Vec<Result<(), NotTaken>> {
        let mut pick = lock(&self.pick);
        let tell = |event: &Published| {
            let fate = if self.calm.load(Relaxed) { 9 } else { pick.below(10) };
            if fate > 0 {
                lock(&self.heard).insert(event.id.clone());
            }
            if fate > 1 { Ok(()) } else { Err(NotTaken::Unavailable("it is away".to_owned())) }
        };
        events.iter().map(tell).collect()
    }
}

/// Watermarks, and what was counted up to them.
#[derive(Default)]
pub struct Counted {
    pub watermarks: BTreeMap<String, Sequence>,
    pub counts: Tally,
}

/// Counters that are held up, and go wrong, as the store of `app` does.
pub struct HeldUp {
    pub app: App,
    pub counted: Arc<Mutex<Counted>>,
}

#[async_trait]
impl Counters for HeldUp {
    async fn watermark(&self, shard: &str) -> Result<Option<Sequence>, StoreError> {
        self.app.store.check().await?;
        Ok(lock(&self.counted).watermarks.get(shard).cloned())
    }

    async fn advance(
        &self,
        shard: &str,
        from: Option<&Sequence>,
        to: &Sequence,
        counts: &Tally,
        _: Timestamp,
    ) -> Result<Moved, StoreError> {
        self.app.store.check().await?;
        let moved = {
            let mut counted = lock(&self.counted);
            let stands = counted.watermarks.get(shard).cloned();
            if stands.as_ref() == from {
                counted.watermarks.insert(shard.to_owned(), to.clone());
                counted.counts.merge(counts);
                Moved::Done
            } else {
                Moved::StandsAt(stands)
            }
        };
        // An error here: it was counted, and the answer was lost.
        self.app.store.check().await?;
        Ok(moved)
    }
}

pub fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
