//! The action-log row that rides in its task's item, attribute `r`, from the commit that made it to the next change of the
//! task. So a change costs no transaction for its row, which is copied to the table `ActionLog` afterwards (see
//! [`super::log`]).
//!
//! Its task says most of it. What is stored is the difference: the row's fields that are others than [`reckoned`], and a null
//! for one that it has not; the worker as `k`, as it is in the item of a task that runs. Rows ride in stored items: what is
//! reckoned never changes.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::dynamo::{
    attributes::{Fields, Item, from_doc, to_doc, uuid},
    task_item,
};
use errand::{
    State, Status, Task, TaskKey, Timestamp,
    spi::{
        json::cut,
        lifecycle::log::{EXCERPT_BYTES, LogEntry, LogKind, LogOutcome},
    },
};

/// The attribute's name.
pub(super) const ROW: &str = "r";

/// A row that may be only in its task's item.
#[derive(Clone, Debug)]
pub(super) struct Riding {
    pub(super) row: LogEntry,
    /// When its task was made: whose life's log it belongs to.
    pub(super) born: Timestamp,
    /// The version that the row's commit gave the task: no other row has it.
    pub(super) version: Uuid,
}

impl Riding {
    /// `row`, of the change that left `task`.
    pub(super) fn of(task: &Task, row: &LogEntry) -> Self {
        Self { row: row.clone(), born: task.created_at, version: task.version }
    }

    pub(super) fn key(&self) -> &TaskKey {
        &self.row.key
    }
}

/// What the item of `task` says of `row`, the row of the change that left it so.
pub(super) fn write(task: &Task, row: &LogEntry) -> anyhow::Result<AttributeValue> {
    let (reckoned, fields) = (fields(&reckoned(task))?, fields(row)?);
    let missing = reckoned.keys().filter(|name| !fields.contains_key(*name)).map(|name| (name.clone(), Value::Null));
    let mut said: Map<String, Value> = missing.collect();
    said.extend(fields.into_iter().filter(|(name, value)| name != "worker" && reckoned.get(name) != Some(value)));
    let mut said = from_doc(said);
    said.extend(row.worker.map(|worker| ("k".to_owned(), uuid(worker))));
    Ok(AttributeValue::M(said))
}

/// The row that rides in the item of a task, if one does.
pub(super) fn read(item: &Item) -> anyhow::Result<Option<Riding>> {
    let mut said = match item.get(ROW) {
        None => return Ok(None),
        Some(AttributeValue::M(said)) => said.clone(),
        Some(_) => anyhow::bail!("attribute {ROW} is no map"),
    };
    let (task, _) = task_item::read(item)?;
    let worker = if said.contains_key("k") { Some(Fields(&said).uuid("k")?) } else { None };
    said.remove("k");
    let mut row = fields(&reckoned(&task))?;
    for (name, value) in to_doc(said)? {
        if value.is_null() {
            row.remove(&name)
        } else {
            row.insert(name, value)
        };
    }
    let row: LogEntry = serde_json::from_value(row.into())?;
    Ok(Some(Riding::of(&task, &LogEntry { worker, ..row })))
}

fn fields(row: &LogEntry) -> anyhow::Result<Map<String, Value>> {
    match serde_json::to_value(row)? {
        Value::Object(fields) => Ok(fields),
        _ => anyhow::bail!("a row is an object"),
    }
}

