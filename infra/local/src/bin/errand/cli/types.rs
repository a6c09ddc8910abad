//! `errand types`.

use clap::Subcommand;
use errand_client::Ask;
use serde_json::Value;

use super::{here::Here, list::Column, trouble::Trouble};

/// What is asked of task types.
#[derive(Subcommand)]
pub(crate) enum Types {
    /// List the task types there are
    #[command(after_help = "Example:\n  errand types ls")]
    Ls,
    /// Show a task type: what it does, who does it, and the schema of its payload
    #[command(after_help = "Example:\n  errand types show resize")]
    Show {
        /// Which
        name: String,
    },
}

const COLUMNS: [Column; 3] = [
    ("TYPE", |print, one| print.text(one, "/name")),
    ("DONE BY", |print, one| match print.text(one, "/run/kind") {
        kind if kind.is_empty() => "errand".to_owned(),
        kind => kind,
    }),
    ("WHAT", |print, one| print.text(one, "/description")),
];

impl Types {
    pub(crate) async fn run(self, here: &Here) -> Result<(), Trouble> {
        let name = match self {
            Types::Ls => return here.list(Ask::get(&["v1", "task-types"]), None, &COLUMNS, "no types").await,
            Types::Show { name } => name,
        };
        let (print, one) = (here.print, here.remote.ask(&Ask::get(&["v1", "task-types", &name])).await?);
        if print.json {
            return print.json(&one);
        }
        print.fields(&[
            ("type", print.text(&one, "/name")),
            ("what", print.text(&one, "/description")),
            ("done by", print.text(&one, "/run/kind")),
            ("target", print.text(&one, "/run/url")),
            ("timeout", print.text(&one, "/timeout_s")),
            ("retries", print.text(&one, "/max_retries")),
            ("pool", print.text(&one, "/pool")),
        ])?;
        for (heading, field) in [("Payload", "schema"), ("Example", "example")] {
            if let Some(value) = one.get(field).filter(|value| **value != Value::Null) {
                print.heading(heading)?;
                print.pretty(value)?;
            }
        }
        Ok(())
    }
}
