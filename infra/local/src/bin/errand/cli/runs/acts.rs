//! `errand runs steer`, `answer` and `cancel`.

use clap::Args;
use errand_client::Ask;
use serde_json::{Value, json};

use crate::cli::{acts, here::Here, trouble::Trouble};

/// See [`super::Runs`].
#[derive(Args)]
#[command(after_help = "Example:\n  errand runs steer RUN 'only the last week'")]
pub(crate) struct Steer {
    /// Which
    id: String,

    /// What it is told
    text: String,
}

/// See [`super::Runs`].
#[derive(Args)]
#[command(after_help = "Example:\n  errand runs answer RUN 'the account is 4711'")]
pub(crate) struct Answer {
    /// Which
    id: String,

    /// The answer
    text: String,
}

/// See [`super::Runs`].
#[derive(Args)]
#[command(after_help = "Example:\n  errand runs cancel RUN --reason 'asked for twice'")]
pub(crate) struct Cancel {
    /// Which
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,

    /// Why
    #[arg(long)]
    reason: Option<String>,
}

impl Steer {
    pub(super) async fn run(self, here: &Here) -> Result<(), Trouble> {
        let body = json!({"kind": "steer", "payload": {"prompt": self.text}});
        here.act(&[self.id], "told", |id| Ask::post(&["v1", "runs", id, "commands"], body.clone(), acts::key())).await
    }
}

impl Answer {
    pub(super) async fn run(self, here: &Here) -> Result<(), Trouble> {
        let run = here.remote.ask(&Ask::get(&["v1", "runs", &self.id])).await?;
        // An answer is a word to a task that waits for a person: the next run of its task hears it.
        let status = here.print.text(&run, "/status");
        if status != "blocked" {
            let message =
                format!("the run is {status}, and waits for no answer; `errand runs steer` speaks to one that goes on");
            return Err(Trouble::Failed(message));
        }
        let task = run.get("task_id").and_then(Value::as_str).unwrap_or_default().to_owned();
        here.act(&[task], "", |task| {
            Ask::post(&["v1", "tasks", task, "retry"], json!({"note": self.text}), acts::key())
        })
        .await
    }
}

impl Cancel {
    pub(super) async fn run(self, here: &Here) -> Result<(), Trouble> {
        let body = self.reason.map_or_else(|| json!({}), |reason| json!({"reason": reason}));
        here.act(&self.ids, "", |id| Ask::post(&["v1", "runs", id, "cancel"], body.clone(), acts::key())).await
    }
}
