//! Enqueues tasks from within a process that has the store at hand, typed by their handlers, and acts on them.

use std::{future::IntoFuture, time::Duration};

use futures::future::BoxFuture;
use uuid::Uuid;

use crate::{
    accept::{self, Accepted, EnqueueError, TaskLimits},
    app::App,
    change::{ChangeError, With},
    clock::Timestamp,
    handler::Handler,
    ids::{Id, Name, TaskKey},
    json::{Json, read::FieldError},
    lifecycle::{Asked, Priority, Task},
    operate::{OperateError, Operation, check_note, operate},
    redrive::{Call, Progress, Redrive},
    registry::InputError,
    store::{self, StoreError},
};

/// Enqueues tasks, and reads what became of them. Cheap to clone.
///
/// What holds of a request over HTTP holds here: the type must be one that the registry knows and takes, and the limits
/// are the same.
///
/// ```
/// use std::{sync::Arc, time::Duration};
///
/// use errand::{App, Client, Registry, Services, spi::{clock::SystemClock, queue::MemoryQueue, store::MemoryStore}};
/// # use errand::{Failure, Handler, Outcome, TaskContext};
/// #
/// # /// Sends an invoice.
/// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
/// # struct SendInvoice { invoice: String }
/// #
/// # impl Handler for SendInvoice {
/// #     const TYPE: &'static str = "send_invoice";
/// #     type State = ();
/// #     async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
/// #         Ok(Outcome::done("sent".into()))
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let clock = Arc::new(SystemClock);
/// let (store, queue) = (Arc::new(MemoryStore::default()), Arc::new(MemoryQueue::new(clock.clone())));
/// let types = Registry::new().add::<SendInvoice>(()).checked()?;
/// let client = Client::new(App::new(Services::new(store, queue, clock), types));
///
/// let invoice = SendInvoice { invoice: "inv-1".into() };
/// let first = client.enqueue(&invoice).key("inv-1").delay(Duration::from_secs(60)).await?;
/// let again = client.enqueue(&invoice).key("inv-1").await?;
/// assert!(again.deduplicated);
/// assert_eq!(again.task.key.id, first.task.key.id);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    app: App,
    tenant: Name,
    principal: String,
}

impl Client {
    /// One for the tenant `default`, whose tasks are made by `in-process`.
    pub fn new(app: App) -> Self {
        Self { app, tenant: Name::default(), principal: "in-process".to_owned() }
    }

    /// The same for another tenant.
    #[must_use]
    pub fn tenant(self, tenant: Name) -> Self {
        Self { tenant, ..self }
    }

    /// The same, whose tasks are made by `principal`: it stands in `Task::created_by`.
    #[must_use]
    pub fn principal(self, principal: impl Into<String>) -> Self {
        Self { principal: principal.into(), ..self }
    }

    /// Asks for a task of the type `H`, due at once. What is not set is as the type and the installation have it.
    pub fn enqueue<H: Handler>(&self, input: &H) -> Enqueue<'_> {
        // The id is the key's, which may still be set.
        let key = TaskKey { tenant: self.tenant.clone(), id: Uuid::nil() };
        let new = typed(input).map(|(task_type, payload)| {
            Asked::of_type(key, task_type, payload, self.principal.clone(), Timestamp::default())
        });
        Enqueue { app: &self.app, new, start: Start::Now, limits: TaskLimits::default() }
    }

    /// The tenant's task `id`, if it is there.
    pub async fn task(&self, id: Uuid) -> Result<Option<Task>, StoreError> {
        store::task(&*self.app.store, &TaskKey { tenant: self.tenant.clone(), id }).await
    }

    /// Does this to the tenant's task `id`, and answers with the task as it is then. See [`Operation`].
    pub async fn operate(&self, id: Uuid, operation: Operation) -> Result<Task, OperateError> {
        if let Operation::Retry { note } = &operation {
            check_note(note.as_deref())?;
        }
        let task = self.task(id).await.map_err(ChangeError::from)?.ok_or(OperateError::NoTask)?;
        Ok(operate(&self.app, &task, operation, self.principal.clone(), With::nothing()).await?)
    }

    /// Calls a task off for this reason: [`Operation::Cancel`].
    pub async fn cancel(&self, id: Uuid, reason: impl Into<String>) -> Result<Task, OperateError> {
        self.operate(id, Operation::Cancel { reason: Some(reason.into()) }).await
    }

    /// Sets a failed, cancelled or blocked task going again: [`Operation::Retry`].
    ///
    /// ```
    /// # use errand::{Failure, Handler, Outcome, Registry, TaskContext};
    /// # /// Waits for somebody.
    /// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    /// # struct Wait {}
    /// # impl Handler for Wait {
    /// #     const TYPE: &'static str = "wait";
    /// #     type State = ();
    /// #     async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
    /// #         Ok(if task.redrive_note().is_some() { Outcome::done(0.into()) } else { Outcome::Block("?".into()) })
    /// #     }
    /// # }
    /// use errand::{Status, testing::Sandbox};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let sandbox = Sandbox::new(Registry::new().add::<Wait>(()));
    /// let blocked = sandbox.run(&Wait {}).await;
    /// assert_eq!(blocked.status(), Status::Blocked);
    /// sandbox.client().retry(blocked.key().id, Some("it is settled".into())).await.unwrap();
    /// assert_eq!(sandbox.execute(blocked.key()).await.status(), Status::Completed);
    /// # }
    /// ```
    pub async fn retry(&self, id: Uuid, note: Option<String>) -> Result<Task, OperateError> {
        self.operate(id, Operation::Retry { note }).await
    }

    /// Runs a waiting task now, be it before its time: [`Operation::Process`].
    pub async fn process_now(&self, id: Uuid) -> Result<Task, OperateError> {
        self.operate(id, Operation::Process { force: true }).await
    }

    /// Has a waiting task start at another time: [`Operation::Reschedule`].
    pub async fn reschedule(&self, id: Uuid, run_at: Timestamp) -> Result<Task, OperateError> {
        self.operate(id, Operation::Reschedule { run_at }).await
    }

    /// Sets failed tasks of the tenant going again, as many as one call takes up. See [`Redrive`].
    pub async fn redrive(&self, what: &Redrive) -> Result<Progress, OperateError> {
        what.check()?;
        let (tenant, by) = (self.tenant.clone(), self.principal.clone());
        let until = Timestamp::from_millis(i64::MAX);
        let call = Call { app: &self.app, tenant, by, until, with: &|_| With::nothing() };
        Ok(call.redrive(what).await.map_err(ChangeError::from)?)
    }
}

