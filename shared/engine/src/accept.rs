//! How a task is taken, whoever asks for it: [`check`] what is asked for, then [`accept`] it.

mod checks;

use std::collections::VecDeque;

use tracing::Instrument;
use uuid::Uuid;

use crate::{
    app::App,
    clock::Timestamp,
    ids::{self, Name, TaskKey},
    json::read::FieldError,
    lifecycle::{Asked, Dispatch, Task},
    notify::notify,
    registry::InputError,
    spans::enqueue,
    store::{self, BODY_BYTES, Inserted, StoreError},
};

pub use checks::{
    check_has_user, check_is_in_time, check_key, check_may_stand_alone, check_says_something, check_size,
};

/// The longest idempotency key, in bytes.
pub const KEY_BYTES: usize = 256;

/// The longest timeout: a Lambda function has 900 s, some of them to settle in.
pub const MAX_TIMEOUT_S: u32 = 840;

/// The longest timeout where workers outside do it: a day.
pub const MAX_PULLED_TIMEOUT_S: u32 = 86_400;

/// What errors call the idempotency key, wherever it was given.
pub const KEY_FIELD: &str = "idempotency_key";

/// Why a task was not taken: one variant for each reaction of the caller.
///
/// ```
/// # use errand::{Failure, Handler, Outcome, Registry, TaskContext};
/// # /// Waits for nothing.
/// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
/// # struct Nothing { of: u8 }
/// # impl Handler for Nothing {
/// #     const TYPE: &'static str = "nothing";
/// #     type State = ();
/// #     async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
/// #         Ok(Outcome::done(self.of.into()))
/// #     }
/// # }
/// use errand::{EnqueueError, testing::Sandbox};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let client = Sandbox::new(Registry::new().add::<Nothing>(())).client();
/// client.enqueue(&Nothing { of: 1 }).key("k").await.unwrap();
/// let refused = client.enqueue(&Nothing { of: 2 }).key("k").await.unwrap_err();
/// assert!(matches!(refused, EnqueueError::KeyUsed { .. }));
/// let refused = client.enqueue(&Nothing { of: 1 }).max_retries(101).await.unwrap_err();
/// assert_eq!(refused.to_string(), "max_retries: expected a number from 0 to 100, found 101");
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
pub enum EnqueueError {
    /// The registry does not know its type, its type is off, or its payload does not fit its type.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Something else of the request is wrong.
    #[error("{}: {}", .0.field, .0.message)]
    Invalid(#[from] FieldError),
    /// Its payload has more bytes than a task may have.
    #[error("the payload has {bytes} bytes; at most {BODY_BYTES} are taken")]
    TooLarge {
        /// How many, as compact JSON.
        bytes: usize,
    },
    /// Its idempotency key was used for another type or payload.
    #[error("task {id} has this key already, with another payload")]
    KeyUsed {
        /// The task that has the key.
        id: Uuid,
    },
    /// The store did not say that it has it. Asked for again under the same key, it is taken once.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A task that was taken.
///
/// ```
/// # use errand::{Client, Handler};
/// # async fn take<H: Handler>(client: &Client, input: &H) -> Result<(), Box<dyn std::error::Error>> {
/// let taken = client.enqueue(input).key("order-7").await?;
/// println!("{} {}", taken.task.key.id, if taken.deduplicated { "was there" } else { "is new" });
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Accepted {
    /// The task, as it is stored.
    pub task: Task,
    /// Whether it was there already: the same request came before, under the same key.
    pub deduplicated: bool,
}

/// What a request may leave to the task's type and the installation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskLimits {
    /// How many failures are followed by another try, up to [`Task::MAX_RETRIES`]; if `None`, as many as
    /// [`Rules::max_retries`] says.
    ///
    /// [`Rules::max_retries`]: crate::services::Rules::max_retries
    pub max_retries: Option<u32>,
    /// How many seconds one execution may take, from 1 to [`MAX_TIMEOUT_S`], or to [`MAX_PULLED_TIMEOUT_S`] if it is pulled;
    /// if `None`, as many as its type says.
    pub timeout_s: Option<u32>,
}

/// The key of a task that is asked for under this idempotency key, or under none.
pub fn key(tenant: &Name, project: &Name, idempotency_key: Option<&str>) -> TaskKey {
    let id = idempotency_key.map_or_else(ids::fresh, |key| ids::keyed(tenant, project, key));
    TaskKey { tenant: tenant.clone(), id }
}

/// Checks `new` against its type and the limits, and completes it. Whether it is in time is for [`accept`] to ask: what
/// is said again under its key is answered however late it is.
pub async fn check(app: &App, new: Asked, limits: TaskLimits) -> Result<Asked, EnqueueError> {
    check_size(new.payload.as_str().len())?;
    let input = app.new_input(&new.key.tenant, &new.task_type, &new.payload).await??;
    input.admits(&new)?;
    new.idempotency_key.as_deref().map_or(Ok(()), check_key)?;
    let settings = input.settings();
    let retries = limits.max_retries.or(settings.max_retries).unwrap_or(app.rules.max_retries);
    let timeout_s = limits.timeout_s.unwrap_or(settings.timeout_s);
    let new = Asked {
        max_retries: within("max_retries", retries, 0, Task::MAX_RETRIES)?,
        timeout_s: within("timeout_s", timeout_s, 1, longest(settings.dispatch))?,
        session_path: input.session_path(new.key.id),
        pool: input.pool(),
        ..new
    };
    Ok(new.dispatched(settings.dispatch, app.clock.now()))
}

/// How many seconds an execution of a task dispatched like this may take.
fn longest(dispatch: Dispatch) -> u32 {
    match dispatch {
        Dispatch::Announced | Dispatch::Pushed => MAX_TIMEOUT_S,
        Dispatch::Pulled => MAX_PULLED_TIMEOUT_S,
    }
}

fn within(field: &str, value: u32, least: u32, most: u32) -> Result<u32, FieldError> {
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        Err(FieldError::at(field, format!("expected a number from {least} to {most}, found {value}")))
    }
}

