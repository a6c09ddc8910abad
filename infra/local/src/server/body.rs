//! Reads the bodies of requests: whole, in time, and of the large ones few at once.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, HttpBody, to_bytes},
    http::StatusCode,
};
use errand::StoreError;
use errand_http::ApiError;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// A body a little over what the API takes is read, so that its error names the limit.
const READ_BYTES: u64 = 6 * 1024 * 1024;

/// From this size on a body is large. As much may each connection hold that has sent less.
const LARGE_BYTES: u64 = 64 * 1024;

/// How many large requests are read and worked on at a time: each may take many times its size in memory.
const LARGE_AT_ONCE: usize = 2;

/// See the module.
#[derive(Clone)]
pub(super) struct Bodies {
    within: Duration,
    large: Arc<Semaphore>,
}

/// That a request may be worked on; held until it is answered. Small ones need none.
pub(super) type Leave = Option<OwnedSemaphorePermit>;

impl Bodies {
    /// Each body must have come `within` this time, and be waited for no longer.
    pub(super) fn new(within: Duration) -> Self {
        Self { within, large: Arc::new(Semaphore::new(LARGE_AT_ONCE)) }
    }

    /// A body as text. A large one waits until there is room for it, and is refused as to a store that is busy if there is
    /// none in time; no small one waits for it.
    pub(super) async fn read(&self, body: Body) -> Result<(String, Leave), ApiError> {
        let size = body.size_hint();
        if size.lower() > READ_BYTES {
            return Err(unread());
        }
        let is_small = size.upper().is_some_and(|most| most < LARGE_BYTES);
        let leave = if is_small { None } else { Some(self.leave().await?) };
        let read = timeout(self.within, to_bytes(body, READ_BYTES.try_into().unwrap_or(usize::MAX)));
        let bytes = read.await.map_err(|_| self.late())?.map_err(|_| unread())?;
        let text = String::from_utf8(bytes.into());
        Ok((text.map_err(|_| ApiError::invalid("", "the body is not UTF-8 text"))?, leave))
    }

    async fn leave(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let waited = timeout(self.within, self.large.clone().acquire_owned()).await;
        waited.ok().and_then(Result::ok).ok_or_else(|| StoreError::Busy.into())
    }

    fn late(&self) -> ApiError {
        let message = format!("the body has not come within {:?}", self.within);
        ApiError { status: StatusCode::REQUEST_TIMEOUT.as_u16(), code: "timeout", ..ApiError::invalid("", message) }
    }
}

fn unread() -> ApiError {
    ApiError::too_large("", "the body is larger than a request may be, or broke off")
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        pin::Pin,
        task::{Context, Poll},
    };

    use axum::body::Bytes;
    use futures::{StreamExt, stream};
    use hyper::body::{Frame, SizeHint};

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    /// So many bytes, of a size that is not told before.
    fn streamed(bytes: usize) -> Body {
        let chunks = (0..bytes / 1024).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![b'0'; 1024])));
        Body::from_stream(stream::iter(chunks))
    }

    async fn status(bodies: &Bodies, body: Body) -> Result<usize, u16> {
        bodies.read(body).await.map(|(text, _)| text.len()).map_err(|error| error.status)
    }

    #[tokio::test]
    async fn a_body_is_read_whole_or_refused_for_its_size_or_for_what_is_no_text() {
        let bodies = Bodies::new(Duration::from_secs(60));
        assert_eq!(status(&bodies, Body::from("abc")).await, Ok(3));
        assert_eq!(status(&bodies, streamed(1024 * 1024)).await, Ok(1024 * 1024));
        assert_eq!(status(&bodies, streamed(7 * 1024 * 1024)).await, Err(413));
        assert_eq!(status(&bodies, Body::from(vec![b'0'; 7 * 1024 * 1024])).await, Err(413));
        assert_eq!(status(&bodies, Body::from(vec![0xff])).await, Err(400));
    }

    #[tokio::test]
    async fn one_that_does_not_come_to_its_end_is_not_waited_for() {
        let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::from("{"))]).chain(stream::pending());
        assert_eq!(status(&Bodies::new(SHORT), Body::from_stream(begun)).await, Err(408));
    }

    /// A body of which nothing comes but its size.
    struct Told(u64);

    impl HttpBody for Told {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0)
        }
    }

    #[tokio::test]
    async fn one_that_says_it_is_too_large_is_refused_before_it_comes() {
        for (bytes, refused) in [(READ_BYTES, 408), (READ_BYTES + 1, 413)] {
            assert_eq!(status(&Bodies::new(SHORT), Body::new(Told(bytes))).await, Err(refused));
        }
    }

    #[tokio::test]
    async fn few_large_requests_are_worked_on_at_a_time_and_small_ones_beside_them() {
        let bodies = Bodies::new(SHORT);
        let mut held = Vec::new();
        for _ in 0..LARGE_AT_ONCE {
            held.push(bodies.read(streamed(100 * 1024)).await.unwrap().1);
        }
        assert_eq!(status(&bodies, streamed(100 * 1024)).await, Err(429));
        assert_eq!(status(&bodies, Body::from("abc")).await, Ok(3));
        held.pop();
        assert_eq!(status(&bodies, streamed(100 * 1024)).await, Ok(100 * 1024));
    }
}
