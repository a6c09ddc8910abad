//! Tasks, changes and records to try a store with.

use std::time::Duration;

use errand::{
    Asked, Dispatch, Doc, Expect, FailureKind, Id, Name, OfSchedule, PreviousFiring, Priority, Task, TaskKey,
    Timestamp, TraceParent,
    spi::{
        ids::fresh,
        json::Json,
        lifecycle::{
            Attempt, KeptFailure, Member, Report, Settlement, Transition, Trigger, apply,
            log::{LogEntry, LogOutcome},
        },
        store::{self, Commit, Inserted, Record, RecordKey, RecordWrite, Store, TaskWrite},
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

/// The instant that is "now" in every case.
pub fn now() -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000)
}

/// `s` seconds after [`now`].
pub fn at(s: u64) -> Timestamp {
    now() + Duration::from_secs(s)
}

/// A name from a literal.
pub fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

/// An id from a literal.
pub fn id(text: &str) -> Id {
    Id::new(text).expect("an id")
}

/// A tenant nobody else has.
pub fn tenant() -> Name {
    name(&format!("t-{}", fresh().simple()))
}

/// What a case begins with: a new task of `tenant`, due now, nothing optional set.
pub fn new(tenant: &Name) -> Asked {
    let key = TaskKey { tenant: tenant.clone(), id: fresh() };
    Asked::of_type(key, name("scripted"), Json::new(&json!({"n": 1})), "tester".to_owned(), now())
}

/// [`new`], accepted now.
pub fn task(tenant: &Name) -> Task {
    accepted(new(tenant))
}

/// `new`, accepted now.
pub fn accepted(new: Asked) -> Task {
    Task::accept(new, Uuid::new_v4(), now())
}

/// A pending task in which everything that can be set is, with text beyond ASCII wherever that may stand.
pub fn full(tenant: &Name) -> Task {
    let payload = json!({"text": "Grüße, 世界 🦀 \u{0} \\ \"", "list": [1, 2.5, null], "empty": {}});
    let new = Asked {
        project: name("atlas"),
        queue: name("people.v2"),
        lane: name("lane-1"),
        agent_type: Some(name("concierge")),
        user_id: Some(id("user|7")),
        context_id: Some(id("c-1")),
        context_type: Some(name("conversation")),
        parent_id: Some(fresh()),
        member_of: vec![Member { group: fresh(), index: 0 }, Member { group: fresh(), index: 9_999 }],
        priority: Priority::Urgent,
        dispatch: Dispatch::Pulled,
        pool: Some(name("eu-1")),
        idempotency_key: Some("order 17 / ü".to_owned()),
        max_retries: 0,
        timeout_s: 840,
        scheduled_for: at(5),
        expires_at: Some(at(7200)),
        created_by: "dienst:größe".to_owned(),
        request_id: Some("JKJaXmPLvHcESHA=".to_owned()),
        traceparent: TraceParent::of(1 << 127, 1, 1),
        schedule: Some(OfSchedule {
            backfilled: true,
            previous: Some(PreviousFiring { nominal: at(3), task_id: fresh() }),
            backfill: Some(id("b-1")),
            ..OfSchedule::of(id("nightly"), at(4))
        }),
        ..new(tenant)
    };
    with_history(accepted(new.with_payload(Json::new(&payload))))
}

/// `task` after a life full of failures and operators: everything that a change may set is set.
pub fn with_history(task: Task) -> Task {
    let failure =
        |n| KeptFailure::new(FailureKind::Timeout, &format!("attempt {n} – zu spät"), at(n), n.try_into().unwrap());
    Task {
        updated_at: at(99),
        last_attempted_at: Some(at(98)),
        dead_lettered_at: Some(at(97)),
        executions: 9,
        failures: 3,
        losses: 2,
        snoozes: 4,
        notified: 5,
        redrives: 1,
        log_seq: 12,
        revision: 34,
        last_errors: (1..=5).map(failure).collect(),
        latest_attempt: Some(Attempt { execution: 9, outcome: LogOutcome::Lost, ended_at: at(96) }),
        redrive_note: Some("noch einmal 🙏".to_owned()),
        progress: Some(Json::new(&json!({"größe": 0.5}))),
        ..task
    }
    .asking(|asked| {
        asked.session_path = Some("/v1/sessions/s-1".to_owned());
        asked.expires_at = Some(at(9000));
    })
}

