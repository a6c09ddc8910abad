//! Has due events listed within a poll; and before that put on the bus, if there is one, for so long as it takes them.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures::future::join_all;
use tokio::sync::Mutex;
use tracing::warn;

use crate::{
    app::App,
    clock::Timestamp,
    ids::Name,
    outbox,
    poller::PollReport,
    redact::chain,
    store::{Due, DueItem, Record},
};

/// How long one poll puts events on the bus; a slow one must not keep the poller from tasks.
const BUDGET: Duration = Duration::from_secs(10);

/// The way out of one poll, shared by its shards.
pub(super) struct Outlet {
    until: Timestamp,
    closed: AtomicBool,
    /// Two shards that list the same tenant's events at once would only be in each other's way.
    listing: Mutex<()>,
}

impl Outlet {
    pub(super) fn open(app: &App, deadline: Option<Timestamp>) -> Self {
        let until = app.clock.now() + BUDGET;
        let until = deadline.map_or(until, |at| at.min(until));
        Self { until, closed: AtomicBool::new(false), listing: Mutex::default() }
    }

    /// Lists `events`, each tenant's in the order they were made, once they are on the bus. A bus that does not work
    /// closes the outlet: what it did not take, or would not, is looked at again later.
    pub(super) async fn publish(&self, app: &App, mut events: Vec<Record>) -> PollReport {
        events.sort_by_key(|event| (event.created_at, event.version));
        let (told, owed) = self.put_on_bus(app, events).await;
        put_off(app, &owed).await;
        let mut by_tenant: BTreeMap<Name, Vec<Record>> = BTreeMap::new();
        for event in told {
            by_tenant.entry(event.key.tenant.clone()).or_default().push(event);
        }
        let _listing = self.listing.lock().await;
        let listed = by_tenant.into_iter().map(async |(tenant, events)| match outbox::list(app, &tenant, &events).await {
            Ok(published) => PollReport { published, ..PollReport::default() },
            Err(problem) => {
                warn!(%tenant, owed = events.len(), error = %chain(&problem), "events were not listed; the next poll tries again");
                PollReport { failed: events.len(), ..PollReport::default() }
            }
        });
        let looked = PollReport { failed: owed.len(), ..PollReport::default() };
        join_all(listed).await.into_iter().fold(looked, PollReport::plus)
    }

    /// What the bus took, and what not.
    async fn put_on_bus(&self, app: &App, events: Vec<Record>) -> (Vec<Record>, Vec<Record>) {
        if app.listeners.bus.is_none() {
            return (events, Vec::new());
        }
        if self.closed.load(Ordering::Relaxed) || app.clock.now() >= self.until {
            return (Vec::new(), events);
        }
        let (mut told, mut owed, mut first) = (Vec::new(), Vec::new(), None);
        for (event, put) in events.iter().zip(outbox::put_on_bus(app, &events).await) {
            let Err(problem) = put else {
                told.push(event.clone());
                continue;
            };
            if !problem.is_refusal() {
                self.closed.store(true, Ordering::Relaxed);
            }
            owed.push(event.clone());
            first.get_or_insert(problem);
        }
        if let Some(first) = first {
            warn!(owed = owed.len(), error = %chain(&first), "events are not on the bus; a later poll tries again");
        }
        (told, owed)
    }
}

/// Has events looked at again later, so that they do not stand before every due task.
async fn put_off(app: &App, events: &[Record]) {
    let now = app.clock.now();
    let put_off = events.iter().filter_map(|event| Some((event, event.wake_at?))).map(async |(event, wake_at)| {
        let due = Due { item: DueItem::Record(event.key.clone()), wake_at };
        if let Err(problem) = app.store.set_aside(&due, outbox::again(event, now)).await {
            warn!(error = %chain(&problem), "an event was not put off; the next poll tries again");
        }
    });
    join_all(put_off).await;
}
