//! How people sign in to the page: with the issuer whose tokens the API takes, by a code under PKCE.

use std::str::FromStr;

use serde_json::json;

/// The programs of this machine alone may be asked without TLS.
const THIS_MACHINE: [&str; 2] = ["127.0.0.1", "localhost"];

/// What the page is told. Nothing of it is secret: it is told to every browser.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// With whom.
    pub issuer: Issuer,
    /// What the page is registered as with the issuer: a public client.
    pub client_id: String,
    /// What it asks for, separated by spaces.
    pub scopes: String,
    /// Whom the tokens are for. Issuers that tell by the scopes or the client ignore it.
    pub audience: String,
    /// Whom the page asks besides the issuer, where that has people sign in elsewhere.
    pub connect: Origins,
}

/// The issuer of tokens: an origin, and perhaps a path of it.
#[derive(Clone, Debug)]
pub struct Issuer(String);

/// Origins, each once, as they are written in a policy.
#[derive(Clone, Debug, Default)]
pub struct Origins(Vec<String>);

/// A text is no origin.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no origin: expected https://host or https://host:port, or http of 127.0.0.1 or localhost")]
pub struct NoOrigin(String);

impl SignIn {
    /// The page's line that says it.
    pub(super) fn meta(&self) -> String {
        let told = json!({
            "issuer": self.issuer.0,
            "client_id": self.client_id,
            "scope": self.scopes,
            "audience": self.audience,
        });
        format!("<meta name=\"errand-sign-in\" content=\"{}\">\n", escaped(&told.to_string()))
    }

    /// Whom the page asks for it.
    pub(super) fn origins(&self) -> Vec<&str> {
        let others = self.connect.0.iter().map(String::as_str);
        std::iter::once(origin_of(&self.issuer.0)).chain(others).collect()
    }
}

impl FromStr for Issuer {
    type Err = NoOrigin;

    fn from_str(text: &str) -> Result<Self, NoOrigin> {
        let origin = origin_of(text);
        let path = text.strip_prefix(origin).unwrap_or_default();
        let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%".contains(&byte);
        match is_origin(origin) && path.bytes().all(harmless) {
            true => Ok(Self(text.to_owned())),
            false => Err(NoOrigin(text.to_owned())),
        }
    }
}

impl FromStr for Origins {
    type Err = NoOrigin;

    /// Separated by spaces.
    fn from_str(text: &str) -> Result<Self, NoOrigin> {
        let origin = |word: &str| is_origin(word).then(|| word.to_owned()).ok_or_else(|| NoOrigin(word.to_owned()));
        text.split(' ').filter(|word| !word.is_empty()).map(origin).collect::<Result<_, _>>().map(Self)
    }
}

/// An address up to its path.
fn origin_of(address: &str) -> &str {
    let host = address.find("://").map_or(0, |at| at + "://".len());
    let path = address.get(host..).and_then(|rest| rest.find('/'));
    path.and_then(|at| address.get(..host + at)).unwrap_or(address)
}

/// Whether it is one origin and nothing else: what is written into a header must end neither that nor the directive.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let named =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let numbered = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let may = scheme == "https" || (scheme == "http" && THIS_MACHINE.contains(&host));
    may && host.split('.').all(named) && port.is_none_or(numbered)
}

/// A text as the value of an attribute.
fn escaped(text: &str) -> String {
    let escapes = [('&', "&amp;"), ('"', "&quot;"), ('<', "&lt;"), ('>', "&gt;")];
    escapes.iter().fold(text.to_owned(), |text, (of, escape)| text.replace(*of, escape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_one_address_of_a_host_that_is_asked_by_https() {
        for good in [
            "https://a",
            "https://login.example.org",
            "https://a-b.example:8443",
            "http://127.0.0.1:9",
            "http://localhost",
        ] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "",
            "https://",
            "a.example",
            "http://a.example",
            "https://a.example/",
            "https://a.example/x",
            "https://*.example",
            "https://*",
            "*",
            "https:",
            "'self'",
            "data:",
            "https://a;script-src",
            "https://a,b",
            "https://a b",
            "https://a\tb",
            "https://a\r\nx: y",
            "https://a\n",
            "https://a..b",
            "https://.a",
            "https://u@a",
            "https://u:p@a",
            "https://a:",
            "https://a:+1",
            "https://a:99999",
            "https://a:1:2",
            "https://a?b",
            "https://a#b",
            "https://ä.example",
            "HTTPS://a",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "wss://a",
            "https://\"",
            "https://a'",
            "ftp://127.0.0.1",
        ] {
            assert!(!is_origin(bad), "{bad:?}");
        }
    }

    #[test]
    fn an_issuer_is_an_origin_and_a_path_and_nothing_is_asked_for_in_it() {
        for (good, origin) in [
            ("https://a.example", "https://a.example"),
            ("https://a.eu.auth0.example/", "https://a.eu.auth0.example"),
            ("https://cognito-idp.us-east-1.example/us-east-1_Ab12", "https://cognito-idp.us-east-1.example"),
            ("http://127.0.0.1:9/realms/a%20b", "http://127.0.0.1:9"),
        ] {
            good.parse::<Issuer>().unwrap();
            assert_eq!(origin_of(good), origin);
        }
        for bad in [
            "http://a.example",
            "https://a.example?x",
            "https://a/ b",
            "https://a/;",
            "https://a/\n",
            "https://a/\"",
            "a/b",
            "//a",
        ] {
            assert_eq!(bad.parse::<Issuer>().unwrap_err(), NoOrigin(bad.to_owned()));
        }
    }

    #[test]
    fn the_one_of_several_origins_that_is_none_is_named() {
        let Origins(several) = " https://a  https://b:1 ".parse().unwrap();
        assert_eq!(several, ["https://a", "https://b:1"]);
        let refused = "https://a https://b;script-src".parse::<Origins>().unwrap_err();
        let said = "\"https://b;script-src\" is no origin: expected https://host or https://host:port, or http of 127.0.0.1 or localhost";
        assert_eq!(refused.to_string(), said);
    }
}
