//! `errand failures redrive`.

use clap::Args;
use errand_client::Ask;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};

use super::Which;
use crate::cli::{
    acts,
    here::Here,
    list::{Column, at_least_one},
    trouble::Trouble,
};

/// How many tasks one request takes up: few enough that progress is seen.
const CALL: usize = 200;

/// How many a dry run shows to people.
const SHOWN: usize = 20;

const EXAMPLES: &str = "Examples:
  errand failures redrive --type resize --dry-run
  errand failures redrive --group 0f8fad5bd9cb469f --rate 10 --note 'the disk has room again'";

/// See [`super::Failures`].
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Redrive {
    #[command(flatten)]
    which: Which,

    /// All failed tasks of the queue `default`
    #[arg(long)]
    all: bool,

    /// Show which these would be, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// How many may start each second
    #[arg(long, value_name = "N")]
    rate: Option<f64>,

    /// How many at most
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    limit: Option<usize>,

    /// A word to whoever does them, kept in their logs
    #[arg(long)]
    note: Option<String>,
}

/// What a dry run shows of each.
const COLUMNS: [Column; 6] = [
    ("ID", |print, letter| print.text(letter, "/id")),
    ("TYPE", |print, letter| print.text(letter, "/task_type")),
    ("KIND", |print, letter| print.text(letter, "/failure_kind")),
    ("TRIES", |print, letter| print.text(letter, "/executions")),
    ("FAILED", |print, letter| print.seen(letter, "/ended_at")),
    ("WHY", |print, letter| print.text(letter, "/message")),
];

impl Redrive {
    pub(super) async fn run(mut self, here: &Here) -> Result<(), Trouble> {
        self.which = self.which.placed(here).await?;
        if self.dry_run {
            return self.show(here).await;
        }
        if self.which.filter().is_empty() && !self.all {
            return Err(Trouble::Usage(
                "say which: by --type, --kind, --group, --queue, …, or --all; with --dry-run it shows what that would be".into(),
            ));
        }
        let progress = ProgressBar::new_spinner();
        progress.set_style(
            ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        let (mut done, mut skipped, mut cursor, key) = (0, 0, None::<Value>, acts::key());
        loop {
            let left = self.limit.map_or(CALL, |limit| limit.saturating_sub(done + skipped).min(CALL));
            if left == 0 {
                break;
            }
            let answer = here.remote.ask(&self.ask(left, cursor, &format!("{key}-{done}-{skipped}"))).await?;
            let count = |field: &str| answer.get(field).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
            done += count("done").unwrap_or_default();
            skipped += count("skipped").unwrap_or_default();
            progress.set_message(format!("{done} set going again"));
            progress.tick();
            match answer.get("cursor") {
                Some(next) if !next.is_null() => cursor = Some(next.clone()),
                _ => break,
            }
        }
        progress.finish_and_clear();
        if done + skipped == 0 {
            self.which.is_there(here).await?;
        }
        if here.print.json {
            return here.print.json(&json!({"done": done, "skipped": skipped}));
        }
        let others = if skipped > 0 { format!("; {skipped} had gone on meanwhile") } else { String::new() };
        here.print.line(&format!("{done} set going again{others}"))
    }

    fn ask(&self, limit: usize, cursor: Option<Value>, key: &str) -> Ask {
        let mut body = Map::new();
        body.insert("limit".to_owned(), json!(limit));
        let filter = self.which.filter();
        let fields = [
            ("filter", Some(filter).filter(|filter| !filter.is_empty()).map(Value::from)),
            ("all", self.all.then_some(Value::Bool(true))),
            ("dry_run", self.dry_run.then_some(Value::Bool(true))),
            ("rate", self.rate.map(Value::from)),
            ("note", self.note.clone().map(Value::from)),
            ("cursor", cursor),
        ];
        body.extend(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        Ask::post(&["v1", "dead-letters", "redrive"], body.into(), key)
    }

    /// A dry run: nothing is changed.
    async fn show(&self, here: &Here) -> Result<(), Trouble> {
        let (mut rows, mut found, mut cursor) = (Vec::new(), 0, None);
        loop {
            let left = self.limit.map_or(1000, |limit| (limit - found).min(1000));
            let mut answer = here.remote.ask(&self.ask(left, cursor, &acts::key())).await?;
            let items = answer.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
            found += items.len();
            for letter in items {
                if here.print.json {
                    here.print.json(&letter)?;
                } else if rows.len() < SHOWN {
                    rows.push(COLUMNS.iter().map(|(_, of)| of(here.print, &letter)).collect());
                }
            }
            cursor = answer.get("cursor").filter(|cursor| !cursor.is_null()).cloned();
            if cursor.is_none() || self.limit.is_some_and(|limit| found >= limit) {
                break;
            }
        }
        if found == 0 {
            self.which.is_there(here).await?;
        }
        if here.print.json {
            return Ok(());
        }
        here.print.table(&COLUMNS.map(|(head, _)| head), &rows)?;
        let more = if found > rows.len() { format!(", of which these are {}", rows.len()) } else { String::new() };
        here.print.line(&format!("{found} would be set going again{more}"))
    }
}
