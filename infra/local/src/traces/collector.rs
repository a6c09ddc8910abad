//! What spans are sent by: the client that everything here uses.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::{Context, bail};
use async_trait::async_trait;
use errand::spi::redact::chain;
use errand_models::http::client;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::Handle;
use tracing::warn;

/// How long one post may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest answer that is read: what a collector says of what it did not take.
const ANSWER_BYTES: usize = 64 * 1024;

/// Posts to the collector. The SDK waits for that on a thread of its own, where nothing else would drive it.
#[derive(Debug)]
pub(super) struct Collector {
    client: reqwest::Client,
    runtime: Handle,
    /// Whether the last post was taken: that it is not is told once.
    takes: AtomicBool,
}

impl Collector {
    pub(super) fn new(runtime: Handle) -> anyhow::Result<Self> {
        Ok(Self { client: client(TIMEOUT)?, runtime, takes: AtomicBool::new(true) })
    }

    fn note(&self, trouble: Option<String>) {
        let took = self.takes.swap(trouble.is_none(), Ordering::Relaxed);
        if let Some(trouble) = trouble.filter(|_| took) {
            warn!(error = trouble, "the collector does not take spans; those that it does not are lost");
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let answered = match self.runtime.spawn(answer(self.client.clone(), request)).await {
            Ok(answered) => answered,
            Err(ended) => Err(ended.into()),
        };
        self.note(match &answered {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answered {}", answer.status())),
            Err(error) => Some(chain(error.as_ref())),
        });
        Ok(answered?)
    }
}

async fn answer(client: reqwest::Client, request: reqwest::Request) -> anyhow::Result<Response<Bytes>> {
    // Without the URL, which may carry a secret. What goes wrong with the body names none.
    let mut answer = client.execute(request).await.map_err(reqwest::Error::without_url)?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES {
            bail!("its answer has more than {ANSWER_BYTES} bytes");
        }
    }
    let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
    let mut read = Response::builder().status(status).body(Bytes::from(body)).context("no answer")?;
    *read.headers_mut() = headers;
    Ok(read)
}
