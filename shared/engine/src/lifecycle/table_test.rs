//! The specification: every state against every trigger, as one snapshot that is reviewed like code.

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::{
    clock::Timestamp,
    ids::{Name, TaskKey},
    json::Json,
};

const WORKER: Uuid = Uuid::from_u128(1);
const OTHER_WORKER: Uuid = Uuid::from_u128(2);
const GROUP: Uuid = Uuid::from_u128(3);
const OTHER_GROUP: Uuid = Uuid::from_u128(4);

fn now() -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000)
}

fn after(s: u64) -> Timestamp {
    now() + Duration::from_secs(s)
}

fn before(s: u64) -> Timestamp {
    now() - Duration::from_secs(s)
}

fn failure() -> KeptFailure {
    KeptFailure::new(FailureKind::Handler, "no", before(1), 2)
}

/// In its second drive, after one ended execution that failed.
fn task(state: State) -> Task {
    let key = TaskKey { tenant: Name::default(), id: Uuid::nil() };
    let new = Asked::of_type(key, Name::of("scripted"), Json::new(&json!({})), "me".into(), before(600));
    Task {
        state,
        executions: 1,
        failures: 1,
        redrives: 1,
        log_seq: 2,
        last_errors: vec![failure()],
        ..Task::accept(new, Uuid::from_u128(9), before(600))
    }
}

fn pending(run_at: Timestamp, wake_at: Timestamp) -> Task {
    Task { wake_at: Some(wake_at), ..task(State::Pending { run_at }) }
}

fn running(lease_expires_at: Timestamp) -> Task {
    let state = State::Running { lease_expires_at, worker: WORKER, started_at: before(30) };
    Task { executions: 2, wake_at: Some(lease_expires_at), ..task(state) }
}

fn waiting(looks: u32, wake_at: Timestamp) -> Task {
    Task { notified: looks, wake_at: Some(wake_at), ..task(State::Waiting { group: GROUP, since: before(60) }) }
}

fn ended(state: State) -> Task {
    Task { executions: 2, log_seq: 3, ended_at: Some(before(1)), wake_at: None, snoozes: 3, losses: 2, ..task(state) }
}

fn states() -> Vec<(&'static str, Task)> {
    let failed = Task { wake_at: Some(before(1)), ..ended(State::Failed { failure: failure() }) };
    let unknown = pending(before(24 * 3600), now()).asking(|asked| asked.task_type = Name::of("make_tea"));
    vec![
        ("pending, due, to be looked at", pending(before(120), now())),
        ("pending, due, looked at already", pending(now(), after(120))),
        ("pending, due, woken so late that the poller looks before the lease ends", pending(now(), after(20))),
        ("pending, not due", pending(after(3600), after(3600 - 90))),
        ("pending, expired", pending(before(60), now()).asking(|asked| asked.expires_at = Some(now()))),
        ("pending, expires soon", pending(before(60), now()).asking(|asked| asked.expires_at = Some(after(60)))),
        ("pending, of an unknown type, for a day", unknown),
        ("running, a retry left", running(after(5))),
        ("running, no retry left", Task { failures: 3, ..running(after(5)) }),
        ("running, lease over, never lost before", running(now())),
        ("running, lease over, lost before", Task { losses: 1, ..running(now()) }),
        ("running, lease over, last loss", Task { losses: 4, ..running(now()) }),
        ("waiting for a group, looked at already", waiting(0, after(60))),
        ("waiting for a group, to be looked at", waiting(3, now())),
        ("waiting for a group, expired", waiting(0, now()).asking(|asked| asked.expires_at = Some(now()))),
        ("completed", ended(State::Completed { output: Json::new(&json!("done")) })),
        ("failed, dead letter owed", failed.clone().asking(|asked| asked.expires_at = Some(before(1)))),
        ("failed, dead letter sent", Task { dead_lettered_at: Some(before(1)), wake_at: None, ..failed }),
        ("cancelled", ended(State::Cancelled { reason: "no".into() })),
        ("blocked", ended(State::Blocked { reason: "ask".into() })),
    ]
}

