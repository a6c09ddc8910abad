//! The outbox: events wait as records of the commit that made them until somebody has delivered them.
//!
//! Two duties, and neither waits for the other: `list` gives what is due its places in the list of what was
//! published, in groups; `post` offers what is listed to the webhook. `wake_at` carries an event until it is listed;
//! from then on, until the webhook has taken it, what its tenant is owed (`owed`) does. Webhooks that tenants name (`hook`)
//! are given what was listed (`fan_out`) and, where that is not in the list, the ends of tasks (`give`): each has a backlog of
//! its own, and is offered that in the same way.

mod backlog;
mod fan_out;
mod filter;
mod give;
mod hook;
mod lanes;
mod list;
mod owed;
mod post;

use std::{collections::BTreeMap, time::Duration};

use futures::future::join_all;
use tracing::warn;

pub use filter::EventFilter;
pub use give::give_ends;
pub use hook::{
    Hook, HookDoc, MOST_WEBHOOKS, Named, Off, name_webhook, remove_webhook, renew_secret, webhook, webhooks,
};
pub(crate) use list::list;
pub use list::published;
pub use owed::{Owed, OwedToWebhook, owed, owed_by_webhook};
pub use post::Posted;
pub(crate) use post::post;

use crate::{
    app::App,
    clock::Timestamp,
    event::{self, Published},
    ids::{self, Id, Name},
    listener::{Listener, NotTaken},
    redact::chain,
    store::{self, Commit, Expect, Part, Patch, Record, RecordKey, RecordWrite, StoreError},
};

/// How long an event that all have taken can still be listed.
pub const KEEP_DELIVERED: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long the poller leaves a new event to the relay, where that delivers: normally it takes a second.
const HEAD_START: Duration = Duration::from_secs(120);

/// How soon an event that was not taken is offered again: after as long as it has waited, within these.
const AGAIN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(600));

/// Why an event was not delivered; it stays owed.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The listener has not taken it.
    #[error("event {id} was not delivered")]
    NotTaken {
        /// The event that was not taken.
        id: Id,
        /// What the listener said.
        #[source]
        source: NotTaken,
    },
    /// The store did not note it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DeliveryError {
    /// Whether the listener works, and does not want this event: others are none the worse for it.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::NotTaken { source: NotTaken::Refused(_), .. })
    }

    /// Whether nobody was asked to take the event.
    pub(crate) fn is_untried(&self) -> bool {
        matches!(self, Self::NotTaken { source: NotTaken::NotAsked, .. })
    }
}

/// From when an event that was not taken at `now` is offered again.
pub(crate) fn again(event: &Record, now: Timestamp) -> Timestamp {
    now + now.since(event.created_at).clamp(AGAIN.0, AGAIN.1)
}

/// Puts events on the bus, where there is one; each answer stands for itself, in order.
pub(crate) async fn put_on_bus(app: &App, events: &[Record]) -> Vec<Result<(), DeliveryError>> {
    match &app.listeners.bus {
        Some(bus) => tell(&**bus, events).await,
        None => events.iter().map(|_| Ok(())).collect(),
    }
}

async fn tell(listener: &dyn Listener, events: &[Record]) -> Vec<Result<(), DeliveryError>> {
    let published: Vec<Published> = events.iter().cloned().map(Published::from).collect();
    let told = listener.tell(&published).await.into_iter().zip(published);
    told.map(|(told, event)| told.map_err(|source| DeliveryError::NotTaken { id: event.id, source })).collect()
}

/// Whether it is the poller's turn to deliver `event`: where the relay delivers, it has a head start, so that not both
/// do.
pub(crate) fn is_the_pollers(app: &App, event: &Record) -> bool {
    !app.listeners.is_relayed() || event.created_at + HEAD_START <= app.clock.now()
}

/// Puts events that were stored just now on `bus`, and notes those it took, without a place unless their tenant has
/// webhooks: several shards of the stream are relayed at once. What is not taken, or not noted, stays owed: the poller delivers it.
pub async fn hand_over(app: &App, bus: &dyn Listener, events: &[Record]) {
    let (mut taken, mut problems): (BTreeMap<&Name, Vec<Record>>, Vec<DeliveryError>) = Default::default();
    for (event, told) in events.iter().zip(tell(bus, events).await) {
        match told {
            Ok(()) => taken.entry(&event.key.tenant).or_default().push(event.clone()),
            Err(problem) => problems.push(problem),
        }
    }
    let noted = taken.into_iter().map(async |(tenant, events)| match hook::has_webhooks(app, tenant).await? {
        // What they are given is read from the list.
        true => list(app, tenant, &events).await.map(drop),
        false => join_all(events.iter().map(|event| note(app, event))).await.into_iter().collect(),
    });
    let failed = join_all(noted).await.into_iter().filter_map(Result::err);
    problems.extend(failed.map(DeliveryError::from));
    if let Some(first) = problems.first() {
        warn!(owed = problems.len(), error = %chain(first), "events were not relayed; the poller delivers them");
    }
}

/// Stores an event that the bus did not take, for the poller. Stored by an earlier try, it is left as it is.
pub async fn keep(app: &App, events: Vec<Published>) -> Vec<Result<(), StoreError>> {
    let now = app.clock.now();
    let kept = events.into_iter().map(async |Published { id, tenant, doc }| {
        let record = event::due(RecordKey { tenant, kind: event::kind(), id }, doc, now);
        match store::commit(&*app.store, Commit { records: vec![record], ..Commit::default() }).await {
            Err(StoreError::Conflict { .. }) => Ok(()),
            kept => kept,
        }
    });
    join_all(kept).await
}

async fn note(app: &App, event: &Record) -> Result<(), StoreError> {
    let now = app.clock.now();
    let noted = patch(event, delivered(now), now);
    match store::commit(&*app.store, Commit { records: vec![noted], ..Commit::default() }).await {
        // Somebody else has delivered it too.
        Err(StoreError::Conflict { .. }) => Ok(()),
        noted => noted,
    }
}

/// What becomes of an event that all have taken.
fn delivered(now: Timestamp) -> Patch {
    Patch { parent: Some(None), wake_at: Some(None), expires_at: Some(now + KEEP_DELIVERED), ..Patch::default() }
}

/// Changes `record`, if it is still the one that was read.
fn patch(record: &Record, patch: Patch, now: Timestamp) -> RecordWrite {
    let expect = Expect::Version(record.version);
    RecordWrite::Patch { key: record.key.clone(), patch: Box::new(patch), expect, version: ids::fresh(), at: now }
}

/// Leaves of `items`, which stand in a commit behind `before` other records, those that were not in its way.
fn unmet<T>(items: &mut Vec<T>, before: usize, in_the_way: &[Part]) {
    let mut place = before;
    items.retain(|_| {
        place += 1;
        !in_the_way.contains(&Part::Record(place - 1))
    });
}
