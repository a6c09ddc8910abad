//! Sets failed tasks going again, many at a time.
//!
//! A task leaves the list of failed ones with its redrive, and what fails again stands before the place where the list
//! goes on. So a call that broke off is made again with the same cursor, or by two people at once, without redriving
//! anything twice: each redrive holds only for the executions that the task had failed at when it was listed.

mod cursor;
mod letters;

use std::time::Duration;

use futures::future::join_all;
use tracing::warn;

pub use cursor::Cursor;
pub use letters::{DeadLetterFilter, DeadLetters};

use crate::{
    app::App,
    change::{ChangeError, With, change},
    clock::Timestamp,
    ids::Name,
    json::read::FieldError,
    lifecycle::{Task, Trigger},
    notify::notify,
    operate::check_note,
    redact::chain,
    store::StoreError,
};

/// How many tasks are redriven at the same time.
pub const PAGE: usize = 100;

/// The most tasks that one call redrives.
pub const MAX_REDRIVES: usize = 1000;

/// Which failed tasks are set going again, how many of them and how fast.
///
/// ```
/// # use errand::{Failure, Handler, Outcome, Registry, TaskContext};
/// # /// Sends a letter.
/// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
/// # struct Send {}
/// # impl Handler for Send {
/// #     const TYPE: &'static str = "send";
/// #     type State = ();
/// #     async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
/// #         match task.redrive_note() {
/// #             Some(_) => Ok(Outcome::done(0.into())),
/// #             None => Err(Failure::permanent("the mailbox is full")),
/// #         }
/// #     }
/// # }
/// use errand::{DeadLetterFilter, Redrive, Status, testing::Sandbox};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let sandbox = Sandbox::new(Registry::new().add::<Send>(()));
/// let failed = sandbox.run(&Send {}).await;
/// assert_eq!(failed.status(), Status::Failed);
///
/// let client = sandbox.client();
/// let note = Some("the mailbox has room again".to_owned());
/// let mut redrive = Redrive { rate: Some(10.0), note, ..Redrive::of(DeadLetterFilter::default()) };
/// loop {
///     let progress = client.redrive(&redrive).await.unwrap();
///     let Some(next) = progress.next else { break };
///     redrive.from = next;
/// }
/// assert_eq!(sandbox.execute(failed.key()).await.status(), Status::Completed);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Redrive {
    /// Which failed tasks are set going again.
    pub filter: DeadLetterFilter,
    /// Where to go on: [`Progress::next`] of the call before; by default with the one that failed last.
    pub from: Cursor,
    /// How many tasks one call takes up at most, 1 to [`MAX_REDRIVES`].
    pub limit: usize,
    /// How many of them may start each second, 0.001 to 1,000: the starts are spread over the time that takes. Without
    /// one, all at once.
    pub rate: Option<f64>,
    /// A word to the handlers and the log; at most 4 KiB.
    pub note: Option<String>,
}

/// How far a redrive came.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Tasks set going again.
    pub done: usize,
    /// Tasks that had failed when they were listed, and were no longer so, or of another failure, when it came to it.
    pub skipped: usize,
    /// Where the next call goes on; `None` at the end.
    pub next: Option<Cursor>,
}

impl Redrive {
    /// Of those that `filter` names, as many as one call takes up.
    pub fn of(filter: DeadLetterFilter) -> Self {
        Self { filter, from: Cursor::default(), limit: MAX_REDRIVES, rate: None, note: None }
    }

    /// Refuses what is out of range.
    pub fn check(&self) -> Result<(), FieldError> {
        check_limit(self.limit)?;
        check_rate(self.rate)?;
        check_note(self.note.as_deref())
    }

    /// How long after one task the next may start. Their times are spread, rather than the redrives: a call then takes
    /// no longer, and a crash leaves no task without its time.
    fn gap(&self) -> Option<Duration> {
        self.rate.map(|per_second| Duration::from_secs_f64(per_second.recip()))
    }
}

