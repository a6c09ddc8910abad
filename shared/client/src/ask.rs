//! One request, before it is sent.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, Url};
use serde_json::Value;

/// All but what stands for itself in a URL's path and query.
pub(crate) const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How often a request is said at most.
const TRIES: u32 = 4;

/// What is asked: a route with its parameters, and a body.
#[derive(Clone, Debug)]
pub struct Ask {
    pub(crate) method: Method,
    path: String,
    query: Vec<(String, String)>,
    pub(crate) body: Option<Value>,
    pub(crate) key: Option<String>,
    /// How often it may be said, if nobody answers or the server is busy.
    pub(crate) tries: u32,
    /// Statuses of an error that are an answer like any other.
    pub(crate) takes: &'static [u16],
}

impl Ask {
    /// Reads what is at `path`, whose parts are names and ids as they are.
    pub fn get(path: &[&str]) -> Self {
        Self::of(Method::GET, path, None)
    }

    /// Whether it can do its work. What says that it cannot is the answer, and no reason to ask again.
    pub fn health() -> Self {
        Self { tries: 1, takes: &[503], ..Self::get(&["v1", "health"]) }
    }

    /// Puts `body` there.
    pub fn put(path: &[&str], body: Value) -> Self {
        Self::of(Method::PUT, path, Some(body))
    }

    /// Removes what is there.
    pub fn delete(path: &[&str]) -> Self {
        Self::of(Method::DELETE, path, None)
    }

    /// Does what the route does, once for each `key`: so it may be said again where an answer was lost.
    pub fn post(path: &[&str], body: Value, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..Self::of(Method::POST, path, Some(body)) }
    }

    fn of(method: Method, path: &[&str], body: Option<Value>) -> Self {
        let path = path.iter().map(|part| format!("/{}", utf8_percent_encode(part, ESCAPED))).collect();
        Self { method, path, query: Vec::new(), body, key: None, tries: TRIES, takes: &[] }
    }

    /// The same with a parameter, if it has a value.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name.to_owned(), value.to_string())));
        self
    }

    /// The same with this value of a parameter in place of what it had.
    #[must_use]
    pub(crate) fn at(mut self, name: &str, value: &str) -> Self {
        self.query.retain(|(known, _)| known != name);
        self.with(name, Some(value))
    }

    /// The same, said once: whoever asks wants to hear of what is wrong.
    #[must_use]
    pub fn once(self) -> Self {
        Self { tries: 1, ..self }
    }

    /// Path and query, escaped.
    pub fn target(&self) -> String {
        with_query(&self.path, self.query.iter().map(|(name, value)| (&**name, &**value)))
    }
}

/// The same path and query, with the parameters escaped as a signature wants them: a browser writes a space as `+`.
pub(crate) fn signable(target: &str) -> String {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    // The host is none of its business.
    let Ok(url) = format!("http://localhost{target}").parse::<Url>() else { return target.to_owned() };
    let pairs: Vec<_> = url.query_pairs().collect();
    with_query(path, pairs.iter().map(|(name, value)| (&**name, &**value)))
}

fn with_query<'a>(path: &str, pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let escaped = |text: &str| utf8_percent_encode(text, ESCAPED).to_string();
    let query =
        pairs.map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect::<Vec<_>>().join("&");
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_named_stands_in_the_url_as_itself() {
        let ask = Ask::get(&["v1", "records", "a/b?c"]).with("status", None::<&str>).with("queue", Some("*&x"));
        assert_eq!(ask.target(), "/v1/records/a%2Fb%3Fc?queue=%2A%26x");
        assert_eq!(signable("/v1/tasks/a%2Fb?queue=*&text=a+b%21&x"), "/v1/tasks/a%2Fb?queue=%2A&text=a%20b%21&x=");
        assert_eq!(signable("/v1/tasks"), "/v1/tasks");
        assert_eq!(ask.at("queue", "q").at("cursor", "1").target(), "/v1/records/a%2Fb%3Fc?queue=q&cursor=1");
    }
}
