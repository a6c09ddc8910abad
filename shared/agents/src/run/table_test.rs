//! The specification of a run's life: every status against every action, as one snapshot.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::table::table;
use errand::{Asked, FailureKind, TaskKey, spi::json::Json};
use errand_models::Usage;

const STATUSES: [RunStatus; 7] = [
    RunStatus::Pending,
    RunStatus::Claimed,
    RunStatus::Running,
    RunStatus::Completed,
    RunStatus::Failed,
    RunStatus::Blocked,
    RunStatus::Cancelled,
];

fn now() -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000)
}

fn task() -> Task {
    let key = TaskKey { tenant: Name::default(), id: Uuid::nil() };
    let new = Asked::of_type(key, Name::of("run_agent"), Json::default(), "me".into(), now());
    Task { redrives: 1, ..Task::accept(new, Uuid::nil(), now()) }
}

/// Held, if it is, by the second claim.
fn run(status: RunStatus) -> Run {
    let queued_at = now() - Duration::from_secs(60);
    let run = Run::of_task(&task(), Name::of("agent"), Name::of("api"), Name::default(), queued_at);
    match status {
        RunStatus::Pending => run,
        _ => Run { status, attempt: 2, claimed_by: Some("w2".into()), message_preview: "so far".into(), ..run },
    }
}

fn end(status: Terminal) -> End {
    let failure = (status == Terminal::Failed).then(|| KeptFailure::new(FailureKind::Timeout, "late", now(), 2));
    End { status, failure, text: format!("it {}", status.as_str()) }
}

fn used() -> ExecutionUse {
    let usage = Some(Usage { tokens_in: 10, tokens_out: 2 });
    ExecutionUse { model: Some("m".into()), usage, cost_usd: Usd::from_micros(5) }
}

fn reserved(micros: u64) -> Reserved {
    Reserved { call: Uuid::from_u128(micros.into()), usd: Usd::from_micros(micros), at: now() }
}

fn turn() -> TurnDone {
    TurnDone {
        thread_id: Some("th".into()),
        turn_id: Some("tu".into()),
        message: "hello".into(),
        used: used(),
        citations: vec!["c".into()],
        retrieved: 3,
        sources: vec!["s".into()],
    }
}

fn actions() -> Vec<(String, RunAction)> {
    let claim = |attempt| RunAction::Claim { by: format!("w{attempt}"), attempt };
    let mut actions = vec![
        ("claim, first".to_owned(), claim(1)),
        ("claim, second".to_owned(), claim(2)),
        ("claim, third".to_owned(), claim(3)),
    ];
    for (whose, attempt) in [("nobody", 0), ("the older worker", 1), ("the worker", 2)] {
        let turn = Box::new(turn());
        actions.push((format!("start by {whose}"), RunAction::Start { attempt }));
        actions.push((format!("turn by {whose}"), RunAction::Turn { attempt, turn }));
        actions.push((format!("reserved by {whose}"), RunAction::Reserve { attempt, reserved: reserved(7) }));
        actions.push((format!("paid for nothing by {whose}"), RunAction::Paid { attempt, used: used() }));
        actions.push((format!("closed by {whose}"), RunAction::Close { attempt }));
        let (thread_id, turn_id) = (Some("th".to_owned()), None);
        let used = RunAction::Used { attempt, thread_id, turn_id, used: used() };
        actions.push((format!("used by {whose}"), used));
    }
    actions.push(("release".to_owned(), RunAction::Release));
    for status in [Terminal::Completed, Terminal::Failed, Terminal::Blocked, Terminal::Cancelled] {
        actions.push((format!("task ended: {}", status.as_str()), RunAction::TaskEnded { end: end(status) }));
    }
    actions
}

#[test]
fn every_status_against_every_action() {
    let states = STATUSES.map(|status| (status.as_str().to_owned(), run(status))).into();
    insta::assert_snapshot!(table(states, &actions(), |run, action| run.apply(action, now())));
}

#[test]
fn a_taken_over_run_keeps_its_start_and_what_was_paid_for() {
    let first = run(RunStatus::Pending);
    let step = |run: &Run, action| run.apply(action, now()).unwrap();
    let claimed = step(&first, RunAction::Claim { by: "a".into(), attempt: 1 });
    let running = step(&claimed, RunAction::Start { attempt: 1 });
    let paid = step(&running, RunAction::Turn { attempt: 1, turn: Box::new(turn()) });
    let taken = step(&paid, RunAction::Claim { by: "b".into(), attempt: 4 });
    let again = taken.apply(RunAction::Start { attempt: 4 }, now() + Duration::from_secs(9)).unwrap();
    assert_eq!((again.started_at, again.tokens_in, again.cost_usd), (Some(now()), 10, Usd::from_micros(5)));
    assert_eq!(again.apply(RunAction::Start { attempt: 1 }, now()), Err(super::super::Refused::LeaseConflict(4)));
}

