//! Appending events that somebody outside has sent.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    Refused,
    event::EventBody,
    journal::{JournalError, Place, write},
    keyed_id,
};
use errand::{
    Expect, Name, Services,
    spi::{
        json::Json,
        store::{RecordKey, RecordWrite},
    },
};

/// How long a batch is known by its key.
const KEEP_BATCHES: Duration = Duration::from_secs(7 * 24 * 3600);

/// Events that were appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendedEvents {
    /// The number of the first.
    pub first_seq: u64,
    /// The number of the last; less than the first if there were none.
    pub last_seq: u64,
    /// Whether they had been appended before, under the same key.
    pub deduplicated: bool,
}

/// Appends `bodies` (at most [`crate::event::APPEND_EVENTS`]) to the run at `place`, which must not have ended.
/// Under a key they are appended once, however often they are sent; other events under it are refused.
pub async fn append(
    app: &Services,
    place: &Place,
    key: Option<&str>,
    bodies: Vec<EventBody>,
) -> Result<AppendedEvents, JournalError> {
    let kind = Name::of("event_batch");
    let id = key.map(|key| keyed_id(kind.as_str(), &place.run, Some(key)));
    let record = id.map(|id| RecordKey { tenant: place.tenant.clone(), kind, id });
    let also: Vec<RecordKey> = record.iter().cloned().collect();
    let hash = Json::new(&json!(bodies)).hash();
    write(app, place, &also, |draft| {
        if let Some(there) = draft.also.first().and_then(Option::as_ref) {
            if there.doc.get("hash").and_then(Value::as_str) != Some(&*hash) {
                return Err(Refused::OtherPayload.into());
            }
            let seq = |field| there.doc.get(field).and_then(Value::as_u64).unwrap_or_default();
            return Ok(AppendedEvents { first_seq: seq("first_seq"), last_seq: seq("last_seq"), deduplicated: true });
        }
        if let Some(ended) = draft.run().status.terminal() {
            return Err(Refused::Ended(ended.as_str()).into());
        }
        let first_seq = draft.last_event_seq() + 1;
        bodies.iter().cloned().for_each(|body| draft.event(body));
        let batch = AppendedEvents { first_seq, last_seq: draft.last_event_seq(), deduplicated: false };
        if let Some(key) = &record {
            let (last_seq, hash) = (batch.last_seq, &hash);
            let doc = json!({"first_seq": first_seq, "last_seq": last_seq, "hash": hash});
            let doc = doc.as_object().cloned().unwrap_or_default();
            let put = RecordWrite::put(key.clone(), doc, Expect::Absent, draft.now);
            draft.put_first(put.expiring(draft.now + KEEP_BATCHES));
        }
        Ok(batch)
    })
    .await
}
