//! `errand groups`.

use clap::Subcommand;
use errand_client::Ask;
use serde_json::json;

use super::{
    acts,
    here::Here,
    list::{Column, at_least_one},
    trouble::Trouble,
};

/// What is done with groups of tasks.
#[derive(Subcommand)]
pub(crate) enum Groups {
    /// List groups, the newest first
    #[command(after_help = "Example:\n  errand groups ls --limit 100")]
    Ls {
        /// How many at most
        #[arg(long, default_value_t = 20, value_name = "N", value_parser = at_least_one)]
        limit: usize,
    },
    /// Show a group: how many of its members have ended, and how
    #[command(after_help = "Example:\n  errand groups show 0192d1f4-0000-7000-8000-000000000000")]
    Show {
        /// Which
        id: String,
    },
    /// List the members of a group
    #[command(after_help = "Example:\n  errand groups tasks 0192d1f4-0000-7000-8000-000000000000 --limit 100")]
    Tasks {
        /// Of which
        id: String,
        /// How many at most
        #[arg(long, default_value_t = 20, value_name = "N", value_parser = at_least_one)]
        limit: usize,
    },
    /// Call groups off, with their members
    #[command(after_help = "Example:\n  errand groups cancel 0192d1f4-0000-7000-8000-000000000000")]
    Cancel {
        /// Which
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

const COLUMNS: [Column; 7] = [
    ("ID", |print, one| print.text(one, "/id")),
    ("NAME", |print, one| print.text(one, "/name")),
    ("STATUS", |print, one| print.status(one, "/status")),
    ("MEMBERS", |print, one| print.text(one, "/total")),
    ("ENDED", |print, one| print.text(one, "/ended")),
    ("FAILED", |print, one| print.text(one, "/failed")),
    ("CREATED", |print, one| print.seen(one, "/created_at")),
];

const MEMBERS: [Column; 5] = [
    ("NTH", |print, one| print.text(one, "/index")),
    ("TASK", |print, one| print.text(one, "/task/id")),
    ("TYPE", |print, one| print.text(one, "/task/task_type")),
    ("STATUS", |print, one| print.status(one, "/task/status")),
    ("CHANGED", |print, one| print.seen(one, "/task/updated_at")),
];

impl Groups {
    pub(crate) async fn run(self, here: &Here) -> Result<(), Trouble> {
        let id = match self {
            Groups::Ls { limit } => {
                return here.list(Ask::get(&["v1", "groups"]), Some(limit), &COLUMNS, "there are no groups").await;
            }
            Groups::Tasks { id, limit } => {
                let ask = Ask::get(&["v1", "groups", &id, "tasks"]);
                return here.list(ask, Some(limit), &MEMBERS, "it has no members").await;
            }
            Groups::Cancel { ids } => {
                let ask = |id: &str| Ask::post(&["v1", "groups", id, "cancel"], json!({}), acts::key());
                return here.act(&ids, "called off", ask).await;
            }
            Groups::Show { id } => id,
        };
        let (print, group) = (here.print, here.remote.ask(&Ask::get(&["v1", "groups", &id])).await?);
        if print.json {
            return print.json(&group);
        }
        let text = |field: &str| print.text(&group, field);
        print.fields(&[
            ("group", text("/id")),
            ("name", text("/name")),
            ("status", print.status(&group, "/status")),
            ("policy", text("/policy")),
            ("members", text("/total")),
            ("ended", text("/ended")),
            ("failed", text("/failed")),
            ("over", text("/over")),
            ("created", print.seen(&group, "/created_at")),
        ])
    }
}
