//! Follows a list that grows, or one thing until it has ended: a stream of server-sent events, made of what the route
//! itself answers, asked again and again. So who may see what, and where one goes on, is what it is for a page.
//!
//! A reader holds one page at most: the next is asked for once it has taken this one. One that takes nothing is cut off by
//! the system, as any client is (`connections`).

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
    http::{HeaderValue, StatusCode, header},
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
use serde_json::{Value, value::RawValue};
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
    let (unread, looked, ended) = (VecDeque::new(), Instant::now(), false);
    let mut follower = Follower { app, route, followed, event, after, following, unread, looked, ended };
    if let Err(refused) = follower.look().await {
        return super::response(*refused);
    }
    if follower.is_over() {
        // The end was seen: by this readers know that they need not come again.
        return StatusCode::NO_CONTENT.into_response();
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
    /// The place of what was read last, unless it was said by the request for a page.
    after: Option<String>,
    following: Following,
    /// What of that page was not read yet.
    unread: VecDeque<Box<RawValue>>,
    looked: Instant,
    /// Whether nothing more comes than what is unread.
    ended: bool,
}

/// What is read of a page.
#[derive(Deserialize)]
struct Page {
    items: VecDeque<Box<RawValue>>,
    /// Up to where was looked.
    cursor: Option<String>,
}

impl Follower {
    /// The next item, once there is one; none when nothing more comes, the server stops or there is nothing to be read:
    /// whoever reads comes again.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(item) = self.unread.pop_front() {
                return self.item(&item);
            }
            if self.ended {
                return None;
            }
            let went_on = self.look().await.ok()?;
            if self.unread.is_empty() && !went_on {
                self.wait().await?;
            }
        }
    }

    /// Whether there is nothing to be read, and will not be.
    fn is_over(&self) -> bool {
        self.ended && self.unread.is_empty()
    }

    /// Asks for what comes after what was read, or says why there is none; whether more may be there already.
    async fn look(&mut self) -> Result<bool, Box<ApiGatewayV2httpResponse>> {
        self.following.changed.mark_unchanged();
        self.looked = Instant::now();
        if let (Followed::List { parameter, .. }, Some(place)) = (self.followed, &self.after) {
            go_on_after(&mut self.event, parameter, place);
        }
        let answer = gateway::serve(&self.app, slice::from_ref(self.route), self.event.clone()).await;
        let read = match &answer.body {
            Some(Body::Text(text)) if answer.status_code == 200 => self.read(text),
            _ => None,
        };
        read.ok_or(Box::new(answer))
    }

    /// Takes what is new in an answer of the route; whether more may be there already.
    fn read(&mut self, text: &str) -> Option<bool> {
        match self.followed {
            Followed::List { .. } => {
                let page: Page = serde_json::from_str(text).ok()?;
                self.unread = page.items;
                // Of what is filtered a page may be empty: nothing fits up to here.
                let goes_on = self.unread.is_empty() && page.cursor.is_some() && page.cursor != self.after;
                if goes_on {
                    self.after = page.cursor;
                }
                Some(goes_on)
            }
            Followed::One { field, until } => {
                let fields = serde_json::from_str(text).ok()?;
                self.ended = text_of(&fields, until).is_some();
                if self.after.is_none() || text_of(&fields, field) != self.after {
                    self.unread = [RawValue::from_string(text.to_owned()).ok()?].into();
                }
                Some(false)
            }
        }
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
        let (Followed::List { field, .. } | Followed::One { field, .. }) = self.followed;
        let place = text_of(&serde_json::from_str(item.get()).ok()?, field)?;
        self.after = Some(place.clone());
        Some(Event::default().id(place).data(item.get()))
    }
}

/// A field as text, if it is there.
fn text_of(fields: &Value, field: &str) -> Option<String> {
    match fields.get(field)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Has `event` ask for what comes after `place`.
fn go_on_after(event: &mut ApiGatewayV2httpRequest, parameter: &str, place: &str) {
    let mut query: HashMap<String, Vec<String>> = HashMap::new();
    for (name, value) in event.query_string_parameters.iter() {
        query.entry(name.to_owned()).or_default().push(value.to_owned());
    }
    query.insert(parameter.to_owned(), vec![place.to_owned()]);
    event.query_string_parameters = query.into();
}
