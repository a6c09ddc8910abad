//! The outbox: events wait as records of the commit that made them until somebody has delivered them.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    clock::Timestamp,
    effects::Event,
    http,
    ids::{self, Id, Name},
    store::{self, Commit, Doc, Expect, Page, Patch, Record, RecordWrite, Related, Relation, RelationKind, StoreError},
};

/// Where events go besides [`published`].
#[derive(Clone, Debug, Default)]
pub enum Sink {
    /// Nowhere else.
    #[default]
    None,
    /// Each is posted to this URL as JSON; any 2xx answer is a delivery.
    Webhook(Arc<Webhook>),
}

/// An HTTP listener.
#[derive(Debug)]
pub struct Webhook {
    url: reqwest::Url,
    client: reqwest::Client,
}

/// How long a delivered event can still be listed.
const KEEP_DELIVERED: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3600);

/// How long a listener may take to answer.
const WEBHOOK_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

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
    /// The store did not note it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An event as listeners see it.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Published {
    /// What a listener removes repetitions by.
    pub id: Id,
    /// Whose it is.
    pub tenant: Name,
    /// The rest: `type`, `time`, `subject`, `data`, and `request_id` if the task came of a request that has one.
    #[serde(flatten)]
    pub doc: Doc,
}

impl Webhook {
    /// A listener at `url`.
    pub fn new(url: reqwest::Url) -> Result<Self, reqwest::Error> {
        Ok(Self { url, client: http::client(WEBHOOK_TIMEOUT)? })
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

/// Delivers `tenant`'s due events in order and notes each; stops at `until`, or at the first that cannot be delivered.
/// A crash in between delivers one again, with the same id. Answers how many were delivered, and what stopped it.
///
/// Events get their place in the list when they are delivered, not when they were made: with one deliverer (one
/// machine has one poller) a reader that pages through the list misses none.
pub(crate) async fn deliver(
    app: &App,
    tenant: &Name,
    events: &[Record],
    until: Timestamp,
) -> (usize, Option<DeliveryError>) {
    let newest = match app.store.records(&published_by(tenant, true), None, 1).await {
        Ok(newest) => newest.items.first().and_then(|r| r.owner.as_ref()?.sort.parse::<u64>().ok()).unwrap_or(0),
        Err(problem) => return (0, Some(problem.into())),
    };
    for (delivered, (event, place)) in events.iter().zip(newest + 1..).enumerate() {
        if app.clock.now() >= until {
            return (delivered, None);
        }
        if let Err(problem) = deliver_one(app, event, place).await {
            return (delivered, Some(problem));
        }
    }
    (events.len(), None)
}

async fn deliver_one(app: &App, event: &Record, place: u64) -> Result<(), DeliveryError> {
    app.settings.sink.send(event).await?;
    Ok(note(app, event, place).await?)
}

async fn note(app: &App, event: &Record, place: u64) -> Result<(), StoreError> {
    let owner = Some(Some(Relation { of: published_list(), sort: format!("{place:015}") }));
    let now = app.clock.now();
    let noted = RecordWrite::Patch {
        key: event.key.clone(),
        patch: Patch { owner, wake_at: Some(None), expires_at: Some(now + KEEP_DELIVERED), ..Patch::default() },
        expect: Expect::Version(event.version),
        version: ids::fresh(),
        at: now,
    };
    match store::commit(&*app.store, Commit { records: vec![noted], ..Commit::default() }).await {
        // Another poller has delivered it too.
        Err(StoreError::Conflict { .. }) => Ok(()),
        noted => noted,
    }
}

impl Sink {
    async fn send(&self, event: &Record) -> Result<(), DeliveryError> {
        let Sink::Webhook(webhook) = self else { return Ok(()) };
        let body = serde_json::to_string(&Published::from(event.clone())).unwrap_or_default();
        let request = webhook.client.post(webhook.url.clone()).header("content-type", "application/json").body(body);
        let answer = request.send().await.and_then(reqwest::Response::error_for_status);
        // The URL may carry a secret, and the error goes to the log.
        let failed =
            |source: reqwest::Error| DeliveryError::Webhook { id: event.key.id.clone(), source: source.without_url() };
        answer.map(drop).map_err(failed)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Timestamp, notify::chain, store::RecordKey};

    #[tokio::test]
    async fn an_event_that_is_not_taken_does_not_tell_the_webhooks_url() {
        // Nobody listens there.
        let webhook = Webhook::new("http://127.0.0.1:9/s3cret".parse().unwrap()).unwrap();
        let key = RecordKey { tenant: Name::default(), kind: kind(), id: Id::new("e").unwrap() };
        let event = Record::new(key, Doc::new(), Timestamp::default());
        let error = Sink::Webhook(Arc::new(webhook)).send(&event).await.unwrap_err();
        assert!(!chain(&error).contains("s3cret"), "{}", chain(&error));
    }
}
