//! `errand tasks tail`, and what `--wait` does.

use clap::Args;
use errand_client::{Ask, Heard, Watched};
use serde_json::Value;

use crate::cli::{here::Here, trouble::Trouble};

/// See [`super::Tasks`].
#[derive(Args)]
#[command(after_help = "Example:\n  errand tasks tail 0192d1f4-0000-7000-8000-000000000000")]
pub(crate) struct Tail {
    /// Which
    id: String,
}

impl Tail {
    pub(super) async fn run(self, here: &Here) -> Result<(), Trouble> {
        let last = here.followed(&self.id, |task| told(here, task)).await?;
        fate(&last)
    }
}

/// Waits for the end of a task and tells its output, or what went wrong.
pub(in crate::cli) async fn wait(here: &Here, id: &str) -> Result<(), Trouble> {
    let (print, task) = (here.print, here.followed(id, |_| Ok(())).await?);
    if print.json {
        print.json(&task)?;
        return fate(&task);
    }
    match task.get("output") {
        Some(output) => print.pretty(output)?,
        None => {
            let why = ["/failure/message", "/reason"].map(|field| print.text(&task, field)).concat();
            let what = [print.text(&task, "/status"), print.text(&task, "/failure/kind"), why];
            let what: Vec<&str> = what.iter().map(String::as_str).filter(|said| !said.is_empty()).collect();
            print.note(&format!("error: {}\nsee `errand tasks show {id}`", what.join(": ")));
        }
    }
    fate(&task)
}

/// A task's own fate is its follower's.
fn fate(task: &Value) -> Result<(), Trouble> {
    if task.get("status").is_some_and(|status| status == "completed") { Ok(()) } else { Err(Trouble::BadEnd) }
}

/// One line for each change.
fn told(here: &Here, task: &Value) -> Result<(), Trouble> {
    let print = here.print;
    if print.json {
        return print.json(task);
    }
    let (status, executions) = (print.status(task, "/status"), print.text(task, "/executions"));
    let more = match task.get("status").and_then(Value::as_str) {
        Some("pending") => format!("due {}", print.seen(task, "/run_at")),
        Some("running") => format!("execution {executions} {}", print.text(task, "/progress")),
        _ => ["/failure/message", "/reason", "/output"].map(|field| print.text(task, field)).concat(),
    };
    print.line(format!("{}  {status}  {more}", print.text(task, "/updated_at")).trim_end())
}

impl Here {
    /// Tells `each` change of a task; how it is at its end.
    async fn followed(&self, id: &str, each: impl Fn(&Value) -> Result<(), Trouble>) -> Result<Value, Trouble> {
        let ask = Ask::get(&["v1", "tasks", id]);
        let mut follow = self.remote.follow(ask.clone(), Watched::One { until: "ended_at" });
        let mut last = Value::Null;
        while let Some(heard) = self.heard(&mut follow).await? {
            each(&heard)?;
            last = heard;
        }
        // Had it ended before, nothing was told.
        if last.is_null() { Ok(self.remote.ask(&ask).await?) } else { Ok(last) }
    }

    /// What is told next; says so where the server is away for a while.
    pub(crate) async fn heard(&self, follow: &mut errand_client::Follow<'_>) -> Result<Option<Value>, Trouble> {
        let mut said = false;
        loop {
            match follow.next().await? {
                None => return Ok(None),
                Some(Heard::Told(value)) => return Ok(Some(value)),
                Some(Heard::Lost) if !said => {
                    said = true;
                    self.print.note("the server is away; looking for it");
                }
                Some(Heard::Lost) => {}
            }
        }
    }
}
