//! An installation, and how it is asked.

use std::{fmt, time::Duration};

use reqwest::{
    Method, RequestBuilder, Response, Url,
    header::{HeaderMap, RETRY_AFTER},
};
use serde_json::Value;
use tokio::time::sleep;

use crate::{Ask, Refusal, RemoteError, Signer, ask::signable};

/// How long to wait before a request is said again, if the server does not say.
const WAIT: Duration = Duration::from_millis(500);

/// And at most: whoever wants to wait longer asks again.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How long one answer may take: a redrive goes on for 20 seconds.
const ANSWER: Duration = Duration::from_secs(60);

/// How long one connection is read at most that is followed.
pub(crate) const CONNECTION: Duration = Duration::from_secs(24 * 3600);

/// The header that says for which tenant is asked.
const TENANT: &str = "x-errand-tenant";

/// Where an installation is, and who asks.
#[derive(Clone, Default)]
pub struct Access {
    /// Its address, such as `http://127.0.0.1:8787`.
    pub url: String,
    /// The token that every request bears, if it asks for one.
    pub token: Option<String>,
    /// The tenant that is asked for, by those who may ask for any.
    pub tenant: Option<String>,
    /// What signs every request in place of a token, where AWS wants that.
    pub signer: Option<Signer>,
}

/// Without the token.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("url", &self.url).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// An installation that can be asked.
#[derive(Clone, Debug)]
pub struct Remote {
    http: reqwest::Client,
    access: Access,
}

impl Remote {
    /// The installation at `access`, asked by `http`: a client that follows no redirects, so that the token is told to nobody
    /// else.
    pub fn new(http: reqwest::Client, mut access: Access) -> Self {
        access.url.truncate(access.url.trim_end_matches('/').len());
        Self { http, access }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.access.url
    }

    /// The answer, which is JSON; null where there is none to give. What may be said twice is said again while the server
    /// is busy, or its answer was lost.
    pub async fn ask(&self, ask: &Ask) -> Result<Value, RemoteError> {
        let mut tries = 1;
        loop {
            let (error, wait) = match self.ask_once(ask).await {
                Ok(answer) => return Ok(answer),
                Err(error) => match again(&error) {
                    Some(wait) if tries < ask.tries => (error, wait),
                    _ => return Err(error),
                },
            };
            drop(error);
            tries += 1;
            sleep(wait.min(LONGEST_WAIT)).await;
        }
    }

    async fn ask_once(&self, ask: &Ask) -> Result<Value, RemoteError> {
        let response = self.request(ask).timeout(ANSWER).send().await.map_err(|source| self.unreachable(source))?;
        let is_answer = ask.takes.contains(&response.status().as_u16());
        let answer = if is_answer { response } else { self.taken(response).await? };
        let text = answer.text().await.map_err(|source| self.unreachable(source))?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|error| self.foreign(error.to_string()))
    }

    /// The answer if it is a good one, else what it says is wrong.
    pub(crate) async fn taken(&self, response: Response) -> Result<Response, RemoteError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let after = response.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
        let text = response.text().await.map_err(|source| self.unreachable(source))?;
        let refusal = Refusal::read(status.as_u16(), &text, after.map(Duration::from_secs));
        Err(refusal.map_or_else(|| self.foreign(format!("it answers {status}")), RemoteError::Refused))
    }

    pub(crate) fn request(&self, ask: &Ask) -> RequestBuilder {
        let body = ask.body.as_ref().map(Value::to_string);
        let mut request = self.access_by(&ask.method, &ask.target(), body.as_deref().unwrap_or_default());
        if let Some(tenant) = &self.access.tenant {
            request = request.header(TENANT, tenant);
        }
        if let Some(key) = &ask.key {
            request = request.header("idempotency-key", key);
        }
        match body {
            Some(body) => request.header("content-type", "application/json").body(body),
            None => request,
        }
    }

    /// A request that bears the token, or is signed; its body is still to be given to it.
    fn access_by(&self, method: &Method, target: &str, body: &str) -> RequestBuilder {
        let url = format!("{}{target}", self.access.url);
        let mut request = self.http.request(method.clone(), &url);
        if let Some(token) = &self.access.token {
            request = request.bearer_auth(token);
        }
        if let Some((signer, url)) = self.access.signer.as_ref().zip(url.parse::<Url>().ok()) {
            let headers = signer.headers(method, &url, body);
            request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        }
        request
    }

    /// Passes on what somebody else asks, with this access in place of theirs: `target` is a path with its query, escaped,
    /// and `headers` are those that are passed on. It is asked once, and the answer, whatever it is, is the caller's to read;
    /// it may go on for a day.
    ///
    /// # Errors
    /// [`RemoteError::Unreachable`]: nobody answers.
    pub async fn pass(
        &self,
        method: Method,
        target: &str,
        mut headers: HeaderMap,
        body: String,
    ) -> Result<Response, RemoteError> {
        let tenant = self.access.tenant.as_ref().and_then(|tenant| tenant.parse().ok());
        if let (Some(tenant), false) = (tenant, headers.contains_key(TENANT)) {
            headers.insert(TENANT, tenant);
        }
        let request = self.access_by(&method, &signable(target), &body).headers(headers).timeout(CONNECTION);
        let request = if body.is_empty() { request } else { request.body(body) };
        request.send().await.map_err(|source| self.unreachable(source))
    }

    pub(crate) fn unreachable(&self, source: reqwest::Error) -> RemoteError {
        // Its own URL would be said twice.
        RemoteError::Unreachable { url: self.access.url.clone(), source: source.without_url() }
    }

    pub(crate) fn foreign(&self, problem: String) -> RemoteError {
        RemoteError::Foreign { url: self.access.url.clone(), problem }
    }
}

/// After how long a request is worth saying again. Where nobody listens, or at an address that is none, it is not: who
/// waits for a server to start says so.
fn again(error: &RemoteError) -> Option<Duration> {
    match error {
        RemoteError::Refused(refusal) if matches!(refusal.status, 429 | 503) => {
            Some(refusal.retry_after.unwrap_or(WAIT))
        }
        RemoteError::Unreachable { source, .. } if !source.is_connect() && !source.is_builder() => Some(WAIT),
        RemoteError::Unreachable { .. } | RemoteError::Refused(_) | RemoteError::Foreign { .. } => None,
    }
}
