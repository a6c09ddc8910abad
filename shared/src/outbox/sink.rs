//! Where events go besides the list of what was published: a webhook, an event bus, both or neither.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Mutex, MutexGuard};

use super::{Bus, BusError, DeliveryError, Published};
use crate::{http, ids::Id};

/// How long a listener may take to answer.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// How many events one request to a bus carries at most.
pub(super) const BUS_AT_ONCE: usize = 10;

/// Where events go besides [`super::published`]. An event is delivered once all of it have taken it.
#[derive(Clone, Debug, Default)]
pub struct Sink {
    /// What handlers publish is posted to this.
    pub webhook: Option<Arc<Webhook>>,
    /// Everything is put on this; on AWS only.
    pub bus: Option<Arc<dyn Bus>>,
    /// Where the list of what was published is read, one at a time delivers: a poll that somebody asks for, beside the
    /// poller, would number events so that a reader who is past the one misses the other.
    pub turn: Option<Arc<Mutex<()>>>,
}

/// An HTTP listener: each event is posted to it as JSON, and any 2xx answer is a delivery.
#[derive(Debug)]
pub struct Webhook {
    url: reqwest::Url,
    client: reqwest::Client,
}

impl Webhook {
    /// A listener at `url`.
    pub fn new(url: reqwest::Url) -> Result<Self, reqwest::Error> {
        Ok(Self { url, client: http::client(WEBHOOK_TIMEOUT)? })
    }

    async fn send(&self, event: &Published) -> Result<(), DeliveryError> {
        let body = serde_json::to_string(event).unwrap_or_default();
        let request = self.client.post(self.url.clone()).header("content-type", "application/json").body(body);
        let answer = request.send().await.and_then(reqwest::Response::error_for_status);
        // The URL may carry a secret, and the error goes to the log.
        let failed =
            |source: reqwest::Error| DeliveryError::Webhook { id: event.id.clone(), source: source.without_url() };
        answer.map(drop).map_err(failed)
    }
}

impl Sink {
    /// A webhook alone.
    pub fn webhook(webhook: Webhook) -> Self {
        Self { webhook: Some(Arc::new(webhook)), ..Self::default() }
    }

    /// Whether the relay delivers what handlers publish, a moment after it was stored. It must not wait for a
    /// webhook, and one deliverer serves all: where there is a webhook, the poller does.
    pub fn is_relayed(&self) -> bool {
        self.bus.is_some() && self.webhook.is_none()
    }

    /// How many events are sent together: a bus takes several, a webhook one after the other.
    pub(super) fn at_once(&self) -> usize {
        if self.is_relayed() { BUS_AT_ONCE } else { 1 }
    }

    /// Sends events to all there is, each for itself. One that is an error may have reached some of it.
    pub(super) async fn send(&self, events: &[Published]) -> Vec<Result<(), DeliveryError>> {
        let mut sent: Vec<Result<(), DeliveryError>> = match &self.bus {
            None => events.iter().map(|_| Ok(())).collect(),
            Some(bus) => {
                let taken = bus.put(events).await.into_iter().zip(events);
                taken.map(|(taken, event)| taken.map_err(|source| not_taken(event.id.clone(), source))).collect()
            }
        };
        if let Some(webhook) = &self.webhook {
            for (event, sent) in events.iter().zip(&mut sent) {
                // Changes of tasks are in the outbox only while the bus is in trouble: not what a webhook hears of.
                if sent.is_ok() && !event.is_of_a_task() {
                    *sent = webhook.send(event).await;
                }
            }
        }
        sent
    }

    /// Waits until nobody else delivers.
    pub(super) async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        match &self.turn {
            Some(turn) => Some(turn.lock().await),
            None => None,
        }
    }
}

pub(super) fn not_taken(id: Id, source: BusError) -> DeliveryError {
    DeliveryError::Bus { id, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::Name, notify::chain, store::Doc};

    #[tokio::test]
    async fn an_event_that_is_not_taken_does_not_tell_the_webhooks_url() {
        // Nobody listens there.
        let webhook = Webhook::new("http://127.0.0.1:9/s3cret".parse().unwrap()).unwrap();
        let event = Published { id: Id::new("e").unwrap(), tenant: Name::default(), doc: Doc::new() };
        let error = Sink::webhook(webhook).send(&[event]).await.remove(0).unwrap_err();
        assert!(!chain(&error).contains("s3cret"), "{}", chain(&error));
    }
}
