//! What one webhook is owed, and where that stands: of the installation's webhook, a tenant's events themselves; of one
//! that the tenant has named, an item for each event that it wants.
//!
//! | record | parent, in the order of | owner, in the order of |
//! |---|---|---|
//! | `outbox`, one of each backlog, `_errand`'s | – | what is owed at all, when it was last served |
//! | `event` that the installation's webhook is owed | the backlog, its place, then from when it may be offered again | the list, its place |
//! | `delivery`, what a webhook of the tenant's is owed | the backlog, likewise | – |
//! | either, refused | what was refused of the backlog, from when it may be offered again | as before |

use serde_json::{Value, json};

use crate::{
    clock::Timestamp,
    event::{self, Published},
    ids::{self, Id, Name},
    store::{Doc, Expect, Record, RecordKey, RecordWrite, Relation},
};

/// The fields of an item that are not the event's: which webhook is owed it, and the event's id.
const WEBHOOK: &str = "_webhook";
const EVENT: &str = "_event";

/// Whose events, and which webhook is owed them: the installation's if none is named.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Backlog {
    pub(super) tenant: Name,
    pub(super) webhook: Option<Id>,
}

impl Backlog {
    /// Of the installation's webhook.
    pub(super) fn of_the_installation(tenant: &Name) -> Self {
        Self { tenant: tenant.clone(), webhook: None }
    }

    /// The one that an outbox counts.
    pub(super) fn of(outbox: &Record) -> Option<Self> {
        let text = |field: &str| outbox.doc.get(field).and_then(Value::as_str);
        Some(match text("webhook") {
            Some(webhook) => Self { tenant: Name::new(text("tenant")?).ok()?, webhook: Some(Id::new(webhook).ok()?) },
            None => Self { tenant: Name::new(outbox.key.id.as_str()).ok()?, webhook: None },
        })
    }

    /// The one that an item stands in.
    fn of_item(item: &Record) -> Self {
        let webhook = item.doc.get(WEBHOOK).and_then(Value::as_str).and_then(|id| Id::new(id).ok());
        Self { tenant: item.key.tenant.clone(), webhook }
    }

    /// Its outbox.
    pub(super) fn key(&self) -> RecordKey {
        let id = match &self.webhook {
            None => Id::from(&self.tenant),
            Some(webhook) => Id::from(ids::derived(&["outbox", self.tenant.as_str(), webhook.as_str()])),
        };
        RecordKey { tenant: Name::installation(), kind: outboxes(), id }
    }

    /// The fields of an outbox that owes a webhook of the tenant's nothing yet.
    pub(super) fn begun(&self) -> Doc {
        let fields = [("tenant", json!(self.tenant)), ("webhook", json!(self.webhook)), ("owed", json!(0))];
        fields.into_iter().map(|(field, value)| (field.to_owned(), value)).collect()
    }

    /// The kind of its items.
    pub(super) fn kind(&self) -> Name {
        if self.webhook.is_some() { Name::of("delivery") } else { event::kind() }
    }

    /// That an item is owed: the one of the event with this place.
    pub(super) fn waiting(&self, place: &str) -> Relation {
        self.relation("owed", place.to_owned())
    }

    /// That an item was refused, and may be offered again then.
    pub(super) fn refused(&self, until: Timestamp) -> Relation {
        self.relation("refused", millis(until))
    }

    fn relation(&self, what: &str, sort: String) -> Relation {
        let of = match &self.webhook {
            None => ids::derived(&[what]),
            Some(webhook) => ids::derived(&[what, webhook.as_str()]),
        };
        Relation { of: Id::from(of), sort }
    }

    /// The item of `event`, whose place is `place`, for a webhook of the tenant's.
    pub(super) fn item(&self, event: &Published, place: &str, now: Timestamp) -> RecordWrite {
        let webhook = self.webhook.as_ref().map_or("", Id::as_str);
        let id = Id::from(ids::derived(&["delivery", webhook, event.id.as_str()]));
        let key = RecordKey { tenant: self.tenant.clone(), kind: self.kind(), id };
        let mut doc = event.doc.clone();
        doc.insert(WEBHOOK.to_owned(), webhook.into());
        doc.insert(EVENT.to_owned(), event.id.as_str().into());
        let record = Record { parent: Some(self.waiting(place)), ..Record::new(key, doc, now) };
        RecordWrite::Put { record: Box::new(record), expect: Expect::Absent }
    }
}

/// The event of an item.
pub(super) fn event_of(item: &Record) -> Published {
    let mut event = Published::from(item.clone());
    event.doc.remove(WEBHOOK);
    let id = event.doc.remove(EVENT).and_then(|id| Id::new(id.as_str()?).ok());
    event.id = id.unwrap_or(event.id);
    event
}

/// From when an owed item may be offered.
pub(super) fn offered_from(item: &Record) -> Timestamp {
    let until = item.parent.as_ref().and_then(|owed| match was_refused(item) {
        true => owed.sort.parse().ok(),
        false => owed.sort.split_once('.')?.1.parse().ok(),
    });
    Timestamp::from_millis(until.unwrap_or(0))
}

/// Whether it was refused before.
pub(super) fn was_refused(item: &Record) -> bool {
    let refused = Backlog::of_item(item).refused(Timestamp::default()).of;
    item.parent.as_ref().is_some_and(|owed| owed.of == refused)
}

/// That a backlog owes something, and was served last at this time.
pub(super) fn owing(served: Timestamp) -> Relation {
    Relation { of: Id::from(ids::derived(&["owing"])), sort: millis(served) }
}

/// The kind of outboxes.
pub(super) fn outboxes() -> Name {
    Name::of("outbox")
}

/// An instant as a sort key has it.
pub(super) fn millis(at: Timestamp) -> String {
    format!("{:015}", at.as_millis())
}
