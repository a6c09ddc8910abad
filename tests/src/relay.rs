//! What the relay meets in tests: a bus and counters in memory, and records of the change stream as Lambda has them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use ::relay::StreamEvent;
use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::{Engine, prelude::BASE64_STANDARD};
use errand::{Listener, NotTaken, Published, StoreError, Timestamp, spi::store::StatsScope};
use errand_aws::relay::{Counters, Delta, Deltas, Moved, Round, Sequence, Sums, Tally};
use serde_json::{Map, Value, json};

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
impl Listener for MemoryBus {
    async fn tell(&self, events: &[Published]) -> Vec<Result<(), NotTaken>> {
        if self.broken.load(SeqCst) {
            return events.iter().map(|_| Err(NotTaken::Unavailable("it is broken".to_owned()))).collect();
        }
        let mut refused = self.refused.lock().unwrap();
        let taken = events.iter().map(|event| {
            if event.doc["type"] == refused.0.as_str() {
                refused.1 += 1;
                return Err(NotTaken::Refused("not this one".to_owned()));
            }
            self.taken.lock().unwrap().push(event.clone());
            Ok(())
        });
        taken.collect()
    }
}

/// Watermarks, deltas and counters as a store should keep them. Whoever uses it is held up before each thing that a
/// store does by itself, so that a test can have others come in between, or end it there.
#[derive(Debug, Default)]
pub struct MemoryCounters(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    watermarks: BTreeMap<String, Sequence>,
    deltas: BTreeMap<String, Tally>,
    round: Round,
    /// Up to which round each stands, and what it holds.
    counters: BTreeMap<StatsScope, (u64, Sums)>,
}

impl MemoryCounters {
    /// All that was counted, if no round is half done.
    pub fn counts(&self) -> Tally {
        let kept = self.kept();
        let mut all = Tally::default();
        kept.counters.iter().for_each(|(counter, (_, sums))| all.of_mut(counter.clone()).merge(sums));
        kept.deltas.values().for_each(|delta| all.merge(delta));
        all
    }

    /// How many deltas wait to be folded.
    pub fn waiting(&self) -> usize {
        self.kept().deltas.len()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap()
    }

    async fn later(&self) -> MutexGuard<'_, Kept> {
        tokio::task::yield_now().await;
        self.kept()
    }
}

#[async_trait]
impl Counters for MemoryCounters {
    async fn watermark(&self, shard: &str) -> Result<Option<Sequence>, StoreError> {
        Ok(self.kept().watermarks.get(shard).cloned())
    }

    async fn advance(
        &self,
        shard: &str,
        from: Option<&Sequence>,
        to: &Sequence,
        counts: &Tally,
        _: Timestamp,
    ) -> Result<Moved, StoreError> {
        let mut kept = self.kept();
        let at = kept.watermarks.get(shard);
        if at != from {
            return Ok(Moved::StandsAt(at.cloned()));
        }
        kept.watermarks.insert(shard.to_owned(), to.clone());
        kept.deltas.insert(format!("{shard}#{to}"), counts.clone());
        Ok(Moved::Done)
    }
}

#[async_trait]
impl Deltas for MemoryCounters {
    async fn round(&self) -> Result<Round, StoreError> {
        Ok(self.later().await.round.clone())
    }

    async fn begin(&self, round: &Round) -> Result<bool, StoreError> {
        let mut kept = self.later().await;
        let is_next = kept.round.number + 1 == round.number;
        if is_next {
            kept.round = round.clone();
        }
        Ok(is_next)
    }

    async fn waiting(&self) -> Result<Vec<Delta>, StoreError> {
        // So few that a fold has several rounds.
        let first = |(id, counts): (&String, &Tally)| Delta { id: id.clone(), counts: counts.clone() };
        Ok(self.later().await.deltas.iter().take(2).map(first).collect())
    }

    async fn deltas(&self, ids: &[String]) -> Result<Vec<Delta>, StoreError> {
        let kept = self.later().await;
        let found = ids.iter().filter_map(|id| Some(Delta { id: id.clone(), counts: kept.deltas.get(id)?.clone() }));
        Ok(found.collect())
    }

    async fn add(&self, round: u64, counts: Tally, _: Timestamp) -> Result<(), StoreError> {
        for (counter, sums) in counts.iter() {
            let (stood, mut all) = self.later().await.counters.get(counter).cloned().unwrap_or_default();
            if stood >= round {
                continue;
            }
            all.merge(sums);
            let mut kept = self.later().await;
            let stands = kept.counters.get(counter).map_or(0, |(stands, _)| *stands);
            if stands == stood {
                kept.counters.insert(counter.clone(), (round, all));
            } else if stands < round {
                return Err(StoreError::Busy);
            }
        }
        Ok(())
    }

    async fn remove(&self, ids: &[String]) -> Result<(), StoreError> {
        for id in ids {
            self.later().await.deltas.remove(id);
        }
        Ok(())
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
