//! Where events go besides the list of what was published: a webhook, an event bus, both or neither.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Mutex, MutexGuard};

use super::{Bus, DeliveryError, Published};
use crate::http;

/// How long a listener may take to answer.
pub(super) const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// How many events one request to a bus carries at most.
#[cfg(feature = "aws")]
pub(super) const BUS_AT_ONCE: usize = 10;

/// Where events go besides [`super::published`].
#[derive(Clone, Debug, Default)]
pub struct Sink {
    /// What handlers publish is posted to this, once it is listed.
    pub webhook: Option<Arc<Webhook>>,
    /// Everything is put on this, before it is listed; on AWS only.
    pub bus: Option<Arc<dyn Bus>>,
    /// Where one process does everything, one at a time posts: a poll that somebody asks for leaves it to who does.
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

    pub(super) async fn send(&self, event: &Published) -> Result<(), DeliveryError> {
        let id = || event.id.clone();
        let body = serde_json::to_string(event).unwrap_or_default();
        let request = self.client.post(self.url.clone()).header("content-type", "application/json").body(body);
        // The URL may carry a secret, and the error goes to the log.
        let unanswered = |source: reqwest::Error| DeliveryError::Unanswered { id: id(), source: source.without_url() };
        let status = request.send().await.map_err(unanswered)?.status();
        if status.is_success() { Ok(()) } else { Err(DeliveryError::NotTaken { id: id(), status }) }
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

    /// The right to post, unless somebody has it.
    pub(super) fn turn(&self) -> Option<Option<MutexGuard<'_, ()>>> {
        match &self.turn {
            Some(turn) => turn.try_lock().ok().map(Some),
            None => Some(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        http::test_server::{http, serve},
        ids::{Id, Name},
        redact::chain,
        store::Doc,
    };

    fn event() -> Published {
        Published { id: Id::new("e").unwrap(), tenant: Name::default(), doc: Doc::new() }
    }

    #[tokio::test]
    async fn any_2xx_is_a_delivery_and_a_refusal_is_told_from_a_listener_that_does_not_work() {
        let taken = [200, 201, 202, 204, 299];
        let refused = [400, 401, 403, 404, 405, 409, 410, 413, 422, 425, 499];
        let not_working = [301, 302, 303, 304, 307, 308, 408, 429, 500, 501, 502, 503, 504, 599];
        let expected = |all: &[u16], what: Option<bool>| all.iter().map(|status| (*status, what)).collect::<Vec<_>>();
        let all =
            [expected(&taken, None), expected(&refused, Some(true)), expected(&not_working, Some(false))].concat();
        for (status, expected) in all {
            let (address, _server) = serve(http(&format!("{status} So"), "location: /elsewhere\r\n", "")).await;
            let webhook = Webhook::new(format!("http://{address}/").parse().unwrap()).unwrap();
            let answered = webhook.send(&event()).await;
            assert_eq!(answered.err().map(|error| error.is_refusal()), expected, "{status}");
        }
    }

    #[tokio::test]
    async fn an_event_that_is_not_taken_does_not_tell_the_webhooks_url() {
        // Nobody listens there.
        let webhook = Webhook::new("http://127.0.0.1:9/s3cret".parse().unwrap()).unwrap();
        let error = webhook.send(&event()).await.unwrap_err();
        assert!(!chain(&error).contains("s3cret"), "{}", chain(&error));
    }
}