fn settlements() -> Vec<(&'static str, Settlement)> {
    let (soon, late) = (after(60), after(3600));
    vec![
        ("complete", Settlement::Complete(Json::new(&json!({"n": 1})))),
        ("snooze, message hidden", Settlement::Snooze { run_at: soon, hinted: true }),
        ("snooze, for long", Settlement::Snooze { run_at: late, hinted: false }),
        ("wait for a group", Settlement::Wait { group: GROUP }),
        ("retry, message hidden", Settlement::Retry { run_at: soon, failure: failure(), hinted: true }),
        ("retry, message not hidden", Settlement::Retry { run_at: soon, failure: failure(), hinted: false }),
        ("fail", Settlement::Fail { failure: failure() }),
        ("cancel", Settlement::Cancel { reason: "off".into() }),
        ("block", Settlement::Block { reason: "ask".into() }),
    ]
}

fn triggers() -> Vec<(String, Trigger)> {
    let fence = Fence { executions: 2, worker: WORKER };
    let other_worker = Fence { worker: OTHER_WORKER, ..fence };
    let other_execution = Fence { executions: 1, ..fence };
    let complete = |fence| {
        let settlement = Settlement::Complete(Json::default());
        Trigger::Settle { fence, settlement, report: Report::default() }
    };
    let reschedule = |run_at, if_due| Trigger::Reschedule { run_at, by: "op".into(), if_due };
    let redrive_at =
        |failed_at, run_at| Trigger::Redrive { note: Some("try".into()), by: "op".into(), failed_at, run_at };
    let redrive = |failed_at| redrive_at(failed_at, None);
    let mut triggers = vec![
        ("claim".to_owned(), Trigger::Claim { worker: OTHER_WORKER, lease: None }),
        ("renew".to_owned(), Trigger::Renew { fence, lease: None, progress: None }),
        ("renew by another worker".to_owned(), Trigger::Renew { fence: other_worker, lease: None, progress: None }),
        (
            "renew of another execution".to_owned(),
            Trigger::Renew { fence: other_execution, lease: None, progress: None },
        ),
        ("settle by another worker".to_owned(), complete(other_worker)),
        ("settle of another execution".to_owned(), complete(other_execution)),
        ("reap".to_owned(), Trigger::Reap { max_losses: 5, jitter: 0.0 }),
        ("notify".to_owned(), Trigger::Notify),
        ("dead-lettered in this drive".to_owned(), Trigger::DeadLettered { redrives: 1 }),
        ("dead-lettered in another drive".to_owned(), Trigger::DeadLettered { redrives: 0 }),
        ("expire".to_owned(), Trigger::Expire { kind: FailureKind::Expired }),
        ("expire for its unknown type".to_owned(), Trigger::Expire { kind: FailureKind::UnknownType }),
        ("cancel".to_owned(), Trigger::Cancel { reason: "off".into(), by: "op".into() }),
        ("reschedule soon".to_owned(), reschedule(after(60), false)),
        ("reschedule late".to_owned(), reschedule(after(3600), false)),
        ("reschedule to now, if due".to_owned(), reschedule(now(), true)),
        ("wake".to_owned(), Trigger::Wake),
        ("its group is over".to_owned(), Trigger::Ready { group: GROUP }),
        ("another group is over".to_owned(), Trigger::Ready { group: OTHER_GROUP }),
        ("its group is void".to_owned(), Trigger::Void { group: GROUP, reason: "it failed".into() }),
        ("touch".to_owned(), Trigger::Touch),
        ("redrive".to_owned(), redrive(None)),
        ("redrive, if failed at these executions".to_owned(), redrive(Some(2))),
        ("redrive, if failed at other executions".to_owned(), redrive(Some(1))),
        ("redrive, to start soon".to_owned(), redrive_at(Some(2), Some(after(60)))),
        ("redrive, to start late".to_owned(), redrive_at(Some(2), Some(after(3600)))),
        ("redrive, to start before now".to_owned(), redrive_at(Some(2), Some(before(60)))),
    ];
    triggers.extend(settlements().into_iter().map(|(name, settlement)| {
        (format!("settle: {name}"), Trigger::Settle { fence, settlement, report: Report::default() })
    }));
    triggers
}

