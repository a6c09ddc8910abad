//! Signatures after Standard Webhooks 1.0.0: who receives a call checks them with any of its published libraries.

use std::{fmt, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use errand::{Timestamp, spi::json::FormError};
use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::random::{NoRandomness, random};

/// The header that names what is told: the same whenever it is told again.
pub const WEBHOOK_ID: &str = "webhook-id";
/// The header that says when this try was made, in seconds since 1970.
pub const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";
/// The header of the signatures, separated by spaces: one for each secret.
pub const WEBHOOK_SIGNATURE: &str = "webhook-signature";

/// What every secret begins with.
const PREFIX: &str = "whsec_";
/// How many bytes a secret of ours has, and one of another may have.
const BYTES: usize = 32;
const MAY_HAVE: std::ops::RangeInclusive<usize> = 24..=64;

/// What a receiver and this installation both know. Its text is `whsec_` and base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SigningSecret(Vec<u8>);

impl SigningSecret {
    /// A new one, which nobody knows yet.
    pub fn generate() -> Result<Self, NoRandomness> {
        Ok(Self(random::<BYTES>()?.to_vec()))
    }

    /// Its text, for its receiver alone.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }
}

/// A log line that shows one by mistake shows nothing.
impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}…")
    }
}

impl TryFrom<String> for SigningSecret {
    type Error = FormError;

    fn try_from(text: String) -> Result<Self, FormError> {
        let bytes = text.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok());
        let bytes = bytes.filter(|bytes| MAY_HAVE.contains(&bytes.len()));
        bytes.map(Self).ok_or(FormError("`whsec_` and the base64 of 24 to 64 bytes"))
    }
}

impl From<SigningSecret> for String {
    fn from(secret: SigningSecret) -> Self {
        secret.reveal()
    }
}

/// The secrets of one receiver: the one that signs and, while the receiver changes over to it, the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningSecrets {
    current: SigningSecret,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Previous>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Previous {
    secret: SigningSecret,
    until: Timestamp,
}

impl SigningSecrets {
    /// Those of a receiver that has `secret` alone.
    pub fn of(secret: SigningSecret) -> Self {
        Self { current: secret, previous: None }
    }

    /// The same after a change to `secret`: the one until now goes on signing for `overlap`. One that was on its way out
    /// already is gone.
    #[must_use]
    pub fn rotated(self, secret: SigningSecret, now: Timestamp, overlap: Duration) -> Self {
        let previous = Previous { secret: self.current, until: now + overlap };
        Self { current: secret, previous: Some(previous).filter(|previous| now < previous.until) }
    }

    /// The same after a change to a new one, which is answered with them.
    pub fn renewed(self, now: Timestamp, overlap: Duration) -> Result<(Self, SigningSecret), NoRandomness> {
        let fresh = SigningSecret::generate()?;
        Ok((self.rotated(fresh.clone(), now, overlap), fresh))
    }

    /// The one that was made last.
    pub fn current(&self) -> &SigningSecret {
        &self.current
    }

    /// Those that sign at `now`, the newest first.
    pub fn signing(&self, now: Timestamp) -> impl Iterator<Item = &SigningSecret> {
        let previous = self.previous.as_ref().filter(|previous| now < previous.until);
        [&self.current].into_iter().chain(previous.map(|previous| &previous.secret))
    }
}

/// The headers that sign `body`, told at `now` under `id`, for whoever knows one of `secrets`. No `.` may stand in `id`:
/// the signature could be another message's.
pub fn signed(secrets: &SigningSecrets, id: &str, now: Timestamp, body: &[u8]) -> [(&'static str, String); 3] {
    let seconds = now.as_millis().div_euclid(1000).to_string();
    let signatures: Vec<String> = secrets.signing(now).map(|secret| signature(secret, id, &seconds, body)).collect();
    [(WEBHOOK_ID, id.to_owned()), (WEBHOOK_TIMESTAMP, seconds), (WEBHOOK_SIGNATURE, signatures.join(" "))]
}

fn signature(secret: &SigningSecret, id: &str, seconds: &str, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &secret.0));
    context.update(format!("{id}.{seconds}.").as_bytes());
    context.update(body);
    format!("v1,{}", STANDARD.encode(context.sign()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Result<SigningSecret, FormError> {
        SigningSecret::try_from(text.to_owned())
    }

    #[test]
    fn a_secret_is_its_text_and_no_two_are_the_same() {
        let made = SigningSecret::generate().unwrap();
        assert_eq!(secret(&made.reveal()).unwrap(), made);
        assert_ne!(SigningSecret::generate().unwrap(), made);
        assert_eq!(format!("{made:?}"), "whsec_…");
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let of = |n: usize| format!("whsec_{}", STANDARD.encode(vec![7; n]));
        let read = [23, 24, 64, 65].map(|n| secret(&of(n)).is_ok());
        assert_eq!(read, [false, true, true, false]);
        for text in ["", "whsec_", "whsec_%", &of(32)[6..], "WHSEC_AAAA"] {
            assert!(secret(text).is_err(), "{text}");
        }
    }

    /// The example of the specification's own libraries.
    #[test]
    fn a_signature_is_as_the_specification_has_it() {
        let secrets = SigningSecrets::of(secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
        let at = Timestamp::from_millis(1_614_265_330_999);
        let headers = signed(&secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#);
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(headers.map(|(_, value)| value), ["msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", expected]);
    }

    #[test]
    fn the_secret_before_signs_as_long_as_the_change_takes() {
        let (first, second) = (SigningSecret::generate().unwrap(), SigningSecret::generate().unwrap());
        let at = Timestamp::from_millis;
        let secrets = SigningSecrets::of(first.clone()).rotated(second.clone(), at(1_000), Duration::from_secs(9));
        let signing = |ms| secrets.signing(at(ms)).cloned().collect::<Vec<_>>();
        assert_eq!(signing(9_999), [second.clone(), first.clone()]);
        assert_eq!(signing(10_000), std::slice::from_ref(&second));
        let count = |ms| signed(&secrets, "e", at(ms), b"").map(|(_, value)| value.split(' ').count());
        assert_eq!((count(9_999), count(10_000)), ([1, 1, 2], [1, 1, 1]));
        let at_once = SigningSecrets::of(first).rotated(second.clone(), at(1_000), Duration::ZERO);
        assert_eq!(at_once, SigningSecrets::of(second));
        let kept = serde_json::to_string(&secrets).unwrap();
        assert_eq!(serde_json::from_str::<SigningSecrets>(&kept).unwrap(), secrets);
    }
}
