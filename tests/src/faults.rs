//! A store, counters and a queue that fail on command: at the nth call of a process, counted over all of them.

use std::{
    collections::BTreeMap,
    future::{self, Future},
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Poll, Waker},
    time::Duration,
};

use async_trait::async_trait;
use errand::{
    app::App,
    clock::Timestamp,
    ids::{Name, TaskKey},
    lifecycle::{Task, log::LogEntry},
    queue::{OutMessage, Queue, QueueError, QueueName},
    services::Services,
    store::{
        Commit, Due, Inserted, ListQuery, Page, Position, QueuePlace, QueueStats, Record, RecordKey, Related, Scope,
        Stats, Store, StoreError,
    },
};
use errand_aws::relay::{Counters, Moved, Sequence, Tally};
use errand_models::{ChatAnswer, ChatBackend, ChatError, ChatRequest};
use tokio::sync::Notify;

/// What goes wrong at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process ends before it.
    CrashBefore,
    /// It happens, and the process ends before it hears of that.
    CrashAfter,
    /// It does not happen, and says so.
    Unavailable,
    /// It happens, and says it did not.
    LostAnswer,
    /// It does not happen: too much at once. (A queue is unavailable then.)
    Busy,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Fault; 5] =
        [Fault::CrashBefore, Fault::CrashAfter, Fault::Unavailable, Fault::LostAnswer, Fault::Busy];
}

/// One process's faults, and what it has called.
#[derive(Debug, Default)]
pub struct Faults {
    calls: AtomicUsize,
    reads: AtomicUsize,
    crashed: AtomicBool,
    ended: Notify,
    stepping: bool,
    waiting: Mutex<Vec<Waker>>,
    plan: Mutex<BTreeMap<usize, Fault>>,
    hidden: Option<&'static str>,
}

impl Faults {
    /// `fault` at the `nth` call, from 0.
    pub fn at(nth: usize, fault: Fault) -> Arc<Self> {
        Arc::new(Self { plan: Mutex::new([(nth, fault)].into()), ..Self::default() })
    }

    /// `fault` at each of these calls.
    pub fn during(calls: Range<usize>, fault: Fault) -> Arc<Self> {
        Arc::new(Self { plan: Mutex::new(calls.map(|nth| (nth, fault)).collect()), ..Self::default() })
    }

    /// No record of this kind can be read by its key.
    pub fn hiding(kind: &'static str) -> Arc<Self> {
        Arc::new(Self { hidden: Some(kind), ..Self::default() })
    }

    /// None: what is called is counted.
    pub fn none() -> Arc<Self> {
        Arc::default()
    }

    /// None; but every call waits for [`Faults::go`] before it happens, so that others may come in between.
    pub fn stepping() -> Arc<Self> {
        Arc::new(Self { stepping: true, ..Self::default() })
    }

    /// Lets the calls that wait now happen when the process is polled next.
    pub fn go(&self) {
        self.waiting.lock().expect("the waiting").drain(..).for_each(Waker::wake);
    }

    /// `fault` at the next call.
    pub fn next(&self, fault: Fault) {
        self.plan(self.calls(), fault);
    }

    /// `fault` at the `nth` call, too.
    pub fn plan(&self, nth: usize, fault: Fault) {
        self.plan.lock().expect("the plan").insert(nth, fault);
    }

