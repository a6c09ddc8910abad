//! `errand tasks show`.

use clap::Args;
use errand::Timestamp;
use errand_client::Ask;
use serde_json::{Value, json};

use crate::cli::{here::Here, print::Printer, trouble::Trouble};

/// See [`super::Tasks`].
#[derive(Args)]
#[command(after_help = "Example:\n  errand tasks show 0192d1f4-0000-7000-8000-000000000000")]
pub(crate) struct Show {
    /// Which
    id: String,
}

impl Show {
    pub(super) async fn run(self, here: &Here) -> Result<(), Trouble> {
        let mut task = here.remote.ask(&Ask::get(&["v1", "tasks", &self.id])).await?;
        let mut pages = here.remote.pages(Ask::get(&["v1", "tasks", &self.id, "log"]).with("limit", Some(100)));
        let mut log = Vec::new();
        while let Some(row) = pages.next().await? {
            log.push(row);
        }
        let print = here.print;
        if print.json {
            if let Some(fields) = task.as_object_mut() {
                fields.insert("log".to_owned(), json!(log));
            }
            return print.json(&task);
        }
        facts(print, &task)?;
        if !log.is_empty() {
            print.heading("What happened")?;
            let created = print.time(&task, "/scheduled_for");
            print.table(&["WHAT", "BEGAN", "WAITED", "TOOK", "OUTCOME", "WHY"], &timeline(print, &log, created))?;
        }
        for (heading, field) in [("Payload", "payload"), ("Output", "output")] {
            if let Some(value) = task.get(field) {
                print.heading(heading)?;
                print.pretty(value)?;
            }
        }
        Ok(())
    }
}

/// How it is.
fn facts(print: Printer, task: &Value) -> Result<(), Trouble> {
    let text = |field: &str| print.text(task, field);
    let place = [text("/project"), text("/queue"), text("/lane")].join(" / ");
    let tries = format!("{} ({} failed, {} lost)", text("/executions"), text("/failures"), text("/losses"));
    let failure = [text("/failure/kind"), text("/failure/message")].join(": ");
    print.fields(&[
        ("task", text("/id")),
        ("type", text("/task_type")),
        ("status", print.status(task, "/status")),
        ("failure", failure.trim_matches([':', ' ']).to_owned()),
        ("reason", text("/reason")),
        ("due", print.seen(task, "/run_at")),
        ("progress", text("/progress")),
        ("executions", tries),
        ("queue", place),
        ("priority", text("/priority")),
        ("user", text("/user_id")),
        ("parent", text("/parent_id")),
        ("waits for", text("/waits_for")),
        ("run", text("/run_id")),
        ("schedule", text("/schedule/id")),
        ("key", text("/idempotency_key")),
        ("created", format!("{} by {}", print.seen(task, "/created_at"), text("/created_by"))),
        ("ended", print.seen(task, "/ended_at")),
        ("redriven", text("/redrive_note")),
    ])
}

/// A row for each execution and each act, with how long the task had waited for it.
fn timeline(print: Printer, log: &[Value], due: Option<Timestamp>) -> Vec<Vec<String>> {
    let mut before = due;
    let row = |entry: &Value| {
        let text = |field: &str| print.text(entry, field);
        let is_execution = entry.get("kind").is_some_and(|kind| kind == "execution");
        let what = if is_execution { format!("execution {}", text("/execution")) } else { text("/kind") };
        let waited = print.between(before, print.time(entry, "/started_at"));
        before = print.time(entry, "/ended_at");
        let by = Some(text("/by")).filter(|by| !by.is_empty()).map(|by| format!("by {by}"));
        let said = ["/failure/kind", "/failure/message", "/reason"].map(text);
        let why: Vec<String> = said.into_iter().filter(|said| !said.is_empty()).chain(by).collect();
        let took = if is_execution { print.took(entry, "/latency_ms") } else { String::new() };
        vec![what, print.seen(entry, "/started_at"), waited, took, print.status(entry, "/outcome"), why.join(": ")]
    };
    log.iter().map(row).collect()
}
