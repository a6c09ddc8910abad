//! The same story with a crash at every place.

use std::{fmt, sync::Arc};

use crate::{
    registry::Registry,
    store::Everything,
    testing::{
        account::{Account, gaps},
        drive::{Process, Stop},
        faults::{Fault, Faults},
        sandbox::Sandbox,
    },
};

/// Each call has the story run twice more: with many more than these it would take minutes.
const MOST_CALLS: usize = 500;

/// What a crash has changed, in sentences. `Debug` is the same, so that `unwrap` shows them.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{when}: {what}")]
pub struct Caught {
    when: String,
    what: String,
}

/// Runs what `given` enqueues until nothing is left to come; then again and again, each time with a crash before or after
/// another call of the store or of a queue. After a crash the process is started again, the lost worker's lease runs out,
/// and somebody else takes its task up.
///
/// However it crashes, the same must come of it: the same [`Account`](crate::testing::Account), and action logs without
/// gaps. The answer is the number of crashes.
///
/// `types` and `given` are asked anew for each run; `given` itself meets no faults.
///
/// A handler that returns what it changes as effects survives; they are committed with its task's end, or not at all:
///
/// ```
/// use errand::{
///     Effect, Entity, Expect, Failure, Handler, Id, Outcome, Patch, Registry, Relations, TaskContext,
///     testing::crash_everywhere,
/// };
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Account { cents: i64 }
/// # impl Entity for Account {
/// #     const KIND: &'static str = "account";
/// #     fn relations(&self, _: &str) -> Relations { Relations::default() }
/// # }
///
/// /// Puts money into an account.
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// struct Deposit { account: Id, cents: i64 }
///
/// impl Handler for Deposit {
///     const TYPE: &'static str = "deposit";
///     type State = ();
///
///     async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
///         let more = Patch { add: [("cents".to_owned(), self.cents)].into(), ..Patch::default() };
///         let effects = vec![Effect::patch(Account::kind(), self.account.clone(), more, Expect::Any)];
///         Ok(Outcome::Complete { output: "paid in".into(), effects })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let crashes = crash_everywhere(
///     || Registry::new().add::<Deposit>(()),
///     async |sandbox| {
///         sandbox.put("ada", &Account { cents: 0 }).await;
///         sandbox.enqueue(&Deposit { account: Id::of("ada"), cents: 100 }).await;
///     },
/// );
/// assert!(crashes.await.unwrap() > 0);
/// # }
/// ```
///
/// A handler that writes by itself does not pass: after a crash behind that write it pays twice.
///
/// ```
/// # use errand::{
/// #     Entity, Expect, Failure, Handler, Id, Outcome, Registry, Relations, TaskContext,
/// #     spi::store::{self, Commit, RecordKey, RecordWrite}, testing::crash_everywhere,
/// # };
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// #
/// # #[derive(Serialize, Deserialize)]
/// # struct Account { cents: i64 }
/// #
/// # impl Entity for Account {
/// #     const KIND: &'static str = "account";
/// #     fn relations(&self, _: &str) -> Relations { Relations::default() }
/// # }
/// #
/// # /// Puts money into an account.
/// # #[derive(Serialize, Deserialize, JsonSchema)]
/// # struct Deposit { account: Id, cents: i64 }
/// #
/// impl Handler for Deposit {
/// #   const TYPE: &'static str = "deposit";
/// #   type State = ();
/// #
///     async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
///         let account = task.need::<Account>(&self.account).await?;
///         let more = Account { cents: account.value.cents + self.cents };
///         let key = RecordKey { tenant: task.task().key.tenant.clone(), kind: Account::kind(), id: account.id };
///         let put = RecordWrite::put(key, more.doc(), Expect::Version(account.version), task.now());
///         // Do not do this: it is no part of the commit that ends the task.
///         store::commit(&*task.services().store, Commit { records: vec![put], ..Commit::default() }).await?;
///         Ok(Outcome::done("paid in".into()))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let crashes = crash_everywhere(
/// #     || Registry::new().add::<Deposit>(()),
/// #     async |sandbox| {
/// #         sandbox.put("ada", &Account { cents: 0 }).await;
/// #         sandbox.enqueue(&Deposit { account: Id::of("ada"), cents: 100 }).await;
/// #     },
/// # );
/// let caught = crashes.await.unwrap_err().to_string();
/// assert!(caught.starts_with("a crash before call 4 (store.commit): "), "{caught}");
/// assert!(caught.contains(r#"account ada {"cents":200}"#), "{caught}");
/// # }
/// ```
pub async fn crash_everywhere(types: impl Fn() -> Registry, given: impl AsyncFn(&Sandbox)) -> Result<usize, Caught> {
    crash_everywhere_seeing(types, given, async |sandbox| sandbox.account()).await
}

