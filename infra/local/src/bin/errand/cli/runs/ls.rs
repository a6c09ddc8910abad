//! `errand runs ls`.

use clap::Args;
use errand_client::Ask;

use crate::cli::{
    here::Here,
    list::{Column, at_least_one},
    trouble::Trouble,
};

/// See [`super::Runs`].
#[derive(Args)]
#[command(after_help = "Example:\n  errand runs ls --status blocked")]
pub(crate) struct Ls {
    /// pending, claimed, running, completed, failed, cancelled, blocked
    #[arg(long)]
    status: Option<String>,

    /// Of this profile alone
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// Of this project, in place of `default`
    #[arg(long, value_name = "NAME", conflicts_with = "session")]
    project: Option<String>,

    /// Of this session
    #[arg(long, value_name = "ID")]
    session: Option<String>,

    /// How many at most
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = at_least_one)]
    limit: usize,
}

const COLUMNS: [Column; 6] = [
    ("ID", |print, run| print.text(run, "/id")),
    ("PROFILE", |print, run| print.text(run, "/profile")),
    ("STATUS", |print, run| print.status(run, "/status")),
    ("TOKENS", |print, run| format!("{} / {}", print.text(run, "/tokens_in"), print.text(run, "/tokens_out"))),
    ("COST", |print, run| print.text(run, "/cost_usd")),
    ("WHAT", |print, run| print.text(run, "/message_preview")),
];

impl Ls {
    pub(super) async fn run(self, here: &Here) -> Result<(), Trouble> {
        let ask = Ask::get(&["v1", "runs"])
            .with("status", self.status)
            .with("profile", self.profile)
            .with("project", self.project)
            .with("session_id", self.session);
        here.list(ask, Some(self.limit), &COLUMNS, "no such runs").await
    }
}
