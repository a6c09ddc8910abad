//! A webhook: an HTTP listener.

use async_trait::async_trait;
use reqwest::StatusCode;

use crate::http::client;
use errand::{
    Listener, NotTaken, Published,
    spi::{
        clock::{Clock, SystemClock},
        listener::WEBHOOK_TIMEOUT,
        redact::chain,
    },
};
use errand_outbound::{SigningSecret, SigningSecrets, signed};

/// Each event is posted to it as JSON, signed if it has a secret, and any 2xx answer is a delivery.
#[derive(Debug)]
pub struct Webhook {
    url: reqwest::Url,
    client: reqwest::Client,
    secrets: Option<SigningSecrets>,
}

impl Webhook {
    /// A listener at `url`.
    pub fn new(url: reqwest::Url) -> Result<Self, reqwest::Error> {
        Ok(Self { url, client: client(WEBHOOK_TIMEOUT)?, secrets: None })
    }

    /// The same, which is told what it can check by `secret`.
    #[must_use]
    pub fn signed_by(self, secret: SigningSecret) -> Self {
        Self { secrets: Some(SigningSecrets::of(secret)), ..self }
    }

    async fn post(&self, event: &Published) -> Result<(), NotTaken> {
        let body = serde_json::to_string(event).unwrap_or_default();
        let sign = |secrets| signed(secrets, event.id.as_str(), SystemClock.now(), body.as_bytes());
        let signatures = self.secrets.iter().flat_map(sign);
        let request = self.client.post(self.url.clone()).header("content-type", "application/json");
        let request = signatures.fold(request, |request, (name, value)| request.header(name, value)).body(body);
        // The URL may carry a secret, and the error goes to the log.
        let unanswered = |error: reqwest::Error| NotTaken::Unavailable(chain(&error.without_url()));
        let status = request.send().await.map_err(unanswered)?.status();
        match status {
            _ if status.is_success() => Ok(()),
            _ if is_refusal(status) => Err(NotTaken::Refused(format!("it answered {status}"))),
            _ => Err(NotTaken::Unavailable(format!("it answered {status}"))),
        }
    }
}

#[async_trait]
impl Listener for Webhook {
    async fn tell(&self, events: &[Published]) -> Vec<Result<(), NotTaken>> {
        let mut answers = Vec::with_capacity(events.len());
        for event in events {
            answers.push(self.post(event).await);
        }
        answers
    }
}

/// Whether a webhook that answers so works, and does not want this event: others are none the worse for it.
fn is_refusal(status: StatusCode) -> bool {
    let asks_to_wait = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status);
    status.is_client_error() && !asks_to_wait
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::test_server::{http, serve};
    use errand::{Doc, Id, Name};

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
            let answered = webhook.post(&event()).await;
            assert_eq!(answered.err().map(|error| matches!(error, NotTaken::Refused(_))), expected, "{status}");
        }
    }

    #[tokio::test]
    async fn what_is_posted_is_signed_by_the_secret_if_there_is_one() {
        let secret = SigningSecret::generate().unwrap();
        for (signs, headers) in [(false, 0), (true, 3)] {
            let (address, server) = serve(http("200 OK", "", "")).await;
            let webhook = Webhook::new(format!("http://{address}/").parse().unwrap()).unwrap();
            let webhook = if signs { webhook.signed_by(secret.clone()) } else { webhook };
            webhook.post(&event()).await.unwrap();
            let (asked, _) = server.await.unwrap();
            let said = asked.lines().filter(|line| line.starts_with("webhook-")).count();
            assert_eq!(said, headers, "{asked}");
        }
    }

    #[tokio::test]
    async fn an_event_that_is_not_taken_does_not_tell_the_webhooks_url() {
        // Nobody listens there.
        let webhook = Webhook::new("http://127.0.0.1:9/s3cret".parse().unwrap()).unwrap();
        let error = webhook.post(&event()).await.unwrap_err();
        assert!(!chain(&error).contains("s3cret"), "{}", chain(&error));
    }
}