/// An instant as seen from now.
fn rel(at: Timestamp) -> String {
    match (at.since(now()).as_secs(), now().since(at).as_secs()) {
        (0, 0) => "now".into(),
        (s, 0) => format!("now+{s}s"),
        (_, s) => format!("now-{s}s"),
    }
}

fn opt(at: Option<Timestamp>) -> String {
    at.map_or("-".into(), rel)
}

fn shown(state: &State) -> String {
    match state {
        State::Pending { run_at } => format!("pending at {}", rel(*run_at)),
        State::Running { lease_expires_at, worker, started_at } => {
            let by = if *worker == WORKER { "the worker" } else { "another worker" };
            format!("running by {by} since {} until {}", rel(*started_at), rel(*lease_expires_at))
        }
        State::Waiting { group, since } => {
            let what = if *group == GROUP { "the group" } else { "another group" };
            format!("waiting for {what} since {}", rel(*since))
        }
        State::Completed { output } => format!("completed with {}", output.as_str()),
        State::Failed { failure } => format!("failed, {:?}: {}", failure.kind, told(&failure.message)),
        State::Cancelled { reason } => format!("cancelled, {reason}"),
        State::Blocked { reason } => format!("blocked, {reason}"),
    }
}

/// The message with its times left out.
fn told(message: &str) -> &str {
    message.split(" at 20").next().unwrap_or(message)
}

/// Every field that a trigger may change, as text.
fn fields(task: &Task) -> Vec<(&'static str, String)> {
    let attempt = task.latest_attempt.as_ref();
    vec![
        ("state", shown(&task.state)),
        ("executions", task.executions.to_string()),
        ("failures", task.failures.to_string()),
        ("losses", task.losses.to_string()),
        ("snoozes", task.snoozes.to_string()),
        ("notified", task.notified.to_string()),
        ("redrives", task.redrives.to_string()),
        ("log_seq", task.log_seq.to_string()),
        ("wake_at", opt(task.wake_at)),
        ("expires_at", opt(task.expires_at)),
        ("ended_at", opt(task.ended_at)),
        ("dead_lettered_at", opt(task.dead_lettered_at)),
        ("last_attempted_at", opt(task.last_attempted_at)),
        ("last_errors", format!("{:?}", task.last_errors.iter().map(|e| e.kind).collect::<Vec<_>>())),
        (
            "latest_attempt",
            attempt.map_or("-".into(), |a| format!("{} {:?} {}", a.execution, a.outcome, rel(a.ended_at))),
        ),
        ("redrive_note", format!("{:?}", task.redrive_note)),
    ]
}

/// `task` with what `fields` shows, and what every change changes, as in `other`.
fn with_fields_of(task: Task, other: &Task) -> Task {
    let (other, expires_at) = (other.clone(), other.expires_at);
    Task {
        state: other.state,
        executions: other.executions,
        failures: other.failures,
        losses: other.losses,
        snoozes: other.snoozes,
        notified: other.notified,
        redrives: other.redrives,
        log_seq: other.log_seq,
        wake_at: other.wake_at,
        ended_at: other.ended_at,
        dead_lettered_at: other.dead_lettered_at,
        last_attempted_at: other.last_attempted_at,
        last_errors: other.last_errors,
        latest_attempt: other.latest_attempt,
        redrive_note: other.redrive_note,
        revision: task.revision + 1,
        updated_at: now(),
        ..task
    }
    .asking(|asked| asked.expires_at = expires_at)
}

