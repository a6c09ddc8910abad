//! A task's log: one row for each thing that happened, in order, page by page.

use errand::{
    FailureKind, Task, Timestamp,
    spi::{
        ids::fresh,
        lifecycle::{
            KeptFailure, Settlement, Transition, Trigger,
            log::{LogEntry, LogKind, LogOutcome},
        },
        store::{self, Commit, Part, Store},
    },
};
use uuid::Uuid;

use super::{
    Case,
    changes::conflict,
    fixtures::{at, change, changed, claimed, full, insert, log, read, settled, task, tenant},
};

pub(super) const CASES: &[Case] = &[
    Case { name: "every_row_of_a_log_is_kept_in_order", check: |s| Box::pin(in_order(s)) },
    Case { name: "a_log_is_read_page_by_page", check: |s| Box::pin(pages(s)) },
    Case { name: "every_field_of_a_row_survives", check: |s| Box::pin(round_trip(s)) },
    Case { name: "a_task_without_a_log_has_none", check: |s| Box::pin(none(s)) },
    Case { name: "a_row_that_is_there_is_told_of_and_never_changed", check: |s| Box::pin(ahead(s)) },
];

/// Changes `task` and adds the row, if there is one, to `rows`.
async fn logged(store: &dyn Store, task: &Task, transition: Transition, rows: &mut Vec<LogEntry>) -> Task {
    rows.extend(transition.log.clone());
    change(store, task, transition).await
}

/// A task that was rescheduled `n` times, and its rows.
async fn rescheduled(store: &dyn Store, n: u64) -> (Task, Vec<LogEntry>) {
    let mut task = insert(store, task(&tenant())).await;
    let mut rows = Vec::new();
    for s in 1..=n {
        let trigger = Trigger::Reschedule { run_at: at(s), by: "me".to_owned(), if_due: false };
        let transition = changed(&task, trigger, at(s));
        task = logged(store, &task, transition, &mut rows).await;
    }
    assert_eq!(rows.len() as u64, n);
    (task, rows)
}