/// The same, where `seen` tells what must be the same however the process crashes. It is asked once nothing is left to
/// come, and may look at the records, and at what stands in for a service outside. Have `types` make that anew each time.
///
/// ```
/// use std::{collections::BTreeMap, sync::{Arc, Mutex}};
///
/// use errand::{Failure, Handler, Outcome, Registry, TaskContext, testing::{Sandbox, crash_everywhere_seeing}};
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
///
/// /// Stands in for a post office that takes a letter of the same key once.
/// #[derive(Clone, Default)]
/// struct Post(Arc<Mutex<BTreeMap<String, String>>>);
///
/// /// Sends a letter.
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// struct Send { text: String }
///
/// impl Handler for Send {
///     const TYPE: &'static str = "send";
///     type State = Post;
///
///     async fn handle(&self, task: &TaskContext<'_>, post: &Post) -> Result<Outcome, Failure> {
///         post.0.lock().unwrap().insert(task.idempotency_key(), self.text.clone());
///         Ok(Outcome::done("sent".into()))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let types = || {
///     let post = Post::default();
///     Registry::new().add::<Send>(post.clone()).with(post)
/// };
/// let given = async |sandbox: &Sandbox| drop(sandbox.enqueue(&Send { text: "hello".into() }).await);
/// let crashes = crash_everywhere_seeing(types, given, async |sandbox| {
///     let sent: Vec<String> = sandbox.state::<Post>().0.lock().unwrap().values().cloned().collect();
///     (sandbox.account(), sent)
/// });
/// crashes.await.unwrap();
/// # }
/// ```
pub async fn crash_everywhere_seeing<S: PartialEq + fmt::Debug>(
    types: impl Fn() -> Registry,
    given: impl AsyncFn(&Sandbox),
    seen: impl AsyncFn(&Sandbox) -> S,
) -> Result<usize, Caught> {
    let run = async |faults: &Arc<Faults>| {
        let sandbox = Sandbox::new(types());
        given(&sandbox).await;
        let mut stop = Process::new(&sandbox, faults.clone()).drain().await;
        if stop == Stop::Crashed {
            stop = Process::new(&sandbox, Faults::none()).drain().await;
        }
        came_to_an_end(stop, &sandbox.store().everything())?;
        Ok((seen(&sandbox).await, sandbox))
    };
    let unhurt = |what| Caught { when: "without a crash".to_owned(), what };
    let counted = Faults::none();
    let (expected, sandbox) = run(&counted).await.map_err(unhurt)?;
    if sandbox.tasks().is_empty() {
        return Err(unhurt("no task was enqueued".to_owned()));
    }
    if counted.calls() > MOST_CALLS {
        return Err(unhurt(format!("there are {} calls; more than {MOST_CALLS} take too long", counted.calls())));
    }
    let mut crashes = 0;
    for (fault, place) in [(Fault::CrashBefore, "before"), (Fault::CrashAfter, "after")] {
        for nth in 0.. {
            let faults = Faults::at(nth, fault);
            let came = run(&faults).await;
            let Some(call) = faults.crashed_at() else { break };
            crashes += 1;
            let differs = match came {
                Ok((found, _)) if found == expected => continue,
                Ok((found, _)) => format!("it comes to {found:#?} in place of {expected:#?}"),
                Err(wrong) => wrong,
            };
            let when = format!("a crash {place} call {nth} ({call})");
            return Err(Caught { when, what: differs });
        }
    }
    Ok(crashes)
}

/// Whether a run ended as every run must, whatever became of its tasks; if not, how.
pub(super) fn came_to_an_end(stop: Stop, everything: &Everything) -> Result<(), String> {
    if stop == Stop::Endless {
        return Err(format!("something always comes next: {:#?}", Account::of(everything)));
    }
    let gaps = gaps(everything);
    if gaps.is_empty() { Ok(()) } else { Err(gaps.join("; ")) }
}

impl fmt::Debug for Caught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
