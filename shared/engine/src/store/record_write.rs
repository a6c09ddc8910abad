//! What a commit does to a record, and what must hold of that before.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    store::{Doc, Record, RecordKey, Relation, doc_bytes},
};

/// A write of one record.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordWrite {
    /// Puts the whole record; its `version` is fresh.
    Put {
        /// What to store.
        record: Box<Record>,
        /// What must hold before.
        expect: Expect,
    },
    /// Changes fields of a record that exists.
    Patch {
        /// The record that is changed.
        key: RecordKey,
        /// The fields that change; all others stay.
        patch: Box<Patch>,
        /// What must hold before, besides that it exists.
        expect: Expect,
        /// The fresh version.
        version: Uuid,
        /// Becomes `updated_at`.
        at: Timestamp,
    },
    /// Removes a record. One that is not there any more is as it should be, whatever is expected.
    Delete {
        /// The record that is removed.
        key: RecordKey,
        /// What must hold before, if it is there.
        expect: Expect,
    },
}

/// What must hold of a record for a write to happen. Where it does not, none of the commit happens.
///
/// ```
/// use errand::{Doc, Effect, Expect, Id, Name, Relations};
///
/// // Welcomed once, whoever else has the same idea.
/// let welcome = Effect::put(Name::of("welcome"), Id::of("ada"), Doc::new(), Relations::default(), Expect::Absent);
/// let welcome = welcome.or_skip();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// It is not there.
    Absent,
    /// It has this version.
    Version(Uuid),
    /// Anything (for a patch: that it is there).
    Any,
}

/// Changes to a record's fields; top-level fields only.
///
/// ```
/// use errand::{Effect, Expect, Id, Name, Patch};
///
/// // Counted, whatever it stands at: nobody has to read it first.
/// let one_more = Patch { add: [("visits".to_owned(), 1)].into(), ..Patch::default() };
/// let counted = Effect::patch(Name::of("page"), Id::of("home"), one_more, Expect::Any);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    /// Fields to set; `null` removes one.
    pub set: Doc,
    /// Numbers to add to; an absent field counts as 0. Never a field that `set` names too.
    pub add: BTreeMap<String, i64>,
    /// The new parent relation, or its end.
    pub parent: Option<Option<Relation>>,
    /// The new owner relation, or its end.
    pub owner: Option<Option<Relation>>,
    /// The new `wake_at`, or its end.
    pub wake_at: Option<Option<Timestamp>>,
    /// From when it may be removed.
    pub expires_at: Option<Timestamp>,
    /// What else must hold of its fields before.
    pub guards: Vec<Guard>,
}

/// What must hold of a field of a record for a [`Patch`] of it to happen: nobody has to read it first.
///
/// ```
/// use errand::{Guard, Patch};
///
/// // The first that comes closes it.
/// let set = [("closed".to_owned(), true.into())].into_iter().collect();
/// let close = Patch { set, guards: vec![Guard::Absent("closed".into())], ..Patch::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The field is not there.
    Absent(String),
    /// It is not there, or a number no larger than this.
    AtMost(String, i64),
}

impl Guard {
    /// Whether it holds of these fields.
    pub fn holds(&self, doc: &Doc) -> bool {
        match self {
            Guard::Absent(field) => !doc.contains_key(field),
            Guard::AtMost(field, most) => {
                doc.get(field).is_none_or(|there| there.as_i64().is_some_and(|there| there <= *most))
            }
        }
    }
}

impl RecordWrite {
    /// Puts a record without relations.
    pub fn put(key: RecordKey, doc: Doc, expect: Expect, now: Timestamp) -> Self {
        RecordWrite::Put { record: Box::new(Record::new(key, doc, now)), expect }
    }

    /// The same; a record put by it may be removed at `at`.
    pub fn expiring(mut self, at: Timestamp) -> Self {
        match &mut self {
            RecordWrite::Put { record, .. } => record.expires_at = Some(at),
            RecordWrite::Patch { patch, .. } => patch.expires_at = Some(at),
            RecordWrite::Delete { .. } => {}
        }
        self
    }

    /// About how many bytes it writes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            RecordWrite::Put { record, .. } => doc_bytes(&record.doc),
            RecordWrite::Patch { patch, .. } => doc_bytes(&patch.set),
            RecordWrite::Delete { .. } => 0,
        }
    }

    /// Which record it writes.
    pub fn key(&self) -> &RecordKey {
        match self {
            RecordWrite::Put { record, .. } => &record.key,
            RecordWrite::Patch { key, .. } | RecordWrite::Delete { key, .. } => key,
        }
    }

    /// The version it leaves behind, if it leaves something.
    pub fn version(&self) -> Option<Uuid> {
        match self {
            RecordWrite::Put { record, .. } => Some(record.version),
            RecordWrite::Patch { version, .. } => Some(*version),
            RecordWrite::Delete { .. } => None,
        }
    }

    /// Whether this write expects a record of the version `stored`, or that there is none.
    pub fn expects(&self, stored: Option<Uuid>) -> bool {
        let (expect, must_exist) = match self {
            RecordWrite::Put { expect, .. } => (expect, false),
            RecordWrite::Patch { expect, .. } => (expect, true),
            RecordWrite::Delete { .. } if stored.is_none() => return true,
            RecordWrite::Delete { expect, .. } => (expect, false),
        };
        match (expect, stored) {
            (Expect::Absent, stored) => stored.is_none(),
            (Expect::Version(v), Some(stored)) => stored == *v,
            (Expect::Version(_), None) => false,
            (Expect::Any, stored) => stored.is_some() || !must_exist,
        }
    }

    /// What it demands of the fields of the record that is there.
    pub fn guards(&self) -> &[Guard] {
        match self {
            RecordWrite::Put { .. } | RecordWrite::Delete { .. } => &[],
            RecordWrite::Patch { patch, .. } => &patch.guards,
        }
    }

    /// The record after this write: the rule for stores that keep whole documents. `stored` is as expected.
    pub fn result(self, stored: Option<Record>) -> Option<Record> {
        match self {
            RecordWrite::Put { record, .. } => Some(*record),
            RecordWrite::Delete { .. } => None,
            RecordWrite::Patch { patch, version, at, .. } => {
                stored.map(|record| Record { version, updated_at: at, ..patch.applied(record) })
            }
        }
    }
}

impl Patch {
    fn applied(self, mut record: Record) -> Record {
        for (field, value) in self.set {
            if value.is_null() {
                record.doc.remove(&field);
            } else {
                record.doc.insert(field, value);
            }
        }
        for (field, by) in self.add {
            let old = record.doc.get(&field).and_then(Value::as_i64).unwrap_or(0);
            record.doc.insert(field, old.saturating_add(by).into());
        }
        if let Some(parent) = self.parent {
            record.parent = parent;
        }
        if let Some(owner) = self.owner {
            record.owner = owner;
        }
        if let Some(wake_at) = self.wake_at {
            record.wake_at = wake_at;
        }
        record.expires_at = self.expires_at.or(record.expires_at);
        record
    }
}
