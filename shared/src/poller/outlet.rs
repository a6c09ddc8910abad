//! Delivers due events within a poll: for so long, and not again and again to a listener that does not take them.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures::future::join_all;
use tracing::warn;

use super::PollReport;
use crate::{
    app::App,
    clock::Timestamp,
    ids::Name,
    notify::chain,
    outbox::{self, Delivery},
    store::{Due, DueItem, Record},
};

/// How long one poll delivers; a slow listener must not keep the poller from tasks.
const BUDGET: Duration = Duration::from_secs(10);

/// How soon an event that was not taken is offered again: after as long as it has waited, within these.
const AGAIN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(600));

/// The way out of one poll, shared by its shards.
pub(super) struct Outlet {
    until: Timestamp,
    closed: AtomicBool,
}

impl Outlet {
    pub(super) fn open(app: &App, deadline: Option<Timestamp>) -> Self {
        let until = app.clock.now() + BUDGET;
        Self { until: deadline.map_or(until, |at| at.min(until)), closed: AtomicBool::new(false) }
    }

    /// Delivers `events`, each tenant's in the order they were made. A listener that does not work closes the outlet. What
    /// is owed then, or has been refused, is looked at again later.
    pub(super) async fn publish(&self, app: &App, mut events: Vec<Record>) -> PollReport {
        events.sort_by_key(|event| (event.created_at, event.version));
        let mut by_tenant: BTreeMap<Name, Vec<Record>> = BTreeMap::new();
        for event in events {
            by_tenant.entry(event.key.tenant.clone()).or_default().push(event);
        }
        let mut report = PollReport::default();
        for (tenant, events) in by_tenant {
            let Delivery { delivered, owed, .. } = self.deliver(app, &tenant, &events).await;
            report.published += delivered;
            report.failed += owed.len();
            put_off(app, &owed).await;
        }
        report
    }

    async fn deliver<'a>(&self, app: &App, tenant: &Name, events: &'a [Record]) -> Delivery<'a> {
        if self.closed.load(Ordering::Relaxed) || app.clock.now() >= self.until {
            return Delivery::owed(events);
        }
        let delivery = outbox::deliver(app, tenant, events, self.until).await;
        if let Some(first) = delivery.problems.first() {
            let owed = delivery.owed.len();
            warn!(%tenant, owed, error = %chain(first), "events were not delivered; a later poll tries again");
        }
        if delivery.is_cut_off() {
            self.closed.store(true, Ordering::Relaxed);
        }
        delivery
    }
}

/// Has events looked at again later, so that they do not stand before every due task.
async fn put_off(app: &App, events: &[&Record]) {
    let now = app.clock.now();
    let put_off = events.iter().filter_map(|event| Some((event, event.wake_at?))).map(async |(event, wake_at)| {
        let wait = now.since(event.created_at).clamp(AGAIN.0, AGAIN.1);
        let due = Due { item: DueItem::Record(event.key.clone()), wake_at };
        if let Err(problem) = app.store.set_aside(&due, now + wait).await {
            warn!(error = %chain(&problem), "an event was not put off; the next poll tries again");
        }
    });
    join_all(put_off).await;
}
