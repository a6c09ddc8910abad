//! What everybody acts on: one store, queues, a clock, a model, a target, and two machines that serve three tenants.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use errand::{
    App, Listener, Name, Registry, Services, Timestamp,
    spi::{
        clock::ManualClock,
        queue::{MemoryQueue, OutMessage, Queue, QueueName},
        store::MemoryStore,
    },
};
use errand_agents::{Agents, ROUTES};
use errand_http::{Caller, Request, Route};
use errand_models::Profiles;
use errand_outbound::Keyring;
use errand_schedules::with_schedules;
use errand_work::{Pushing, with_pushed_types};
use serde_json::{Value, json};
use shared::handlers::Scripted;
use uuid::Uuid;

use crate::{
    actors::{Checkpoint, Made},
    invariants,
    model::{Model, PRICES},
    observed::Observed,
    pick::Pick,
    plan::MACHINES,
    seen::Seen,
    stream::{Bus, Counted, SHARDS},
    target::Target,
};

/// When everything begins: in the midst of a month, 2026-01-10.
const START_MS: i64 = 1_768_003_200_000;

/// How long a received message is hidden: as on AWS, far longer than anything here runs.
pub const VISIBILITY: Duration = Duration::from_secs(5400);

/// Whose tasks there are. What belongs to one has its name in it, and nothing else has.
pub const TENANTS: [&str; 3] = ["amber-a", "birch-b", "cedar-c"];

/// The queues whose messages are processed.
pub const PROCESSED: [QueueName; 6] = {
    let [urgent, high, medium, low, long] = QueueName::WORK;
    [urgent, high, medium, low, long, QueueName::Pushed]
};

/// See the module.
pub struct World {
    pub clock: Arc<ManualClock>,
    pub queue: Arc<MemoryQueue>,
    pub store: Arc<MemoryStore>,
    pub seen: Seen,
    pub model: Arc<Model>,
    pub target: Target,
    /// Where the relay tells what happened; without it, the poller lists events.
    pub bus: Option<Arc<Bus>>,
    pub counted: Arc<Mutex<Counted>>,
    pub machines: RefCell<Vec<App>>,
    pub book: RefCell<Book>,
}

