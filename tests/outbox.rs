//! Events are listed whatever a webhook does, and posted to it many at a time, in order, fairly, at least once.

mod crashes;
mod duties;
pub(crate) mod named;
mod overlaps;
mod places;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{Router, extract::State, http::StatusCode, routing::post};
use errand::{
    App, Doc, Expect, Id, Name, Published,
    spi::{
        outbox::published,
        store::{self, Commit, Record, RecordKey, RecordWrite},
    },
};
use errand_models::http::Webhook;
use integration_tests::{events::Call, world::World};
use serde_json::{Value, json};
use tokio::sync::watch;

/// What a listener heard and how it answers.
pub(crate) struct Hook {
    heard: Mutex<Vec<Value>>,
    /// The status for each subject; any other gets `otherwise`.
    answers: Mutex<BTreeMap<String, u16>>,
    otherwise: Mutex<u16>,
    /// From so many events on it answers once so many are being posted.
    together: Option<(usize, usize)>,
    flying: watch::Sender<usize>,
    most: Mutex<usize>,
}

impl Hook {
    pub(crate) fn new(together: Option<(usize, usize)>) -> Arc<Self> {
        Arc::new(Self {
            heard: Mutex::default(),
            answers: Mutex::default(),
            otherwise: Mutex::new(200),
            together,
            flying: watch::Sender::new(0),
            most: Mutex::default(),
        })
    }

    /// The subjects of what it heard, in order.
    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().iter().map(|event| event["subject"].as_str().unwrap().to_owned()).collect()
    }

    fn count(&self) -> usize {
        self.heard.lock().unwrap().len()
    }

    fn answers(&self, subject: &str, status: u16) {
        self.answers.lock().unwrap().insert(subject.to_owned(), status);
    }

    fn otherwise(&self, status: u16) {
        *self.otherwise.lock().unwrap() = status;
    }
}

async fn hear(State(hook): State<Arc<Hook>>, body: String) -> StatusCode {
    let event: Value = serde_json::from_str(&body).unwrap();
    let subject = event["subject"].as_str().unwrap().to_owned();
    hook.heard.lock().unwrap().push(event);
    hook.flying.send_modify(|flying| *flying += 1);
    {
        let mut most = hook.most.lock().unwrap();
        *most = (*most).max(*hook.flying.borrow());
    }
    if let Some((from, together)) = hook.together
        && hook.count() > from
    {
        // Once there were so many at a time, nobody waits for them again.
        hook.flying.subscribe().wait_for(|_| *hook.most.lock().unwrap() >= together).await.unwrap();
    }
    hook.flying.send_modify(|flying| *flying -= 1);
    let status = hook.answers.lock().unwrap().get(&subject).copied();
    StatusCode::from_u16(status.unwrap_or(*hook.otherwise.lock().unwrap())).unwrap()
}

/// Has `hook` listen.
pub(crate) async fn webhook(hook: &Arc<Hook>) -> Webhook {
    let router = Router::new().route("/", post(hear)).with_state(hook.clone());
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", socket.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(socket, router).await.unwrap() });
    Webhook::new(url).unwrap()
}

/// The same world with `hook` as its webhook.
async fn with_hook(app: &App, hook: &Arc<Hook>) -> App {
    let mut app = app.clone();
    app.listeners.webhook = Some(Arc::new(webhook(hook).await));
    app
}

/// Leaves events of `tenant` with these subjects in the outbox, as commits of tasks do.
pub(crate) async fn publish(world: &World, tenant: &str, subjects: impl IntoIterator<Item = String>) {
    let subjects: Vec<String> = subjects.into_iter().collect();
    for some in subjects.chunks(100) {
        let records = some.iter().map(|subject| event(world, tenant, subject)).collect();
        store::commit(&*world.app.store, Commit { records, ..Commit::default() }).await.unwrap();
    }
}

fn event(world: &World, tenant: &str, subject: &str) -> RecordWrite {
    let id = Id::from(errand::spi::ids::fresh());
    let key = RecordKey { tenant: Name::new(tenant).unwrap(), kind: Name::of("event"), id };
    let doc = json!({"type": "thing.happened", "time": world.now(), "subject": subject, "data": null});
    let record = Record { wake_at: Some(world.now()), ..Record::new(key, doc_of(doc), world.now()) };
    RecordWrite::Put { record: Box::new(record), expect: Expect::Absent }
}

fn doc_of(doc: Value) -> Doc {
    doc.as_object().unwrap().clone()
}

/// `count` subjects that differ.
pub(crate) fn subjects(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| format!("s{n:05}"))
}

/// What is listed of `tenant`.
async fn listed(app: &App, tenant: &str) -> Vec<Published> {
    let page = published(app, &Name::new(tenant).unwrap(), None, 100_000).await.unwrap();
    page.items.into_iter().map(|(event, _)| event).collect()
}

/// What `GET /v1/health` says is owed.
pub(crate) async fn owed(app: &App) -> Value {
    Call::get("/v1/health").answer(app).await.body(200)["owed"].clone()
}
