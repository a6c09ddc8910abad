//! One task that is asked for, with what is said of it beside its type.

use std::{future::IntoFuture, time::Duration};

use futures::future::BoxFuture;

use crate::{
    accept::{self, Accepted, EnqueueError, TaskLimits},
    app::App,
    clock::Timestamp,
    ids::{Id, Name},
    lifecycle::{Asked, Priority},
    store::StoreError,
    traceparent::TraceParent,
};

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
    /// Asks for `new`, with every choice left at its default.
    pub(super) fn new(app: &'a App, new: Result<Asked, EnqueueError>) -> Self {
        Self { app, new, start: Start::Now, limits: TaskLimits::default() }
    }

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

    /// The trace that it is asked for in: who does it is told, and its follow-ups are in it too.
    pub fn trace(self, traceparent: TraceParent) -> Self {
        self.set(|new| new.traceparent = Some(traceparent))
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
        let asked = accept::check(app, new, limits).await;
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
