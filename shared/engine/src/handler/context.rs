//! What a handler sees of the world: its task, the clock, records, and its own earlier steps.

mod fan_out;
mod follow_up;
mod step;

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value;

pub(crate) use step::STEP;

use crate::{
    clock::Timestamp,
    effects::Effect,
    event::Event,
    group::Announce,
    handler::Failure,
    ids::{self, Id, Name, TaskKey},
    lifecycle::{Report, Task},
    records::{Entity, Stored},
    services::{Rules, Services},
    store::{self, RecordKey, Related, RelationKind},
    traceparent::TraceParent,
};

/// What a handler is given: the task, the time, what is stored, and how to keep what it did outside. Handlers write nothing
/// through it but their steps.
///
/// ```
/// use errand::{Failure, Name, TaskContext};
/// # async fn ask_the_bank(_: u64, _: &str) -> Result<String, Failure> { Ok(String::new()) }
///
/// /// Charges a card once, however often the task is run: the bank knows the key, and its answer is kept.
/// async fn charge(task: &TaskContext<'_>, cents: u64) -> Result<String, Failure> {
///     let key = task.idempotency_key();
///     task.step(&Name::of("charge"), ask_the_bank(cents, &key)).await
/// }
/// ```
pub struct TaskContext<'a> {
    services: &'a Services,
    task: &'a Task,
    used: Mutex<Report>,
    beside: Mutex<Vec<Effect>>,
    announce: Option<&'a dyn Announce>,
}

/// How many related records a handler gets to see at most, and in one read: all together, or one after the other.
const RELATED_LIMIT: usize = 1000;
const RELATED_PAGE: usize = 100;
const EACH_PAGE: usize = 4;

impl<'a> TaskContext<'a> {
    /// What the handler of `task` would be given.
    pub fn new(services: &'a Services, task: &'a Task) -> Self {
        Self { services, task, used: Mutex::default(), beside: Mutex::default(), announce: None }
    }

    /// The same; tasks that it makes are announced at once.
    pub(crate) fn announcing(self, announce: &'a dyn Announce) -> Self {
        Self { announce: Some(announce), ..self }
    }

    /// What it runs on: for handlers that keep records of their own beside the effects they return.
    pub fn services(&self) -> &Services {
        self.services
    }

    /// The task, as it was claimed.
    pub fn task(&self) -> &Task {
        self.task
    }

    /// The current instant.
    pub fn now(&self) -> Timestamp {
        self.services.clock.now()
    }

    /// Waits for as long as `wait` by the installation's clock, which a test moves by hand.
    pub async fn sleep(&self, wait: Duration) {
        self.services.clock.sleep(wait).await;
    }

    /// What the installation decides.
    pub fn rules(&self) -> &Rules {
        &self.services.rules
    }

