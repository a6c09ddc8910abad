//! What must hold of a task and of a whole installation, whatever happened in it.

use std::collections::BTreeSet;

use errand::{
    FailureKind, Status, Task,
    spi::{
        lifecycle::log::{LogEntry, LogKind, LogOutcome},
        store::RelationKind,
    },
};
use serde_json::{Value, json};
use shared::domain::User;
use uuid::Uuid;

use crate::world::World;

/// What must hold of every quiet world, whatever happened in it.
pub async fn everything_is_accounted_for(world: &World) {
    let letters: BTreeSet<(Uuid, u32)> =
        world.letters().into_iter().map(|letter| (letter.key.id, letter.executions.unwrap_or_default())).collect();
    let tasks = world.tasks().await;
    for task in &tasks {
        assert!(task.status().is_ended(), "not ended: {task:#?}");
        assert_eq!(task.wake_at, None, "something is still owed: {task:#?}");
        if task.status() == Status::Failed {
            assert!(letters.contains(&(task.key.id, task.executions)), "no dead letter: {task:#?}");
        }
        the_log_is_complete(world, task).await;
        effects_are_exactly_once(world, task, &tasks).await;
    }
    every_event_was_published_once(world, &tasks).await;
    let credited: i64 = tasks.iter().filter(|task| task.status() == Status::Completed).filter_map(credit).sum();
    assert_eq!(world.get::<User>("u").await.map_or(0, |user| user.credits), credited);
}

fn credit(task: &Task) -> Option<i64> {
    task.payload.parse::<Value>().expect("JSON")["credit"].as_i64()
}

/// Each in the list once, though it may have been sent more often: what a reader has seen does not move.
async fn every_event_was_published_once(world: &World, tasks: &[Task]) {
    let mut published: Vec<String> =
        world.events().await.iter().map(|event| event["subject"].as_str().unwrap_or_default().to_owned()).collect();
    published.sort();
    let published_by = |task: &&Task| {
        let payload: Value = task.payload.parse().expect("JSON");
        task.status() == Status::Completed && payload["publish"].is_string()
    };
    let mut expected: Vec<String> = tasks.iter().filter(published_by).map(|task| task.key.id.to_string()).collect();
    expected.sort();
    assert_eq!(published, expected);
}

/// Rows 1 to n without a gap; one for each execution that ended, one end for each drive that did, and no drive
/// with more failing executions than it may have.
pub async fn the_log_is_complete(world: &World, task: &Task) {
    let log = world.log(task.key.id).await;
    let seqs: Vec<u64> = log.iter().map(|row| row.seq).collect();
    assert_eq!(seqs, (1..=task.log_seq).collect::<Vec<_>>(), "{log:#?}");
    let executions: Vec<u32> =
        log.iter().filter(|row| row.kind == LogKind::Execution).map(|row| row.execution).collect();
    let ended = task.executions - u32::from(task.status() == Status::Running);
    assert_eq!(executions, (1..=ended).collect::<Vec<_>>(), "one row for each ended execution: {log:#?}");
    let ends = log.iter().filter(|row| ends_a_task(row.outcome)).count();
    let ended_drives = task.redrives as usize + usize::from(task.status().is_ended());
    assert_eq!(ends, ended_drives, "one end for each drive: {log:#?}");
    for drive in log.split(|row| row.kind == LogKind::Redrive) {
        let failing = drive.iter().filter(|row| row.kind == LogKind::Execution && failed_by_itself(row)).count();
        assert!(failing <= task.max_retries as usize + 1, "{failing} failing executions in a drive: {log:#?}");
    }
}

fn failed_by_itself(row: &LogEntry) -> bool {
    row.failure.as_ref().is_some_and(|failure| failure.kind != FailureKind::WorkerLost)
}

fn ends_a_task(outcome: LogOutcome) -> bool {
    matches!(outcome, LogOutcome::Completed | LogOutcome::Failed | LogOutcome::Cancelled | LogOutcome::Blocked)
}

/// A completed task's effects are there once, any other's not at all.
pub async fn effects_are_exactly_once(world: &World, task: &Task, all: &[Task]) {
    let payload: Value = task.payload.parse().expect("JSON");
    let expected = usize::from(task.status() == Status::Completed);
    let once = |what: &str, found: usize| assert_eq!(found, expected, "{what} of {task:#?}");
    if let Some(mark) = payload["mark"].as_str() {
        let marks = world.records("scripted", RelationKind::Parent, mark).await;
        once("marks", marks.iter().filter(|mark| mark.doc["task"] == json!(task.key.id)).count());
    }
    if payload["credit"].is_i64() {
        let credits = world.records("credit_event", RelationKind::Parent, "u").await;
        once("credits", credits.iter().filter(|credit| credit.key.id.as_str() == task.life()).count());
    }
    if payload["then"].is_object() {
        once("follow-ups", all.iter().filter(|other| other.parent_id == Some(task.key.id)).count());
    }
}