/// Inserts `task`, which must be new.
pub async fn insert(store: &dyn Store, task: Task) -> Task {
    assert_eq!(store::insert(store, task.clone()).await.expect("the task is inserted"), Inserted::New);
    task
}

/// The task as it is stored now.
pub async fn read(store: &dyn Store, key: &TaskKey) -> Task {
    store::task(store, key).await.expect("the task is readable").expect("the task is there")
}

/// What `trigger` makes of `task` at `at`, with a version of its own.
pub fn changed(task: &Task, trigger: Trigger, at: Timestamp) -> Transition {
    let mut transition = apply(task, trigger, at).expect("the trigger applies");
    transition.task.version = Uuid::new_v4();
    transition
}

/// `task`, claimed at `at`.
pub fn claimed(task: &Task, at: Timestamp) -> Transition {
    changed(task, Trigger::Claim { worker: fresh(), lease: None }, at)
}

/// `task`, which runs, settled at `at`.
pub fn settled(task: &Task, settlement: Settlement, at: Timestamp) -> Transition {
    let fence = task.fence().expect("the task runs");
    changed(task, Trigger::Settle { fence, settlement, report: Report::default() }, at)
}

/// `task`, which runs, completed at `at`.
pub fn completed(task: &Task, at: Timestamp) -> Transition {
    settled(task, Settlement::Complete(Json::new(&json!({"done": true}))), at)
}

/// `task`, which runs, failed at `at`.
pub fn failed(task: &Task, at: Timestamp) -> Transition {
    settled(task, Settlement::Fail { failure: KeptFailure::new(FailureKind::Handler, "no", at, task.executions) }, at)
}

/// Commits what `transition` makes of `task`, which must be as it is stored.
pub async fn change(store: &dyn Store, task: &Task, transition: Transition) -> Task {
    let after = transition.task.clone();
    store::commit(store, Commit::change(task.version, transition)).await.expect("the change is committed");
    after
}

/// A task inserted, claimed and completed, with its end at `at`.
pub async fn complete(store: &dyn Store, task: Task, at: Timestamp) -> Task {
    let task = insert(store, task).await;
    let task = change(store, &task, claimed(&task, now())).await;
    change(store, &task, completed(&task, at)).await
}

/// A step of whoever holds `task`, or says so.
pub fn step(task: &Task) -> Commit {
    let fence = task.fence().expect("the task runs");
    Commit { task: Some(TaskWrite::Step { key: task.key.clone(), fence }), ..Commit::default() }
}

/// A record with these fields and no relations.
pub fn record(tenant: &Name, fields: &Value) -> Record {
    let key = RecordKey { tenant: tenant.clone(), kind: name("note"), id: fresh().into() };
    let doc: Doc = fields.as_object().expect("fields").clone();
    Record { version: Uuid::new_v4(), ..Record::new(key, doc, now()) }
}

/// The write that puts `record`.
pub fn put(record: &Record, expect: Expect) -> RecordWrite {
    RecordWrite::Put { record: Box::new(record.clone()), expect }
}

/// A commit of these records alone.
pub fn writes(records: Vec<RecordWrite>) -> Commit {
    Commit { records, ..Commit::default() }
}

/// Puts `record`, which must not be there.
pub async fn stored(store: &dyn Store, record: Record) -> Record {
    store::commit(store, writes(vec![put(&record, Expect::Absent)])).await.expect("the record is put");
    record
}

/// Every row of a task's log.
pub async fn log(store: &dyn Store, task: &Task) -> Vec<LogEntry> {
    let page = store.log(task, 0, 100).await.expect("the log is readable");
    assert_eq!(page.next, None, "a log of under 100 rows has one page");
    page.items
}
