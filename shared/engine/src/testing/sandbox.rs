//! Everything that tasks need, in memory.

use std::{sync::Arc, time::Duration};

use crate::{
    app::App,
    client::Client,
    clock::{Clock, ManualClock, Timestamp},
    effects::Relations,
    handler::Handler,
    ids::{Id, Name, TaskKey},
    lifecycle::Task,
    queue::{MemoryQueue, OutMessage, Queue, Received},
    records::{Entity, Stored},
    registry::Registry,
    services::{Rules, Services},
    store::{self, Commit, Expect, MemoryStore, Record, RecordKey, RecordWrite},
    testing::{
        account::Account,
        drive::{Process, Stop, VISIBILITY},
        ended::Ended,
        faults::Faults,
        told,
    },
};

/// When every sandbox begins, in milliseconds since 1970: 2026-01-01.
const START_MS: i64 = 1_767_225_600_000;

/// A store and queues in memory, a clock that is moved by hand, and the task types of a [`Registry`].
///
/// The clock moves when it is told to, and while a handler waits by [`TaskContext::sleep`]. A handler that waits for
/// anything else, such as a socket or a timer of the runtime, sees the clock run, and times out within moments: give its
/// type stand-ins that answer at once.
///
/// ```
/// use errand::{Entity, Failure, Handler, Id, Outcome, Registry, Relations, Status, TaskContext, testing::Sandbox};
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
///
/// /// How many points a player has.
/// #[derive(Serialize, Deserialize)]
/// struct Score { points: u32 }
///
/// impl Entity for Score {
///     const KIND: &'static str = "score";
///     fn relations(&self, _: &str) -> Relations { Relations::default() }
/// }
///
/// /// Gives a player points.
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// struct Award { player: Id, points: u32 }
///
/// impl Handler for Award {
///     const TYPE: &'static str = "award";
///     type State = ();
///
///     async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
///         let score = task.need::<Score>(&self.player).await?;
///         let points = score.value.points + self.points;
///         let effects = vec![score.set([("points", points.into())])];
///         Ok(Outcome::Complete { output: points.into(), effects })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let sandbox = Sandbox::new(Registry::new().add::<Award>(()));
/// let award = Award { player: Id::of("ada"), points: 3 };
///
/// // Ada is not there yet: that is tried again.
/// let ended = sandbox.run(&award).await;
/// assert_eq!(ended.status(), Status::Pending);
/// assert_eq!(ended.failure().unwrap().message, "score ada does not exist (yet)");
///
/// sandbox.put("ada", &Score { points: 4 }).await;
/// let ended = sandbox.execute(ended.key()).await;
/// assert_eq!(ended.status(), Status::Completed);
/// assert_eq!(ended.output(), 7);
/// assert_eq!(ended.written::<Score>()[0].value.points, 7);
/// assert_eq!(sandbox.get::<Score>("ada").await.unwrap().points, 7);
/// # }
/// ```
///
/// [`TaskContext::sleep`]: crate::handler::TaskContext::sleep
#[derive(Clone)]
pub struct Sandbox {
    clock: Arc<ManualClock>,
    queues: Arc<MemoryQueue>,
    store: Arc<MemoryStore>,
    app: App,
}

