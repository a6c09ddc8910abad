//! A target: where the tasks of a type are posted to, the headers that go with every call, and what of it is secret.

use std::collections::BTreeMap;

use errand::{FieldError, spi::store::RecordKey};
use errand_outbound::{Keyring, SecretError, SigningSecret, SigningSecrets};
use reqwest::{
    Url,
    header::{HeaderName, HeaderValue},
};
use serde::{Deserialize, Serialize};

/// The most headers of its own that a target has.
pub(crate) const HEADERS: usize = 20;

/// The longest value of one, in bytes.
pub(crate) const HEADER_BYTES: usize = 4 * 1024;

/// The longest URL, in bytes.
pub(crate) const URL_BYTES: usize = 2 * 1024;

/// Headers that say how a message travels, or that Errand sets itself.
const NOT_OURS_TO_GIVE: [&str; 17] = [
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "traceparent",
    "tracestate",
    "upgrade",
    "user-agent",
];

/// Whose headers are Errand's alone: a receiver goes by them.
const OURS: [&str; 3] = ["errand-", "x-errand-", "webhook-"];

/// How a value is shown that is kept as a secret.
const HIDDEN: &str = "…";

/// What is secret of a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TargetSecrets {
    /// What signs the calls.
    pub signing: SigningSecrets,
    /// The headers that go with each.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

impl TargetSecrets {
    /// Those of a new target.
    pub(crate) fn fresh() -> Result<Self, SecretError> {
        Ok(Self { signing: SigningSecrets::of(SigningSecret::generate()?), headers: BTreeMap::new() })
    }

    /// The same with the headers that are `given`, whose values are hidden there. One that is hidden already stays as it was.
    pub(crate) fn with_headers(mut self, given: &mut BTreeMap<String, String>) -> Result<Self, FieldError> {
        let mut headers = BTreeMap::new();
        for (name, value) in given.iter_mut() {
            let value = std::mem::replace(value, HIDDEN.to_owned());
            let kept = if value == HIDDEN { self.headers.remove(name) } else { Some(value) };
            let unknown = || FieldError::at("run.headers", format!("no value of `{name}` is kept: give it"));
            headers.insert(name.clone(), kept.ok_or_else(unknown)?);
        }
        read_headers(&headers)?;
        Ok(Self { headers, ..self })
    }

    /// As it lies in the record `of`.
    pub(crate) fn seal(&self, keyring: &Keyring, of: &RecordKey) -> Result<String, SecretError> {
        keyring.seal(of, &serde_json::to_string(self).map_err(|_| SecretError::NotOurs)?)
    }

    /// As it was sealed for the record `of`.
    pub(crate) fn open(keyring: &Keyring, of: &RecordKey, sealed: &str) -> Result<Self, SecretError> {
        serde_json::from_str(&keyring.open(of, sealed)?).map_err(|_| SecretError::NotOurs)
    }
}

/// Where a target is, if that can be one.
pub(crate) fn target_url(text: &str) -> Result<Url, FieldError> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.filter(|_| text.len() <= URL_BYTES);
    url.ok_or_else(|| FieldError::at("run.url", format!("expected an http(s) URL of at most {URL_BYTES} bytes")))
}

/// The headers of a target, or which of them it may not have.
pub(crate) fn read_headers(given: &BTreeMap<String, String>) -> Result<Vec<(HeaderName, HeaderValue)>, FieldError> {
    if given.len() > HEADERS {
        return Err(FieldError::at("run.headers", format!("expected at most {HEADERS} headers")));
    }
    given.iter().map(|(name, value)| header(name, value)).collect()
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), FieldError> {
    let wrong = |message: String| FieldError::at("run.headers", message);
    let read = HeaderName::try_from(name).map_err(|_| wrong("expected names of headers".to_owned()))?;
    if NOT_OURS_TO_GIVE.contains(&read.as_str()) || OURS.iter().any(|prefix| read.as_str().starts_with(prefix)) {
        return Err(wrong(format!("the header `{read}` is not one that a target may be given")));
    }
    let value = HeaderValue::try_from(value).ok().filter(|value| value.len() <= HEADER_BYTES);
    let mut value = value.ok_or_else(|| {
        wrong(format!("expected for `{read}` at most {HEADER_BYTES} bytes of text without line breaks"))
    })?;
    value.set_sensitive(true);
    Ok((read, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, value: &str) -> Option<String> {
        read_headers(&BTreeMap::from([(name.to_owned(), value.to_owned())])).err().map(|error| error.message)
    }

    #[test]
    fn a_value_that_is_hidden_stays_as_it_was() {
        let given = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let mut first = given(&[("authorization", "Bearer a"), ("x-a", "1")]);
        let kept = TargetSecrets::fresh().unwrap().with_headers(&mut first).unwrap();
        assert_eq!(first, given(&[("authorization", HIDDEN), ("x-a", HIDDEN)]));
        let mut second = given(&[("authorization", HIDDEN), ("x-b", "2")]);
        let then = kept.clone().with_headers(&mut second).unwrap();
        assert_eq!(then.headers, given(&[("authorization", "Bearer a"), ("x-b", "2")]));
        assert_eq!(then.signing, kept.signing);
        assert!(kept.with_headers(&mut given(&[("x-c", HIDDEN)])).is_err());
    }

    #[test]
    fn what_says_how_a_message_travels_or_who_signed_it_is_refused() {
        let names =
            NOT_OURS_TO_GIVE.into_iter().chain(["Errand-Task-Id", "X-ERRAND-Tenant", "webhook-id", "Webhook-Foo"]);
        for name in names {
            let message = refused(name, "x").unwrap();
            assert!(message.ends_with("is not one that a target may be given"), "{message}");
        }
        for (name, value) in [("", "x"), ("a b", "x"), ("a:", "x"), ("a", "x\r\nhost: y"), ("a", "\u{1}")] {
            assert!(refused(name, value).is_some(), "{name:?}: {value:?}");
        }
        assert!(refused("a", &"x".repeat(HEADER_BYTES + 1)).is_some());
        for name in ["authorization", "X-Api-Key", "cookie", "accept", "x-webhook-id"] {
            assert_eq!(refused(name, "s3cret"), None, "{name}");
        }
    }
}