    /// Adds what a call of a model has used: it goes into the action log, whatever becomes of the execution.
    pub fn uses(&self, report: Report) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        *used = std::mem::take(&mut *used).plus(report);
    }

    /// What was used so far.
    pub(crate) fn used(&self) -> Report {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds what is to be committed with the end of this execution, however it ends: what an [`Outcome`] has of its own is
    /// for that one.
    ///
    /// [`Outcome`]: crate::handler::Outcome
    pub fn beside(&self, effects: Vec<Effect>) {
        self.beside.lock().unwrap_or_else(PoisonError::into_inner).extend(effects);
    }

    /// What is to be committed besides.
    pub(crate) fn take_beside(&self) -> Vec<Effect> {
        std::mem::take(&mut self.beside.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The same for every execution of this task: for calls to services that remove repetitions by a key.
    pub fn idempotency_key(&self) -> String {
        self.task.life()
    }

    /// The trace that the task was asked for in, if it was in one: to be handed, as the header `traceparent`, to whoever is
    /// called for it.
    pub fn trace_parent(&self) -> Option<TraceParent> {
        self.task.traceparent
    }

    /// What the operator said who set the task going again.
    pub fn redrive_note(&self) -> Option<&str> {
        self.task.redrive_note.as_deref()
    }

    /// An id that this execution always gives to `what`.
    pub fn id(&self, what: &str) -> Id {
        Id::from(ids::derived(&[&self.task.life(), &self.task.executions.to_string(), what]))
    }

    /// The user the task is about.
    pub fn user_id(&self) -> Result<&Id, Failure> {
        self.task.user_id.as_ref().ok_or_else(|| Failure::permanent("the task names no user_id"))
    }

    /// A record, if it is there.
    pub async fn get<E: Entity>(&self, id: &Id) -> Result<Option<Stored<E>>, Failure> {
        let record = self.services.store.record(&self.key(E::kind(), id)).await?;
        Ok(record.map(Stored::read).transpose()?)
    }

    /// A record that should be there: if it is not, it may come yet.
    pub async fn need<E: Entity>(&self, id: &Id) -> Result<Stored<E>, Failure> {
        let missing = || Failure::transient(format!("{} {id} does not exist (yet)", E::KIND.replace('_', " ")));
        self.get(id).await?.ok_or_else(missing)
    }

    /// The newest records, at most `limit` (up to 1,000), whose parent is `of`.
    pub async fn children<E: Entity>(&self, of: &Id, limit: usize) -> Result<Vec<Stored<E>>, Failure> {
        let mut found = Vec::new();
        self.related(RelationKind::Parent, of, (limit, RELATED_PAGE), |child| found.push(child)).await?;
        Ok(found)
    }

    /// The newest records, at most `limit` (up to 1,000), whose owner is `of`.
    pub async fn owned<E: Entity>(&self, of: &Id, limit: usize) -> Result<Vec<Stored<E>>, Failure> {
        let mut found = Vec::new();
        self.related(RelationKind::Owner, of, (limit, RELATED_PAGE), |owned| found.push(owned)).await?;
        Ok(found)
    }

    /// Shows the same to `see` one after the other: no more than four are in memory at a time. Each may have 384 KiB,
    /// and many times that as values.
    pub async fn each_owned<E: Entity>(
        &self,
        of: &Id,
        limit: usize,
        see: impl FnMut(Stored<E>) + Send,
    ) -> Result<(), Failure> {
        self.related(RelationKind::Owner, of, (limit, EACH_PAGE), see).await
    }

    /// The task of the firing before this one, with its status and its output as they are now, if a schedule has made this task.
    /// `None` also of one that was removed for its age: when it was named stands in `task().schedule` all the same.
    pub async fn previous_firing(&self) -> Result<Option<Task>, Failure> {
        let Some(previous) = self.task.schedule.as_ref().and_then(|of| of.previous.as_ref()) else { return Ok(None) };
        let key = TaskKey { tenant: self.task.key.tenant.clone(), id: previous.task_id };
        Ok(store::task(&*self.services.store, &key).await?)
    }

    /// An event about this task's doings, with an id that this execution always gives it.
    pub fn event(&self, event_type: &str, subject: &Id, data: Value) -> Event {
        let parts = [&*self.task.life(), &*self.task.executions.to_string(), event_type, subject.as_str()];
        let (event_type, subject) = (event_type.to_owned(), subject.to_string());
        let request_id = self.task.request_id.clone();
        Event { id: ids::derived(&parts), event_type, time: self.now(), subject, data, request_id }
    }

    async fn related<E: Entity>(
        &self,
        by: RelationKind,
        of: &Id,
        (limit, at_once): (usize, usize),
        mut see: impl FnMut(Stored<E>) + Send,
    ) -> Result<(), Failure> {
        let tenant = self.task.key.tenant.clone();
        let related = Related { tenant, kind: E::kind(), by, of: of.clone(), newest_first: true };
        let (mut left, mut after) = (limit.min(RELATED_LIMIT), None::<String>);
        loop {
            let page = self.services.store.records(&related, after.as_deref(), left.min(at_once)).await?;
            left = left.saturating_sub(page.items.len());
            for record in page.items {
                see(Stored::read(record)?);
            }
            after = page.next.filter(|_| left > 0);
            if after.is_none() {
                return Ok(());
            }
        }
    }

    fn key(&self, kind: Name, id: &Id) -> RecordKey {
        RecordKey { tenant: self.task.key.tenant.clone(), kind, id: id.clone() }
    }
}
