//! Webhooks that tenants name: each hears what it wants, signed, and none keeps another from it.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use errand::{
    App, Published, Timestamp,
    spi::clock::{Clock, SystemClock},
};
use errand_local::sqlite::{SqliteSettings, SqliteStore};
use errand_outbound::{SigningSecret, SigningSecrets, signed};
use integration_tests::{
    events::Call,
    faults::{Fault, Faults},
    world::{World, webhooks},
};
use serde_json::{Value, json};

use super::{listed, owed, publish, subjects};
use crate::signatures;

/// Where a webhook listens: what it heard, each with its headers, and what it answers.
pub(crate) struct Receiver {
    heard: Mutex<Vec<Value>>,
    answers: Mutex<u16>,
    /// It answers 410 once it has heard so many.
    gone_after: Mutex<usize>,
}

impl Receiver {
    pub(crate) async fn listen() -> (Arc<Self>, String) {
        let receiver =
            Arc::new(Self { heard: Mutex::default(), answers: Mutex::new(204), gone_after: Mutex::new(usize::MAX) });
        let router = Router::new().route("/", post(hear)).with_state(receiver.clone());
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", socket.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(socket, router).await.unwrap() });
        (receiver, url)
    }

    pub(crate) fn answers(&self, status: u16) {
        *self.answers.lock().unwrap() = status;
    }

    fn gone_after(&self, count: usize) {
        *self.gone_after.lock().unwrap() = count;
    }

    pub(crate) fn heard(&self) -> Vec<Value> {
        self.heard.lock().unwrap().clone()
    }

    /// The subjects of what it heard, in order.
    pub(crate) fn subjects(&self) -> Vec<String> {
        let subject = |message: &Value| {
            let event: Value = serde_json::from_str(message["body"].as_str().unwrap()).unwrap();
            event["subject"].as_str().unwrap().to_owned()
        };
        self.heard().iter().map(subject).collect()
    }
}

async fn hear(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: String) -> StatusCode {
    let headers: serde_json::Map<String, Value> =
        headers.iter().map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap()))).collect();
    let mut heard = receiver.heard.lock().unwrap();
    heard.push(json!({"headers": headers, "body": body}));
    if heard.len() > *receiver.gone_after.lock().unwrap() {
        return StatusCode::GONE;
    }
    StatusCode::from_u16(*receiver.answers.lock().unwrap()).unwrap()
}

fn serving(world: &World) -> App {
    let mut app = world.app.clone();
    app.listeners.webhooks = Some(webhooks(world.app.clock.clone()));
    app
}

/// Names a webhook; its secret, if it is new.
pub(crate) async fn name(app: &App, id: &str, url: &str, types: &[&str]) -> Value {
    let answer = Call::put(&format!("/v1/webhooks/{id}"), &json!({"url": url, "types": types})).answer(app).await;
    assert!([200, 201].contains(&answer.status), "{:#}", answer.body);
    answer.body["secret"].clone()
}

#[tokio::test]
async fn each_hears_what_it_wants_as_it_was_told_in_order_and_signed() {
    let (world, (all, first), (some, second)) = (World::new(), Receiver::listen().await, Receiver::listen().await);
    let mut app = world.app.clone();
    // The libraries of receivers go by the time that it is.
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    app.listeners.webhooks = Some(webhooks(clock));
    publish(&world, "default", ["before".to_owned()]).await;
    poller::handle(&app, None).await;
    let secret = name(&app, "all", &first, &["*"]).await;
    name(&app, "some", &second, &["order.*", "task.failed"]).await;
    publish(&world, "default", subjects(150)).await;
    publish(&world, "other", subjects(2)).await;
    for _ in 0..3 {
        poller::handle(&app, None).await;
    }
    let listed: Vec<Published> = listed(&app, "default").await.into_iter().skip(1).collect();
    let mut heard: Vec<Value> = all.heard();
    let bodies: BTreeSet<String> = heard.iter().map(|message| message["body"].as_str().unwrap().to_owned()).collect();
    assert_eq!(bodies, listed.iter().map(|event| serde_json::to_string(event).unwrap()).collect());
    assert_eq!((heard.len(), some.heard().len()), (150, 0));
    for message in &mut heard {
        message["secret"] = secret.clone();
    }
    assert!(signatures::python_finds_right(&heard).iter().all(|right| *right));
    let ids: BTreeSet<&str> = heard.iter().map(|message| message["headers"]["webhook-id"].as_str().unwrap()).collect();
    assert_eq!(ids, listed.iter().map(|event| event.id.as_str()).collect());
    assert_eq!(owed(&app).await["events"], 0);
}

#[tokio::test]
async fn on_one_machine_it_hears_of_the_ends_of_tasks() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(&dir.path().join("errand.db"), SqliteSettings::default()).unwrap());
    let (world, (hook, url)) = (World::on(store), Receiver::listen().await);
    let app = serving(&world);
    world.scripted(&json!({})).await;
    world.drain().await;
    name(&app, "ends", &url, &["task.*"]).await;
    let id = world.scripted(&json!({"publish": "not.this"})).await;
    world.drain().await;
    poller::handle(&app, None).await;
    assert_eq!(hook.subjects(), [id.to_string()]);
}

