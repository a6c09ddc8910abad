//! `errand health`.

use clap::Args;
use errand_client::Ask;
use serde_json::Value;

use super::{
    here::{Here, To},
    trouble::Trouble,
};

/// See [`super::Asked`].
#[derive(Args)]
#[command(after_help = "Example:\n  errand health && echo it works")]
pub(crate) struct Health {
    #[command(flatten)]
    to: To,
}

impl Health {
    pub(crate) async fn run(self) -> Result<(), Trouble> {
        let here = Here::of(self.to)?;
        let (print, health) = (here.print, here.remote.ask(&Ask::health()).await?);
        if print.json {
            print.json(&health)?;
        } else {
            let part = |name: &str| match health.pointer(&format!("/{name}/reachable")) {
                Some(Value::Bool(true)) => "reachable".to_owned(),
                _ => format!("not reachable: {}", print.text(&health, &format!("/{name}/error"))),
            };
            let count = |name: &str| print.text(&health, &format!("/tasks/{name}"));
            print.fields(&[
                ("status", print.status(&health, "/status")),
                ("server", here.remote.url().to_owned()),
                ("version", print.text(&health, "/version")),
                ("store", part("store")),
                ("queues", part("queue")),
                ("polled", print.seen(&health, "/last_poll/at")),
                ("oldest due", print.seen(&health, "/oldest_due_at")),
                ("pending", count("pending")),
                ("running", count("running")),
                ("waiting", count("waiting")),
                ("completed", count("completed")),
                ("failed", count("failed")),
                ("blocked", count("blocked")),
                ("events owed", print.text(&health, "/owed/events")),
                ("left alone", types(&health, "left_alone")),
                ("unattended", types(&health, "unattended")),
            ])?;
        }
        if health.get("status").is_some_and(|status| status == "ok") { Ok(()) } else { Err(Trouble::BadEnd) }
    }
}

/// The task types that a list of health names.
fn types(health: &Value, list: &str) -> String {
    let named = health.get(list).and_then(Value::as_array).into_iter().flatten();
    named.filter_map(|one| one.get("task_type")?.as_str()).collect::<Vec<_>>().join(", ")
}