impl Sandbox {
    /// An empty one, on 2026-01-01, that knows `types`. Panics if something is wrong with them.
    #[track_caller]
    pub fn new(types: Registry) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(START_MS)));
        let queues = Arc::new(MemoryQueue::new(clock.clone()));
        let store = Arc::new(MemoryStore::default());
        let services = Services::new(store.clone(), queues.clone(), clock.clone());
        let app = App::new(services, told(types.checked(), "the registry"));
        Self { clock, queues, store, app }
    }

    /// The same in an installation that decides so.
    #[must_use]
    pub fn ruled(mut self, rules: Rules) -> Self {
        self.app.rules = Arc::new(rules);
        self
    }

    /// What runs in it.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// What the types were registered with by [`Registry::with`]. Panics if that is no `T`.
    #[track_caller]
    pub fn state<T: Send + Sync + 'static>(&self) -> &T {
        told(self.app.types.state().ok_or("there is none"), std::any::type_name::<T>())
    }

    /// Enqueues in it, as the tenant `default`.
    pub fn client(&self) -> Client {
        Client::new(self.app.clone())
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Enqueues a task that is due now; for all that can be said of one, see [`Sandbox::client`]. Panics if it is
    /// refused.
    pub async fn enqueue<H: Handler>(&self, input: &H) -> Task {
        told(self.client().enqueue(input).await, "the task is refused").task
    }

    /// Enqueues a task that is due now, and runs it once. Panics if it is refused.
    pub async fn run<H: Handler>(&self, input: &H) -> Ended {
        self.execute(&self.enqueue(input).await.key).await
    }

    /// Runs a task once, which waits for that. If its time has not come, the clock is moved there. Panics if it does not
    /// wait.
    pub async fn execute(&self, key: &TaskKey) -> Ended {
        let task = self.task(key).await;
        let run_at = told(task.run_at().ok_or(task.status().as_str()), "the task does not wait");
        self.clock.set(run_at.max(self.now()));
        let before = self.store.everything();
        let queue = self.app.queue_of(&task);
        let message = self.message_of(&task).await;
        // Without faults it does not crash.
        Process::new(self, Faults::none()).deliver(queue, vec![message]).await;
        told(Ended::between(&before, &self.store.everything(), key), "the task")
    }

    /// Delivers, polls and moves the clock to whatever comes next until nothing is left to come. Panics if there is always
    /// more.
    pub async fn drain(&self) {
        let stop = Process::new(self, Faults::none()).drain().await;
        assert!(stop == Stop::Quiet, "something always comes next: {:#?}", self.account());
    }

    /// Every task of every tenant, in no particular order.
    pub fn tasks(&self) -> Vec<Task> {
        self.store.everything().tasks
    }

    /// A task. Panics if it is not there.
    pub async fn task(&self, key: &TaskKey) -> Task {
        let read = told(store::task(&*self.app.store, key).await, "the store");
        told(read.ok_or(key.id), "there is no task")
    }

    /// Puts a record of the tenant `default` there, in place of one that is there.
    pub async fn put<E: Entity>(&self, id: &str, entity: &E) {
        let Relations { parent, owner } = entity.relations(&self.now().to_string());
        let record = Record { parent, owner, ..Record::new(record_key::<E>(id), entity.doc(), self.now()) };
        let put = RecordWrite::Put { record: Box::new(record), expect: Expect::Any };
        let commit = Commit { records: vec![put], ..Commit::default() };
        told(store::commit(&*self.app.store, commit).await, "the record is not taken");
    }

    /// A record of the tenant `default`, if it is there.
    pub async fn get<E: Entity>(&self, id: &str) -> Option<E> {
        let record = told(self.app.store.record(&record_key::<E>(id)).await, "the store");
        record.map(|record| told(Stored::read(record), "the record").value)
    }

    /// Every record of this kind, of every tenant.
    pub fn records<E: Entity>(&self) -> Vec<Stored<E>> {
        read_all(&self.store.everything().records)
    }

    /// What it has come to by now, in a form that two sandboxes can be compared by.
    pub fn account(&self) -> Account {
        Account::of(&self.store.everything())
    }

    /// Removes a task, as its retention does.
    #[cfg(test)]
    pub(crate) fn remove(&self, key: &TaskKey) {
        self.store.remove(key);
    }

    /// All that its store has.
    #[cfg(test)]
    pub(crate) fn everything(&self) -> crate::store::Everything {
        self.store.everything()
    }

    pub(super) fn clock(&self) -> &ManualClock {
        &self.clock
    }

    pub(super) fn queues(&self) -> &MemoryQueue {
        &self.queues
    }

    pub(super) fn store(&self) -> &MemoryStore {
        &self.store
    }

    /// The message that `task` was told of by; another such if there is none to be seen. The others stay.
    async fn message_of(&self, task: &Task) -> Received {
        let (queue, body) = (self.app.queue_of(task), OutMessage::hint(task, Duration::ZERO, None).body);
        let mut found = None;
        for message in self.queues.receive(queue, usize::MAX, VISIBILITY) {
            if message.body == body && found.is_none() {
                found = Some(message);
            } else {
                told(self.queues.hide(queue, &message.receipt, Duration::ZERO).await, "the queue");
            }
        }
        let (id, receipt) = (String::new(), String::new());
        found.unwrap_or(Received { id, receipt, body, attributes: Vec::new(), receives: 1 })
    }
}

/// The records of this kind among `records`.
pub(super) fn read_all<E: Entity>(records: &[Record]) -> Vec<Stored<E>> {
    let of_kind = records.iter().filter(|record| record.key.kind.as_str() == E::KIND);
    of_kind.map(|record| told(Stored::read(record.clone()), "the record")).collect()
}

fn record_key<E: Entity>(id: &str) -> RecordKey {
    RecordKey { tenant: Name::default(), kind: E::kind(), id: told(Id::new(id), "the id") }
}
