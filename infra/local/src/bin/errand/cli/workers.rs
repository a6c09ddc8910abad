//! `errand workers`.

use clap::Subcommand;
use errand_client::Ask;

use super::{
    here::Here,
    list::{Column, at_least_one},
    trouble::Trouble,
};

/// What is asked of workers.
#[derive(Subcommand)]
pub(crate) enum Workers {
    /// List the workers that have registered, with when each was last heard of
    #[command(after_help = "Example:\n  errand workers ls")]
    Ls {
        /// How many at most
        #[arg(long, default_value_t = 100, value_name = "N", value_parser = at_least_one)]
        limit: usize,
    },
}

const COLUMNS: [Column; 6] = [
    ("ID", |print, one| print.text(one, "/id")),
    ("TYPES", |print, one| print.text(one, "/task_types").replace(['[', ']', '"'], "").replace(',', ", ")),
    ("POOL", |print, one| print.text(one, "/pool")),
    ("STATE", |print, one| print.text(one, "/state")),
    ("SEEN", |print, one| print.seen(one, "/last_seen_at")),
    ("VERSION", |print, one| print.text(one, "/version")),
];

impl Workers {
    pub(crate) async fn run(self, here: &Here) -> Result<(), Trouble> {
        let Workers::Ls { limit } = self;
        here.list(Ask::get(&["v1", "workers"]), Some(limit), &COLUMNS, "no worker has registered").await
    }
}