fn cell(task: &Task, transition: &Transition) -> String {
    assert_eq!(with_fields_of(task.clone(), &transition.task), transition.task, "nothing else changes");
    let pairs = fields(task).into_iter().zip(fields(&transition.task));
    let mut parts: Vec<String> = pairs
        .filter(|(old, new)| old != new)
        .map(|((name, old), (_, new))| match name {
            "state" => new,
            _ => format!("{name} {old} → {new}"),
        })
        .collect();
    if let Some(row) = &transition.log {
        assert_eq!((row.seq, row.ended_at), (task.log_seq + 1, now()));
        let more = [
            row.worker.map(|worker| (if worker == WORKER { "worker" } else { "another worker" }).to_owned()),
            row.by.as_ref().map(|by| format!("by {by}")),
            row.failure.as_ref().map(|failure| format!("failure {:?}", failure.kind)),
            row.reason.as_ref().map(|reason| format!("reason {:?}", told(reason))),
            row.output_excerpt.as_ref().map(|output| format!("output {output}")),
        ];
        let more: String = more.into_iter().flatten().map(|part| format!(", {part}")).collect();
        let since = rel(row.started_at);
        parts.push(format!("LOG {:?} {}: {:?} since {since}{more}", row.kind, row.execution, row.outcome));
    }
    parts.join(" | ")
}