    /// How many calls there were.
    pub fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }

    /// How many tasks, records and lists were read.
    pub fn reads(&self) -> usize {
        self.reads.load(SeqCst)
    }

    /// Whether the process has ended: whoever drives it must drop it.
    pub fn crashed(&self) -> bool {
        self.crashed.load(SeqCst)
    }

    /// Returns, once, when the process has ended.
    pub async fn ended(&self) {
        self.ended.notified().await;
    }

    /// A process like `app`'s with these faults.
    pub fn around(self: &Arc<Self>, app: &App) -> App {
        let store = Arc::new(FaultyStore { inner: app.store.clone(), faults: self.clone() });
        let queue = Arc::new(FaultyQueue { inner: app.queue.clone(), faults: self.clone() });
        app.over(Services { store, queue, ..app.services.clone() })
    }

    /// Counters like these with these faults.
    pub fn around_counters(self: &Arc<Self>, inner: Arc<dyn Counters>) -> FaultyCounters {
        FaultyCounters { inner, faults: self.clone() }
    }

    /// A model with these faults: one that is busy, or away, says so.
    pub fn around_model(self: &Arc<Self>, inner: Arc<dyn ChatBackend>) -> Arc<dyn ChatBackend> {
        Arc::new(FaultyModel { inner, faults: self.clone() })
    }

    async fn call<T>(&self, call: impl Future<Output = T>, refuse: impl FnOnce(Fault) -> T) -> T {
        if self.stepping {
            let mut waited = false;
            future::poll_fn(|context| {
                if std::mem::replace(&mut waited, true) {
                    return Poll::Ready(());
                }
                self.waiting.lock().expect("the waiting").push(context.waker().clone());
                Poll::Pending
            })
            .await;
        }
        let nth = self.calls.fetch_add(1, SeqCst);
        let fault = self.plan.lock().expect("the plan").remove(&nth);
        match fault {
            None => call.await,
            Some(Fault::CrashBefore) => self.crash().await,
            Some(Fault::CrashAfter) => {
                call.await;
                self.crash().await
            }
            Some(fault @ Fault::LostAnswer) => {
                call.await;
                refuse(fault)
            }
            Some(fault @ (Fault::Unavailable | Fault::Busy)) => refuse(fault),
        }
    }

    async fn read<T>(&self, items: usize, call: impl Future<Output = T>, refuse: impl FnOnce(Fault) -> T) -> T {
        self.reads.fetch_add(items, SeqCst);
        self.call(call, refuse).await
    }

    async fn crash<T>(&self) -> T {
        self.crashed.store(true, SeqCst);
        self.ended.notify_one();
        future::pending().await
    }
}

/// See the module.
pub struct FaultyStore<S: ?Sized> {
    inner: Arc<S>,
    faults: Arc<Faults>,
}

/// See the module.
pub struct FaultyQueue<Q: ?Sized> {
    inner: Arc<Q>,
    faults: Arc<Faults>,
}

/// See the module.
pub struct FaultyCounters {
    inner: Arc<dyn Counters>,
    faults: Arc<Faults>,
}

/// See the module.
#[derive(Debug)]
struct FaultyModel {
    inner: Arc<dyn ChatBackend>,
    faults: Arc<Faults>,
}

#[async_trait]
impl ChatBackend for FaultyModel {
    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer, ChatError> {
        let refuse = |_| Err(ChatError::Transport("injected".to_owned()));
        self.faults.call(self.inner.chat(request), refuse).await
    }
}

fn store_error(fault: Fault) -> StoreError {
    match fault {
        Fault::Busy => StoreError::Busy,
        _ => StoreError::Unavailable(std::io::Error::other("injected").into()),
    }
}

fn queue_error() -> QueueError {
    QueueError::Unavailable(std::io::Error::other("injected").into())
}

#[async_trait]
impl<S: Store + ?Sized> Store for FaultyStore<S> {
    async fn insert(&self, tasks: Vec<Task>) -> Vec<Result<Inserted, StoreError>> {
        let count = tasks.len();
        let refuse = |fault| (0..count).map(|_| Err(store_error(fault))).collect();
        self.faults.call(self.inner.insert(tasks), refuse).await
    }

    async fn tasks(&self, keys: &[TaskKey]) -> Vec<Result<Option<Task>, StoreError>> {
        let count = keys.len();
        let refuse = |fault| (0..count).map(|_| Err(store_error(fault))).collect();
        self.faults.read(count, self.inner.tasks(keys), refuse).await
    }