#[tokio::test]
async fn one_that_does_not_work_keeps_no_other_and_no_list_waiting_and_is_told_of_in_health() {
    let (world, (dead, first), (well, second)) = (World::new(), Receiver::listen().await, Receiver::listen().await);
    let app = serving(&world);
    dead.answers(503);
    name(&app, "dead", &first, &["*"]).await;
    name(&app, "well", &second, &["*"]).await;
    publish(&world, "default", subjects(250)).await;
    let since = world.now();
    for _ in 0..3 {
        poller::handle(&app, None).await;
    }
    assert_eq!((well.heard().len(), dead.heard().len(), listed(&app, "default").await.len()), (250, 3, 250));
    let health = Call::get("/v1/health").answer(&app).await.body(200);
    let expected = json!([{"tenant": "default", "webhook": "dead", "events": 250, "since": since}]);
    assert_eq!((&health["webhooks"], &health["owed"]["events"]), (&expected, &json!(250)));
    dead.answers(200);
    for _ in 0..5 {
        world.advance(600);
        poller::handle(&app, None).await;
    }
    let heard: BTreeSet<String> = dead.subjects().into_iter().collect();
    assert_eq!((heard.len(), owed(&app).await["events"].clone()), (250, json!(0)));
}

#[tokio::test]
async fn one_that_is_gone_is_switched_off_until_it_is_named_again() {
    let (world, (hook, url)) = (World::new(), Receiver::listen().await);
    let app = serving(&world);
    let secret = name(&app, "h", &url, &["*"]).await;
    assert!(secret.as_str().unwrap().starts_with("whsec_"));
    hook.answers(410);
    publish(&world, "default", subjects(3)).await;
    for _ in 0..4 {
        world.advance(600);
        poller::handle(&app, None).await;
    }
    assert_eq!(hook.heard().len(), 1);
    let shown = Call::get("/v1/webhooks/h").answer(&app).await.body(200);
    assert_eq!((&shown["off"]["reason"], &shown["secret"]), (&json!("it answered 410"), &Value::Null));
    publish(&world, "default", ["while off".to_owned()]).await;
    poller::handle(&app, None).await;
    hook.answers(200);
    assert_eq!(name(&app, "h", &url, &["*"]).await, Value::Null, "its secret stays, and is not shown again");
    world.advance(600);
    poller::handle(&app, None).await;
    assert_eq!(hook.heard().len(), 4, "{:?}", hook.subjects());
}

#[tokio::test]
async fn one_that_is_gone_is_posted_no_more_than_was_under_way_as_it_said_so() {
    let (world, (hook, url)) = (World::new(), Receiver::listen().await);
    let app = serving(&world);
    name(&app, "h", &url, &["*"]).await;
    publish(&world, "default", subjects(40)).await;
    poller::handle(&app, None).await;
    hook.gone_after(80);
    publish(&world, "default", subjects(90)).await;
    poller::handle(&app, None).await;
    assert!((81..=80 + 32).contains(&hook.heard().len()), "{}", hook.heard().len());
}

#[tokio::test]
async fn its_secret_is_changed_for_another_and_both_sign_for_a_while() {
    let (world, (hook, url)) = (World::new(), Receiver::listen().await);
    let app = serving(&world);
    let first = name(&app, "h", &url, &["*"]).await;
    let rotate = async |body: Value| Call::post("/v1/webhooks/h/rotate-secret", &body).answer(&app).await;
    let shown = rotate(json!({"overlap_s": 60})).await.body(200);
    let (second, id) = (shown["secret"].clone(), shown["id"].clone());
    assert!(second.as_str().unwrap().starts_with("whsec_") && second != first && id == "h", "{shown:#}");
    for subject in ["within", "after"] {
        publish(&world, "default", [subject.to_owned()]).await;
        poller::handle(&app, None).await;
        world.advance(60);
    }
    let heard = hook.heard();
    let by = |secret: &Value, nth: usize| {
        let secret = SigningSecret::try_from(secret.as_str().unwrap().to_owned()).unwrap();
        let header = |name: &str| heard[nth]["headers"][name].as_str().unwrap().to_owned();
        let at = Timestamp::from_millis(header("webhook-timestamp").parse::<i64>().unwrap() * 1000);
        let body = heard[nth]["body"].as_str().unwrap().as_bytes();
        let [.., (_, signature)] = signed(&SigningSecrets::of(secret), &header("webhook-id"), at, body);
        header("webhook-signature").split(' ').any(|there| there == signature)
    };
    assert_eq!([by(&first, 0), by(&second, 0), by(&first, 1), by(&second, 1)], [true, true, false, true]);

    // As a type's: it is shown once, and lies sealed; for so long and no longer; of one that is there.
    assert_eq!(Call::get("/v1/webhooks/h").answer(&app).await.body(200)["secret"], Value::Null);
    assert_eq!(rotate(json!({"overlap_s": 604_801})).await.status, 400);
    assert_eq!(rotate(json!({})).await.status, 200);
    let missing = Call::post("/v1/webhooks/none/rotate-secret", &json!({})).answer(&app).await;
    assert_eq!(missing.status, 404);
    let no_key = Call::post("/v1/webhooks/h/rotate-secret", &json!({})).answer(&world.app).await;
    assert_eq!(no_key.status, 409);
    // Under another key the old one does not open, and signs nothing more.
    let mut restored = app.clone();
    restored.listeners.webhooks = Some(webhooks(world.app.clock.clone()));
    Call::post("/v1/webhooks/h/rotate-secret", &json!({})).answer(&restored).await.body(200);
    publish(&world, "default", ["restored".to_owned()]).await;
    poller::handle(&restored, None).await;
    let signatures = hook.heard()[2]["headers"]["webhook-signature"].as_str().unwrap().split(' ').count();
    assert_eq!(signatures, 1);
}

