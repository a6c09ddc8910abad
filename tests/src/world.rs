//! All of Errand in one process under a clock that stands still: what drives it in tests, and what they look at.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, Once},
    task::Poll,
    time::Duration,
};

use errand::{
    App, Entity, Expect, Id, Name, Relations, Services, Stored, Task, TaskKey, Timestamp,
    spi::{
        clock::{Clock, ManualClock},
        lifecycle::log::LogEntry,
        listener::Webhooks,
        queue::{MemoryQueue, QueueName, TaskMessage},
        store::{
            self, Bucket, Commit, Filter, ListQuery, Listing, MemoryStore, Record, RecordKey, RecordWrite, Related,
            RelationKind, Store,
        },
    },
};
use errand_outbound::{Allowance, Keyring, SignedWebhooks, TargetClient};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    in_memory::{process, request},
    settings::Settings,
};

/// How long a received message is hidden: as on AWS, far longer than anything here runs.
pub const VISIBILITY: Duration = Duration::from_secs(5400);

/// Webhooks that tenants name, on this machine, under a key of their own.
pub fn webhooks(clock: Arc<dyn Clock>) -> Arc<dyn Webhooks> {
    let keyring = Keyring::new_key().ok().and_then(|key| Keyring::read(&key).ok()).expect("a key");
    let caller = TargetClient::new(Allowance::Loopback, None).expect("an HTTP client");
    Arc::new(SignedWebhooks::new(caller, Arc::new(keyring), clock))
}

/// See the module.
#[derive(Clone)]
pub struct World {
    /// What time it is.
    pub clock: Arc<ManualClock>,
    /// The queues.
    pub queue: Arc<MemoryQueue>,
    /// A process without faults.
    pub app: App,
    letters: Arc<Mutex<Vec<TaskMessage>>>,
}

impl World {
    /// Empty, on 2026-01-01.
    pub fn new() -> Self {
        Self::on(Arc::new(MemoryStore::default()))
    }

