//! Follows a list that grows: a stream of server-sent events, made of the pages that the list's own route answers. So
//! who may see what, and where one goes on, is what it is for a page.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    slice,
    time::Duration,
};

use aws_lambda_events::{
    apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse},
    encodings::Body,
};
use axum::{
    http::{HeaderValue, header},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use errand::App;
use errand_http::{
    Followed, Route,
    gateway::{self, text_header},
};
use futures::stream;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// What a stream's reader is sent when there is nothing else, so that whatever stands between knows it is there.
const ALIVE: Duration = Duration::from_secs(15);

/// How soon the list is looked at again while something changes all the time.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// The header by which a reader says, connecting again, what it saw last.
const LAST_SEEN: &str = "last-event-id";

/// When to look, and when to end.
#[derive(Clone, Debug)]
pub struct Following {
    /// Changes when something may be new.
    pub changed: watch::Receiver<()>,
    /// Becomes true when the server stops.
    pub stop: watch::Receiver<bool>,
}

/// Answers `event`, a request for a list that is followed, with what is there and what will be. What the list's route
/// refuses is refused.
pub(super) async fn follow(
    app: App,
    route: &'static Route,
    followed: Followed,
    mut event: ApiGatewayV2httpRequest,
    following: Following,
) -> Response {
    let after = match text_header(&event.headers, LAST_SEEN, LAST_SEEN) {
        Ok(seen) => seen,
        Err(error) => return super::refuse(&error),
    };
    // Each page is asked for as JSON.
    event.headers.remove(header::ACCEPT);
    let (unread, looked) = (VecDeque::new(), Instant::now());
    let mut follower = Follower { app, route, followed, event, after, following, unread, looked };
    if let Err(refused) = follower.look().await {
        return super::response(*refused);
    }
    let items = stream::unfold(follower, |mut follower| async {
        let item = follower.next().await?;
        Some((Ok::<_, Infallible>(item), follower))
    });
    let mut response = Sse::new(items).keep_alive(KeepAlive::new().interval(ALIVE)).into_response();
    // Nginx would keep it until it is whole.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// How far one reader is, and what it reads next.
struct Follower {
    app: App,
    route: &'static Route,
    followed: Followed,
    /// The request for the page that was asked for last.
    event: ApiGatewayV2httpRequest,
    /// The place of what was read last, unless the request says where to go on.
    after: Option<String>,
    following: Following,
    /// What of that page was not read yet.
    unread: VecDeque<Box<RawValue>>,
    looked: Instant,
}

/// What is read of a page.
#[derive(Deserialize)]
struct Page {
    items: VecDeque<Box<RawValue>>,
}

impl Follower {
    /// The next item, once there is one; none when the server stops or the list cannot be read: whoever reads comes again.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(item) = self.unread.pop_front() {
                return self.item(&item);
            }
            self.look().await.ok()?;
            if self.unread.is_empty() {
                self.wait().await?;
            }
        }
    }

    /// Asks for the page after what was read, or says why there is none.
    async fn look(&mut self) -> Result<(), Box<ApiGatewayV2httpResponse>> {
        self.following.changed.mark_unchanged();
        self.looked = Instant::now();
        if let Some(place) = self.after.take() {
            go_on_after(&mut self.event, self.followed, place);
        }
        let answer = gateway::serve(&self.app, slice::from_ref(self.route), self.event.clone()).await;
        let page = match &answer.body {
            Some(Body::Text(text)) if answer.status_code == 200 => serde_json::from_str::<Page>(text).ok(),
            _ => None,
        };
        self.unread = page.ok_or(Box::new(answer))?.items;
        Ok(())
    }

    /// Waits until something may be new; none when the server stops.
    async fn wait(&mut self) -> Option<()> {
        let Following { changed, stop } = &mut self.following;
        tokio::select! {
            changed = changed.changed() => changed.ok()?,
            _ = stop.wait_for(|stop| *stop) => return None,
        }
        tokio::select! {
            () = sleep_until(self.looked + LOOK_AGAIN) => Some(()),
            _ = stop.wait_for(|stop| *stop) => None,
        }
    }

    fn item(&mut self, item: &RawValue) -> Option<Event> {
        let fields: serde_json::Value = serde_json::from_str(item.get()).ok()?;
        let place = match fields.get(self.followed.field)? {
            serde_json::Value::String(place) => place.clone(),
            place => place.to_string(),
        };
        self.after = Some(place.clone());
        Some(Event::default().id(place).data(item.get()))
    }
}

/// Has `event` ask for what comes after `place`.
fn go_on_after(event: &mut ApiGatewayV2httpRequest, followed: Followed, place: String) {
    let mut query: HashMap<String, Vec<String>> = HashMap::new();
    for (name, value) in event.query_string_parameters.iter() {
        query.entry(name.to_owned()).or_default().push(value.to_owned());
    }
    query.insert(followed.parameter.to_owned(), vec![place]);
    event.query_string_parameters = query.into();
}
