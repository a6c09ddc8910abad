//! What an execution came to is not thrown away because the store is busy for a while.

use std::{sync::Arc, time::Duration};

use errand::{
    Priority, State, Status, Timestamp,
    spi::{
        lifecycle::log::LogOutcome,
        processor::{Delivery, Verdict, process},
        queue::QueueName,
    },
};
use integration_tests::{
    accounts::everything_is_accounted_for,
    faults::{Fault, Faults},
    world::{VISIBILITY, World},
};
use serde_json::{Value, json};
use shared::domain::User;
use uuid::Uuid;

const MEDIUM: QueueName = QueueName::Work(Priority::Medium);

/// The read and the claim come before it.
const SETTLE: usize = 2;

/// A world with a scripted task that has effects, and its message in hand.
async fn world(acts: &Value, timeout_s: u32) -> (World, Uuid, Delivery) {
    let world = World::new();
    world.put("u", &User::default()).await;
    let payload = json!({"acts": acts, "mark": "m", "credit": 3, "publish": "done", "then": {"mark": "m2"}});
    let body = json!({"task_type": "scripted", "user_id": "u", "payload": payload, "timeout_s": timeout_s});
    let id = world.enqueue(&body).await;
    let received = world.queue.receive(MEDIUM, 1, VISIBILITY).remove(0);
    let message = serde_json::from_str(&received.body).unwrap();
    (world, id, Delivery { message, queue: MEDIUM, receipt: received.receipt, trace: None })
}

async fn verdict(world: &World, faults: &Arc<Faults>, delivery: Delivery, deadline: Option<Timestamp>) -> Verdict {
    world.run(process(&faults.around(&world.app), vec![delivery], deadline)).await.remove(0)
}

async fn outcomes(world: &World, id: Uuid) -> Vec<LogOutcome> {
    world.log(id).await.iter().map(|row| row.outcome).collect()
}

#[tokio::test]
async fn a_worker_waits_for_a_store_that_is_busy_when_it_settles() {
    for fault in [Fault::Busy, Fault::Unavailable] {
        let (world, id, delivery) = world(&json!([]), 30).await;
        let faults = Faults::during(SETTLE..SETTLE + 8, fault);
        assert_eq!(verdict(&world, &faults, delivery, None).await, Verdict::Done);
        assert_eq!(world.queue.depth(MEDIUM), 2, "the message in hand, and the follow-up's");
        let task = world.task(id).await;
        assert_eq!((task.status(), task.executions, task.losses), (Status::Completed, 1, 0), "{fault:?}");
        assert_eq!((world.marks("m").await, outcomes(&world, id).await), (1, vec![LogOutcome::Completed]));
    }
}

#[tokio::test]
async fn a_settlement_whose_answer_was_lost_is_known_again() {
    let (world, id, delivery) = world(&json!([]), 30).await;
    let faults = Faults::during(SETTLE + 1..SETTLE + 4, Fault::Busy);
    faults.plan(SETTLE, Fault::LostAnswer);
    assert_eq!(verdict(&world, &faults, delivery, None).await, Verdict::Done);
    // Only who has settled tells of follow-ups.
    assert_eq!(world.queue.depth(MEDIUM), 2);
    assert_eq!((world.marks("m").await, outcomes(&world, id).await), (1, vec![LogOutcome::Completed]));
    world.queue.receive(MEDIUM, 9, VISIBILITY);
    world.advance(40);
    world.drain().await;
    everything_is_accounted_for(&world).await;
}

#[tokio::test]
async fn a_settlement_that_somebody_has_gone_on_from_is_not_made_twice() {
    let (world, id, delivery) = world(&json!([{"fail": "no"}, "complete"]), 30).await;
    let hide = 1;
    let faults = Faults::during(SETTLE + hide + 1..SETTLE + hide + 4, Fault::Unavailable);
    faults.plan(SETTLE + hide, Fault::LostAnswer);
    let app = faults.around(&world.app);
    let mut work = Box::pin(process(&app, vec![delivery], None));
    assert!(futures::poll!(work.as_mut()).is_pending());
    assert_eq!(world.task(id).await.status(), Status::Pending, "it has landed");
    let (status, _) = world.request("POST /v1/tasks/{id}/cancel", Some(id), &json!({}), None).await;
    assert_eq!(status, 200);
    assert_eq!(world.run(work).await, [Verdict::Done]);
    assert_eq!(outcomes(&world, id).await, [LogOutcome::Retry, LogOutcome::Cancelled]);
    assert_eq!(world.task(id).await.status(), Status::Cancelled);
}

#[tokio::test]
async fn a_worker_gives_up_shortly_before_its_lease_or_its_process_ends() {
    for (timeout_s, deadline_s) in [(5, None), (5, Some(7)), (300, None)] {
        let (world, id, delivery) = match timeout_s {
            300 => long().await,
            _ => world(&json!([]), timeout_s).await,
        };
        let begun = world.now();
        let faults = Faults::during(SETTLE..1000, Fault::Unavailable);
        let deadline = deadline_s.map(|s| begun + Duration::from_secs(s));
        assert_eq!(verdict(&world, &faults, delivery, deadline).await, Verdict::Again);
        let State::Running { lease_expires_at, .. } = world.task(id).await.state else { panic!() };
        let end = deadline.unwrap_or(lease_expires_at);
        assert!(world.now() < end && end.since(world.now()) <= Duration::from_secs(6), "{} {end}", world.now());
        assert!(faults.calls() < 40, "{} calls", faults.calls());
        world.drain().await;
        assert_eq!(world.task(id).await.losses, 1);
    }
}

/// A task whose lease is renewed, if it takes that long.
async fn long() -> (World, Uuid, Delivery) {
    let world = World::new();
    let id = world.enqueue(&json!({"task_type": "scripted", "payload": {}, "timeout_s": 300})).await;
    let received = world.queue.receive(QueueName::Long, 1, VISIBILITY).remove(0);
    let message = serde_json::from_str(&received.body).unwrap();
    (world, id, Delivery { message, queue: QueueName::Long, receipt: received.receipt, trace: None })
}

#[tokio::test]
async fn a_message_that_came_back_before_the_store_was_there_is_sent_anew() {
    let (world, id, delivery) = world(&json!([{"snooze": 2}, "complete"]), 30).await;
    let hide = 1;
    let faults = Faults::during(SETTLE + hide..SETTLE + hide + 6, Fault::Busy);
    // The hidden message is back meanwhile, and would be dropped: the task still runs.
    assert_eq!(verdict(&world, &faults, delivery, None).await, Verdict::Again);
    let task = world.task(id).await;
    assert!(task.status() == Status::Pending && task.run_at().unwrap() < world.now(), "{task:?}");
    assert_eq!(world.queue.depth(MEDIUM), 2);
}
