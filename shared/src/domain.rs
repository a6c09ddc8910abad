//! The things tasks act on: users, conversations and what belongs to them, as typed documents.

mod conversation;
mod user;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use uuid::Uuid;

pub use conversation::{Channel, Conversation, ConversationStatus, Delivery, Direction, Message};
pub use user::{CreditEvent, Introduction, IntroductionStatus, Priority, PriorityStatus, User};

use crate::{
    api::read::{FieldError, read_strict},
    clock::Timestamp,
    effects::Relations,
    ids::{Id, Name},
    store::{Doc, Record, Relation},
};

/// A kind of record.
pub trait Entity: Serialize + DeserializeOwned + Send + Sync {
    /// Its name in keys and URLs.
    const KIND: &'static str;

    /// What a record with these fields belongs to.
    fn relations(&self, place: &str) -> Relations;

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
    /// Reads a record's document, leniently: fields this version does not know are passed over.
    pub fn read(record: Record) -> Result<Self, serde_json::Error> {
        let Record { key, version, doc, created_at, .. } = record;
        Ok(Self { id: key.id, version, created_at, value: serde_json::from_value(Value::Object(doc))? })
    }
}

/// The kinds that may be written over HTTP, for error messages.
pub const KINDS: [&str; 6] =
    [User::KIND, Conversation::KIND, Message::KIND, Priority::KIND, Introduction::KIND, CreditEvent::KIND];

/// Checks a document of a kind, field by field, and tells what it belongs to. `None`: no such kind.
pub fn check(kind: &Name, doc: &Doc, created_at: Timestamp) -> Option<Result<Relations, FieldError>> {
    let text = Value::Object(doc.clone()).to_string();
    let place = created_at.to_string();
    match kind.as_str() {
        User::KIND => Some(relations_of::<User>(&text, &place)),
        Conversation::KIND => Some(relations_of::<Conversation>(&text, &place)),
        Message::KIND => Some(relations_of::<Message>(&text, &place)),
        Priority::KIND => Some(relations_of::<Priority>(&text, &place)),
        Introduction::KIND => Some(relations_of::<Introduction>(&text, &place)),
        CreditEvent::KIND => Some(relations_of::<CreditEvent>(&text, &place)),
        _ => None,
    }
}

fn relations_of<E: Entity>(text: &str, place: &str) -> Result<Relations, FieldError> {
    Ok(read_strict::<E>(text)?.relations(place))
}

fn parent(of: &Id, place: &str) -> Relations {
    Relations { parent: Some(Relation { of: of.clone(), sort: place.to_owned() }), owner: None }
}

fn owner(of: &Id, place: &str) -> Relations {
    Relations { parent: None, owner: Some(Relation { of: of.clone(), sort: place.to_owned() }) }
}
