//! Kinds of records of any Rust type, as they are read and written over HTTP.

use std::any::type_name;

use serde_json::Value;

use crate::{
    clock::Timestamp,
    effects::Relations,
    json::read::{FieldError, read_strict},
    records::Entity,
    store::{Doc, RecordKey},
};

/// A kind of records that are shown over HTTP.
#[derive(Clone, Copy, Debug)]
pub struct RecordKind {
    of: &'static str,
    secrets: &'static [&'static str],
    written: Option<Written>,
}

/// How a kind of records is written from outside.
#[derive(Clone, Copy, Debug)]
struct Written {
    check: fn(&RecordKey, &str, &str) -> Result<Relations, FieldError>,
    guarded: fn(Option<&Doc>, &Doc) -> Option<&'static str>,
    of_users: bool,
}

impl RecordKind {
    pub(super) fn written<E: Entity>() -> Self {
        let written = Written { check: check::<E>, guarded: E::guarded, of_users: E::OF_USERS };
        Self { of: type_name::<E>(), secrets: E::SECRETS, written: Some(written) }
    }

    pub(super) fn shown(of: &'static str) -> Self {
        Self { of, secrets: &[], written: None }
    }

    pub(super) fn rust_name(&self) -> &'static str {
        self.of
    }

    /// Whether its records are written from outside.
    pub fn is_written(&self) -> bool {
        self.written.is_some()
    }

    /// Whether what its records belong to may be a user: [`Entity::OF_USERS`].
    pub fn is_of_users(&self) -> bool {
        self.written.is_some_and(|written| written.of_users)
    }

    /// The fields that only verifiers are shown.
    pub fn secrets(&self) -> &'static [&'static str] {
        self.secrets
    }

    /// Checks the document of the record at `key`, field by field, and tells what it belongs to. `None`: records of this
    /// kind are not written from outside.
    pub fn check(&self, key: &RecordKey, doc: &Doc, created_at: Timestamp) -> Option<Result<Relations, FieldError>> {
        let Written { check, .. } = self.written?;
        Some(check(key, &Value::Object(doc.clone()).to_string(), &created_at.to_string()))
    }

    /// What a write does that only verifiers may do.
    pub fn guarded(&self, before: Option<&Doc>, after: &Doc) -> Option<&'static str> {
        let Written { guarded, .. } = self.written?;
        guarded(before, after)
    }
}

fn check<E: Entity>(key: &RecordKey, text: &str, place: &str) -> Result<Relations, FieldError> {
    let entity = read_strict::<E>(text)?;
    entity.check()?;
    match entity.only_id() {
        Some(only) if only != key.id => {
            let message = format!("there is one {} with these fields, and its id is {only}", key.kind);
            Err(FieldError::at("id", message))
        }
        _ => Ok(entity.relations(place)),
    }
}
