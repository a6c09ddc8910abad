use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::*;
use crate::{
    accept::{self, Accepted, TaskLimits},
    clock::{Clock, ManualClock},
    handler::{Failure, Outcome, Settings, TaskContext},
    ids::{Id, keyed},
    lifecycle::{Dispatch, Priority, Status},
    queue::{MemoryQueue, QueueName},
    registry::Registry,
    services::Services,
    store::{BODY_BYTES, MemoryStore},
};

/// Says.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Say {
    /// This.
    text: String,
}

impl Handler for Say {
    const TYPE: &'static str = "say";
    type State = ();

    fn settings() -> Settings {
        Settings { timeout_s: 17, ..Settings::default() }
    }

    async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        Ok(Outcome::done(Value::Null))
    }
}

/// Says, to somebody or nobody.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Tell {
    /// This.
    text: String,
    /// Whom.
    #[serde(default)]
    whom: Option<String>,
    /// How often.
    #[serde(default)]
    times: u32,
}

impl Handler for Tell {
    const TYPE: &'static str = "tell";
    type State = ();

    async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        Ok(Outcome::done(Value::Null))
    }
}

/// What others ask for, once something else has made it.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Outside {}

impl Handler for Outside {
    const TYPE: &'static str = "outside";
    type State = ();

    fn settings() -> Settings {
        Settings { dispatch: Dispatch::Pulled, instead: Some("make it elsewhere"), ..Settings::default() }
    }

    async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        Ok(Outcome::done(Value::Null))
    }
}

struct Setup {
    client: Client,
    clock: Arc<ManualClock>,
    queue: Arc<MemoryQueue>,
}

fn setup(types: Registry) -> Setup {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_767_225_600_000)));
    let queue = Arc::new(MemoryQueue::new(clock.clone()));
    let services = Services::new(Arc::new(MemoryStore::default()), queue.clone(), clock.clone());
    Setup { client: Client::new(App::new(services, types.checked().unwrap())), clock, queue }
}

fn taken() -> Setup {
    setup(Registry::new().add::<Say>(()).add::<Outside>(()))
}

