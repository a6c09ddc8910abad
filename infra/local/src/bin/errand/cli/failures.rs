//! `errand failures`.

mod groups;
mod ls;
mod places;
mod redrive;

use clap::{Args, Subcommand};
use errand::Timestamp;
use errand_client::Ask;
use serde_json::{Map, Value, json};

use super::{here::Here, tasks::since, trouble::Trouble};

/// What is done with tasks that failed for good.
#[derive(Subcommand)]
pub(crate) enum Failures {
    /// List what they failed of, the newest first, with how many each time
    Groups(groups::Groups),
    /// List tasks that failed for good, the newest first
    Ls(ls::Ls),
    /// Set such tasks going again; with --dry-run, show which that would be
    Redrive(redrive::Redrive),
}

impl Failures {
    pub(crate) async fn run(self, here: &Here) -> Result<(), Trouble> {
        match self {
            Failures::Groups(groups) => groups.run(here).await,
            Failures::Ls(ls) => ls.run(here).await,
            Failures::Redrive(redrive) => redrive.run(here).await,
        }
    }
}

/// Which of them.
#[derive(Args)]
struct Which {
    /// Of this type alone
    #[arg(long = "type", value_name = "TYPE")]
    task_type: Option<String>,

    /// That failed of this alone, such as backend or timeout
    #[arg(long)]
    kind: Option<String>,

    /// That failed of the same: of this group of `errand failures groups`
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,

    /// Of this queue, in place of `default` or of the group's own
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,

    /// Of this project, in place of `default` or of the group's own
    #[arg(long, value_name = "NAME")]
    project: Option<String>,

    /// Of this lane alone
    #[arg(long, value_name = "NAME")]
    lane: Option<String>,

    /// That have failed since: how long ago, such as 2h, or a time
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<Timestamp>,

    /// That had failed by then
    #[arg(long, value_name = "WHEN", value_parser = since)]
    until: Option<Timestamp>,
}

impl Which {
    /// By the API's names.
    fn fields(&self) -> [(&'static str, Option<String>); 8] {
        [
            ("type", self.task_type.clone()),
            ("failure_kind", self.kind.clone()),
            ("fingerprint", self.group.clone()),
            ("queue", self.queue.clone()),
            ("project", self.project.clone()),
            ("lane", self.lane.clone()),
            ("ended_after", self.since.map(|at| at.to_string())),
            ("ended_before", self.until.map(|at| at.to_string())),
        ]
    }

    fn ask(&self) -> Ask {
        let list = Ask::get(&["v1", "dead-letters"]);
        self.fields().into_iter().fold(list, |ask, (name, value)| ask.with(name, value))
    }

    fn filter(&self) -> Map<String, Value> {
        self.fields().into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))).collect()
    }
}