/// Refuses a number of tasks that one call does not take up.
pub fn check_limit(limit: usize) -> Result<(), FieldError> {
    if (1..=MAX_REDRIVES).contains(&limit) {
        return Ok(());
    }
    Err(FieldError::at("limit", format!("expected a number from 1 to {MAX_REDRIVES}, found {limit}")))
}

/// Refuses a rate that is out of range.
pub fn check_rate(rate: Option<f64>) -> Result<(), FieldError> {
    match rate {
        Some(rate) if !(0.001..=1000.0).contains(&rate) => {
            Err(FieldError::at("rate", format!("expected tasks per second, from 0.001 to 1000, found {rate}")))
        }
        _ => Ok(()),
    }
}

/// One call: for whom a redrive is carried out, and how.
pub struct Call<'a> {
    /// The installation whose store has the tasks.
    pub app: &'a App,
    /// The tenant whose tasks are set going again.
    pub tenant: Name,
    /// Who asks for it; it is logged.
    pub by: String,
    /// After this no further task is taken up.
    pub until: Timestamp,
    /// What is committed with each redrive.
    pub with: &'a (dyn Fn(&Task) -> With + Sync),
}

impl Call<'_> {
    /// Page by page, until it is done or enough. What the store does not do ends the call, whose cursor then leads to
    /// that page again; if nothing was done at all, it is the answer.
    pub async fn redrive(&self, what: &Redrive) -> Result<Progress, StoreError> {
        let (letters, mut at) = (DeadLetters::of(self.tenant.clone(), what.filter.clone()), what.from);
        let mut came = Progress::default();
        let mut start = self.app.clock.now().max(at.start.unwrap_or_default());
        loop {
            let size = what.limit.saturating_sub(came.done + came.skipped).clamp(1, PAGE);
            let page = match letters.page(&*self.app.store, at.place, size).await {
                Ok(page) => page,
                Err(problem) => return given_up(came, at, problem),
            };
            let run_at = |nth: u32| what.gap().map(|gap| start + gap * nth);
            let redriven = (0..).zip(&page.items).map(|(nth, task)| self.one(what, task, run_at(nth)));
            let (redriven, problem) = count(&mut came, join_all(redriven).await);
            // Their `wake_at` covers a crash here.
            notify(self.app, &redriven).await;
            if let Some(gap) = what.gap() {
                start = start + gap * u32::try_from(page.items.len()).unwrap_or(u32::MAX);
                at.start = Some(start);
            }
            if let Some(problem) = problem {
                at.begin_with(page.items.first());
                return given_up(came, at, problem);
            }
            at.place = page.next;
            if at.place.is_none() {
                return Ok(came);
            }
            if came.done + came.skipped >= what.limit || self.app.clock.now() >= self.until {
                return Ok(Progress { next: Some(at), ..came });
            }
        }
    }

    async fn one(&self, what: &Redrive, task: &Task, run_at: Option<Timestamp>) -> Result<Task, ChangeError> {
        let (note, by) = (what.note.clone(), self.by.clone());
        let trigger = Trigger::Redrive { note, by, failed_at: Some(task.executions), run_at };
        change(self.app, task, trigger, (self.with)(task)).await
    }
}

/// Counts what came of a page: the tasks that were redriven, and what the store did not do.
fn count(progress: &mut Progress, came: Vec<Result<Task, ChangeError>>) -> (Vec<Task>, Option<StoreError>) {
    let (mut redriven, mut problem) = (Vec::new(), None);
    for one in came {
        match one {
            Ok(task) => {
                progress.done += 1;
                redriven.push(task);
            }
            // Somebody was faster; or this very request, before.
            Err(ChangeError::Rejected(_) | ChangeError::Gone | ChangeError::Effect(_)) => progress.skipped += 1,
            Err(ChangeError::Store(error)) => problem = Some(error),
        }
    }
    (redriven, problem)
}

fn given_up(came: Progress, at: Cursor, problem: StoreError) -> Result<Progress, StoreError> {
    if came.done == 0 {
        return Err(problem);
    }
    warn!(error = %chain(&problem), done = came.done, "a redrive broke off; its cursor goes on");
    Ok(Progress { next: Some(at), ..came })
}
