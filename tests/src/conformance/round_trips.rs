//! What is written is what is read: every field, every state, large bodies.

use errand::{
    FailureKind, State, Status, Task,
    spi::{
        ids::fresh,
        json::Json,
        lifecycle::{KeptFailure, Settlement, Transition},
        store::{self, BODY_BYTES, Inserted, Store},
    },
};
use serde_json::json;
use uuid::Uuid;

use super::{
    Case,
    fixtures::{accepted, at, change, claimed, full, insert, new, read, settled, task, tenant, with_history},
};

pub(super) const CASES: &[Case] = &[
    Case { name: "every_field_of_a_new_task_survives_in_every_state", check: |s| Box::pin(inserted(s)) },
    Case { name: "every_field_that_changes_survives_in_every_state", check: |s| Box::pin(changed(s)) },
    Case { name: "what_a_change_takes_away_is_gone", check: |s| Box::pin(taken_away(s)) },
    Case { name: "large_payloads_survive_a_whole_life", check: |s| Box::pin(large(s)) },
];

fn states() -> Vec<State> {
    let failure = KeptFailure::new(FailureKind::Panic, "boom – außer sich", at(60), 9);
    let states = vec![
        State::Pending { run_at: at(61) },
        State::Running { lease_expires_at: at(95), worker: fresh(), started_at: at(60) },
        State::Waiting { group: fresh(), since: at(60) },
        State::Completed { output: Json::new(&json!({"größe": [1, null, "🦀"]})) },
        State::Failed { failure },
        State::Cancelled { reason: "nicht mehr nötig".to_owned() },
        State::Blocked { reason: "wartet auf 人".to_owned() },
    ];
    let names: Vec<Status> = states.iter().map(State::status).collect();
    assert_eq!(names, Status::ALL, "a state has no case");
    states
}

/// `task` in `state`, with the times that go with it.
fn in_state(task: Task, state: State) -> Task {
    let ended_at = state.status().is_ended().then(|| at(63));
    let wake_at = (!state.status().is_ended()).then(|| at(181));
    Task { state, ended_at, wake_at, ..task }
}

async fn inserted(store: &dyn Store) {
    let tenant = tenant();
    for state in states() {
        for base in [task(&tenant), full(&tenant)] {
            let task = insert(store, in_state(base, state.clone())).await;
            assert_eq!(read(store, &task.key).await, task);
        }
    }
}

async fn changed(store: &dyn Store) {
    let tenant = tenant();
    for state in states() {
        let before = insert(store, task(&tenant)).await;
        let after = in_state(with_history(Task { version: Uuid::new_v4(), ..before.clone() }), state);
        change(store, &before, Transition { task: after.clone(), log: None }).await;
        assert_eq!(read(store, &after.key).await, after);
    }
}

async fn taken_away(store: &dyn Store) {
    let tenant = tenant();
    for state in states() {
        let before = insert(store, in_state(full(&tenant), state)).await;
        let after = Task {
            version: Uuid::new_v4(),
            last_attempted_at: None,
            ended_at: None,
            dead_lettered_at: None,
            wake_at: None,
            last_errors: vec![],
            latest_attempt: None,
            redrive_note: None,
            progress: None,
            state: State::Pending { run_at: at(1) },
            ..before.clone()
        }
        .asking(|asked| {
            asked.expires_at = None;
            asked.session_path = None;
        });
        change(store, &before, Transition { task: after.clone(), log: None }).await;
        assert_eq!(read(store, &after.key).await, after);
    }
}

async fn large(store: &dyn Store) {
    let tenant = tenant();
    for bytes in [10 * 1024, BODY_BYTES] {
        let body = Json::new(&json!("ß".repeat(bytes / 2 - 1)));
        assert_eq!(body.as_str().len(), bytes);
        let pending = insert(store, accepted(new(&tenant).with_payload(body.clone()))).await;
        assert_eq!(read(store, &pending.key).await, pending);

        let again = Task { version: Uuid::new_v4(), ..pending.clone() };
        assert_eq!(store::insert(store, again).await.unwrap(), Inserted::Existing(Box::new(pending.clone())));

        let running = change(store, &pending, claimed(&pending, at(1))).await;
        assert_eq!(read(store, &pending.key).await, running);
        // The output is of the largest size only beside a small payload: an item holds 400 KiB.
        let output = if bytes < BODY_BYTES { body } else { Json::default() };
        let ended = change(store, &running, settled(&running, Settlement::Complete(output), at(2))).await;
        assert_eq!(read(store, &pending.key).await, ended);
    }
    let running = insert(store, task(&tenant)).await;
    let running = change(store, &running, claimed(&running, at(1))).await;
    let output = Json::new(&json!("x".repeat(BODY_BYTES - 2)));
    let ended = change(store, &running, settled(&running, Settlement::Complete(output), at(2))).await;
    assert_eq!(read(store, &ended.key).await, ended);
}
