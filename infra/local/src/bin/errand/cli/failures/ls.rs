//! `errand failures ls`.

use clap::Args;

use super::Which;
use crate::cli::{
    here::Here,
    list::{Column, at_least_one},
    trouble::Trouble,
};

/// See [`super::Failures`].
#[derive(Args)]
#[command(after_help = "Example:\n  errand failures ls --type resize --since 2h")]
pub(crate) struct Ls {
    #[command(flatten)]
    which: Which,

    /// How many at most
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = at_least_one)]
    limit: usize,
}

const COLUMNS: [Column; 6] = [
    ("ID", |print, task| print.text(task, "/id")),
    ("TYPE", |print, task| print.text(task, "/task_type")),
    ("KIND", |print, task| print.text(task, "/failure/kind")),
    ("TRIES", |print, task| print.text(task, "/executions")),
    ("FAILED", |print, task| print.seen(task, "/ended_at")),
    ("WHY", |print, task| print.text(task, "/failure/message")),
];

impl Ls {
    pub(super) async fn run(self, here: &Here) -> Result<(), Trouble> {
        let which = self.which.placed(here).await?;
        here.list(which.ask(), Some(self.limit), &COLUMNS, "no such failures").await
    }
}
