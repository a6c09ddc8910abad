//! `errand failures groups`.

use clap::Args;
use errand_client::Ask;

use crate::cli::{
    here::Here,
    list::{Column, at_least_one},
    trouble::Trouble,
};

/// See [`super::Failures`].
#[derive(Args)]
#[command(after_help = "Example:\n  errand failures groups")]
pub(crate) struct Groups {
    /// Of this queue alone
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,

    /// Of this project, in place of `default`
    #[arg(long, value_name = "NAME")]
    project: Option<String>,

    /// How many at most
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = at_least_one)]
    limit: usize,
}

const COLUMNS: [Column; 7] = [
    ("GROUP", |print, group| print.text(group, "/fingerprint")),
    ("QUEUE", |print, group| print.text(group, "/queue")),
    ("TYPE", |print, group| print.text(group, "/task_type")),
    ("KIND", |print, group| print.text(group, "/failure_kind")),
    ("TASKS", |print, group| print.text(group, "/tasks")),
    ("NEWEST", |print, group| print.seen(group, "/last_seen")),
    ("WHY", |print, group| print.text(group, "/message")),
];

impl Groups {
    pub(super) async fn run(self, here: &Here) -> Result<(), Trouble> {
        let queue = self.queue.unwrap_or_else(|| "*".to_owned());
        let ask = Ask::get(&["v1", "failures"]).with("queue", Some(queue)).with("project", self.project);
        here.list(ask, Some(self.limit), &COLUMNS, "nothing has failed").await
    }
}