async fn in_order(store: &dyn Store) {
    let mut rows = Vec::new();
    let mut task = insert(store, task(&tenant())).await;
    let failure = |s, n| KeptFailure::new(FailureKind::Backend, "später", at(s), n);
    let settlements = [
        (Settlement::Snooze { run_at: at(2), hinted: true }, 1),
        (Settlement::Retry { run_at: at(4), failure: failure(3, 2), hinted: false }, 3),
        (Settlement::Fail { failure: failure(5, 3) }, 5),
    ];
    for (settlement, s) in settlements {
        let running = logged(store, &task, claimed(&task, at(s)), &mut rows).await;
        task = logged(store, &running, settled(&running, settlement, at(s)), &mut rows).await;
    }
    let redrive =
        Trigger::Redrive { note: Some("once more".to_owned()), by: "me".to_owned(), failed_at: None, run_at: None };
    let transition = changed(&task, redrive, at(6));
    task = logged(store, &task, transition, &mut rows).await;
    let cancel = Trigger::Cancel { reason: "enough".to_owned(), by: "me".to_owned() };
    let transition = changed(&task, cancel, at(7));
    task = logged(store, &task, transition, &mut rows).await;
    assert_eq!(log(store, &task).await, rows);
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

async fn pages(store: &dyn Store) {
    let (task, rows) = rescheduled(store, 12).await;
    for limit in [1, 5, 12, 100] {
        let (mut found, mut after) = (Vec::new(), Some(0));
        while let Some(seq) = after {
            let page = store.log(&task, seq, limit).await.unwrap();
            assert!(page.items.len() <= limit && found.len() <= rows.len());
            found.extend(page.items);
            after = page.next;
        }
        assert_eq!(found, rows);
    }
    assert_eq!(store.log(&task, 10, 9).await.unwrap().items, rows[10..]);
    assert_eq!(store.log(&task, 12, 9).await.unwrap().items, []);
}

async fn round_trip(store: &dyn Store) {
    let tenant = tenant();
    let kinds = [LogKind::Execution, LogKind::Cancel, LogKind::Reschedule, LogKind::Redrive, LogKind::Expire];
    let outcomes = {
        use LogOutcome::{Blocked, Cancelled, Completed, Failed, Lost, Pending, Retry, Snoozed};
        [Completed, Snoozed, Retry, Failed, Cancelled, Blocked, Lost, Pending]
    };
    let mut task = insert(store, full(&tenant)).await;
    let bare = log_seq_after(&mut task);
    let mut rows = Vec::new();
    for (n, outcome) in outcomes.into_iter().enumerate() {
        let seq = bare + n as u64;
        let row = LogEntry { seq, kind: kinds[n % kinds.len()], outcome, ..row(&task, n % 2 == 0) };
        let after = Task { version: Uuid::new_v4(), log_seq: seq, ..task.clone() };
        task = logged(store, &task, Transition { task: after, log: Some(row) }, &mut rows).await;
    }
    assert_eq!(log(store, &task).await, rows);
}

fn log_seq_after(task: &mut Task) -> u64 {
    task.log_seq + 1
}

/// A row with everything set, or nothing that need not be.
fn row(task: &Task, everything: bool) -> LogEntry {
    let some = |text: &str| everything.then(|| text.to_owned());
    LogEntry {
        key: task.key.clone(),
        seq: 0,
        kind: LogKind::Execution,
        execution: 3,
        agent_type: task.agent_type.clone().filter(|_| everything),
        action_type: task.task_type.clone(),
        user_id: task.user_id.clone().filter(|_| everything),
        context_id: task.context_id.clone().filter(|_| everything),
        context_type: task.context_type.clone().filter(|_| everything),
        worker: everything.then(fresh),
        by: some("jemand – ü"),
        started_at: at(1),
        ended_at: Timestamp::from_millis(at(2).as_millis() + 345),
        latency_ms: 1345,
        outcome: LogOutcome::Completed,
        failure: everything.then(|| KeptFailure::new(FailureKind::EffectConflict, "zu spät", at(2), 3)),
        reason: some("weil 🦀"),
        payload_hash: task.payload_hash.clone(),
        output_excerpt: some("{\"größe\":"),
        effects: if everything { vec!["put note 1".to_owned(), "ü".to_owned()] } else { vec![] },
        model: some("small-1"),
        tokens_in: everything.then_some(123_456_789_012),
        tokens_out: everything.then_some(0),
        cost_usd: everything.then_some(0.012_345),
    }
}

/// As after a restore of the task alone.
async fn ahead(store: &dyn Store) {
    let (task, mut rows) = rescheduled(store, 3).await;
    let back = Task { log_seq: 1, version: Uuid::new_v4(), ..task.clone() };
    let back = change(store, &task, Transition { task: back, log: None }).await;
    let cancel = |task: &Task| {
        let trigger = Trigger::Cancel { reason: "enough".to_owned(), by: "me".to_owned() };
        changed(task, trigger, at(9))
    };
    let transition = cancel(&back);
    let moved = LogEntry { seq: 4, ..transition.log.clone().unwrap() };
    match store::commit(store, Commit::change(back.version, transition)).await {
        // The store puts the row behind the last, and the task says so.
        Ok(()) => rows.push(moved),
        told => {
            assert_eq!(conflict(told), [Part::Log]);
            assert_eq!((read(store, &task.key).await, log(store, &task).await), (back.clone(), rows.clone()));
            let transition = cancel(&Task { log_seq: 3, ..back.clone() });
            logged(store, &back, transition.clone(), &mut rows).await;
            // The same again has landed.
            assert_eq!(store::commit(store, Commit::change(back.version, transition)).await.unwrap(), ());
        }
    }
    assert_eq!((read(store, &task.key).await.log_seq, log(store, &task).await), (4, rows));
    // Somebody else's is in the way, with its row.
    let late = store::commit(store, Commit::change(back.version, cancel(&back))).await;
    assert_eq!(conflict(late), [Part::Task]);
}

async fn none(store: &dyn Store) {
    let task = insert(store, task(&tenant())).await;
    assert_eq!(log(store, &task).await, []);
    assert_eq!(log(store, &super::fixtures::task(&task.key.tenant)).await, []);
}
