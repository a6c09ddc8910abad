//! Requests under an `Idempotency-Key`: what was done under it is remembered for a week, and not done again.

use std::time::Duration;

use crate::{ApiError, Request};
use errand::{
    App, Doc, Effect, Id, Name, Timestamp,
    spi::{ids, json::Json, store::RecordKey},
};
use serde_json::Value;

/// How long a request under an `Idempotency-Key` is not carried out again.
pub(crate) const KEEP_KEYS: Duration = Duration::from_secs(7 * 24 * 3600);

/// The field that tells one request from another under the same key.
const BODY: &str = "body";

/// The record that says that something was done for a request.
#[derive(Clone, Debug)]
pub struct Once {
    pub(crate) key: RecordKey,
    pub(crate) doc: Doc,
}

impl Once {
    /// For what `request` does to `subject`, if it has a key.
    pub fn of(request: &Request, subject: &str) -> Option<Self> {
        let parts = [request.route, subject, request.idempotency_key.as_ref()?];
        let tenant = request.caller.tenant.clone();
        let key = RecordKey { tenant, kind: Name::of("idempotency"), id: Id::from(ids::derived(&parts)) };
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let doc = [(BODY.to_owned(), Json::new(&body).hash().into())].into_iter().collect();
        Some(Self { key, doc })
    }

    /// Records that it is done, in the commit that does it.
    pub fn effect(&self, now: Timestamp) -> Effect {
        Effect::once(self.key.kind.clone(), self.key.id.clone(), self.doc.clone(), now + KEEP_KEYS)
    }

    /// Records that it is done, with `value` as `field`, in the commit that does it. If it is done several times, the last
    /// value stays.
    pub fn remember(&self, field: &str, value: Value, now: Timestamp) -> Effect {
        let mut doc = self.doc.clone();
        doc.insert(field.to_owned(), value);
        Effect::remember(self.key.kind.clone(), self.key.id.clone(), doc, now + KEEP_KEYS)
    }

    /// What was recorded, if it was done before; another request under the key is refused.
    pub async fn recorded(&self, app: &App) -> Result<Option<Doc>, ApiError> {
        match app.store.record(&self.key).await? {
            None => Ok(None),
            Some(done) if done.doc.get(BODY) == self.doc.get(BODY) => Ok(Some(done.doc)),
            Some(_) => Err(ApiError::key_used("this Idempotency-Key was used with another body")),
        }
    }
}
