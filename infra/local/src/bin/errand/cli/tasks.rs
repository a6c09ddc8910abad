//! `errand tasks`.

mod act;
mod add;
mod ls;
mod show;
mod tail;

use clap::Subcommand;
pub(super) use ls::since;
pub(super) use tail::wait;

use super::{here::Here, trouble::Trouble};

/// What is done with tasks.
#[derive(Subcommand)]
pub(crate) enum Tasks {
    /// Enqueue a task, and print its id; with --wait, how it ends
    Add(add::Add),
    /// List tasks: of a queue (by default the open ones of the queue `default`), of a user, or of all
    Ls(ls::Ls),
    /// Show a task: how it is, each execution with why it ended and how long it took, payload and output
    Show(show::Show),
    /// Follow a task until it has ended; exits with 0 if it is completed, else with 1
    Tail(tail::Tail),
    /// Call tasks off
    Cancel(act::Cancel),
    /// Set tasks going again that have failed, are blocked or were called off
    Retry(act::Retry),
    /// Move the start of tasks that wait for it
    Reschedule(act::Reschedule),
}

impl Tasks {
    pub(crate) async fn run(self, here: &Here) -> Result<(), Trouble> {
        match self {
            Tasks::Add(add) => add.run(here).await,
            Tasks::Ls(ls) => ls.run(here).await,
            Tasks::Show(show) => show.run(here).await,
            Tasks::Tail(tail) => tail.run(here).await,
            Tasks::Cancel(act) => act.run(here).await,
            Tasks::Retry(act) => act.run(here).await,
            Tasks::Reschedule(act) => act.run(here).await,
        }
    }
}