/// A checked task, and the group whose end it is to begin after, if there is one.
#[derive(Clone, Debug)]
pub struct New {
    /// What was asked for.
    pub asked: Asked,
    /// The group that it waits for.
    pub after: Option<Uuid>,
}

impl From<Asked> for New {
    fn from(asked: Asked) -> Self {
        Self { asked, after: None }
    }
}

/// A task that was checked.
struct Checked {
    task: Task,
    /// Why it is refused all the same, unless it was taken before.
    late: Option<FieldError>,
}

/// Takes each checked task for itself, in order; what was refused before keeps its place. Inserted first, notified
/// after: a crash in between costs the poller's two minutes. One that comes too late is looked up under its key: it may
/// have been taken when it was in time.
pub async fn accept<E: From<EnqueueError>>(
    app: &App,
    asked: Vec<Result<impl Into<New>, E>>,
    now: Timestamp,
) -> Vec<Result<Accepted, E>> {
    let checked = asked.into_iter().map(|asked| {
        let New { asked: new, after } = asked?.into();
        match check_is_in_time(&new, now).err() {
            Some(late) if new.idempotency_key.is_none() => Err(EnqueueError::from(late).into()),
            late => {
                let task = match after {
                    None => Task::accept(new, ids::fresh(), now),
                    Some(group) => Task::accept_after(group, new, ids::fresh(), now),
                };
                Ok(Checked { task, late })
            }
        }
    });
    let checked: Vec<Result<Checked, E>> = checked.collect();
    let in_order = || checked.iter().flatten();
    let fit: Vec<Task> = in_order().filter(|c| c.late.is_none()).map(|c| c.task.clone()).collect();
    let span = enqueue(in_order().map(|checked| &checked.task));
    let mut inserted = app.store.insert(fit).instrument(span.clone()).await.into_iter();
    // One after the other: there are few, and the function may read no batches.
    let mut before = VecDeque::new();
    for Checked { task, .. } in in_order().filter(|c| c.late.is_some()) {
        before.push_back(store::task(&*app.store, &task.key).await);
    }
    let mut fresh = Vec::new();
    let mut answer = |Checked { task, late }: Checked| match late {
        Some(late) => match before.pop_front().unwrap_or(Ok(None))? {
            Some(there) => existing(app, there, &task),
            None => Err(late.into()),
        },
        // One task in, one answer out; a store that answers with none has broken its contract.
        None => match inserted.next().unwrap_or(Err(StoreError::Busy))? {
            Inserted::New => {
                fresh.push(task.clone());
                Ok(Accepted { task, deduplicated: false })
            }
            Inserted::Existing(there) => existing(app, *there, &task),
        },
    };
    let answers = checked.into_iter().map(|checked| answer(checked?).map_err(E::from)).collect();
    notify(app, &fresh).instrument(span).await;
    answers
}

/// The same request may come of several writers: a handler's struct says `null` where a request over HTTP says nothing.
fn existing(app: &App, there: Task, asked: &Task) -> Result<Accepted, EnqueueError> {
    let same_type = there.key == asked.key && there.task_type == asked.task_type;
    let reads_same = || same_type && app.types.reads_same(&there.task_type, &there.payload, &asked.payload);
    if there.is_same_request(asked) || reads_same() {
        return Ok(Accepted { task: there, deduplicated: true });
    }
    Err(EnqueueError::KeyUsed { id: there.key.id })
}
