//! `errand runs`.

mod acts;
mod follow;
mod ls;
mod start;

use clap::Subcommand;

use super::{here::Here, trouble::Trouble};

/// What is done with agents' runs.
#[derive(Subcommand)]
pub(crate) enum Runs {
    /// Start a run, and print its id; with --follow, what happens in it
    Start(start::Start),
    /// List runs, the newest first
    Ls(ls::Ls),
    /// Follow what happens in a run until it has ended; exits with 0 if it is completed, else with 1
    Follow(follow::Follow),
    /// Say a word into a run that goes on
    Steer(acts::Steer),
    /// Answer what a blocked run waits for: it is set going again with that
    Answer(acts::Answer),
    /// Call runs off
    Cancel(acts::Cancel),
}

impl Runs {
    pub(crate) async fn run(self, here: &Here) -> Result<(), Trouble> {
        match self {
            Runs::Start(start) => start.run(here).await,
            Runs::Ls(ls) => ls.run(here).await,
            Runs::Follow(follow) => follow.run(here).await,
            Runs::Steer(steer) => steer.run(here).await,
            Runs::Answer(answer) => answer.run(here).await,
            Runs::Cancel(cancel) => cancel.run(here).await,
        }
    }
}