#[test]
fn every_state_against_every_trigger() {
    let mut table = String::new();
    for (name, task) in states() {
        table += &format!("\n== {name} (wake_at {}, executions {}) ==\n", opt(task.wake_at), task.executions);
        let mut rejected: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (trigger_name, trigger) in triggers() {
            match apply(&task, trigger, now()) {
                Ok(transition) => table += &format!("{trigger_name}: {}\n", cell(&task, &transition)),
                Err(why) => {
                    let why = match why {
                        Rejected::NotDue(at) => format!("not due before {}", rel(at)),
                        Rejected::Held(at) => format!("held until {}", rel(at)),
                        Rejected::Expired(at) => format!("expired {}", rel(at)),
                        other => other.to_string(),
                    };
                    rejected.entry(why).or_default().push(trigger_name);
                }
            }
        }
        for (why, triggers) in rejected {
            table += &format!("REJECTED, {why}: {}\n", triggers.join("; "));
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_renewal_never_shortens_a_lease() {
    let task = running(after(90)).asking(|asked| asked.timeout_s = 300);
    let fence = Fence { executions: 2, worker: WORKER };
    let renewed_at = |at| apply(&task, Trigger::Renew { fence, lease: None, progress: None }, at).unwrap().task.wake_at;
    assert_eq!(renewed_at(before(60)), Some(after(90)), "by a clock set back");
    assert_eq!(renewed_at(after(30)), Some(after(120)));
}

#[test]
fn two_failures_at_one_time_owe_a_dead_letter_each() {
    let letter_sent = Trigger::DeadLettered { redrives: 0 };
    let failed_again = Task { redrives: 1, ..ended(State::Failed { failure: failure() }) };
    assert_eq!(apply(&failed_again, letter_sent, now()), Err(Rejected::Ended(Status::Failed)));
}

#[test]
fn reasons_and_notes_are_redacted_and_cut_wherever_they_come_from() {
    let long = format!("password=hunter2 {}", "x".repeat(2 * ERROR_BYTES));
    let fence = Fence { executions: 2, worker: WORKER };
    let settle = |settlement| Trigger::Settle { fence, settlement, report: Report::default() };
    let by = || "op".to_owned();
    let blocked = ended(State::Blocked { reason: "ask".into() });
    for (task, trigger) in [
        (running(after(5)), settle(Settlement::Cancel { reason: long.clone() })),
        (running(after(5)), settle(Settlement::Block { reason: long.clone() })),
        (running(after(5)), Trigger::Cancel { reason: long.clone(), by: by() }),
        (blocked, Trigger::Redrive { note: Some(long.clone()), by: by(), failed_at: None, run_at: None }),
    ] {
        let Transition { task, log } = apply(&task, trigger, now()).unwrap();
        let in_task = match task.state {
            State::Cancelled { reason } | State::Blocked { reason } => reason,
            _ => task.redrive_note.unwrap(),
        };
        assert_eq!(Some(&in_task), log.unwrap().reason.as_ref());
        assert!(in_task.starts_with("password=[redacted]"), "{in_task}");
        assert_eq!(in_task.len(), 4096);
    }
}

#[test]
fn a_task_remembers_its_newest_failures_only() {
    let mut task = Task { last_errors: vec![], ..running(after(5)) }.asking(|asked| asked.max_retries = 100);
    for n in 0..8 {
        let failure = KeptFailure::new(FailureKind::Handler, &format!("no {n}"), now(), 2);
        let settlement = Settlement::Retry { run_at: now(), failure, hinted: true };
        let fence = Fence { executions: 2, worker: WORKER };
        let settled = apply(&task, Trigger::Settle { fence, settlement, report: Report::default() }, now()).unwrap();
        task = Task { state: task.state, ..settled.task };
    }
    let kept: Vec<&str> = task.last_errors.iter().map(|e| e.message.as_str()).collect();
    assert_eq!(kept, ["no 3", "no 4", "no 5", "no 6", "no 7"]);
}

#[test]
fn a_row_never_ends_before_it_began_though_clocks_differ() {
    let State::Running { lease_expires_at, worker, .. } = running(after(5)).state else { panic!() };
    let task = task(State::Running { lease_expires_at, worker, started_at: after(3) });
    let row = apply(&task, Trigger::Cancel { reason: String::new(), by: String::new() }, now()).unwrap().log.unwrap();
    assert_eq!((row.started_at, row.ended_at, row.latency_ms), (after(3), after(3), 0));
}

#[test]
fn the_log_says_how_long_an_execution_took_and_keeps_the_start_of_its_output() {
    let fence = Fence { executions: 2, worker: WORKER };
    let report =
        Report { model: Some("m".into()), tokens_in: Some(1), tokens_out: Some(2), cost_nano_usd: Some(500_000_000) };
    let settlement = Settlement::Complete(Json::new(&json!("x".repeat(1000))));
    let settled = apply(&running(after(5)), Trigger::Settle { fence, settlement, report }, now()).unwrap();
    let row = settled.log.unwrap();
    assert_eq!((row.latency_ms, row.output_excerpt.map(|text| text.len())), (30_000, Some(256)));
    assert_eq!(
        (row.model.as_deref(), row.tokens_in, row.tokens_out, row.cost_usd),
        (Some("m"), Some(1), Some(2), Some(0.5))
    );
}

#[test]
fn the_log_shows_no_secret_of_an_output_that_is_kept_whole() {
    let output = json!({"code": "const token = await getToken(user)", "api_key": "k-1", "said": "password=hunter2"});
    let (fence, report) = (Fence { executions: 2, worker: WORKER }, Report::default());
    let settlement = Settlement::Complete(Json::new(&output));
    let settled = apply(&running(after(5)), Trigger::Settle { fence, settlement, report }, now()).unwrap();
    let State::Completed { output: kept } = settled.task.state else { panic!() };
    assert_eq!(kept, Json::new(&output));
    let shown =
        json!({"code": "const token = await getToken(user)", "api_key": "[redacted]", "said": "password=[redacted]"});
    assert_eq!(settled.log.unwrap().output_excerpt, Some(shown.to_string()));
}

#[test]
fn priorities_rank_from_urgent_to_low_under_their_wire_names() {
    for (rank, priority) in (0_u8..).zip(Priority::ALL) {
        assert_eq!(priority.rank(), rank);
        assert_eq!(json!(priority), json!(priority.as_str()));
    }
    assert!(Priority::Urgent < Priority::Low);
}

#[test]
fn only_a_waiting_task_has_a_time_to_run_and_only_a_running_one_a_fence() {
    for (name, task) in states() {
        let (waits, runs) = (task.status() == Status::Pending, task.status() == Status::Running);
        assert_eq!((task.run_at().is_some(), task.fence().is_some()), (waits, runs), "{name}");
    }
    assert_eq!(pending(after(7), after(9)).run_at(), Some(after(7)));
}