    async fn commit(&self, commits: Vec<Commit>) -> Vec<Result<(), StoreError>> {
        let count = commits.len();
        let refuse = |fault| (0..count).map(|_| Err(store_error(fault))).collect();
        self.faults.call(self.inner.commit(commits), refuse).await
    }

    fn shards(&self) -> u16 {
        self.inner.shards()
    }

    async fn due(&self, shard: u16, until: Timestamp, limit: usize) -> Result<Vec<Due>, StoreError> {
        self.faults.call(self.inner.due(shard, until, limit), |fault| Err(store_error(fault))).await
    }

    async fn set_aside(&self, due: &Due, until: Timestamp) -> Result<(), StoreError> {
        self.faults.call(self.inner.set_aside(due, until), |fault| Err(store_error(fault))).await
    }

    async fn list(
        &self,
        query: &ListQuery,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Page<Task, Position>, StoreError> {
        self.faults.read(1, self.inner.list(query, after, limit), |fault| Err(store_error(fault))).await
    }

    async fn log(&self, task: &Task, after: u64, limit: usize) -> Result<Page<LogEntry, u64>, StoreError> {
        self.faults.read(1, self.inner.log(task, after, limit), |fault| Err(store_error(fault))).await
    }

    async fn records_at(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        self.faults.read(keys.len(), self.inner.records_at(keys), |fault| Err(store_error(fault))).await
    }

    async fn record(&self, key: &RecordKey) -> Result<Option<Record>, StoreError> {
        if self.faults.hidden == Some(key.kind.as_str()) {
            return Err(store_error(Fault::Unavailable));
        }
        self.faults.read(1, self.inner.record(key), |fault| Err(store_error(fault))).await
    }

    async fn records(
        &self,
        related: &Related,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Record, String>, StoreError> {
        self.faults.read(1, self.inner.records(related, after, limit), |fault| Err(store_error(fault))).await
    }

    async fn stats(&self, scope: &Scope, now: Timestamp) -> Result<Stats, StoreError> {
        self.faults.call(self.inner.stats(scope, now), |fault| Err(store_error(fault))).await
    }

    async fn queues(
        &self,
        tenant: &Name,
        after: Option<&QueuePlace>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page<QueueStats, QueuePlace>, StoreError> {
        self.faults.call(self.inner.queues(tenant, after, limit, now), |fault| Err(store_error(fault))).await
    }

    async fn oldest_due(&self, scope: &Scope, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.faults.call(self.inner.oldest_due(scope, now), |fault| Err(store_error(fault))).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.faults.call(self.inner.check(), |fault| Err(store_error(fault))).await
    }
}

#[async_trait]
impl<Q: Queue + ?Sized> Queue for FaultyQueue<Q> {
    async fn send(&self, to: QueueName, messages: Vec<OutMessage>) -> Vec<Result<(), QueueError>> {
        let count = messages.len();
        let refuse = |_| (0..count).map(|_| Err(queue_error())).collect();
        self.faults.call(self.inner.send(to, messages), refuse).await
    }

    async fn hide(&self, on: QueueName, receipt: &str, wait: Duration) -> Result<(), QueueError> {
        self.faults.call(self.inner.hide(on, receipt, wait), |_| Err(queue_error())).await
    }

    fn by_arn(&self, arn: &str) -> Option<QueueName> {
        self.inner.by_arn(arn)
    }

    async fn check(&self) -> Result<(), QueueError> {
        self.faults.call(self.inner.check(), |_| Err(queue_error())).await
    }
}

#[async_trait]
impl Counters for FaultyCounters {
    async fn watermark(&self, shard: &str) -> Result<Option<Sequence>, StoreError> {
        self.faults.call(self.inner.watermark(shard), |fault| Err(store_error(fault))).await
    }

    async fn advance(
        &self,
        shard: &str,
        from: Option<&Sequence>,
        to: &Sequence,
        counts: &Tally,
        now: Timestamp,
    ) -> Result<Moved, StoreError> {
        let call = self.inner.advance(shard, from, to, counts, now);
        self.faults.call(call, |fault| Err(store_error(fault))).await
    }
}
