//! The outbox: events wait as records of the commit that made them until somebody has delivered them.
//!
//! Two duties, and neither waits for the other: `list` gives what is due its places in the list of what was
//! published, in groups; `post` offers what is listed to the webhook. `wake_at` carries an event until it is listed;
//! from then on, until the webhook has taken it, what its tenant is owed (`owed`) does.

mod bus;
#[cfg(feature = "aws")]
pub mod event_bridge;
mod lanes;
mod list;
mod owed;
mod post;
mod sink;

use std::time::Duration;

use futures::future::join_all;
use reqwest::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use tracing::warn;

pub use bus::{Bus, BusError};
pub(crate) use list::list;
pub use list::published;
pub use owed::{Owed, owed};
pub use post::Posted;
pub(crate) use post::post;
pub use sink::{Sink, Webhook};

use crate::{
    app::App,
    clock::Timestamp,
    effects::Event,
    ids::{self, Id, Name},
    notify::chain,
    store::{self, Commit, Doc, Expect, Patch, Record, RecordKey, RecordWrite, StoreError},
};

/// How long an event that all have taken can still be listed.
const KEEP_DELIVERED: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long the poller leaves a new event to the relay, where that delivers: normally it takes a second.
const HEAD_START: Duration = Duration::from_secs(120);

/// How soon an event that was not taken is offered again: after as long as it has waited, within these.
const AGAIN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(600));

/// The first words of the types of events that Errand itself tells.
const FAMILIES: [&str; 7] = ["agent", "intro", "message", "run", "solution", "task", "user"];

/// The one of our families of events that a type belongs to, if it does.
pub(crate) fn family(event_type: &str) -> Option<&'static str> {
    let first = event_type.split('.').next().unwrap_or_default().trim();
    FAMILIES.into_iter().find(|family| family.eq_ignore_ascii_case(first))
}

/// Why an event was not delivered; it stays owed.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The webhook answered, and not that it took it.
    #[error("the webhook answered {status} to event {id}")]
    NotTaken {
        /// Which event.
        id: Id,
        /// By which status; no 2xx.
        status: StatusCode,
    },
    /// The webhook did not answer.
    #[error("the webhook did not answer to event {id}")]
    Unanswered {
        /// Which event.
        id: Id,
        /// What happened.
        #[source]
        source: reqwest::Error,
    },
    /// The bus did not take it.
    #[error("event {id} is not on the bus")]
    Bus {
        /// Which event.
        id: Id,
        /// What it said.
        #[source]
        source: BusError,
    },
    /// The store did not note it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DeliveryError {
    /// Whether the listener works, and does not want this event: others are none the worse for it.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::NotTaken { status, .. } => {
                let asks_to_wait = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(status);
                status.is_client_error() && !asks_to_wait
            }
            Self::Bus { source, .. } => matches!(source, BusError::Refused(_)),
            Self::Unanswered { .. } | Self::Store(_) => false,
        }
    }

    /// Whether nobody was asked to take the event.
    pub(crate) fn is_untried(&self) -> bool {
        matches!(self, Self::Bus { source: BusError::NotAsked, .. })
    }
}

/// An event as listeners see it.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Published {
    /// What a listener removes repetitions by.
    pub id: Id,
    /// Whose it is.
    pub tenant: Name,
    /// The rest: `type`, `time`, `subject`, `data`, and `request_id` if the task came of a request that has one; of a
    /// task's change `old_status`, `new_status`, `task_type` instead of `data`.
    #[serde(flatten)]
    pub doc: Doc,
}

/// The record kind of events.
pub(crate) fn kind() -> Name {
    Name::of("event")
}

/// The fields of an event's record.
pub(crate) fn doc(event: Event) -> Doc {
    let Event { event_type, time, subject, data, request_id, .. } = event;
    let Value::Object(mut doc) = json!({"type": event_type, "time": time, "subject": subject, "data": data}) else {
        return Doc::new();
    };
    doc.extend(request_id.map(|id| ("request_id".to_owned(), id.into())));
    doc
}

/// The outbox record of an event.
pub(crate) fn put(event: Event, tenant: &Name, now: Timestamp) -> RecordWrite {
    let key = RecordKey { tenant: tenant.clone(), kind: kind(), id: Id::from(event.id) };
    outbox_record(key, doc(event), now)
}

/// From when an event that was not taken at `now` is offered again.
pub(crate) fn again(event: &Record, now: Timestamp) -> Timestamp {
    now + now.since(event.created_at).clamp(AGAIN.0, AGAIN.1)
}

/// Puts events on the bus, where there is one; each answer stands for itself, in order.
pub(crate) async fn put_on_bus(app: &App, events: &[Record]) -> Vec<Result<(), DeliveryError>> {
    match &app.settings.sink.bus {
        Some(bus) => put_on(&**bus, events).await,
        None => events.iter().map(|_| Ok(())).collect(),
    }
}

async fn put_on(bus: &dyn Bus, events: &[Record]) -> Vec<Result<(), DeliveryError>> {
    let published: Vec<Published> = events.iter().cloned().map(Published::from).collect();
    let put = bus.put(&published).await.into_iter().zip(published);
    put.map(|(put, event)| put.map_err(|source| DeliveryError::Bus { id: event.id, source })).collect()
}

/// Whether it is the poller's turn to deliver `event`: where the relay delivers, it has a head start, so that not both
/// do.
pub(crate) fn is_the_pollers(app: &App, event: &Record) -> bool {
    !app.settings.sink.is_relayed() || event.created_at + HEAD_START <= app.clock.now()
}

/// Puts events that were stored just now on `bus`, and notes those it took, without a place: several shards of the
/// stream are relayed at once. What is not taken, or not noted, stays owed: the poller delivers it.
pub(crate) async fn hand_over(app: &App, bus: &dyn Bus, events: &[Record]) {
    let taken = events.iter().zip(put_on(bus, events).await);
    let noted = taken.map(async |(event, taken)| {
        taken?;
        Ok::<_, DeliveryError>(note(app, event).await?)
    });
    let problems: Vec<DeliveryError> = join_all(noted).await.into_iter().filter_map(Result::err).collect();
    if let Some(first) = problems.first() {
        warn!(owed = problems.len(), error = %chain(first), "events were not relayed; the poller delivers them");
    }
}

/// Stores an event that the bus did not take, for the poller. Stored by an earlier try, it is left as it is.
pub(crate) async fn keep(app: &App, events: Vec<Published>) -> Vec<Result<(), StoreError>> {
    let now = app.clock.now();
    let put = |Published { id, tenant, doc }| {
        let record = outbox_record(RecordKey { tenant, kind: kind(), id }, doc, now);
        Commit { records: vec![record], ..Commit::default() }
    };
    let kept = app.store.commit(events.into_iter().map(put).collect()).await;
    let there = |kept| if matches!(kept, Err(StoreError::Conflict { .. })) { Ok(()) } else { kept };
    kept.into_iter().map(there).collect()
}

/// The write of an event that somebody has to deliver: from now on it is due.
fn outbox_record(key: RecordKey, doc: Doc, now: Timestamp) -> RecordWrite {
    let record = Record { wake_at: Some(now), ..Record::new(key, doc, now) };
    RecordWrite::Put { record: Box::new(record), expect: Expect::Absent }
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

impl From<Record> for Published {
    fn from(record: Record) -> Self {
        Self { id: record.key.id, tenant: record.key.tenant, doc: record.doc }
    }
}