/// What those outside remember.
#[derive(Default)]
pub struct Book {
    /// How many requests were made: each is told apart by it.
    pub requests: usize,
    /// The tasks that somebody was told of.
    pub tasks: Vec<(&'static str, Uuid)>,
    /// The claims that workers outside hold, as far as they know.
    pub claims: Vec<Claimed>,
    /// The runs that somebody was told of.
    pub runs: Vec<(&'static str, String)>,
    /// The groups that somebody was told of.
    pub groups: Vec<(&'static str, String)>,
    /// The schedules that somebody has asked for.
    pub schedules: Vec<Made>,
    /// Where each reader of events stands.
    pub cursors: BTreeMap<&'static str, String>,
    /// The newest dead letters.
    pub letters: Vec<String>,
    /// How far the change stream was handed over.
    pub relayed: [Checkpoint; SHARDS],
    /// The shards of it that somebody is given just now.
    pub relaying: BTreeSet<usize>,
}

/// A task that a worker outside was given.
#[derive(Clone)]
pub struct Claimed {
    pub tenant: &'static str,
    pub worker: String,
    pub task: Value,
}

/// The key that everything sealed is sealed with.
static KEYRING: LazyLock<Arc<Keyring>> = LazyLock::new(|| {
    let keyring = Keyring::read("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
    Arc::new(keyring.unwrap_or_else(|error| unreachable!("it is the base64 of 32 bytes: {error}")))
});

impl World {
    /// One in which nothing has happened.
    pub async fn new(seed: u64, seen: Seen) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(START_MS)));
        let queue = Arc::new(MemoryQueue::new(clock.clone()));
        let pick = |salt: u64| Pick::of(seed ^ salt);
        let model = Model {
            seen: seen.clone(),
            clock: clock.clone(),
            pick: Mutex::new(pick(1 << 40)),
            calm: AtomicBool::default(),
        };
        let target = Target {
            clock: clock.clone(),
            pick: Arc::new(Mutex::new(pick(1 << 41))),
            calm: Arc::default(),
            later: Arc::default(),
        };
        let bus = Bus { heard: Mutex::default(), pick: Mutex::new(pick(1 << 42)), calm: AtomicBool::default() };
        let world = Self {
            clock,
            queue,
            store: Arc::default(),
            seen,
            model: Arc::new(model),
            target,
            bus: (seed % 2 == 1).then(|| Arc::new(bus)),
            counted: Arc::default(),
            machines: RefCell::default(),
            book: RefCell::default(),
        };
        let machines = (0..MACHINES).map(|_| world.machine()).collect();
        *world.machines.borrow_mut() = machines;
        world.settle().await;
        world
    }

    /// A machine that has noted nothing yet.
    pub fn machine(&self) -> App {
        let store = Arc::new(Observed { inner: self.store.clone(), seen: self.seen.clone() });
        let mut services = Services::new(store, self.queue.clone(), self.clock.clone());
        services.listeners.bus = self.bus.clone().map(|bus| bus as Arc<dyn Listener>);
        let agents = Agents { profiles: Profiles::of("default", self.model.clone(), PRICES), ..Agents::default() };
        let types = Registry::new().add::<Scripted>(()).merge(shared::domain::kinds());
        let types = types.merge(errand_agents::types(&agents)).with(KEYRING.clone());
        let pushing = Pushing::new(self.target.clone(), KEYRING.clone(), "https://errand.example".to_owned());
        let types = with_schedules(with_pushed_types(types, pushing)).checked();
        App::new(services, types.unwrap_or_else(|error| unreachable!("they are ours: {error}")))
    }

    /// One of the machines.
    pub fn app(&self, machine: usize) -> App {
        let machines = self.machines.borrow();
        machines[machine % machines.len()].clone()
    }

    /// Each tenant has a type that workers outside ask for, one that is pushed, and a user.
    async fn settle(&self) {
        let app = self.app(0);
        for tenant in TENANTS {
            let pulled = json!({"run": {"kind": "worker"}, "timeout_s": 300, "may_enqueue": ["scripted"]});
            let pushed = json!({"run": {"kind": "http", "url": "https://target.example/x"}, "timeout_s": 60,
                "may_enqueue": ["scripted"]});
            for (route, name, body) in [
                ("PUT /v1/task-types/{name}", "fetch", pulled),
                ("PUT /v1/task-types/{name}", "call", pushed),
                ("PUT /v1/records/{kind}/{id}", "", json!({})),
            ] {
                let asked = Asking {
                    path: &[("name", name), ("kind", "user"), ("id", &user(tenant))],
                    ..Asking::of(route, &body)
                };
                let (status, answer) = self.ask(&app, tenant, asked).await;
                assert!(status < 300, "{route}: {answer}");
            }
        }
    }

    /// Asks over HTTP: status and answer, in which nothing of another tenant may be.
    pub async fn ask(&self, app: &App, tenant: &'static str, asked: Asking<'_>) -> (u16, Value) {
        let owned = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let route = Route::find(&ROUTES, asked.route).unwrap_or_else(|| unreachable!("there is {}", asked.route));
        let in_path = |(name, _): &&(&str, &str)| asked.route.contains(&format!("{{{name}}}"));
        let path: Vec<(&str, &str)> = asked.path.iter().filter(in_path).copied().collect();
        let request = Request {
            route: route.name,
            caller: Caller::trusted(Name::of(tenant), "somebody".to_owned(), String::new()),
            path: owned(&path),
            query: owned(asked.query),
            idempotency_key: asked.key,
            if_match: None,
            body: if asked.body.is_null() { String::new() } else { asked.body.to_string() },
        };
        let (status, body) = match route.answer(app, &request).await {
            Ok(answer) => (answer.status, answer.body),
            Err(error) => (error.status, json!({"message": error.message, "field": error.field}).to_string()),
        };
        self.seen.hold(invariants::an_answer_is_of_one_tenant(tenant, asked.route, &body));
        self.seen.note(format_args!("    {} of {tenant} answered {status}", asked.route));
        (status, serde_json::from_str(&body).unwrap_or_default())
    }

    /// A number that no other request has.
    pub fn number(&self) -> usize {
        let mut book = self.book.borrow_mut();
        book.requests += 1;
        book.requests
    }

    /// From now on nothing goes wrong with the model and the target.
    pub fn calm_down(&self) {
        self.model.calm.store(true, Relaxed);
        self.target.calm.store(true, Relaxed);
        if let Some(bus) = &self.bus {
            bus.calm.store(true, Relaxed);
        }
    }

    /// What the target does later, if it has something to do.
    pub fn take_later(&self, which: usize) -> Option<(String, Value)> {
        let later = self.target.later.lock().unwrap_or_else(PoisonError::into_inner);
        later.get(which.checked_rem(later.len())?).cloned()
    }

    /// Sends a message that is there at once.
    pub async fn send(&self, to: QueueName, body: String) {
        let message = OutMessage { body, delay: Duration::ZERO, group: None, attributes: vec![] };
        drop(self.queue.send(to, vec![message]).await);
    }

    /// Collects the dead letters.
    pub fn collect_letters(&self) {
        for letter in self.queue.receive(QueueName::DeadLetter, usize::MAX, VISIBILITY) {
            self.queue.delete(QueueName::DeadLetter, &letter.receipt);
            self.book.borrow_mut().letters.push(letter.body);
        }
    }
}

/// The user of a tenant.
pub fn user(tenant: &str) -> String {
    format!("{tenant}-user")
}

/// What is asked for over HTTP.
pub struct Asking<'a> {
    pub route: &'static str,
    pub path: &'a [(&'a str, &'a str)],
    pub query: &'a [(&'a str, &'a str)],
    pub key: Option<String>,
    pub body: &'a Value,
}

impl<'a> Asking<'a> {
    pub fn of(route: &'static str, body: &'a Value) -> Self {
        Self { route, path: &[], query: &[], key: None, body }
    }
}