/// The row of the execution that left `task` as it is, as far as that tells.
fn reckoned(task: &Task) -> LogEntry {
    let (started_at, ended_at) = (task.last_attempted_at.unwrap_or(task.updated_at), task.updated_at);
    let outcome = task.latest_attempt.as_ref().map_or(LogOutcome::Pending, |attempt| attempt.outcome);
    let fails = matches!(outcome, LogOutcome::Retry | LogOutcome::Lost) || task.status() == Status::Failed;
    let (reason, output) = match &task.state {
        State::Cancelled { reason } | State::Blocked { reason } => (Some(reason.clone()), None),
        State::Completed { output } => (None, Some(cut(output.as_str(), EXCERPT_BYTES).to_owned())),
        State::Pending { .. } | State::Running { .. } | State::Waiting { .. } | State::Failed { .. } => (None, None),
    };
    LogEntry {
        key: task.key.clone(),
        seq: task.log_seq,
        kind: LogKind::Execution,
        execution: task.executions,
        agent_type: task.agent_type.clone(),
        action_type: task.task_type.clone(),
        user_id: task.user_id.clone(),
        context_id: task.context_id.clone(),
        context_type: task.context_type.clone(),
        worker: None,
        by: None,
        started_at,
        ended_at,
        latency_ms: u64::try_from(ended_at.since(started_at).as_millis()).unwrap_or(u64::MAX),
        outcome,
        failure: task.last_errors.last().filter(|_| fails).cloned(),
        reason,
        payload_hash: task.payload_hash.clone(),
        output_excerpt: output,
        effects: Vec::new(),
        model: None,
        tokens_in: None,
        tokens_out: None,
        cost_usd: None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::{Shards, dynamo::attributes::size};
    use errand::{
        Asked, FailureKind, Id, Name,
        spi::{
            ids::derived,
            json::Json,
            lifecycle::{KeptFailure, Report, Settlement, Transition, Trigger, apply},
        },
    };

    fn at(s: u64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000) + Duration::from_secs(s)
    }

    fn item(Transition { task, log }: &Transition) -> Item {
        let mut item = task_item::write(task, false, Duration::ZERO, Shards::default()).unwrap();
        item.extend(log.as_ref().map(|row| (ROW.to_owned(), write(task, row).unwrap())));
        item
    }

    fn running() -> Task {
        let key = TaskKey { tenant: Name::of("acme"), id: derived(&["1"]) };
        let new = Asked {
            user_id: Some(Id::of("u-1")),
            ..Asked::of_type(key, Name::of("scripted"), Json::default(), "me".into(), at(0))
        };
        let task = Task::accept(new, Uuid::from_u128(1), at(0));
        apply(&task, Trigger::Claim { worker: Uuid::from_u128(2), lease: None }, at(1)).unwrap().task
    }

    /// A running task, as each way to end its execution leaves it.
    fn ends() -> Vec<Transition> {
        let failure = || KeptFailure::new(FailureKind::Backend, "the mail server answered 451", at(3), 1);
        let settlements = [
            Settlement::Complete(Json::new(&json!({"sent": true, "id": "m-1"}))),
            Settlement::Complete(Json::new(&json!({"text": "x".repeat(1000)}))),
            Settlement::Retry { run_at: at(60), failure: failure(), hinted: true },
            Settlement::Fail { failure: failure() },
            Settlement::Snooze { run_at: at(60), hinted: true },
            Settlement::Cancel { reason: "the user has gone".into() },
            Settlement::Block { reason: String::new() },
        ];
        let settle = |settlement| {
            let (task, report) = (running(), Report::default());
            apply(&task, Trigger::Settle { fence: task.fence().unwrap(), settlement, report }, at(3)).unwrap()
        };
        let lost = apply(&running(), Trigger::Reap { max_losses: 5, jitter: 0.5 }, at(500)).unwrap();
        settlements.map(settle).into_iter().chain([lost]).collect()
    }

    #[test]
    fn a_row_reads_back_as_it_was_written_and_adds_next_to_nothing() {
        for transition in ends() {
            let with = item(&transition);
            let riding = read(&with).unwrap().unwrap();
            let (task, row) = (&transition.task, transition.log.as_ref());
            assert_eq!((Some(&riding.row), riding.born, riding.version), (row, task.created_at, task.version));
            let added = size(&with) - size(&item(&Transition { log: None, ..transition.clone() }));
            assert!(added <= 22, "{added} bytes: {:?}", with[ROW]);
        }
    }

    #[test]
    fn what_operators_do_reads_back_too() {
        let running = running();
        let cancel = || Trigger::Cancel { reason: "not needed".into(), by: "ada".into() };
        let cancelled = apply(&running, cancel(), at(3)).unwrap();
        let redrive = Trigger::Redrive { note: Some("again".into()), by: "ada".into(), failed_at: None, run_at: None };
        let redriven = apply(&cancelled.task, redrive, at(9)).unwrap();
        let later = Trigger::Reschedule { run_at: at(900), by: "ada".into(), if_due: false };
        let rescheduled = apply(&redriven.task, later, at(10)).unwrap();
        let off = apply(&rescheduled.task, cancel(), at(11)).unwrap();
        for transition in [cancelled, redriven, rescheduled, off] {
            assert_eq!(read(&item(&transition)).unwrap().map(|riding| riding.row), transition.log);
            let said = size(&Item::from([(ROW.to_owned(), item(&transition)[ROW].clone())]));
            assert!(said <= 230, "{said} bytes: {:?}", item(&transition)[ROW]);
        }
    }

    /// Rows ride in items that were stored long ago.
    #[test]
    fn what_is_stored_of_a_row_is_what_it_was_when_rows_began_to_ride() {
        let Transition { task, log } = ends().remove(0);
        let report =
            LogEntry { effects: vec!["put note 1".into()], tokens_in: Some(7), cost_usd: Some(0.25), ..log.unwrap() };
        let stored = item(&Transition { task, log: Some(report.clone()) });
        let said = Item::from([
            ("k".to_owned(), uuid(Uuid::from_u128(2))),
            ("effects".to_owned(), AttributeValue::L(vec![AttributeValue::S("put note 1".into())])),
            ("tokens_in".to_owned(), AttributeValue::N("7".into())),
            ("cost_usd".to_owned(), AttributeValue::N("0.25".into())),
        ]);
        assert_eq!(stored[ROW], AttributeValue::M(said));
        assert_eq!(read(&stored).unwrap().unwrap().row, report);
    }

    #[test]
    fn an_item_without_a_row_has_none() {
        let transition = Transition { task: running(), log: None };
        assert!(read(&item(&transition)).unwrap().is_none());
    }
}
