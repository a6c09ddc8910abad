//! The webhooks that tenants name: checked as any target is, signed, each by a secret of its own.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use errand::{
    NotTaken, Published,
    spi::{
        clock::Clock,
        listener::{NewSecret, WEBHOOK_TIMEOUT, Webhooks},
        redact::chain,
        store::RecordKey,
    },
};
use reqwest::{
    StatusCode, Url,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};

use crate::{
    client::{Answered, CallError, TargetClient},
    secrets::{Keyring, SecretError},
    signature::{SigningSecret, SigningSecrets, signed},
};

/// Each event is posted as JSON, and any 2xx answer is a delivery.
pub struct SignedWebhooks {
    caller: TargetClient,
    keyring: Arc<Keyring>,
    clock: Arc<dyn Clock>,
}

impl SignedWebhooks {
    /// Those that `caller` may call, their secrets kept by `keyring`.
    pub fn new(caller: TargetClient, keyring: Arc<Keyring>, clock: Arc<dyn Clock>) -> Self {
        Self { caller, keyring, clock }
    }
}

impl SignedWebhooks {
    fn open(&self, of: &RecordKey, sealed: &str) -> Result<SigningSecrets, SecretError> {
        serde_json::from_str(&self.keyring.open(of, sealed)?).map_err(|_| SecretError::NotOurs)
    }

    /// The newest of `secrets`, and all of them as the record `of` keeps them.
    fn kept(&self, of: &RecordKey, secrets: &SigningSecrets) -> Result<NewSecret, String> {
        let text = serde_json::to_string(secrets).map_err(|error| error.to_string())?;
        let sealed = self.keyring.seal(of, &text).map_err(|error| error.to_string())?;
        Ok(NewSecret { shown: secrets.current().reveal(), sealed })
    }
}

impl fmt::Debug for SignedWebhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedWebhooks")
    }
}

#[async_trait]
impl Webhooks for SignedWebhooks {
    fn admit(&self, url: &str) -> Result<(), String> {
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        self.caller.admit(&url).map_err(|error| error.to_string())
    }

    fn new_secret(&self, of: &RecordKey) -> Result<NewSecret, String> {
        let secret = SigningSecret::generate().map_err(|error| error.to_string())?;
        self.kept(of, &SigningSecrets::of(secret))
    }

    fn renewed(&self, of: &RecordKey, sealed: &str, overlap: Duration) -> Result<NewSecret, String> {
        let Ok(secrets) = self.open(of, sealed) else { return self.new_secret(of) };
        let (secrets, _) = secrets.renewed(self.clock.now(), overlap).map_err(|error| error.to_string())?;
        self.kept(of, &secrets)
    }

    async fn post(&self, of: &RecordKey, url: &str, sealed: &str, event: &Published) -> Result<(), NotTaken> {
        let unavailable = |why: String| NotTaken::Unavailable(why);
        let secrets = self.open(of, sealed).map_err(|error| unavailable(error.to_string()))?;
        let url = Url::parse(url).map_err(|error| unavailable(error.to_string()))?;
        let body = serde_json::to_vec(event).unwrap_or_default();
        let signed = signed(&secrets, event.id.as_str(), self.clock.now(), &body);
        let headers = signed
            .into_iter()
            .filter_map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?)));
        let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let answered = self.caller.post(&url, headers.chain([json]), body, WEBHOOK_TIMEOUT).await;
        heard(answered)
    }
}

/// What an answer means. One that works and does not want this event holds up no other.
fn heard(answered: Result<Answered, CallError>) -> Result<(), NotTaken> {
    let status = answered.map_err(|error| NotTaken::Unavailable(chain(&error)))?.status;
    let asks_to_wait = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status);
    match status {
        _ if status.is_success() => Ok(()),
        StatusCode::GONE => Err(NotTaken::Gone),
        _ if status.is_client_error() && !asks_to_wait => Err(NotTaken::Refused(format!("it answered {status}"))),
        _ => Err(NotTaken::Unavailable(format!("it answered {status}"))),
    }
}
