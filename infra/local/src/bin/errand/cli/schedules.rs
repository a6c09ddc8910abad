//! `errand schedules`.

use clap::Subcommand;
use errand_client::Ask;
use serde_json::{Value, json};

use super::{
    acts,
    here::Here,
    input,
    list::{Column, at_least_one},
    print::Printer,
    trouble::Trouble,
};

/// What is done with schedules.
#[derive(Subcommand)]
pub(crate) enum Schedules {
    /// List schedules, with when each fires next
    #[command(after_help = "Example:\n  errand schedules ls")]
    Ls {
        /// How many at most
        #[arg(long, default_value_t = 100, value_name = "N", value_parser = at_least_one)]
        limit: usize,
    },
    /// Show a schedule: its next firings, and what became of the newest ones
    #[command(after_help = "Example:\n  errand schedules show nightly")]
    Show {
        /// Which
        id: String,
    },
    /// Make a schedule, or change it
    #[command(after_help = "Example:\n  errand schedules put nightly @nightly.json")]
    Put {
        /// Which
        id: String,
        /// What it is to be: JSON, `-` for standard input, or @FILE
        #[arg(value_name = "JSON|-|@FILE")]
        schedule: String,
    },
    /// Have schedules fire no more, until they are resumed
    #[command(after_help = "Example:\n  errand schedules pause nightly --note 'the disk is full'")]
    Pause {
        /// Which
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Why
        #[arg(long)]
        note: Option<String>,
    },
    /// Have paused schedules go on
    #[command(after_help = "Example:\n  errand schedules resume nightly")]
    Resume {
        /// Which
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Have schedules make a task now
    #[command(after_help = "Example:\n  errand schedules trigger nightly")]
    Trigger {
        /// Which
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Remove schedules; their tasks stay
    #[command(after_help = "Example:\n  errand schedules rm nightly")]
    Rm {
        /// Which
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

const COLUMNS: [Column; 6] = [
    ("ID", |print, one| print.text(one, "/id")),
    ("TYPE", |print, one| print.text(one, "/task/task_type")),
    ("STATE", |_, one| state(one).to_owned()),
    ("NEXT", |print, one| print.seen(one, "/next/0/effective")),
    ("LAST", |print, one| print.seen(one, "/last")),
    ("FIRED", |print, one| print.text(one, "/fired")),
];

const RECENT: [Column; 3] = [
    ("TIME", |print, one| print.text(one, "/nominal")),
    ("TASK", |print, one| print.text(one, "/task_id")),
    ("STATUS", |print, one| print.status(one, "/status")),
];

fn state(schedule: &Value) -> &'static str {
    match (schedule.get("paused"), schedule.get("blocked")) {
        (Some(_), _) => "paused",
        (None, Some(_)) => "blocked",
        (None, None) if schedule.pointer("/next/0").is_none() => "over",
        (None, None) => "active",
    }
}

impl Schedules {
    pub(crate) async fn run(self, here: &Here) -> Result<(), Trouble> {
        let act = |id: &str, act: &str, body: Value| Ask::post(&["v1", "schedules", id, act], body, acts::key());
        match self {
            Schedules::Ls { limit } => {
                here.list(Ask::get(&["v1", "schedules"]), Some(limit), &COLUMNS, "no schedules").await
            }
            Schedules::Show { id } => show(here.print, &here.remote.ask(&Ask::get(&["v1", "schedules", &id])).await?),
            Schedules::Put { id, schedule } => {
                let body = input::json(&schedule)?;
                here.act(&[id], "put", |id| Ask::put(&["v1", "schedules", id], body.clone())).await
            }
            Schedules::Pause { ids, note } => {
                here.act(&ids, "paused", |id| act(id, "pause", json!({"note": note}))).await
            }
            Schedules::Resume { ids } => here.act(&ids, "resumed", |id| act(id, "resume", json!({}))).await,
            Schedules::Trigger { ids } => here.act(&ids, "triggered", |id| act(id, "trigger", json!({}))).await,
            Schedules::Rm { ids } => here.act(&ids, "removed", |id| Ask::delete(&["v1", "schedules", id])).await,
        }
    }
}

fn show(print: Printer, one: &Value) -> Result<(), Trouble> {
    if print.json {
        return print.json(one);
    }
    let text = |field: &str| print.text(one, field);
    print.fields(&[
        ("schedule", text("/id")),
        ("state", state(one).to_owned()),
        ("why", [text("/paused/note"), text("/blocked/reason")].concat()),
        ("fires", text("/spec")),
        ("type", text("/task/task_type")),
        ("policy", text("/policy")),
        ("payload", text("/payload")),
        ("next", print.seen(one, "/next/0/effective")),
        ("last", print.seen(one, "/last")),
        ("fired", text("/fired")),
        ("skipped", text("/skipped")),
        ("missed", text("/missed")),
        ("made", format!("{} by {}", print.seen(one, "/created_at"), text("/created_by"))),
    ])?;
    let recent = one.get("recent").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if recent.is_empty() {
        return Ok(());
    }
    print.heading("Newest firings")?;
    let row = |firing| RECENT.iter().map(|(_, of)| of(print, firing)).collect();
    print.table(&RECENT.map(|(head, _)| head), &recent.iter().map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_fires_no_more_is_over_and_not_active() {
        let next = json!([{"effective": "2999-01-01T00:00:00Z"}]);
        for (schedule, said) in [
            (json!({"next": next}), "active"),
            (json!({"next": []}), "over"),
            (json!({"next": [], "paused": {}}), "paused"),
            (json!({"next": [], "blocked": {}}), "blocked"),
        ] {
            assert_eq!(state(&schedule), said);
        }
    }
}
