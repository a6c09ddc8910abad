//! `errand tasks ls`.

use clap::Args;
use errand::{
    Timestamp,
    spi::clock::{Clock, SystemClock},
};
use errand_client::Ask;

use crate::cli::{
    here::Here,
    list::{Column, at_least_one},
    trouble::Trouble,
    when,
};

const EXAMPLES: &str = "Examples:
  errand tasks ls --status failed --type resize --limit 100
  errand tasks ls --queue '*' --status all --since 1h --json | jq .id";

/// See [`super::Tasks`].
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Ls {
    /// pending, running, waiting, completed, failed, cancelled, blocked; `open` for the first three, `all`
    #[arg(long)]
    status: Option<String>,

    /// Of this type alone
    #[arg(long = "type", value_name = "TYPE")]
    task_type: Option<String>,

    /// Of this queue; `*` for all queues
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,

    /// Of this project
    #[arg(long, value_name = "NAME")]
    project: Option<String>,

    /// Of this lane alone
    #[arg(long, value_name = "NAME")]
    lane: Option<String>,

    /// Of this user, in place of a queue
    #[arg(long, value_name = "ID")]
    user: Option<String>,

    /// Those that follow from this task, in place of a queue
    #[arg(long, value_name = "ID")]
    parent: Option<String>,

    /// Those that have changed since: how long ago, such as 2h, or a time
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<Timestamp>,

    /// How many at most
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = at_least_one)]
    limit: usize,
}

/// A time, or how long ago it was.
pub(crate) fn since(text: &str) -> Result<Timestamp, String> {
    when::time_or_ago(text, SystemClock.now())
}

/// What a list of tasks shows of each.
pub(crate) const COLUMNS: [Column; 6] = [
    ("ID", |print, task| print.text(task, "/id")),
    ("TYPE", |print, task| print.text(task, "/task_type")),
    ("STATUS", |print, task| print.status(task, "/status")),
    ("TRIES", |print, task| print.text(task, "/executions")),
    ("CHANGED", |print, task| print.seen(task, "/updated_at")),
    ("WHY", |print, task| {
        let said = ["/failure/message", "/reason"].map(|field| print.text(task, field)).concat();
        match &*said {
            "" if task.pointer("/status").is_some_and(|status| status == "pending") => {
                format!("due {}", print.seen(task, "/run_at"))
            }
            _ => said,
        }
    }),
];

impl Ls {
    pub(super) async fn run(self, here: &Here) -> Result<(), Trouble> {
        let ask = Ask::get(&["v1", "tasks"])
            .with("status", self.status)
            .with("type", self.task_type)
            .with("queue", self.queue)
            .with("project", self.project)
            .with("lane", self.lane)
            .with("user_id", self.user)
            .with("parent_id", self.parent)
            .with("updated_after", self.since);
        here.list(ask, Some(self.limit), &COLUMNS, "no such tasks").await
    }
}
