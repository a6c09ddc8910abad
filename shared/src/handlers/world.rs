//! For the tests of the task types: an installation in memory under a manual clock, and a model that says what it is told.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use futures::future::BoxFuture;
use serde_json::Value;

use crate::handlers::{Founder, Installation, types};
use errand::{
    App, Asked, Expect, Id, Name, Patch, State, Task, TaskKey, Timestamp,
    spi::{
        ids,
        json::Json,
        lifecycle::log::LogEntry,
        store::{self, Commit, DueItem, Record, RecordKey, RecordWrite},
    },
    testing::{Ended, Sandbox},
};
use errand_agents::Agents;
use errand_models::{ChatAnswer, ChatBackend, ChatError, ChatMessage, ChatRequest, Profiles, Usage};

/// A sandbox with this installation's types, whose records and payloads are written as the API takes them.
#[derive(Clone)]
pub(crate) struct World {
    sandbox: Sandbox,
    told: Option<Arc<Told>>,
}

/// A task after an execution.
pub(crate) struct Done {
    pub(crate) task: Task,
    row: LogEntry,
}

impl From<Ended> for Done {
    fn from(ended: Ended) -> Self {
        Self { task: ended.task().clone(), row: ended.row().clone() }
    }
}

/// A model.
#[derive(Default)]
pub(crate) struct Told {
    says: String,
    fails: Mutex<VecDeque<ChatError>>,
    asked: Mutex<Vec<ChatRequest>>,
    meanwhile: Mutex<Option<BoxFuture<'static, ()>>>,
}

fn key(path: &str) -> RecordKey {
    let (kind, id) = path.split_once('/').unwrap();
    RecordKey { tenant: Name::default(), kind: Name::new(kind).unwrap(), id: Id::new(id).unwrap() }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::at("2026-01-10T12:00:00Z")
    }

    pub(crate) fn at(now: &str) -> Self {
        Self::of(&Installation::default(), now)
    }

    fn of(installation: &Installation, now: &str) -> Self {
        let sandbox = Sandbox::new(types(installation));
        let now: Timestamp = serde_json::from_value(now.into()).unwrap();
        sandbox.advance(now.since(sandbox.now()));
        Self { sandbox, told: None }
    }

    /// Reads for 500 USD and writes for 12,500 USD a million tokens.
    pub(crate) fn with_model(told: Told) -> Self {
        let told = Arc::new(told);
        let profiles = Profiles::of("default", told.clone(), (500.0, 12_500.0));
        let agents = Agents { profiles, ..Agents::default() };
        let installation = Installation { agents, ..Installation::default() };
        Self { told: Some(told), ..Self::of(&installation, "2026-01-10T12:00:00Z") }
    }

    pub(crate) fn with_founder(url: &str) -> Self {
        let founder = Founder(Some(url.to_owned().try_into().unwrap()));
        Self::of(&Installation { founder, ..Installation::default() }, "2026-01-10T12:00:00Z")
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.sandbox.now()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.sandbox.advance(by);
    }

    fn app(&self) -> &App {
        self.sandbox.app()
    }

    /// Writes a record as the API would.
    pub(crate) async fn put(&self, path: &str, doc: Value) {
        let there = self.app().store.record(&key(path)).await.unwrap();
        let created_at = there.map_or(self.now(), |there| there.created_at);
        let (key, doc) = (key(path), doc.as_object().unwrap().clone());
        let kind = self.app().types.kind_of(&key.kind).unwrap();
        let relations = kind.check(&key, &doc, created_at).unwrap().unwrap_or_else(|e| panic!("{path}: {e:?}"));
        let (parent, owner) = (relations.parent, relations.owner);
        let record = Box::new(Record { parent, owner, created_at, ..Record::new(key, doc, self.now()) });
        let records = vec![RecordWrite::Put { record, expect: Expect::Any }];
        store::commit(&*self.app().store, Commit { records, ..Commit::default() }).await.unwrap();
    }

    pub(crate) async fn patch(&self, path: &str, fields: Value) {
        let mut doc = self.get(path).await;
        doc.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        doc.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        self.put(path, doc).await;
    }

    /// Sets fields of a record as an older version might have, which checked less.
    pub(crate) async fn older(&self, path: &str, fields: Value) {
        let patch = Patch { set: fields.as_object().unwrap().clone(), ..Patch::default() };
        let (version, at) = (ids::fresh(), self.now());
        let records =
            vec![RecordWrite::Patch { key: key(path), patch: Box::new(patch), expect: Expect::Any, version, at }];
        store::commit(&*self.app().store, Commit { records, ..Commit::default() }).await.unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let record = self.app().store.record(&key(path)).await.unwrap();
        record.unwrap_or_else(|| panic!("no {path}")).doc.into()
    }

    /// Runs a task of user `u`.
    pub(crate) async fn run(&self, task_type: &str, payload: Value) -> Done {
        self.run_as(None, task_type, payload).await
    }

    pub(crate) async fn run_as(&self, agent: Option<&'static str>, task_type: &str, payload: Value) -> Done {
        let key = TaskKey { tenant: Name::default(), id: ids::fresh() };
        let (task_type, payload) = (Name::new(task_type).unwrap(), Json::new(&payload));
        self.app().types.accept(&task_type, &payload).unwrap();
        let new = Asked {
            user_id: Some(Id::of("u")),
            agent_type: agent.map(Name::of),
            max_retries: 3,
            ..Asked::of_type(key, task_type, payload, "test".to_owned(), self.now())
        };
        let task = Task::accept(new, ids::fresh(), self.now());
        store::insert(&*self.app().store, task.clone()).await.unwrap();
        self.take(&task).await
    }

    /// Runs a stored task, at its time if that has not come.
    pub(crate) async fn take(&self, task: &Task) -> Done {
        self.sandbox.execute(&task.key).await.into()
    }

    /// Runs a task again: at the time of its retry, or as an operator sets it going.
    pub(crate) async fn again(&self, done: Done) -> Done {
        if done.task.run_at().is_none() {
            self.sandbox.client().retry(done.task.key.id, None).await.unwrap();
        }
        self.take(&done.task).await
    }

    /// The newest row of its log.
    pub(crate) async fn log(&self, done: &Done) -> LogEntry {
        done.row.clone()
    }

    /// The tasks it has enqueued, in order.
    pub(crate) async fn follow_ups(&self, done: &Done) -> Vec<Task> {
        let mut tasks = Vec::new();
        for effect in &done.row.effects {
            if let Some(id) = effect.strip_prefix("enqueue ").and_then(|task| task.rsplit(' ').next()) {
                let key = TaskKey { tenant: Name::default(), id: id.parse().unwrap() };
                tasks.push(self.sandbox.task(&key).await);
            }
        }
        tasks
    }

    /// Everything that was published so far.
    pub(crate) async fn events(&self) -> Vec<Value> {
        let mut events = Vec::new();
        for shard in 0..self.app().store.shards() {
            for due in self.app().store.due(shard, self.now(), 1000).await.unwrap() {
                if let DueItem::Record(key) = due.item {
                    events.push(self.app().store.record(&key).await.unwrap().unwrap().doc.into());
                }
            }
        }
        events
    }

    pub(crate) fn asked(&self) -> usize {
        self.told.as_ref().unwrap().asked.lock().unwrap().len()
    }

    /// The text of the last question.
    pub(crate) fn last_asked(&self) -> String {
        let request = self.told.as_ref().unwrap().asked.lock().unwrap().last().unwrap().clone();
        match request.messages.as_slice() {
            [ChatMessage::User(text)] => text.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// What happens while the model is asked for the first time.
    pub(crate) fn while_asked<F: Future<Output = ()> + Send + 'static>(&self, what: impl FnOnce(World) -> F) {
        let world = Self { told: None, ..self.clone() };
        *self.told.as_ref().unwrap().meanwhile.lock().unwrap() = Some(Box::pin(what(world)));
    }
}

