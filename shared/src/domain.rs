//! The things tasks act on: users, conversations and what belongs to them, as typed documents.

mod community;
mod conversation;
mod credit;
mod email;
mod introduction;
mod priority;
mod user;
mod values;
mod verification;
mod workflow;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use uuid::Uuid;

pub use community::{CommunityRequest, CommunityResponse, RequestStatus, ResponseStatus};
pub use conversation::{Channel, Conversation, ConversationStatus, Delivery, Direction, Message, Summary};
pub use credit::CreditEvent;
pub use email::{Email, StoredEmail};
pub use introduction::{Introduction, IntroductionStatus};
pub use priority::{Priority, PriorityStatus};
pub use user::User;
pub use values::{FormError, LinkedinUrl, TimeOfDay, WebUrl, Zone};
pub use verification::{LinkedinConnection, Verification, VerificationKind, VerificationStatus};
pub use workflow::{Insight, Workflow, WorkflowStatus};

use crate::{
    clock::Timestamp,
    effects::{Effect, Relations},
    ids::{Id, Name},
    json::read::{FieldError, read_strict},
    store::{Doc, Expect, Record, RecordKey, Relation},
};

/// A kind of record.
pub trait Entity: Serialize + DeserializeOwned + Send + Sync {
    /// Its name in keys and URLs.
    const KIND: &'static str;

    /// What a record with these fields belongs to; `place` is its place in their order.
    fn relations(&self, place: &str) -> Relations;

    /// The id that a record with these fields must have, where there may be only one of them.
    fn only_id(&self) -> Option<Id> {
        None
    }

    /// Its e-mail addresses, each with its field.
    fn emails(&self) -> Vec<(&'static str, &StoredEmail)> {
        Vec::new()
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

/// An entity as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored<E> {
    /// Its id.
    pub id: Id,
    /// Its version.
    pub version: Uuid,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its fields.
    pub value: E,
}

impl<E: Entity> Stored<E> {
    /// One that was made just now, of no version yet.
    pub(crate) fn of_new(id: Id, value: E, created_at: Timestamp) -> Self {
        Self { id, version: Uuid::nil(), created_at, value }
    }

    /// Reads a record's document, leniently: fields this version does not know are passed over.
    pub fn read(record: Record) -> Result<Self, serde_json::Error> {
        let Record { key, version, doc, created_at, .. } = record;
        Ok(Self { id: key.id, version, created_at, value: serde_json::from_value(Value::Object(doc))? })
    }

    /// Sets fields, if it is still as it was read; else the handler decides anew.
    pub fn set<const N: usize>(&self, fields: [(&str, Value); N]) -> Effect {
        let set = fields.into_iter().map(|(field, value)| (field.to_owned(), value)).collect();
        let patch = crate::store::Patch { set, ..Default::default() };
        Effect::patch(E::kind(), self.id.clone(), patch, Expect::Version(self.version))
    }
}

type Check = fn(&RecordKey, &str, &str) -> Result<Relations, FieldError>;

/// The kinds that may be written over HTTP.
const CHECKS: [(&str, Check); 12] = [
    (User::KIND, relations_of::<User>),
    (Conversation::KIND, relations_of::<Conversation>),
    (Message::KIND, relations_of::<Message>),
    (Summary::KIND, relations_of::<Summary>),
    (Priority::KIND, relations_of::<Priority>),
    (CommunityRequest::KIND, relations_of::<CommunityRequest>),
    (CommunityResponse::KIND, relations_of::<CommunityResponse>),
    (Introduction::KIND, relations_of::<Introduction>),
    (Workflow::KIND, relations_of::<Workflow>),
    (Verification::KIND, relations_of::<Verification>),
    (LinkedinConnection::KIND, relations_of::<LinkedinConnection>),
    (CreditEvent::KIND, relations_of::<CreditEvent>),
];

/// The kind of what scripted tasks leave behind.
pub const SCRIPTED: &str = "scripted";

/// The kinds that may be written over HTTP, for error messages.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|(kind, _)| *kind)
}

/// Whether records of this kind are shown over HTTP as they are: those that may be written, and what scripted tasks leave
/// behind. What Errand keeps for itself (runs, turns, counters, keys) has routes of its own, or none.
pub fn is_shown(kind: &Name) -> bool {
    kind.as_str() == SCRIPTED || kinds().any(|known| known == kind.as_str())
}

/// The fields of such records that only who may verify users is shown: a user proves something by knowing them.
pub fn secrets(kind: &Name) -> &'static [&'static str] {
    if kind.as_str() == Verification::KIND { &["token"] } else { &[] }
}

/// Checks the document of the record at `key`, field by field, and tells what it belongs to. `None`: no such kind.
pub fn check(key: &RecordKey, doc: &Doc, created_at: Timestamp) -> Option<Result<Relations, FieldError>> {
    let (_, check) = CHECKS.iter().find(|(kind, _)| *kind == key.kind.as_str())?;
    Some(check(key, &Value::Object(doc.clone()).to_string(), &created_at.to_string()))
}

fn relations_of<E: Entity>(key: &RecordKey, text: &str, place: &str) -> Result<Relations, FieldError> {
    let entity = read_strict::<E>(text)?;
    for (field, email) in entity.emails() {
        email.bare().map_err(|error| FieldError::at(field, error.to_string()))?;
    }
    match entity.only_id() {
        Some(only) if only != key.id => {
            let message = format!("there is one {} with these fields, and its id is {only}", key.kind);
            Err(FieldError::at("id", message))
        }
        _ => Ok(entity.relations(place)),
    }
}

pub(crate) fn parent(of: &Id, place: &str) -> Relations {
    Relations { parent: Some(Relation { of: of.clone(), sort: place.to_owned() }), owner: None }
}

pub(crate) fn owner(of: &Id, place: &str) -> Relations {
    Relations { parent: None, owner: Some(Relation { of: of.clone(), sort: place.to_owned() }) }
}
