//! Has due events listed within a poll; and before that put on the bus, if there is one, for so long as it takes them.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
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

/// How many events that were not tried a poll leaves due: more than the next one puts on the bus within [`BUDGET`].
/// Those beyond are put off, or ever more of them would stand before every due task.
const LEFT_DUE: usize = 20_000;

/// The way out of one poll, shared by its shards.
pub(super) struct Outlet {
    until: Timestamp,
    closed: AtomicBool,
    /// How many events this poll has left due.
    left_due: AtomicUsize,
    /// Two shards that list the same tenant's events at once would only be in each other's way.
    listing: Mutex<()>,
}

impl Outlet {
    pub(super) fn open(app: &App, deadline: Option<Timestamp>) -> Self {
        let until = app.clock.now() + BUDGET;
        let until = deadline.map_or(until, |at| at.min(until));
        Self { until, closed: AtomicBool::new(false), left_due: AtomicUsize::new(0), listing: Mutex::default() }
    }

    /// Lists `events`, each tenant's in the order they were made, once they are on the bus. A bus that does not work
    /// closes the outlet: what it did not take waits for as long as it has waited; what was not offered to it waits for
    /// nothing but the next poll.
    pub(super) async fn publish(&self, app: &App, mut events: Vec<Record>) -> PollReport {
        events.sort_by_key(|event| (event.created_at, event.version));
        let Offered { told, owed, untried } = self.put_on_bus(app, events).await;
        let left_before = self.left_due.fetch_add(untried.len(), Ordering::Relaxed);
        let too_many = untried.iter().skip(LEFT_DUE.saturating_sub(left_before));
        put_off(app, owed.iter().chain(too_many)).await;
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
        let looked = PollReport { failed: owed.len() + untried.len(), ..PollReport::default() };
        join_all(listed).await.into_iter().fold(looked, PollReport::plus)
    }

    async fn put_on_bus(&self, app: &App, events: Vec<Record>) -> Offered {
        if app.listeners.bus.is_none() {
            return Offered { told: events, ..Offered::default() };
        }
        if self.closed.load(Ordering::Relaxed) || app.clock.now() >= self.until {
            return Offered { untried: events, ..Offered::default() };
        }
        let (mut offered, mut first) = (Offered::default(), None);
        let put = outbox::put_on_bus(app, &events).await;
        for (event, put) in events.into_iter().zip(put) {
            match put {
                Ok(()) => offered.told.push(event),
                Err(problem) if problem.is_untried() => offered.untried.push(event),
                Err(problem) => {
                    if !problem.is_refusal() {
                        self.closed.store(true, Ordering::Relaxed);
                    }
                    offered.owed.push(event);
                    first.get_or_insert(problem);
                }
            }
        }
        if let Some(first) = first {
            let (owed, untried) = (offered.owed.len(), offered.untried.len());
            warn!(owed, untried, error = %chain(&first), "events are not on the bus; a later poll tries again");
        }
        offered
    }
}

/// What the bus answered to some events.
#[derive(Default)]
struct Offered {
    /// It took them, or there is none.
    told: Vec<Record>,
    /// It did not take them.
    owed: Vec<Record>,
    /// It was not asked: it did not work for others, or the time was up.
    untried: Vec<Record>,
}

/// Has events looked at again later, so that they do not stand before every due task.
async fn put_off(app: &App, events: impl Iterator<Item = &Record>) {
    let now = app.clock.now();
    let put_off = events.filter_map(|event| Some((event, event.wake_at?))).map(async |(event, wake_at)| {
        let due = Due { item: DueItem::Record(event.key.clone()), wake_at };
        if let Err(problem) = app.store.set_aside(&due, outbox::again(event, now)).await {
            warn!(error = %chain(&problem), "an event was not put off; the next poll tries again");
        }
    });
    join_all(put_off).await;
}
