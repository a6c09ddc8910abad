//! A task type: what it is given, how it is run, and what it decides about its tasks.

mod context;
mod failure;
mod outcome;
mod schedule;

use std::future::Future;

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

pub(crate) use context::STEP;
pub use context::TaskContext;
pub use failure::Failure;
pub(crate) use failure::Retry;
pub use outcome::Outcome;
pub use schedule::{CarriedSchedule, CatchUp, Overlap, SchedulePolicy, ScheduleSpec};

use crate::{
    effects::Effect,
    ids::{Id, Name},
    json::read::FieldError,
    lifecycle::{
        Asked, Dispatch, Report, Task,
        retry::{MAX_SNOOZES, RetryPolicy},
    },
    store::StoreError,
};

/// What a type decides about its tasks.
///
/// ```
/// use errand::{RetryPolicy, Settings};
///
/// let retry = RetryPolicy { jitter: 0.0, ..RetryPolicy::default() };
/// let settings = Settings { timeout_s: 300, retry, ..Settings::default() };
/// assert_eq!(settings.max_snoozes, 100);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Seconds one execution may take, if the request names none.
    pub timeout_s: u32,
    /// How many failures are followed by another try, if the request does not say; `None`: as many as the installation
    /// says.
    pub max_retries: Option<u32>,
    /// Whether an execution usually takes longer than some five seconds, as one that asks a model does. Such tasks ride
    /// apart ([`QueueName::of`]), whatever their payload: those that share a batch end together.
    ///
    /// [`QueueName::of`]: crate::queue::QueueName::of
    pub is_slow: bool,
    /// How it waits between its tries.
    pub retry: RetryPolicy,
    /// How often it may snooze in a drive.
    pub max_snoozes: u32,
    /// How who runs its tasks hears of them.
    pub dispatch: Dispatch,
    /// If a task of this type is no use by itself: what to do in place of enqueueing one. It completes the error of whoever
    /// tries, by a client or over HTTP.
    pub instead: Option<&'static str>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout_s: Task::TIMEOUT_S,
            max_retries: None,
            is_slow: false,
            retry: RetryPolicy::default(),
            max_snoozes: MAX_SNOOZES,
            dispatch: Dispatch::default(),
            instead: None,
        }
    }
}

impl Settings {
    /// Of a type that waits for a model.
    pub fn asking_a_model() -> Self {
        Self { timeout_s: 60, is_slow: true, ..Self::default() }
    }
}

/// One task type: the struct is the payload. Its documentation, fields and example (`#[schemars(example = …)]`) are
/// what `GET /v1/task-types` tells of it.
///
/// ```
/// use errand::{Failure, Handler, Outcome, Registry, Settings, TaskContext, testing::Sandbox};
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use serde_json::json;
///
/// /// Sends mail, or stands in for what does. Cheap to clone.
/// #[derive(Clone)]
/// struct Mailer;
///
/// impl Mailer {
///     /// The number that the mail got. Sent again with the same key, it is the same mail.
///     async fn send(&self, to: &str, key: &str) -> Result<u32, std::io::Error> {
///         # let _ = key;
///         Ok(to.len() as u32)
///     }
/// }
///
/// /// Greets somebody who is new.
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// #[schemars(example = Greet { address: "ada@example.org".into() })]
/// struct Greet {
///     /// Where to.
///     address: String,
/// }
///
/// impl Handler for Greet {
///     const TYPE: &'static str = "greet";
///     type State = Mailer;
///
///     fn settings() -> Settings {
///         Settings { timeout_s: 10, ..Settings::default() }
///     }
///
///     async fn handle(&self, task: &TaskContext<'_>, mailer: &Mailer) -> Result<Outcome, Failure> {
///         if !self.address.contains('@') {
///             return Err(Failure::permanent("that is no address"));
///         }
///         // `?` is a failure that is tried again.
///         let number = mailer.send(&self.address, &task.idempotency_key()).await?;
///         Ok(Outcome::done(json!({"mail": number})))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let sandbox = Sandbox::new(Registry::new().add::<Greet>(Mailer));
/// assert_eq!(sandbox.run(&Greet { address: "ada@example.org".into() }).await.output(), json!({"mail": 15}));
/// let ended = sandbox.run(&Greet { address: "ada".into() }).await;
/// assert_eq!(ended.failure().unwrap().message, "that is no address");
/// # }
/// ```
pub trait Handler: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// Its name, which stands in every stored task: never renamed.
    const TYPE: &'static str;

    /// Its clients and settings, handed in where the type is registered.
    type State: Clone + Send + Sync + 'static;

    /// What the type decides about its tasks.
    fn settings() -> Settings {
        Settings::default()
    }

    /// When tasks of this type are made without anybody asking for them; `None`: only when somebody does.
    fn schedule() -> Option<CarriedSchedule<Self>> {
        None
    }

    /// Whether a new task may be like `new`, besides what its payload's form demands: about a user, say, or not about
    /// nothing. What it is refused for names its field. Asked as it is accepted, and never of a stored one.
    fn admits(&self, _new: &Asked) -> Result<(), FieldError> {
        Ok(())
    }

    /// Runs the task once. Reads through `task` and returns what is to be written; see [`Failure`] for errors.
    fn handle(
        &self,
        task: &TaskContext<'_>,
        state: &Self::State,
    ) -> impl Future<Output = Result<Outcome, Failure>> + Send;

    /// What else ends with the task when it becomes `ended`, whoever ends it: an outcome of `handle`, its last failure,
    /// the poller's last reap, an operator's cancel, an expiry. Committed with the end. Of what has changed meanwhile it
    /// is asked again, unless the effect is one to skip; if it cannot be told, the task does not end yet.
    fn ended(
        &self,
        _task: &TaskContext<'_>,
        _ended: &Task,
        _state: &Self::State,
    ) -> impl Future<Output = Result<Vec<Effect>, StoreError>> + Send {
        async { Ok(Vec::new()) }
    }

    /// What else changes when the task waits, again or still, as `waiting`; committed and asked again as with `ended`.
    /// Asked of tasks that are pulled ([`Dispatch::Pulled`]), and of one whose worker was lost or whose start an operator
    /// puts off: every other task is announced to a worker, which decides itself.
    fn waits(
        &self,
        _task: &TaskContext<'_>,
        _waiting: &Task,
        _state: &Self::State,
    ) -> impl Future<Output = Result<Vec<Effect>, StoreError>> + Send {
        async { Ok(Vec::new()) }
    }

    /// What the execution that now ends has used, where the type keeps account of that itself: it stands in the row of the
    /// action log, whoever ends the execution, and a worker that was lost has told nobody else. What it leaves open is as
    /// [`TaskContext::uses`] was told. Asked after `ended` and `waits`: while what these build on stands, so does this.
    fn used(
        &self,
        _task: &TaskContext<'_>,
        _state: &Self::State,
    ) -> impl Future<Output = Result<Report, StoreError>> + Send {
        async { Ok(Report::default()) }
    }

    /// The id of the run that does `task` in its present drive, for types whose tasks are done as runs: there once that has
    /// begun.
    fn run_id(_task: &Task) -> Option<Id> {
        None
    }

    /// Which of the workers of this type a task like this is for, where workers outside ask for it
    /// ([`Dispatch::Pulled`]); `None`: the pool that most have.
    fn pool(&self) -> Option<Name> {
        None
    }

    /// Where what the task `id` does can be followed once it has begun, as a path of the API.
    fn session_path(&self, _id: Uuid) -> Option<String> {
        None
    }
}