#[tokio::test]
async fn one_that_is_removed_hears_nothing_and_is_owed_nothing() {
    let (world, (hook, url)) = (World::new(), Receiver::listen().await);
    let app = serving(&world);
    hook.answers(503);
    name(&app, "h", &url, &["*"]).await;
    publish(&world, "default", subjects(3)).await;
    poller::handle(&app, None).await;
    assert_eq!(owed(&app).await["events"], 3);
    Call::to("DELETE", "/v1/webhooks/h").answer(&app).await.body(200);
    Call::to("DELETE", "/v1/webhooks/h").answer(&app).await.body(404);
    let said = hook.heard().len();
    world.advance(600);
    publish(&world, "default", subjects(2)).await;
    poller::handle(&app, None).await;
    assert_eq!((hook.heard().len(), owed(&app).await["events"].clone()), (said, json!(0)));
    assert_eq!(Call::get("/v1/webhooks").answer(&app).await.body(200)["count"], 0);
    // One of that name again hears what comes from then on.
    hook.answers(200);
    assert!(name(&app, "h", &url, &["*"]).await.is_string());
    publish(&world, "default", ["new".to_owned()]).await;
    poller::handle(&app, None).await;
    assert_eq!(hook.subjects()[said..], ["new"]);
}

#[tokio::test]
async fn what_cannot_be_a_webhook_is_refused() {
    let world = World::new();
    let app = serving(&world);
    let put = async |app: &App, id: &str, body: Value| {
        Call::put(&format!("/v1/webhooks/{id}"), &body).answer(app).await.status
    };
    for url in
        ["", "nowhere", "ftp://a.example/", "http://169.254.169.254/", "http://10.0.0.1/", "http://a:b@c.example/"]
    {
        assert_eq!(put(&app, "h", json!({"url": url})).await, 400, "{url}");
    }
    let url = "http://hooks.example/";
    for types in [json!([]), json!(["a b"]), json!("a")] {
        assert_eq!(put(&app, "h", json!({"url": url, "types": types})).await, 400, "{types}");
    }
    let many: Vec<u16> = futures::future::join_all(
        (0..11).map(|n| put(&app, ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"][n], json!({"url": url}))),
    )
    .await;
    assert_eq!(many.iter().filter(|status| **status == 201).count(), 10, "{many:?}");
    // Nothing would keep its secret.
    assert_eq!(put(&world.app, "h", json!({"url": url})).await, 409);
}

#[tokio::test]
async fn a_crash_at_any_call_tells_each_webhook_of_each_event_and_owes_none() {
    for fault in Fault::ALL {
        let mut nth = 0;
        while !survives(fault, nth).await {
            nth += 1;
        }
        assert!(nth > 12, "{nth} calls");
    }
}

/// Whether a poll comes to its end before its `nth` call.
async fn survives(fault: Fault, nth: usize) -> bool {
    let (world, (all, first), (stumbling, second)) = (World::new(), Receiver::listen().await, Receiver::listen().await);
    let app = serving(&world);
    name(&app, "all", &first, &["*"]).await;
    name(&app, "stumbling", &second, &["thing.*"]).await;
    stumbling.answers(503);
    publish(&world, "default", subjects(6)).await;
    let faults = Faults::at(nth, fault);
    let faulty = faults.around(&app);
    tokio::select! {
        _ = poller::handle(&faulty, None) => {}
        () = faults.ended() => {}
    }
    stumbling.answers(200);
    for _ in 0..4 {
        world.advance(600);
        poller::handle(&app, None).await;
    }
    for receiver in [all, stumbling] {
        let heard: BTreeSet<String> = receiver.subjects().into_iter().collect();
        assert_eq!(heard, subjects(6).collect(), "{fault:?} at {nth}");
    }
    assert_eq!(owed(&app).await["events"], 0, "{fault:?} at {nth}");
    nth >= faults.calls()
}
