//! The event bus on AWS: EventBridge.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use aws_sdk_eventbridge::{
    Client,
    config::timeout::TimeoutConfig,
    types::{PutEventsRequestEntry, PutEventsResultEntry},
};
use futures::{StreamExt, stream};
use serde_json::Value;

use errand::{Listener, NotTaken, Published, spi::redact::chain};

/// `source` of everything we put on a bus.
pub const SOURCE: &str = "errand";

/// The most bytes of one request: EventBridge takes 256 KiB, names and times included.
const REQUEST_BYTES: usize = 240 * 1024;

/// How many events one request carries at most.
const BUS_AT_ONCE: usize = 10;

/// How many requests are under way at a time.
const WIDTH: usize = 8;

/// How often an event that the bus did not take is put in all. (The SDK repeats requests, not their parts.)
const TRIES: u32 = 3;

/// The longest wait before the second try; doubles with each further one.
const WAIT: Duration = Duration::from_millis(100);

/// What one request may take, all tries of the SDK included: whoever waits has a deadline of its own.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// What the bus says of an event that it would take another time; anything else is about the event itself.
const PASSING: [&str; 3] = ["InternalException", "InternalFailure", "ThrottlingException"];

/// How long one try may take.
const TRY_TIMEOUT: Duration = Duration::from_secs(3);

/// A bus of this name.
#[derive(Clone, Debug)]
pub struct EventBridge {
    client: Client,
    name: String,
}

impl EventBridge {
    /// The bus `name`, by way of `client`.
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }

    /// What a client for it should wait at most.
    pub fn timeouts() -> TimeoutConfig {
        TimeoutConfig::builder().operation_timeout(REQUEST_TIMEOUT).operation_attempt_timeout(TRY_TIMEOUT).build()
    }

    /// Makes one request of `entries`, and further ones of those that it refused. Once a request has failed as a whole,
    /// the bus counts as `gone`, and nothing is asked of it again.
    async fn put_some(&self, entries: Vec<PutEventsRequestEntry>, gone: &AtomicBool) -> Vec<Result<(), NotTaken>> {
        let mut results: Vec<Result<(), NotTaken>> = vec![Err(NotTaken::NotAsked); entries.len()];
        let mut left: Vec<(usize, PutEventsRequestEntry)> = entries.into_iter().enumerate().collect();
        for attempt in 0..TRIES {
            if left.is_empty() || gone.load(Ordering::Relaxed) {
                break;
            }
            if attempt > 0 {
                tokio::time::sleep(WAIT.saturating_mul(1 << (attempt - 1)).mul_f64(fastrand::f64())).await;
            }
            let entries = left.iter().map(|(_, entry)| entry.clone()).collect();
            let answers = match self.client.put_events().set_entries(Some(entries)).send().await {
                Ok(answer) => answer.entries.unwrap_or_default(),
                Err(error) => {
                    gone.store(true, Ordering::Relaxed);
                    let error = NotTaken::Unavailable(chain(&error));
                    set(&mut results, left.iter().map(|(place, _)| (*place, Err(error.clone()))));
                    break;
                }
            };
            let taken = left.iter().zip(&answers).map(|((place, _), answer)| (*place, taken(answer)));
            set(&mut results, taken);
            left.retain(|(place, _)| matches!(results.get(*place), Some(Err(NotTaken::Unavailable(_)))));
        }
        results
    }

    fn entry(&self, event: &Published) -> (usize, PutEventsRequestEntry) {
        let event_type = event.doc.get("type").and_then(Value::as_str).unwrap_or("unknown");
        let detail = detail(event);
        let bytes = detail.len() + event_type.len() + SOURCE.len();
        let entry = PutEventsRequestEntry::builder().event_bus_name(&self.name).source(SOURCE);
        (bytes, entry.detail_type(event_type).detail(detail).build())
    }
}

#[async_trait]
impl Listener for EventBridge {
    async fn tell(&self, events: &[Published]) -> Vec<Result<(), NotTaken>> {
        let gone = AtomicBool::new(false);
        let requests = requests(events.iter().map(|event| self.entry(event)));
        let put = requests.into_iter().map(|entries| self.put_some(entries, &gone));
        let put: Vec<_> = stream::iter(put).buffered(WIDTH).collect().await;
        put.into_iter().flatten().collect()
    }
}

fn taken(answer: &PutEventsResultEntry) -> Result<(), NotTaken> {
    let Some(code) = answer.error_code() else { return Ok(()) };
    let kind = if PASSING.contains(&code) { NotTaken::Unavailable } else { NotTaken::Refused };
    Err(kind(format!("{code}: {}", answer.error_message().unwrap_or_default())))
}

fn set<T>(all: &mut [T], some: impl Iterator<Item = (usize, T)>) {
    for (place, value) in some {
        if let Some(there) = all.get_mut(place) {
            *there = value;
        }
    }
}

/// Entries in as few requests as hold them, in order.
fn requests<T>(entries: impl Iterator<Item = (usize, T)>) -> Vec<Vec<T>> {
    let mut requests: Vec<Vec<T>> = Vec::new();
    let mut size = 0;
    for (bytes, entry) in entries {
        match requests.last_mut().filter(|last| last.len() < BUS_AT_ONCE && size + bytes <= REQUEST_BYTES) {
            Some(last) => {
                last.push(entry);
                size += bytes;
            }
            None => {
                requests.push(vec![entry]);
                size = bytes;
            }
        }
    }
    requests
}

/// The event as text. One that no bus would ever take loses its `data`, and says so: kept, it would be owed for ever.
fn detail(event: &Published) -> String {
    let text = serde_json::to_string(event).unwrap_or_default();
    if text.len() <= REQUEST_BYTES {
        return text;
    }
    let mut event = event.clone();
    event.doc.remove("data");
    event.doc.insert("data_omitted".to_owned(), true.into());
    serde_json::to_string(&event).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use errand::{Doc, Id, Name};

    #[test]
    fn requests_keep_to_ten_entries_and_the_size_of_a_request() {
        let sizes =
            |all: &[usize]| requests(all.iter().map(|bytes| (*bytes, ()))).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(&[]), Vec::<usize>::new());
        assert_eq!(sizes(&[1; 25]), [10, 10, 5]);
        assert_eq!(sizes(&[REQUEST_BYTES - 1, 1, 1, REQUEST_BYTES, 5]), [2, 1, 1, 1]);
    }

    #[test]
    fn an_event_too_large_for_any_bus_goes_without_its_data() {
        let event = |data: &str| Published {
            id: Id::new("e").unwrap(),
            tenant: Name::default(),
            doc: Doc::from_iter([("type".to_owned(), json!("t")), ("data".to_owned(), json!(data))]),
        };
        assert!(detail(&event("small")).contains("small"));
        let said: Value = serde_json::from_str(&detail(&event(&"x".repeat(REQUEST_BYTES)))).unwrap();
        assert_eq!(said, json!({"id": "e", "tenant": "default", "type": "t", "data_omitted": true}));
    }
}
