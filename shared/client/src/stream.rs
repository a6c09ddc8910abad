//! A stream of server-sent events, as it is read.

use std::{pin::Pin, time::Duration};

use futures::{Stream, StreamExt, stream};
use reqwest::{StatusCode, header};
use serde_json::Value;
use sse_stream::SseStream;
use tokio::time::timeout;

use crate::{Ask, Remote, RemoteError, remote::CONNECTION};

/// A stream that is silent for so long has lost its server: a comment comes every 15 seconds.
const SILENCE: Duration = Duration::from_secs(60);

/// What the stream has told: its place, and itself.
pub(crate) type Placed = (Option<String>, Value);

/// One connection.
pub(crate) struct Connection(Pin<Box<dyn Stream<Item = Placed> + Send>>);

/// What came of connecting.
pub(crate) enum Connected {
    /// It can be read.
    To(Connection),
    /// Nothing more will come.
    Ended,
    /// This installation has no such streams.
    NotHere,
}

impl Remote {
    /// Follows what `ask` asks for, from after the place `seen`.
    pub(crate) async fn connect(&self, ask: &Ask, seen: Option<&str>) -> Result<Connected, RemoteError> {
        let request = self.request(ask).header(header::ACCEPT, "text/event-stream").timeout(CONNECTION);
        let request = seen.into_iter().fold(request, |request, seen| request.header("last-event-id", seen));
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        match response.status() {
            StatusCode::NO_CONTENT => return Ok(Connected::Ended),
            StatusCode::NOT_ACCEPTABLE => return Ok(Connected::NotHere),
            _ => {}
        }
        let response = self.taken(response).await?;
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(|kind| kind.starts_with("text/event-stream")) {
            return Ok(Connected::NotHere);
        }
        let bytes = stream::try_unfold(response, |mut response| async {
            Ok::<_, reqwest::Error>(response.chunk().await?.map(|bytes| (bytes, response)))
        });
        // What breaks off ends, as if the server had stopped; what is no JSON is none of ours.
        let events = SseStream::from_bytes_stream(bytes).take_while(|event| futures::future::ready(event.is_ok()));
        let told = events.filter_map(async |event| {
            let event = event.ok()?;
            Some((event.id, serde_json::from_str(&event.data?).ok()?))
        });
        Ok(Connected::To(Connection(Box::pin(told))))
    }
}

impl Connection {
    /// The next thing that is told; none once the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<Placed> {
        timeout(SILENCE, self.0.next()).await.ok().flatten()
    }
}
