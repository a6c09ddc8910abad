//! What a sandbox came to, so that it can be compared with another.

use std::{fmt, sync::LazyLock};

use regex::Regex;

use crate::{
    group::{GROUP, GROUP_PART},
    handler::STEP,
    ids::Name,
    lifecycle::{
        State, Task,
        log::{LogKind, LogOutcome},
    },
    store::{Everything, Record},
};

/// What a sandbox came to: a line for each task, with its status, its output, and how often it was completed; and one
/// for each record and event, with its fields. In the order of the alphabet.
///
/// Ids that the engine makes and times may differ with the execution, so they read `(id)` and `(time)`. What the engine
/// keeps for itself, such as the results of steps, is left out.
#[derive(Clone, PartialEq, Eq)]
pub struct Account(Vec<String>);

/// A UUID, perhaps with the instant at which a task of a key began ([`Task::life`]).
static ID: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?:\.\d{10,})?").ok());

/// A time as it stands in JSON.
static TIME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)").ok());

impl Account {
    pub(super) fn of(everything: &Everything) -> Self {
        let tasks = everything.tasks.iter().map(|task| task_line(everything, task));
        let records = everything.records.iter().filter(|record| is_the_handlers(record)).map(record_line);
        let mut lines: Vec<String> = tasks.chain(records).map(|line| masked(&line)).collect();
        lines.sort();
        Self(lines)
    }

    /// What it tells, a line for each thing, sorted as text.
    pub fn lines(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|line| Line(line))).finish()
    }
}

/// A line as it is: in quotes, its own quotes would be hard to read.
struct Line<'a>(&'a str);

impl fmt::Debug for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What is wrong with the action logs: each has rows 1 to n, one of them for each execution that ended.
pub(super) fn gaps(everything: &Everything) -> Vec<String> {
    let mut wrong = Vec::new();
    for task in &everything.tasks {
        let rows: Vec<_> = everything.rows(task).collect();
        let numbers: Vec<u64> = rows.iter().map(|row| row.seq).collect();
        let executions = rows.iter().filter(|row| row.kind == LogKind::Execution).map(|row| row.execution);
        let ended = if task.fence().is_some() { task.executions.saturating_sub(1) } else { task.executions };
        if numbers != (1..=task.log_seq).collect::<Vec<_>>() || !executions.eq(1..=ended) {
            wrong.push(format!("{}, which ran {} times, has the rows {numbers:?}", task.task_type, task.executions));
        }
    }
    wrong
}

fn task_line(everything: &Everything, task: &Task) -> String {
    let became = match &task.state {
        State::Completed { output } => format!(" {}", output.as_str()),
        State::Failed { failure } => format!(" {}", failure.kind),
        State::Cancelled { reason } | State::Blocked { reason } => format!(" {reason}"),
        State::Pending { .. } | State::Running { .. } | State::Waiting { .. } => String::new(),
    };
    let times = everything.rows(task).filter(|row| row.outcome == LogOutcome::Completed).count();
    let (what, payload, status) = (&task.task_type, task.payload.as_str(), task.status().as_str());
    format!("task {what} {payload}: {status}{became} (completed {times} times)")
}

fn is_the_handlers(record: &Record) -> bool {
    record.key.tenant != Name::installation() && ![STEP, GROUP, GROUP_PART].contains(&record.key.kind.as_str())
}

fn record_line(record: &Record) -> String {
    format!("{} {} {}", record.key.kind, record.key.id, serde_json::Value::from(record.doc.clone()))
}

fn masked(line: &str) -> String {
    let mask = |text: String, form: &LazyLock<Option<Regex>>, by: &str| match form.as_ref() {
        Some(form) => form.replace_all(&text, by).into_owned(),
        None => text,
    };
    mask(mask(line.to_owned(), &ID, "(id)"), &TIME, "(time)")
}