    /// The same on another store.
    pub fn on(store: Arc<dyn Store>) -> Self {
        hide_told_panics();
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_767_225_600_000)));
        let queue = Arc::new(MemoryQueue::new(clock.clone()));
        let services = Services::new(store, queue.clone(), clock.clone());
        Self { app: Settings::default().app(&services), clock, queue, letters: Arc::default() }
    }

    /// The same, of an installation with these settings.
    pub fn set(&mut self, settings: &Settings) {
        self.app = settings.app(&self.app);
    }

    /// The instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Moves the clock `s` seconds on.
    pub fn advance(&self, s: u64) {
        self.clock.advance(Duration::from_secs(s));
    }

    /// Drives `work` to its end, moving the clock on a second whenever it waits. `None` once `dead` says so.
    pub async fn run_unless<T>(&self, dead: impl Fn() -> bool, work: impl Future<Output = T>) -> Option<T> {
        // What waits here waits for the clock, and not for tokio's budget.
        let mut work = pin!(tokio::task::unconstrained(work));
        loop {
            if let Poll::Ready(done) = futures::poll!(work.as_mut()) {
                return Some(done);
            }
            if dead() {
                return None;
            }
            self.advance(1);
        }
    }

    /// Drives `work` to its end.
    pub async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.run_unless(|| false, work).await.unwrap_or_else(|| unreachable!("nothing dies here"))
    }

    /// Enqueues over HTTP; the task's id.
    pub async fn enqueue(&self, body: &Value) -> Uuid {
        let (status, answer) = self.request("POST /v1/tasks", None, body, None).await;
        assert_eq!(status, 201, "{answer}");
        id_of(&answer)
    }

    /// Enqueues a `scripted` task that is due now.
    pub async fn scripted(&self, payload: &Value) -> Uuid {
        self.enqueue(&json!({"task_type": "scripted", "payload": payload, "user_id": "u"})).await
    }

    /// Asks over HTTP: status and answer.
    pub async fn request(&self, route: &str, id: Option<Uuid>, body: &Value, key: Option<&str>) -> (u16, Value) {
        request(&self.app, route, id, body, key).await
    }

    /// Delivers one batch of `queue`, as an event source mapping does. Whether there was anything.
    pub async fn deliver(&self, queue: QueueName) -> bool {
        let batch = if queue == QueueName::Long { 1 } else { 10 };
        let received = self.queue.receive(queue, batch, VISIBILITY);
        let any = !received.is_empty();
        self.run(process(&self.app, &self.queue, queue, received)).await;
        any
    }

    /// Delivers until no work queue shows anything.
    pub async fn deliver_all(&self) {
        let mut any = true;
        while any {
            any = false;
            for queue in QueueName::WORK {
                any |= self.deliver(queue).await;
            }
        }
    }

    /// Polls once.
    pub async fn poll(&self) {
        self.run(poller::handle(&self.app, None)).await;
    }

    /// Delivers, polls and moves the clock to whatever comes next until nothing is left to come.
    pub async fn drain(&self) {
        let mut last = None;
        for _ in 0..2_000 {
            self.deliver_all().await;
            self.poll().await;
            let (now, next) = (self.now(), self.next().await);
            match next {
                None => return,
                Some(at) if at > now => self.clock.set(at),
                // Nothing can be done yet about one that was looked at before the lease of its worker has ended.
                Some(_) if last == Some((now, next)) => self.advance(1),
                Some(_) => {}
            }
            last = Some((now, next));
        }
        panic!("never quiet: {:#?}", self.tasks().await);
    }

    /// When the next message or due item comes.
    pub async fn next(&self) -> Option<Timestamp> {
        let mut next = self.queue.next_visible(&QueueName::WORK);
        for shard in 0..self.app.store.shards() {
            let due = self.app.store.due(shard, Timestamp::from_millis(i64::MAX), 1).await.expect("due");
            next = next.into_iter().chain(due.first().map(|due| due.wake_at)).min();
        }
        next
    }

    /// Every task of the default queue.
    pub async fn tasks(&self) -> Vec<Task> {
        let mut all = Vec::new();
        let queues = [Name::default(), Name::of("housekeeping")];
        for (bucket, queue) in Bucket::ALL.into_iter().flat_map(|bucket| queues.clone().map(|queue| (bucket, queue))) {
            let listing = Listing::Queue { project: Name::default(), queue, bucket };
            let query = ListQuery { tenant: Name::default(), listing, filter: Filter::default() };
            all.extend(self.app.store.list(&query, None, 10_000).await.expect("list").items);
        }
        all
    }

    /// One task.
    pub async fn task(&self, id: Uuid) -> Task {
        store::task(&*self.app.store, &key(id)).await.expect("task").expect("it is there")
    }

    /// Its action log.
    pub async fn log(&self, id: Uuid) -> Vec<LogEntry> {
        self.app.store.log(&self.task(id).await, 0, 10_000).await.expect("log").items
    }

    /// The records of `kind` that belong to `of`.
    pub async fn records(&self, kind: &'static str, by: RelationKind, of: &str) -> Vec<Record> {
        let of = Id::new(of).expect("an id");
        let related = Related { tenant: Name::default(), kind: Name::of(kind), by, of, newest_first: false };
        self.app.store.records(&related, None, 10_000).await.expect("records").items
    }

    /// How often a scripted task with this `mark` left its effect behind.
    pub async fn marks(&self, mark: &str) -> usize {
        self.records("scripted", RelationKind::Parent, mark).await.len()
    }

    /// What was published, oldest first.
    pub async fn events(&self) -> Vec<Value> {
        let page = errand::spi::outbox::published(&self.app, &Name::default(), None, 10_000).await.expect("events");
        page.items.iter().map(|(event, _)| serde_json::to_value(event).expect("JSON")).collect()
    }

    /// Every dead letter so far.
    pub fn letters(&self) -> Vec<TaskMessage> {
        let mut letters = self.letters.lock().expect("the letters");
        for letter in self.queue.receive(QueueName::DeadLetter, usize::MAX, VISIBILITY) {
            self.queue.delete(QueueName::DeadLetter, &letter.receipt);
            letters.push(serde_json::from_str(&letter.body).expect("a dead letter"));
        }
        letters.clone()
    }

    /// Puts a record there.
    pub async fn put<E: Entity>(&self, id: &str, entity: &E) {
        let id = Id::new(id).expect("an id");
        let Relations { parent, owner } = entity.relations(&self.now().to_string());
        let key = RecordKey { tenant: Name::default(), kind: E::kind(), id };
        let record = Box::new(Record { parent, owner, ..Record::new(key, entity.doc(), self.now()) });
        let put = RecordWrite::Put { record, expect: Expect::Any };
        let commit = Commit { records: vec![put], ..Commit::default() };
        store::commit(&*self.app.store, commit).await.expect("a record");
    }

    /// A record, if it is there.
    pub async fn get<E: Entity>(&self, id: &str) -> Option<E> {
        let key = RecordKey { tenant: Name::default(), kind: E::kind(), id: Id::new(id).expect("an id") };
        let record = self.app.store.record(&key).await.expect("a record");
        record.map(|record| Stored::read(record).expect("fields of its kind").value)
    }

    /// Loses every message that is visible now.
    pub fn lose_messages(&self) {
        for queue in QueueName::WORK {
            for message in self.queue.receive(queue, usize::MAX, VISIBILITY) {
                self.queue.delete(queue, &message.receipt);
            }
        }
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// A scripted panic is no news, and its backtrace takes longer than a test.
fn hide_told_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.payload_as_str() != Some("told to panic") {
                others(panic);
            }
        }));
    });
}

/// The default tenant's task `id`.
pub fn key(id: Uuid) -> TaskKey {
    TaskKey { tenant: Name::default(), id }
}

/// The `id` in an answer.
pub fn id_of(answer: &Value) -> Uuid {
    let id = answer["id"].as_str().and_then(|id| Uuid::try_parse(id).ok());
    id.unwrap_or_else(|| panic!("no id in {answer}"))
}
