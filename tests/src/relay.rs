//! What the relay meets in tests: a bus and counters in memory, and records of the change stream as Lambda has them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use ::relay::StreamEvent;
use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};
use shared::{
    clock::Timestamp,
    outbox::{Bus, BusError, Published},
    relay::{Counters, Moved, Sequence, Tally},
    store::StoreError,
};

/// A bus that keeps what it takes, and takes nothing, or nothing of one type, while it is told so.
#[derive(Debug, Default)]
pub struct MemoryBus {
    taken: Mutex<Vec<Published>>,
    broken: AtomicBool,
    refused: Mutex<(String, usize)>,
}

impl MemoryBus {
    /// Whether it takes nothing from now on.
    pub fn set_broken(&self, broken: bool) {
        self.broken.store(broken, SeqCst);
    }

    /// Which type of event it refuses from now on; none is called nothing.
    pub fn refuse(&self, event_type: &str) {
        self.refused.lock().unwrap().0 = event_type.to_owned();
    }

    /// How many events it has refused since it was asked last.
    pub fn refusals(&self) -> usize {
        std::mem::take(&mut self.refused.lock().unwrap().1)
    }

    /// What it took, with repetitions.
    pub fn taken(&self) -> Vec<Published> {
        self.taken.lock().unwrap().clone()
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn put(&self, events: &[Published]) -> Vec<Result<(), BusError>> {
        if self.broken.load(SeqCst) {
            return events.iter().map(|_| Err(BusError::Unavailable("it is broken".to_owned()))).collect();
        }
        let mut refused = self.refused.lock().unwrap();
        let taken = events.iter().map(|event| {
            if event.doc["type"] == refused.0.as_str() {
                refused.1 += 1;
                return Err(BusError::Refused("not this one".to_owned()));
            }
            self.taken.lock().unwrap().push(event.clone());
            Ok(())
        });
        taken.collect()
    }
}

/// Counters as a store should keep them.
#[derive(Debug, Default)]
pub struct MemoryCounters(Mutex<(BTreeMap<String, Sequence>, Tally)>);

impl MemoryCounters {
    /// All of them.
    pub fn counts(&self) -> Tally {
        self.0.lock().unwrap().1.clone()
    }
}

#[async_trait]
impl Counters for MemoryCounters {
    async fn watermark(&self, shard: &str) -> Result<Option<Sequence>, StoreError> {
        Ok(self.0.lock().unwrap().0.get(shard).cloned())
    }

    async fn advance(
        &self,
        shard: &str,
        from: Option<&Sequence>,
        to: &Sequence,
        counts: &Tally,
        _: Timestamp,
    ) -> Result<Moved, StoreError> {
        let (watermarks, all) = &mut *self.0.lock().unwrap();
        let at = watermarks.get(shard);
        if at != from {
            return Ok(Moved::StandsAt(at.cloned()));
        }
        watermarks.insert(shard.to_owned(), to.clone());
        all.merge(counts);
        Ok(Moved::Done)
    }
}

/// An item of a table.
pub type Item = HashMap<String, AttributeValue>;

/// A record of the stream: what an item was and is.
pub fn stream_record(sequence: &str, old: Option<&Item>, new: Option<&Item>) -> Value {
    let name = match (old, new) {
        (None, _) => "INSERT",
        (_, Some(_)) => "MODIFY",
        (_, None) => "REMOVE",
    };
    let any = new.or(old).unwrap();
    let keys = any.iter().filter(|(name, _)| ["pk", "sk"].contains(&name.as_str()));
    let mut change = json!({
        "ApproximateCreationDateTime": 1_790_000_000.0,
        "Keys": keys.map(|(name, value)| (name.clone(), attribute(value))).collect::<Map<_, _>>(),
        "SequenceNumber": sequence,
        "SizeBytes": 1,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    });
    for (name, image) in [("OldImage", old), ("NewImage", new)] {
        if let Some(image) = image {
            change[name] = image_json(image);
        }
    }
    json!({
        "eventID": sequence, "eventName": name, "eventVersion": "1.1", "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1", "dynamodb": change,
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/tasks/stream/2026-01-01T00:00:00.000",
    })
}

/// A batch of `records` in a window, as Lambda sends it.
pub fn batch(shard: &str, state: Option<&HashMap<String, String>>, records: &[Value], is_last: bool) -> StreamEvent {
    let event = json!({
        "Records": records,
        "window": {"start": "2026-07-30T17:00:00Z", "end": "2026-07-30T17:00:30Z"},
        "state": state.cloned().unwrap_or_default(),
        "shardId": shard,
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/tasks/stream/2026-01-01T00:00:00.000",
        "isFinalInvokeForWindow": is_last,
        "isWindowTerminatedEarly": false,
    });
    serde_json::from_value(event).unwrap()
}

fn image_json(image: &Item) -> Value {
    image.iter().map(|(name, value)| (name.clone(), attribute(value))).collect::<Map<_, _>>().into()
}

fn attribute(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::B(bytes) => json!({ "B": BASE64_STANDARD.encode(bytes) }),
        AttributeValue::Bool(value) => json!({ "BOOL": value }),
        AttributeValue::Null(_) => json!({ "NULL": true }),
        AttributeValue::L(values) => json!({ "L": values.iter().map(attribute).collect::<Vec<_>>() }),
        AttributeValue::M(fields) => json!({ "M": image_json(fields) }),
        other => panic!("the store writes no {other:?}"),
    }
}