fn say(text: &str) -> Say {
    Say { text: text.to_owned() }
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_task_is_what_was_asked_for() {
    let Setup { client, clock, .. } = taken();
    let (tenant, named) = (Name::of("acme"), Name::of("x"));
    let client = client.tenant(tenant.clone()).principal("billing");
    let asked = client.enqueue(&say("a")).project(named.clone()).queue(named.clone()).lane(named.clone());
    let asked = asked.user(Id::of("u")).priority(Priority::Urgent).key("k").delay(MINUTE).max_retries(7);
    let Accepted { task, deduplicated } =
        asked.timeout(Duration::from_millis(8_001)).expires_at(clock.now() + 2 * MINUTE).await.unwrap();
    assert!(!deduplicated);
    assert_eq!(task.key, TaskKey { id: keyed(&tenant, &named, "k"), tenant });
    assert_eq!([&task.project, &task.queue, &task.lane], [&named; 3]);
    assert_eq!((task.user_id.as_ref(), task.priority), (Some(&Id::of("u")), Priority::Urgent));
    assert_eq!((task.max_retries, task.timeout_s, &*task.created_by), (7, 9, "billing"));
    assert_eq!((task.run_at(), task.expires_at), (Some(clock.now() + MINUTE), Some(clock.now() + 2 * MINUTE)));
    assert_eq!((task.task_type.as_str(), task.payload.as_str()), ("say", r#"{"text":"a"}"#));
    assert_eq!(client.task(task.key.id).await.unwrap(), Some(task));
}

#[tokio::test]
async fn what_is_not_said_is_as_the_type_and_the_installation_have_it() {
    let Setup { client, clock, queue } = taken();
    let task = client.enqueue(&say("a")).await.unwrap().task;
    assert_eq!((task.timeout_s, task.max_retries, task.status()), (17, Task::RETRIES, Status::Pending));
    assert_eq!((task.run_at(), &*task.created_by), (Some(clock.now()), "in-process"));
    assert_eq!(queue.depth(QueueName::Work(Priority::Medium)), 1, "somebody is told of it");
    let at = clock.now() + MINUTE;
    assert_eq!(client.enqueue(&say("a")).delay(2 * MINUTE).at(at).await.unwrap().task.run_at(), Some(at));
}

#[tokio::test]
async fn nobody_is_told_of_a_task_that_is_pulled_and_it_waits_for_a_week() {
    let Setup { client, clock, queue } = taken();
    let taken = async |expires_at, scheduled_for| {
        let (key, now) = (accept::key(&Name::default(), &Name::default(), None), clock.now());
        let new = Asked::of_type(key, Name::of("outside"), Json::new(&json!({})), "api".to_owned(), now);
        let new = Asked { expires_at, scheduled_for, ..new };
        let checked = accept::check(&client.app, new, TaskLimits::default()).await;
        accept::accept(&client.app, vec![checked], now).await.remove(0).unwrap().task
    };
    let week = Duration::from_secs(7 * 24 * 3600);
    for start in [clock.now() + MINUTE, clock.now() - MINUTE] {
        let task = taken(None, start).await;
        assert_eq!((task.is_pulled(), task.expires_at), (true, Some(start.max(clock.now()) + week)));
    }
    let sooner = Some(clock.now() + MINUTE);
    assert_eq!(taken(sooner, clock.now()).await.expires_at, sooner);
    assert_eq!(queue.depth(QueueName::Work(Priority::Medium)), 0);
}

#[tokio::test]
async fn the_same_key_is_the_same_task_or_a_conflict() {
    let Setup { client, clock, queue } = taken();
    let expires_at = clock.now() + MINUTE;
    let ask = |text: &'static str| {
        let client = client.clone();
        async move { client.enqueue(&say(text)).key("k").expires_at(expires_at).await }
    };
    let first = ask("a").await.unwrap().task;
    assert_eq!(ask("a").await.unwrap(), Accepted { task: first.clone(), deduplicated: true });
    assert!(matches!(ask("b").await, Err(EnqueueError::KeyUsed { id }) if id == first.key.id));
    assert_eq!(queue.depth(QueueName::Work(Priority::Medium)), 1, "nobody is told of it again");
    clock.advance(MINUTE);
    assert!(ask("a").await.unwrap().deduplicated, "it is too late now for a new one alone");
    assert!(matches!(ask("b").await, Err(EnqueueError::KeyUsed { .. })));
}

/// Asks for a task by its payload, as the API does.
async fn ask_with(client: &Client, key: &str, payload: Value) -> Result<Accepted, EnqueueError> {
    let (key, now) = (key.to_owned(), client.app.clock.now());
    let task = accept::key(&client.tenant, &Name::default(), Some(&key));
    let new = Asked::of_type(task, Name::of("tell"), Json::new(&payload), "api".to_owned(), now);
    let checked = accept::check(&client.app, Asked { idempotency_key: Some(key), ..new }, TaskLimits::default()).await;
    accept::accept(&client.app, vec![checked], now).await.remove(0)
}

#[tokio::test]
async fn the_same_request_is_the_same_task_whether_it_is_asked_for_from_within_or_by_its_payload() {
    let Setup { client, .. } = setup(Registry::new().add::<Tell>(()));
    let tell = |whom: Option<&str>| Tell { text: "a".to_owned(), whom: whom.map(str::to_owned), times: 0 };
    for (n, payload) in [json!({"text": "a"}), json!({"text": "a", "whom": null})].into_iter().enumerate() {
        let (first, then) = (format!("first-{n}"), format!("then-{n}"));
        let within = client.enqueue(&tell(None)).key(&first).await.unwrap().task;
        assert_eq!(ask_with(&client, &first, payload.clone()).await.unwrap().task, within);
        let asked = ask_with(&client, &then, payload.clone()).await.unwrap().task;
        assert_eq!(asked.payload.parse::<Value>().unwrap(), payload, "it is kept as it was asked for");
        assert!(client.enqueue(&tell(None)).key(&then).await.unwrap().deduplicated);
        assert!(matches!(client.enqueue(&tell(Some("b"))).key(&then).await, Err(EnqueueError::KeyUsed { .. })));
    }
}

#[tokio::test]
async fn what_is_beyond_a_limit_is_refused_by_its_field() {
    let Setup { client, clock, .. } = taken();
    let (ask, long) = (say("a"), "k".repeat(257));
    let ask = || client.enqueue(&ask);
    let refused = [
        (ask().key(""), "idempotency_key: expected 1 to 256 bytes"),
        (ask().key(long), "idempotency_key: expected 1 to 256 bytes"),
        (ask().max_retries(101), "max_retries: expected a number from 0 to 100, found 101"),
        (ask().timeout(Duration::ZERO), "timeout_s: expected a number from 1 to 840, found 0"),
        (ask().timeout(Duration::from_millis(840_001)), "timeout_s: expected a number from 1 to 840, found 841"),
        (ask().expires_at(clock.now()), "expires_at: it would expire before it could start"),
        (ask().expires_at(clock.now()).key("k"), "expires_at: it would expire before it could start"),
        (ask().delay(MINUTE).expires_at(clock.now() + MINUTE), "expires_at: it would expire before it could start"),
        (client.enqueue(&say("\0")), "payload: a text contains a null character (\\u0000)"),
        (client.enqueue(&Outside {}), "task_type: make it elsewhere"),
    ];
    for (asked, said) in refused {
        assert_eq!(asked.await.unwrap_err().to_string(), said);
    }
    let large = client.enqueue(&say(&"a".repeat(BODY_BYTES))).await.unwrap_err();
    assert_eq!(large.to_string(), "the payload has 262155 bytes; at most 262144 are taken");
    for fits in [ask().key("k".repeat(256)), ask().max_retries(100), ask().timeout(Duration::from_secs(840))] {
        fits.await.unwrap();
    }
}

#[tokio::test]
async fn a_type_that_is_not_known_or_off_is_refused() {
    let unknown = setup(Registry::new().add::<Outside>(()));
    let off = setup(Registry::new().add_off::<Say>((), "are off"));
    for (setup, said) in
        [(unknown, "unknown task type `say`; known are outside"), (off, "tasks of the type `say` are off")]
    {
        let refused = setup.client.enqueue(&say("a")).await.unwrap_err();
        assert_eq!(refused.to_string(), said);
    }
}
