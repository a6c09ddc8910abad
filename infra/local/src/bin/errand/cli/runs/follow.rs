//! `errand runs follow`.

use clap::Args;
use errand_client::{Ask, Watched};
use serde_json::Value;

use crate::cli::{here::Here, trouble::Trouble};

/// See [`super::Runs`].
#[derive(Args)]
#[command(after_help = "Example:\n  errand runs follow RUN")]
pub(crate) struct Follow {
    /// Which
    id: String,
}

impl Follow {
    pub(super) async fn run(self, here: &Here) -> Result<(), Trouble> {
        follow(here, &self.id).await
    }
}

/// Tells each event of a run, up to its last.
pub(super) async fn follow(here: &Here, id: &str) -> Result<(), Trouble> {
    let ask = Ask::get(&["v1", "runs", id, "events"]);
    let mut follow = here.remote.follow(ask.clone(), Watched::List { parameter: "after_seq", field: "seq" });
    while let Some(event) = here.heard(&mut follow).await? {
        told(here, &event)?;
        if event.get("type").is_none_or(|kind| kind != "terminal_status") {
            continue;
        }
        // What was committed with the end may stand after it.
        let rest = here.remote.ask(&ask.with("after_seq", event.get("seq"))).await?;
        rest.get("items").and_then(Value::as_array).into_iter().flatten().try_for_each(|event| told(here, event))?;
        let completed = event.pointer("/payload/status").is_some_and(|status| status == "completed");
        return if completed { Ok(()) } else { Err(Trouble::BadEnd) };
    }
    Ok(())
}

/// What is said, as it is; and in short, what happens.
fn told(here: &Here, event: &Value) -> Result<(), Trouble> {
    let print = here.print;
    if print.json {
        return print.json(event);
    }
    let kind = print.text(event, "/type");
    let field = |name: &str| event.pointer(&format!("/payload/{name}"));
    if let ("assistant_message", Some(text)) = (&*kind, field("text")) {
        return print.pretty(text);
    }
    let words = ["status", "phase", "name", "failure_kind", "kind", "note", "message", "text"];
    let said = words.iter().filter_map(|name| field(name)).map(|value| print.text(value, ""));
    print.line(&format!("[{kind}] {}", said.collect::<Vec<_>>().join(" ")))
}
