//! Records as typed documents: what tasks act on, each of a kind.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    effects::{Effect, Relations},
    ids::{Id, Name},
    json::read::FieldError,
    store::{Doc, Expect, Patch, Record, RecordKey, RecordWrite, Relation, StoreError},
};

/// A kind of record: its fields, and what must hold of them.
///
/// ```
/// use errand::{Entity, Expect, Id, Relations, Timestamp, parent};
/// use serde::{Deserialize, Serialize};
///
/// /// What somebody said in a conversation.
/// #[derive(Serialize, Deserialize)]
/// struct Message {
///     conversation: Id,
///     text: String,
/// }
///
/// impl Entity for Message {
///     const KIND: &'static str = "message";
///
///     /// It is listed with its conversation, at its place in the order.
///     fn relations(&self, place: &str) -> Relations {
///         parent(&self.conversation, place)
///     }
/// }
///
/// let message = Message { conversation: Id::of("c-1"), text: "hello".into() };
/// let effect = message.put(&Id::of("m-1"), Timestamp::from_millis(0), Expect::Absent);
/// assert_eq!(effect.describe(), "put message m-1");
/// ```
pub trait Entity: Serialize + DeserializeOwned + Send + Sync {
    /// Its name in keys and URLs.
    const KIND: &'static str;

    /// The fields that are shown over HTTP to verifiers alone: somebody proves something by knowing them.
    const SECRETS: &'static [&'static str] = &[];

    /// Whether the owner or parent of a record may be a user: such a record goes with all that is that user's. Where they name
    /// a list, it does not, whatever a user is called.
    const OF_USERS: bool = true;

    /// What a record with these fields belongs to; `place` is its place in their order.
    fn relations(&self, place: &str) -> Relations;

    /// The id that a record with these fields must have, where there may be only one of them.
    fn only_id(&self) -> Option<Id> {
        None
    }

    /// What must hold of fields that come from outside, besides what their types say.
    fn check(&self) -> Result<(), FieldError> {
        Ok(())
    }

    /// What a write from outside does that only verifiers may do, such as "change `verified`"; `before` is `None` for
    /// a new record.
    fn guarded(_before: Option<&Doc>, _after: &Doc) -> Option<&'static str> {
        None
    }

    /// The name, typed.
    fn kind() -> Name {
        Name::of(Self::KIND)
    }

    /// The fields as a document.
    fn doc(&self) -> Doc {
        match serde_json::to_value(self) {
            Ok(Value::Object(doc)) => doc,
            _ => Map::new(), // entities are structs with string keys; a test writes each kind
        }
    }

    /// Writes it as a new record, in the order of `now`.
    fn put(&self, id: &Id, now: Timestamp, expect: Expect) -> Effect {
        Effect::put(Self::kind(), id.clone(), self.doc(), self.relations(&now.to_string()), expect)
    }
}

/// An entity as it is stored: what [`TaskContext::need`](crate::TaskContext::need) and its like answer.
///
/// ```
/// use errand::{Effect, Entity, Id, Relations, Stored};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Score { points: u32 }
///
/// impl Entity for Score {
///     const KIND: &'static str = "score";
///     fn relations(&self, _: &str) -> Relations { Relations::default() }
/// }
///
/// /// Written only if nobody has changed it since it was read.
/// fn doubled(score: &Stored<Score>) -> Effect {
///     score.set([("points", (score.value.points * 2).into())])
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Stored<E> {
    /// What it is called among the records of its kind.
    pub id: Id,
    /// Drawn anew by every write: what a conditional write compares.
    pub version: Uuid,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its fields, as the kind's type reads them.
    pub value: E,
}

impl<E: Entity> Stored<E> {
    /// One that was made just now, of no version yet.
    pub fn of_new(id: Id, value: E, created_at: Timestamp) -> Self {
        Self { id, version: Uuid::nil(), created_at, value }
    }

    /// Reads a record's document, leniently: fields this version does not know are passed over. One that does not fit
    /// its kind is [`StoreError::Corrupt`].
    pub fn read(record: Record) -> Result<Self, StoreError> {
        let Record { key, version, doc, created_at, .. } = record;
        let corrupt = |error: serde_json::Error| StoreError::Corrupt {
            id: format!("{} {}", key.kind, key.id),
            source: anyhow::Error::from(error).context("its fields do not fit its kind"),
        };
        let value = serde_json::from_value(Value::Object(doc)).map_err(corrupt)?;
        Ok(Self { id: key.id.clone(), version, created_at, value })
    }

    /// Sets fields, if it is still as it was read; else the handler decides anew.
    pub fn set<const N: usize>(&self, fields: [(&str, Value); N]) -> Effect {
        let set = fields.into_iter().map(|(field, value)| (field.to_owned(), value)).collect();
        let patch = Patch { set, ..Patch::default() };
        Effect::patch(E::kind(), self.id.clone(), patch, Expect::Version(self.version))
    }
}

/// What a record belongs to that has a parent alone, at `place` in its order.
pub fn parent(of: &Id, place: &str) -> Relations {
    Relations { parent: Some(Relation { of: of.clone(), sort: place.to_owned() }), owner: None }
}

/// What a record belongs to that has an owner alone, at `place` in its order.
///
/// ```
/// use errand::{Id, owner};
///
/// let relations = owner(&Id::of("ada"), "2026-11-20");
/// assert_eq!(relations.owner.unwrap().of, Id::of("ada"));
/// assert!(relations.parent.is_none());
/// ```
pub fn owner(of: &Id, place: &str) -> Relations {
    Relations { parent: None, owner: Some(Relation { of: of.clone(), sort: place.to_owned() }) }
}

/// Writes `value` in place of what was read, if that is still so.
pub fn replace<E: Entity>(tenant: &Name, stored: &Stored<E>, value: &E, at: Timestamp) -> RecordWrite {
    let key = key_of::<E>(tenant, &stored.id);
    let relations = value.relations(&stored.created_at.to_string());
    let record = Record {
        parent: relations.parent,
        owner: relations.owner,
        created_at: stored.created_at,
        ..Record::new(key, value.doc(), at)
    };
    RecordWrite::Put { record: Box::new(record), expect: Expect::Version(stored.version) }
}

/// Writes `value` as a new record, in the order of `at`.
pub fn create<E: Entity>(tenant: &Name, id: &Id, value: &E, at: Timestamp) -> RecordWrite {
    let key = key_of::<E>(tenant, id);
    let relations = value.relations(&at.to_string());
    let record = Record { parent: relations.parent, owner: relations.owner, ..Record::new(key, value.doc(), at) };
    RecordWrite::Put { record: Box::new(record), expect: Expect::Absent }
}

/// Where an entity is found.
pub fn key_of<E: Entity>(tenant: &Name, id: &Id) -> RecordKey {
    RecordKey { tenant: tenant.clone(), kind: E::kind(), id: id.clone() }
}
