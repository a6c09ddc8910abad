//! `errand tasks add`.

use std::time::Duration;

use clap::Args;
use errand::Timestamp;
use errand_client::Ask;
use serde_json::{Map, Value, json};

use super::tail;
use crate::cli::{acts, here::Here, input, trouble::Trouble, when};

const EXAMPLES: &str = "Examples:
  errand tasks add resize '{\"width\": 400}' --wait
  errand tasks add digest --in 10m --user ada --key digest-2026-11-20
  jq -c .order order.json | errand tasks add ship -";

/// See [`super::Tasks`].
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Add {
    /// What is to be done: a task type
    #[arg(value_name = "TYPE")]
    task_type: String,

    /// What it is given: JSON, `-` for standard input, or @FILE
    #[arg(default_value = "{}", value_name = "JSON|-|@FILE")]
    payload: String,

    /// The user it is about
    #[arg(long, value_name = "ID")]
    user: Option<String>,

    /// Not before so long: 90s, 10m, 1h30m, 2d
    #[arg(long = "in", value_name = "LENGTH", value_parser = when::length)]
    delay: Option<Duration>,

    /// Not before this time, such as 2026-01-31T09:30:00Z
    #[arg(long, value_name = "TIME", value_parser = when::time, conflicts_with = "delay")]
    at: Option<Timestamp>,

    /// How soon among others that are due: urgent, high, medium, low
    #[arg(long, value_name = "PRIORITY")]
    priority: Option<String>,

    /// Its idempotency key: the same key and payload are the same task
    #[arg(long)]
    key: Option<String>,

    /// The queue it stands in
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,

    /// The project that this is of
    #[arg(long, value_name = "NAME")]
    project: Option<String>,

    /// The part of the queue
    #[arg(long, value_name = "NAME")]
    lane: Option<String>,

    /// How many failures are followed by another try
    #[arg(long, value_name = "N")]
    max_retries: Option<u32>,

    /// Wait for its end: print its output and exit with 0 if it is completed, else its error and with 1
    #[arg(long)]
    wait: bool,
}

impl Add {
    pub(super) async fn run(self, here: &Here) -> Result<(), Trouble> {
        let (ask, print) = (self.ask()?, here.print);
        let task = here.remote.ask(&ask).await?;
        let id = print.text(&task, "/id");
        if self.wait {
            return tail::wait(here, &id).await;
        }
        if print.json {
            return print.json(&task);
        }
        print.line(&id)?;
        if task.get("deduplicated").is_some_and(|was_there| was_there == true) {
            print.note("it was there already, under this key");
        }
        Ok(())
    }

    fn ask(&self) -> Result<Ask, Trouble> {
        let mut body = Map::new();
        body.insert("task_type".to_owned(), json!(self.task_type));
        body.insert("payload".to_owned(), input::json(&self.payload)?);
        let text = |text: &Option<String>| text.clone().map(Value::from);
        let fields = [
            ("user_id", text(&self.user)),
            ("delay_s", self.delay.map(|delay| json!(when::whole_seconds(delay)))),
            ("scheduled_for", self.at.map(|at| json!(at))),
            ("priority", text(&self.priority)),
            ("queue", text(&self.queue)),
            ("project", text(&self.project)),
            ("lane", text(&self.lane)),
            ("max_retries", self.max_retries.map(Value::from)),
        ];
        body.extend(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        Ok(Ask::post(&["v1", "tasks"], body.into(), self.key.clone().unwrap_or_else(acts::key)))
    }
}