#[test]
fn what_is_reserved_is_spent_unless_its_worker_says_what_it_was() {
    let running = run(RunStatus::Running);
    let step = |run: &Run, action| run.apply(action, now()).unwrap();
    let reserve = |run: &Run| step(run, RunAction::Reserve { attempt: 2, reserved: reserved(7) });
    let cost = |run: &Run| (run.cost_usd.micros(), run.execution.cost_usd.micros(), run.reserved.is_some());
    let asks = reserve(&running);
    assert_eq!(cost(&asks), (7, 7, true));
    assert_eq!(cost(&step(&asks, RunAction::Turn { attempt: 2, turn: Box::new(turn()) })), (5, 5, false));
    assert_eq!(cost(&step(&asks, RunAction::Paid { attempt: 2, used: used() })), (5, 5, false));
    assert_eq!(cost(&step(&asks, RunAction::Paid { attempt: 2, used: ExecutionUse::default() })), (0, 0, false));
    // Interrupted, and asked something else: both are paid for.
    assert_eq!(cost(&reserve(&asks)), (14, 14, true));
    assert_eq!(cost(&step(&asks, RunAction::Release)), (7, 7, false));
    assert_eq!(cost(&step(&asks, RunAction::TaskEnded { end: end(Terminal::Cancelled) })), (7, 7, false));
    let taken = step(&asks, RunAction::Claim { by: "b".into(), attempt: 3 });
    assert_eq!(cost(&taken), (7, 0, false), "it stands in the row of the execution before");
}

#[test]
fn previews_and_lists_of_a_run_are_bounded() {
    let many = |n: usize| (0..n).map(|n| n.to_string()).collect::<Vec<_>>();
    let turn = TurnDone { message: "ä".repeat(1000), citations: many(300), sources: many(300), ..TurnDone::default() };
    let action = RunAction::Turn { attempt: 2, turn: Box::new(turn) };
    let after = run(RunStatus::Running).apply(action, now()).unwrap();
    assert_eq!(after.message_preview.chars().count(), 140);
    assert_eq!((after.citations.len(), after.retrieval.sources.len()), (MAX_CITATIONS, MAX_CITATIONS));
    let end = End { status: Terminal::Completed, failure: None, text: "ö".repeat(1000) };
    let ended = after.apply(RunAction::TaskEnded { end }, now()).unwrap();
    assert_eq!(ended.result_preview.chars().count(), 280);
}

#[test]
fn each_drive_of_each_life_of_a_task_has_one_run() {
    let task = task();
    assert_eq!(id(&task, 1), id(&task, 1));
    assert_ne!(id(&task, 1), id(&task, 2));
    let other = task.clone().asking(|asked| asked.key = TaskKey { tenant: Name::of("other"), ..task.key.clone() });
    assert_ne!(id(&task, 1), id(&other, 1));
    let first = task.clone().asking(|asked| asked.idempotency_key = Some("k".into()));
    let second = Task { created_at: now() + Duration::from_millis(1), ..first.clone() };
    assert_ne!(id(&first, 1), id(&second, 1));
    // Stored runs depend on these.
    assert_eq!(id(&task, 1).as_str(), "4a7b2f30-7ab0-5072-8dcd-e10ec5fad89b");
    assert_eq!((ids(&task, 1), ids(&first, 1)), (vec![id(&task, 1)], vec![id(&first, 1), id(&task, 1)]));
}

#[test]
fn a_run_reads_back_as_it_was_written_and_an_older_one_too() {
    let run = Run { session_id: Some(Id::of("s")), ..run(RunStatus::Running) };
    assert_eq!(serde_json::from_value::<Run>(Value::Object(run.doc())).unwrap(), run);
    let relations = run.relations("");
    let sort = run.queued_at.to_string();
    assert_eq!(relations.parent, Some(Relation { of: Id::of("s"), sort: sort.clone() }));
    assert_eq!(relations.owner, Some(Relation { of: Id::of("default"), sort }));
    let least = r#"{"project": "p", "kind": "k", "source": "s", "task_id": "00000000-0000-0000-0000-000000000000",
        "profile": "default", "status": "pending", "queued_at": "2026-01-01T00:00:00Z",
        "recovery": "manual", "parent_run_id": "gone, and never looked at"}"#;
    assert_eq!(serde_json::from_str::<Run>(least).unwrap().attempt, 0);
}
