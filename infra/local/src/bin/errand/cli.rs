//! The commands that ask a server, here or elsewhere, as its people do: all by its HTTP API.

mod acts;
mod aws;
mod completions;
mod context;
mod contexts;
mod dashboard;
mod erase;
mod events;
mod failures;
mod groups;
mod health;
mod here;
mod input;
mod list;
mod print;
mod runs;
mod schedules;
mod tasks;
mod trouble;
mod types;
mod when;
mod workers;

use std::process::ExitCode;

use clap::Subcommand;
use here::{Here, To};
pub(crate) use print::Printer;
pub(crate) use trouble::Trouble;
pub(crate) use when::length;

/// What a server is asked.
#[derive(Subcommand)]
pub(crate) enum Asked {
    /// Enqueue, look at and act on tasks
    Tasks {
        #[command(flatten)]
        to: To,
        #[command(subcommand)]
        command: tasks::Tasks,
    },
    /// Look at tasks that failed for good, and set them going again
    Failures {
        #[command(flatten)]
        to: To,
        #[command(subcommand)]
        command: failures::Failures,
    },
    /// Look at the task types there are
    Types {
        #[command(flatten)]
        to: To,
        #[command(subcommand)]
        command: types::Types,
    },
    /// Look at and act on schedules
    Schedules {
        #[command(flatten)]
        to: To,
        #[command(subcommand)]
        command: schedules::Schedules,
    },
    /// Look at and act on groups of tasks
    Groups {
        #[command(flatten)]
        to: To,
        #[command(subcommand)]
        command: groups::Groups,
    },
    /// Look at workers outside
    Workers {
        #[command(flatten)]
        to: To,
        #[command(subcommand)]
        command: workers::Workers,
    },
    /// Start, follow and steer agents' runs
    Runs {
        #[command(flatten)]
        to: To,
        #[command(subcommand)]
        command: runs::Runs,
    },
    /// Remove all that is a user's, for good
    Erase {
        #[command(flatten)]
        whom: erase::Whom,
        #[command(flatten)]
        to: To,
    },
    /// Follow what is told
    Events {
        #[command(flatten)]
        to: To,
        #[command(subcommand)]
        command: events::Events,
    },
    /// Whether a server can do its work, and that it does
    Health(health::Health),
    /// Show the dashboard of a server elsewhere, on this machine
    Dashboard(dashboard::Dashboard),
    /// Name servers, and choose which one is asked
    Context {
        #[command(subcommand)]
        command: context::Context,
    },
    /// Print what has a shell complete these commands
    Completions(completions::Completions),
}

/// Does it; the exit code says what came of it: 0, 1 if what was asked failed, 2 if it was asked wrongly, 3 if nobody
/// answers.
pub(crate) fn run(asked: Asked) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.map_err(Trouble::from).and_then(|runtime| runtime.block_on(asked.run()));
    done.map_or_else(|trouble| trouble.told(), |()| ExitCode::SUCCESS)
}

impl Asked {
    async fn run(self) -> Result<(), Trouble> {
        match self {
            Asked::Tasks { to, command } => command.run(&Here::of(to)?).await,
            Asked::Failures { to, command } => command.run(&Here::of(to)?).await,
            Asked::Types { to, command } => command.run(&Here::of(to)?).await,
            Asked::Schedules { to, command } => command.run(&Here::of(to)?).await,
            Asked::Groups { to, command } => command.run(&Here::of(to)?).await,
            Asked::Workers { to, command } => command.run(&Here::of(to)?).await,
            Asked::Runs { to, command } => command.run(&Here::of(to)?).await,
            Asked::Erase { whom, to } => whom.run(&Here::of(to)?).await,
            Asked::Events { to, command } => command.run(&Here::of(to)?).await,
            Asked::Health(health) => health.run().await,
            Asked::Dashboard(dashboard) => dashboard.run().await,
            Asked::Context { command } => command.run(),
            Asked::Completions(completions) => completions.run(),
        }
    }
}