impl Done {
    pub(crate) fn output(&self) -> Value {
        match &self.task.state {
            State::Completed { output } => output.parse().unwrap(),
            other => panic!("{other:?}, {:?}", self.task.last_errors),
        }
    }

    /// Why it was skipped.
    pub(crate) fn skipped(&self) -> String {
        let output = self.output();
        assert_eq!(output["skipped"], true, "{output}");
        output["reason"].as_str().unwrap().to_owned()
    }

    /// Why it will be tried again.
    pub(crate) fn retried(&self) -> String {
        assert!(self.task.run_at().is_some() && self.task.failures == 1, "{:?}", self.task.state);
        self.task.last_errors.last().unwrap().message.clone()
    }

    /// Why it has failed for good, at once.
    pub(crate) fn failed(&self) -> String {
        match &self.task.state {
            State::Failed { failure } if self.task.executions == 1 => failure.message.clone(),
            other => panic!("{other:?}, {:?}", self.task.last_errors),
        }
    }

    /// What it needs of a person.
    pub(crate) fn blocked(&self) -> String {
        match &self.task.state {
            State::Blocked { reason } => reason.clone(),
            other => panic!("{other:?}, {:?}", self.task.last_errors),
        }
    }
}

impl Told {
    pub(crate) fn says(text: &str) -> Self {
        Self { says: text.to_owned(), ..Self::default() }
    }

    pub(crate) fn fails(error: ChatError) -> Self {
        Self { fails: Mutex::new([error].into()), ..Self::default() }
    }
}

#[async_trait]
impl ChatBackend for Told {
    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer, ChatError> {
        self.asked.lock().unwrap().push(request.clone());
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile.await;
        }
        if let Some(error) = self.fails.lock().unwrap().pop_front() {
            return Err(error);
        }
        let usage = Some(Usage { tokens_in: 1000, tokens_out: 10 });
        Ok(ChatAnswer { text: self.says.clone(), model: "told".to_owned(), usage, ..ChatAnswer::default() })
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}
