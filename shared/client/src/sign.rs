//! AWS Signature Version 4: who asks an API Gateway that goes by IAM.
//!
//! Written out here, since each crate that does it brings the SDK's runtime, or other versions of what is linked already. A
//! test holds it against the SDK's own.

use std::{fmt, time::SystemTime};

use jiff::Timestamp;
use percent_encoding::utf8_percent_encode;
use reqwest::{Method, Url};
use ring::{digest, hmac};

use crate::ask::ESCAPED;

/// What API Gateway's HTTP APIs are called in a signature.
const SERVICE: &str = "execute-api";

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Signs requests with the keys of a role or user.
#[derive(Clone)]
pub struct Signer {
    /// The public part of the keys.
    pub access_key_id: String,
    /// The secret part.
    pub secret_access_key: String,
    /// What temporary keys have besides.
    pub session_token: Option<String>,
    /// The region of the API.
    pub region: String,
    /// What time it is: a signature holds for five minutes.
    pub now: fn() -> SystemTime,
}

/// Without what is secret.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

impl Signer {
    /// The headers that sign a request.
    pub(crate) fn headers(&self, method: &Method, url: &Url, body: &str) -> Vec<(&'static str, String)> {
        let now = Timestamp::try_from((self.now)()).unwrap_or_default();
        let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let scope = format!("{}/{}/{SERVICE}/aws4_request", now.strftime("%Y%m%d"), self.region);
        let mut headers = vec![("host", host(url)), ("x-amz-date", time.clone())];
        headers.extend(self.session_token.iter().map(|token| ("x-amz-security-token", token.clone())));
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let request = format!("{method}\n{}\n{}\n{lines}\n{names}\n{}", path(url), query(url), sha256(body));
        let text = format!("{ALGORITHM}\n{time}\n{scope}\n{}", sha256(&request));
        let signature = hex(self.key(&scope).as_ref(), &text);
        let credential = format!("Credential={}/{scope}", self.access_key_id);
        headers
            .push(("authorization", format!("{ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}")));
        // The client itself says which host it asks.
        headers.into_iter().filter(|(name, _)| *name != "host").collect()
    }

    /// The key for a day, a region and a service: the secret, signed with each part of the scope.
    fn key(&self, scope: &str) -> Vec<u8> {
        let secret = format!("AWS4{}", self.secret_access_key).into_bytes();
        scope.split('/').fold(secret, |key, part| signed(&key, part).as_ref().to_vec())
    }
}

fn signed(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

fn hex(key: &[u8], text: &str) -> String {
    in_hex(signed(key, text).as_ref())
}

fn sha256(text: &str) -> String {
    in_hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

fn in_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As the client says it: with a port that is not the scheme's own.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The path, escaped once more, as all services but S3 have it.
fn path(url: &Url) -> String {
    let parts = url.path().split('/').map(|part| utf8_percent_encode(part, ESCAPED).to_string());
    parts.collect::<Vec<_>>().join("/")
}

/// The parameters in the order of their names, escaped as they are.
fn query(url: &Url) -> String {
    let mut pairs: Vec<(&str, &str)> =
        url.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('=')).collect();
    pairs.sort_unstable();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_credential_types::Credentials;
    use aws_sigv4::{
        http_request::{SignableBody, SignableRequest, SigningSettings, sign},
        sign::v4::SigningParams,
    };

    use super::*;
    use crate::Ask;

    /// What the SDK signs it with.
    fn by_the_sdk(signer: &Signer, method: &Method, url: &Url, body: &str) -> String {
        let token = signer.session_token.clone();
        let keys = Credentials::new(&signer.access_key_id, &signer.secret_access_key, token, None, "test").into();
        let params = SigningParams::builder().identity(&keys).region(&signer.region).name(SERVICE).time((signer.now)());
        let params = params.settings(SigningSettings::default()).build().unwrap().into();
        let body = SignableBody::Bytes(body.as_bytes());
        let request = SignableRequest::new(method.as_str(), url.as_str(), [].into_iter(), body).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let mut headers = instructions.headers();
        headers.find(|(name, _)| name.eq_ignore_ascii_case("authorization")).unwrap().1.to_owned()
    }

    #[test]
    fn requests_are_signed_as_the_sdk_signs_them() {
        let now = || SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_373_645);
        let signer = |session_token: Option<&str>| Signer {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: session_token.map(str::to_owned),
            region: "eu-central-1".into(),
            now,
        };
        let asks = [
            Ask::get(&["v1", "health"]),
            Ask::get(&["v1", "tasks"]).with("status", Some("open")).with("queue", Some("*")).with("limit", Some(20)),
            Ask::get(&["v1", "records", "user", "ada@example.org&co"]).with("x", Some("ä b/c=")).with("a", Some("")),
            Ask::post(&["v1", "tasks"], serde_json::json!({"task_type": "t", "payload": "ü"}), "k"),
        ];
        for (ask, token) in asks.iter().flat_map(|ask| [(ask, None), (ask, Some("FwoGZXIvYXdzE/+=="))]) {
            for host in ["https://abc.execute-api.eu-central-1.amazonaws.com", "http://127.0.0.1:8787"] {
                let url: Url = format!("{host}{}", ask.target()).parse().unwrap();
                let body = ask.body.as_ref().map(ToString::to_string).unwrap_or_default();
                let signer = signer(token);
                let ours = signer.headers(&ask.method, &url, &body).pop().unwrap();
                assert_eq!(ours, ("authorization", by_the_sdk(&signer, &ask.method, &url, &body)), "{url}");
            }
        }
    }
}
