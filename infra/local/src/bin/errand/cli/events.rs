//! `errand events`.

use clap::Subcommand;
use errand_client::{Ask, Code, RemoteError, Watched};
use serde_json::Value;

use super::{here::Here, trouble::Trouble};

/// What is asked of events.
#[derive(Subcommand)]
pub(crate) enum Events {
    /// Follow what is told: the ends of tasks, and what handlers publish; on one machine
    #[command(after_help = "Example:\n  errand events tail --types 'task.failed,order.*'")]
    Tail {
        /// Only these types, comma-separated: whole, or how they begin (`order.*`)
        #[arg(long)]
        types: Option<String>,
        /// Only what is about this task
        #[arg(long, value_name = "ID")]
        task: Option<String>,
        /// All that is kept, from the oldest on, and not only what comes from now on
        #[arg(long)]
        from_start: bool,
        /// Only what comes after this place: an event's `cursor`
        #[arg(long, value_name = "CURSOR", conflicts_with = "from_start")]
        after: Option<String>,
    },
}

/// Of no task: what is asked for by it is looked through and not sent, many events at a time.
const NO_TASK: &str = "00000000-0000-0000-0000-000000000000";

impl Events {
    pub(crate) async fn run(self, here: &Here) -> Result<(), Trouble> {
        let Events::Tail { types, task, from_start, after } = self;
        let ask = || Ask::get(&["v1", "events"]).with("types", types.clone()).with("task_id", task.clone());
        let place = match after {
            None if !from_start => newest(here).await?,
            given => given,
        };
        let mut follow = here.remote.follow(ask(), Watched::List { parameter: "after", field: "cursor" }).after(place);
        while let Some(event) = here.heard(&mut follow).await? {
            told(here, &event)?;
        }
        Ok(())
    }
}

/// The place of the newest event; none if there is none. A list is read from its oldest on: the server passes over all that
/// is in it.
async fn newest(here: &Here) -> Result<Option<String>, Trouble> {
    let mut place: Option<String> = None;
    loop {
        let ask = Ask::get(&["v1", "events"]).with("task_id", Some(NO_TASK)).with("after", place.clone());
        let page = here.remote.ask(&ask).await.map_err(|error| match error {
            RemoteError::Refused(refusal) if refusal.code == Code::NotFound => Trouble::Failed(
                "this installation keeps no list of events: on AWS they are on its event bus".to_owned(),
            ),
            other => other.into(),
        })?;
        let next = page.get("cursor").and_then(Value::as_str).map(str::to_owned);
        if next.is_none() || next == place {
            return Ok(place);
        }
        place = next;
    }
}

fn told(here: &Here, event: &Value) -> Result<(), Trouble> {
    let print = here.print;
    if print.json {
        return print.json(event);
    }
    let text = |field: &str| print.text(event, field);
    let line = [text("/time"), text("/type"), text("/subject"), text("/task_type"), text("/data")].join("  ");
    print.line(line.trim_end())
}
