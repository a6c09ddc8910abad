//! Domain records: JSON documents with a version and at most two relations.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    ids::{self, Id, Name},
};

/// A record's fields.
///
/// ```
/// let mut doc = errand::Doc::new();
/// doc.insert("points".into(), 3.into());
/// assert_eq!(doc["points"], 3);
/// ```
pub type Doc = Map<String, Value>;

/// About how many bytes a document has in a store: its text and its attributes differ by some quotes and lengths.
pub fn doc_bytes(doc: &Doc) -> usize {
    serde_json::to_string(doc).map_or(0, |text| text.len())
}

/// Where a record is found.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordKey {
    /// Whose it is.
    pub tenant: Name,
    /// What sort of thing it is.
    pub kind: Name,
    /// What it is called among the records of its kind.
    pub id: Id,
}

/// One of a record's two relations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RelationKind {
    /// What it belongs to (a message to its conversation).
    Parent,
    /// Whose it is besides (a response to its expert).
    Owner,
}

/// That a record belongs to another, and where in its order it stands. Places are compared as text: write numbers with
/// leading zeros, times as [`Timestamp`] does.
///
/// ```
/// use errand::{Id, Relation, Timestamp};
///
/// let at = |ms| Relation { of: Id::of("ada"), sort: Timestamp::from_millis(ms).to_string() };
/// assert!(at(1_000).sort < at(20_000).sort);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    /// The other's id.
    pub of: Id,
    /// Compared as text; no `#` in it.
    pub sort: String,
}

/// Which records to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// The tenant whose records are listed.
    pub tenant: Name,
    /// Of what kind.
    pub kind: Name,
    /// By which relation.
    pub by: RelationKind,
    /// The id of the parent or owner that they belong to.
    pub of: Id,
    /// Largest sort key first.
    pub newest_first: bool,
}

/// A record as a store keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Where it is found.
    pub key: RecordKey,
    /// A fresh id for every write.
    pub version: Uuid,
    /// Its fields, as JSON.
    pub doc: Doc,
    /// What it belongs to.
    pub parent: Option<Relation>,
    /// Whose it is besides.
    pub owner: Option<Relation>,
    /// When the poller must look at it: an event not yet published.
    pub wake_at: Option<Timestamp>,
    /// When it may be removed, to the second; `None` is never. For what only the machinery needs.
    pub expires_at: Option<Timestamp>,
    /// When it was first written.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
}

impl Record {
    /// A new record, of a fresh version, without relations.
    pub fn new(key: RecordKey, doc: Doc, now: Timestamp) -> Self {
        let version = ids::fresh();
        Self {
            key,
            version,
            doc,
            parent: None,
            owner: None,
            wake_at: None,
            expires_at: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// Where it stands among what a relation leads to, `{sort}#{id}`: the order of [`super::Store::records`], and what
    /// its cursors are.
    pub fn place(&self, by: RelationKind) -> Option<String> {
        self.relation(by).map(|relation| format!("{}#{}", relation.sort, self.key.id))
    }

    /// The relation of this kind, if it has one.
    pub fn relation(&self, kind: RelationKind) -> Option<&Relation> {
        match kind {
            RelationKind::Parent => self.parent.as_ref(),
            RelationKind::Owner => self.owner.as_ref(),
        }
    }
}