fn typed<H: Handler>(input: &H) -> Result<(Name, Json), EnqueueError> {
    let task_type = Name::new(H::TYPE).map_err(|error| FieldError::at("task_type", error.to_string()))?;
    let payload = serde_json::to_value(input).map_err(|error| FieldError::at("payload", error.to_string()));
    Ok((task_type, Json::new(&payload.map_err(InputError::Payload)?)))
}

/// A task that is asked for: it is enqueued by awaiting this.
///
/// The answer is the task as it is stored. Where the store does not answer, the task may be there all the same: who asks
/// again under the same [key](Enqueue::key) makes no second one.
///
/// ```
/// # use errand::{Client, Handler, Id, Name};
/// # use std::time::Duration;
/// # async fn ask<H: Handler>(client: &Client, input: &H) -> Result<(), Box<dyn std::error::Error>> {
/// let asked = client.enqueue(input).user(Id::of("ada")).queue(Name::of("letters")).max_retries(5);
/// let taken = asked.delay(Duration::from_secs(3600)).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is enqueued until this is awaited"]
pub struct Enqueue<'a> {
    app: &'a App,
    new: Result<Asked, EnqueueError>,
    start: Start,
    limits: TaskLimits,
}

enum Start {
    Now,
    After(Duration),
    At(Timestamp),
}

impl<'a> Enqueue<'a> {
    /// The caller's name for this request, 1 to 256 bytes. Within tenant and project, as long as the task is kept, the
    /// same key with the same type and payload is the same task; with another it is [`EnqueueError::KeyUsed`]. Without a
    /// key, each request is a new task.
    pub fn key(self, key: impl Into<String>) -> Self {
        self.set(|new| new.idempotency_key = Some(key.into()))
    }

    /// The project of the tenant that it belongs to, in place of `default`.
    pub fn project(self, project: Name) -> Self {
        self.set(|new| new.project = project)
    }

    /// The named list that it stands in, for people, in place of `default`.
    pub fn queue(self, queue: Name) -> Self {
        self.set(|new| new.queue = queue)
    }

    /// A part of that list, for people, in place of `default`.
    pub fn lane(self, lane: Name) -> Self {
        self.set(|new| new.lane = lane)
    }

    /// Which user it is about.
    pub fn user(self, user: Id) -> Self {
        self.set(|new| new.user_id = Some(user))
    }

    /// How soon it is run among others that are due, in place of [`Priority::Medium`].
    pub fn priority(self, priority: Priority) -> Self {
        self.set(|new| new.priority = priority)
    }

    /// It may start so long after it is enqueued. Of `delay` and [`at`](Enqueue::at), the last counts.
    pub fn delay(self, delay: Duration) -> Self {
        Self { start: Start::After(delay), ..self }
    }

    /// It may start at this time.
    pub fn at(self, at: Timestamp) -> Self {
        Self { start: Start::At(at), ..self }
    }

    /// It is not started after this, which must be later than its start.
    pub fn expires_at(self, at: Timestamp) -> Self {
        self.set(|new| new.expires_at = Some(at))
    }

    /// How many failures are followed by another try, 0 to 100.
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.limits.max_retries = Some(retries);
        self
    }

    /// How long one execution may take, 1 to 840 seconds; a part of a second counts as one.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        let seconds = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0);
        self.limits.timeout_s = Some(u32::try_from(seconds).unwrap_or(u32::MAX));
        self
    }

    async fn send(self) -> Result<Accepted, EnqueueError> {
        let Self { app, new, start, limits } = self;
        let (mut new, now) = (new?, app.clock.now());
        accept::check_may_stand_alone(app, &new.task_type)?;
        new.key = accept::key(&new.key.tenant, &new.project, new.idempotency_key.as_deref());
        new.scheduled_for = match start {
            Start::Now => now,
            Start::After(delay) => now + delay,
            Start::At(at) => at,
        };
        let asked = accept::check(app, new, limits);
        // One request in, one answer out.
        accept::accept(app, vec![asked], now).await.pop().unwrap_or(Err(StoreError::Busy.into()))
    }

    fn set(mut self, change: impl FnOnce(&mut Asked)) -> Self {
        if let Ok(new) = &mut self.new {
            change(new);
        }
        self
    }
}

impl<'a> IntoFuture for Enqueue<'a> {
    type Output = Result<Accepted, EnqueueError>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

#[cfg(test)]
mod tests;
