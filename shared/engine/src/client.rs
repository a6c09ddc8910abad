//! Enqueues tasks from within a process that has the store at hand, typed by their handlers, and acts on them.

mod enqueue;

pub use enqueue::Enqueue;
use uuid::Uuid;

use crate::{
    accept::EnqueueError,
    app::App,
    change::{ChangeError, With},
    clock::Timestamp,
    gather::cancel_group,
    group::{self, Group},
    handler::Handler,
    ids::{Name, TaskKey},
    json::{Json, read::FieldError},
    lifecycle::{Asked, Task},
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
        Enqueue::new(&self.app, new)
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

    /// The tenant's group `id`, if it is there, with how many of its members have ended by now.
    pub async fn group(&self, id: Uuid) -> Result<Option<Group>, StoreError> {
        group::counted(&self.app, &self.tenant, id).await
    }

    /// Calls a group off: its members are cancelled, and who waits for it goes on. The group as it is then; `None` if there
    /// is none. One that is over stays as it is.
    pub async fn cancel_group(&self, id: Uuid) -> Result<Option<Group>, StoreError> {
        cancel_group(&self.app, &self.tenant, id).await
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

#[cfg(test)]
mod tests;
