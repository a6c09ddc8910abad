//! Calls of targets that others have named.

use std::{error::Error, net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use errand::spi::redact::chain;
use reqwest::{
    Client, Response, StatusCode, Url,
    dns::Resolve,
    header::{HeaderMap, HeaderName, HeaderValue},
};

use crate::{
    address::{Allowance, NotAllowed, Targets},
    client::{
        builder,
        resolver::{Guarded, System},
    },
};

/// How much of an answer's body is read.
const MOST: usize = 256 * 1024;

/// How many connections to one host are kept when nothing is called.
const KEPT: usize = 64;

/// What a target answered.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as far as it was read: 256 KiB at most.
    pub body: Vec<u8>,
    /// Whether there was more of it.
    pub is_cut: bool,
}

/// Why there is no answer. What is said in it names no URL.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The target was not called.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// It took too long.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// It could not be connected to, or broke off.
    #[error("no answer: {0}")]
    Unanswered(String),
}

/// Calls targets that others have named: over the network, or as a simulation has it.
#[async_trait]
pub trait CallsTargets: Send + Sync {
    /// Whether `url` may be called, as far as it says itself where it leads.
    fn admit(&self, url: &Url) -> Result<(), NotAllowed>;

    /// Posts `body` to `url` and reads the answer, in `timeout` at most.
    async fn post(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<Answered, CallError>;
}

#[async_trait]
impl CallsTargets for TargetClient {
    fn admit(&self, url: &Url) -> Result<(), NotAllowed> {
        self.admit(url)
    }

    async fn post(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<Answered, CallError> {
        self.post(url, headers.into_iter().filter_map(|(name, value)| Some((name?, value))), body, timeout).await
    }
}

/// Calls targets of one allowance: no connection that another allowance opened is ever used. Follows no redirect, and asks
/// no proxy that the environment names.
#[derive(Clone, Debug)]
pub struct TargetClient {
    targets: Targets,
    client: Client,
    /// For URLs whose port is this server's.
    wary: Client,
}

impl TargetClient {
    /// One of `allowance`; `ours` is where this server listens, which is no target.
    pub fn new(allowance: Allowance, ours: Option<SocketAddr>) -> Result<Self, reqwest::Error> {
        Self::resolving(allowance, ours, Arc::new(System))
    }

    /// The same, which has names resolved by `names`.
    pub fn resolving(
        allowance: Allowance,
        ours: Option<SocketAddr>,
        names: Arc<dyn Resolve>,
    ) -> Result<Self, reqwest::Error> {
        let targets = Targets::new(allowance, ours);
        let client = |port| {
            let guarded = Guarded { names: names.clone(), targets, port };
            builder().no_proxy().pool_max_idle_per_host(KEPT).dns_resolver(Arc::new(guarded)).build()
        };
        Ok(Self { targets, client: client(None)?, wary: client(ours.map(|ours| ours.port()))? })
    }

    /// Whether `url` may be called, as far as it says itself where it leads.
    pub fn admit(&self, url: &Url) -> Result<(), NotAllowed> {
        self.targets.admit(url)
    }

    /// Posts `body` to `url` and reads the answer, in `timeout` at most.
    pub async fn post(
        &self,
        url: &Url,
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<Answered, CallError> {
        self.admit(url)?;
        let client = if self.targets.may_be_ours(url.port_or_known_default()) { &self.wary } else { &self.client };
        let request = client.post(url.clone()).timeout(timeout).body(body);
        let answered = async { read(request.headers(headers.into_iter().collect()).send().await?).await };
        answered.await.map_err(|error| failed(&error.without_url(), timeout))
    }
}

async fn read(mut response: Response) -> Result<Answered, reqwest::Error> {
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    let (mut body, mut is_cut) = (Vec::new(), false);
    while let Some(chunk) = response.chunk().await? {
        let rest = MOST - body.len();
        is_cut = chunk.len() > rest;
        body.extend(chunk.into_iter().take(rest));
        if is_cut {
            break;
        }
    }
    Ok(Answered { status, headers, body, is_cut })
}

fn failed(error: &reqwest::Error, timeout: Duration) -> CallError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(this) = cause {
        if let Some(refused) = this.downcast_ref::<NotAllowed>() {
            return CallError::NotAllowed(*refused);
        }
        cause = this.source();
    }
    if error.is_timeout() && !error.is_connect() {
        return CallError::TimedOut(timeout);
    }
    CallError::Unanswered(chain(error))
}
