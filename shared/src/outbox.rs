//! The outbox: events wait as records of the commit that made them until somebody has delivered them.

mod bus;
#[cfg(feature = "aws")]
pub mod event_bridge;
mod sink;

use std::time::Duration;

use futures::future::join_all;
use reqwest::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use tracing::warn;

pub use bus::{Bus, BusError};
pub use sink::{Sink, Webhook};

use crate::{
    app::App,
    clock::Timestamp,
    effects::Event,
    ids::{self, Id, Name},
    notify::chain,
    store::{
        self, Commit, Doc, Expect, Page, Patch, Record, RecordKey, RecordWrite, Related, Relation, RelationKind,
        StoreError,
    },
};

/// How long a delivered event can still be listed.
const KEEP_DELIVERED: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long the poller leaves a new event to the relay, where that delivers: normally it takes a second.
const HEAD_START: Duration = Duration::from_secs(120);

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
    /// The listener did not take it.
    #[error("the webhook did not take event {id}")]
    Webhook {
        /// Which event.
        id: Id,
        /// What it said.
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
    fn is_refusal(&self) -> bool {
        match self {
            Self::Webhook { source, .. } => source.status().is_some_and(|status| {
                status.is_client_error()
                    && ![StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status)
            }),
            Self::Bus { source, .. } => matches!(source, BusError::Refused(_)),
            Self::Store(_) => false,
        }
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

impl Published {
    /// Whether it tells of a change of a task's status, and not what a handler said.
    pub(crate) fn is_of_a_task(&self) -> bool {
        self.doc.contains_key("new_status")
    }
}

/// The record kind of events.
pub(crate) fn kind() -> Name {
    Name::of("event")
}

/// What all of a tenant's published events belong to; their sort keys are the order of publishing.
fn published_list() -> Id {
    Id::from(ids::derived(&["published"]))
}

fn published_by(tenant: &Name, newest_first: bool) -> Related {
    let tenant = tenant.clone();
    Related { tenant, kind: kind(), by: RelationKind::Owner, of: published_list(), newest_first }
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

/// What came of the delivery of some events.
#[derive(Debug, Default)]
pub(crate) struct Delivery<'a> {
    /// How many were delivered.
    pub(crate) delivered: usize,
    /// The others.
    pub(crate) owed: Vec<&'a Record>,
    /// Why those are owed that were tried.
    pub(crate) problems: Vec<DeliveryError>,
}

impl<'a> Delivery<'a> {
    /// None was tried.
    pub(crate) fn owed(events: &'a [Record]) -> Self {
        Self { owed: events.iter().collect(), ..Self::default() }
    }

    /// Whether a listener, or the store, does not work.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.problems.iter().any(|problem| !problem.is_refusal())
    }
}

/// Delivers `tenant`'s due events in order and notes each; past one that a listener refuses. Stops at `until`, or where
/// a listener or the store does not work. A crash in between delivers one again, with the same id.
///
/// Events get their place in the list when they are delivered, not when they were made: with one deliverer at a time
/// ([`Sink::turn`]) a reader that pages through the list misses none.
pub(crate) async fn deliver<'a>(app: &App, tenant: &Name, events: &'a [Record], until: Timestamp) -> Delivery<'a> {
    let _turn = app.settings.sink.turn().await;
    let newest = match app.store.records(&published_by(tenant, true), None, 1).await {
        Ok(newest) => newest.items.first().and_then(|r| r.owner.as_ref()?.sort.parse::<u64>().ok()).unwrap_or(0),
        Err(problem) => return Delivery { problems: vec![problem.into()], ..Delivery::owed(events) },
    };
    let mut delivery = Delivery::default();
    for some in events.chunks(app.settings.sink.at_once()) {
        if delivery.is_cut_off() || app.clock.now() >= until {
            delivery.owed.extend(some);
            continue;
        }
        let last = newest + delivery.delivered as u64;
        for (event, delivered) in some.iter().zip(deliver_some(app, some, last).await) {
            match delivered {
                Ok(()) => delivery.delivered += 1,
                Err(problem) => {
                    delivery.owed.push(event);
                    delivery.problems.push(problem);
                }
            }
        }
    }
    delivery
}

/// Delivers each of these for itself; those that are taken get the places after `last`.
async fn deliver_some(app: &App, events: &[Record], mut last: u64) -> Vec<Result<(), DeliveryError>> {
    let published: Vec<Published> = events.iter().cloned().map(Published::from).collect();
    let sent = app.settings.sink.send(&published).await;
    let noted = events.iter().zip(sent).map(|(event, sent)| {
        last += u64::from(sent.is_ok());
        async move {
            sent?;
            Ok(note(app, event, Some(last)).await?)
        }
    });
    join_all(noted).await
}

/// Whether it is the poller's turn to deliver `event`: where the relay delivers, it has a head start, so that not both
/// do.
pub(crate) fn is_the_pollers(app: &App, event: &Record) -> bool {
    !app.settings.sink.is_relayed() || event.created_at + HEAD_START <= app.clock.now()
}

/// Puts events that were stored just now on `bus`, and notes those it took, without a place: several shards of the
/// stream are relayed at once. What is not taken, or not noted, stays owed: the poller delivers it.
pub(crate) async fn hand_over(app: &App, bus: &dyn Bus, events: &[Record]) {
    let published: Vec<Published> = events.iter().cloned().map(Published::from).collect();
    let taken = events.iter().zip(bus.put(&published).await);
    let noted = taken.map(async |(event, taken)| {
        taken.map_err(|source| sink::not_taken(event.key.id.clone(), source))?;
        Ok::<_, DeliveryError>(note(app, event, None).await?)
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

async fn note(app: &App, event: &Record, place: Option<u64>) -> Result<(), StoreError> {
    let owner = place.map(|place| Some(Relation { of: published_list(), sort: format!("{place:015}") }));
    let now = app.clock.now();
    let noted = RecordWrite::Patch {
        key: event.key.clone(),
        patch: Patch { owner, wake_at: Some(None), expires_at: Some(now + KEEP_DELIVERED), ..Patch::default() },
        expect: Expect::Version(event.version),
        version: ids::fresh(),
        at: now,
    };
    match store::commit(&*app.store, Commit { records: vec![noted], ..Commit::default() }).await {
        // Somebody else has delivered it too.
        Err(StoreError::Conflict { .. }) => Ok(()),
        noted => noted,
    }
}

impl From<Record> for Published {
    fn from(record: Record) -> Self {
        Self { id: record.key.id, tenant: record.key.tenant, doc: record.doc }
    }
}

/// What was published of `tenant`'s after `after`, in order. There is always a cursor, once there was an event: what
/// comes later is found by it.
pub async fn published(
    app: &App,
    tenant: &Name,
    after: Option<&str>,
    limit: usize,
) -> Result<Page<Published, String>, StoreError> {
    let page = app.store.records(&published_by(tenant, false), after, limit).await?;
    let last = page.items.last().and_then(|event| event.place(RelationKind::Owner));
    let next = last.or(after.map(str::to_owned));
    Ok(Page { items: page.items.into_iter().map(Published::from).collect(), next })
}
