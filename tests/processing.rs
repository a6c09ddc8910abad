//! What becomes of a message that comes early, late, twice, or says nothing.

use std::{sync::Arc, time::Duration};

use errand::{
    App, Priority, Services, Status, Timestamp,
    spi::{
        clock::ManualClock,
        processor::{Delivery, Verdict, process},
        queue::{OutMessage, QueueName, TaskMessage},
    },
};
use integration_tests::{
    faults::Faults,
    world::{VISIBILITY, World, key},
};
use serde_json::{Value, json};
use uuid::Uuid;

const MEDIUM: QueueName = QueueName::Work(Priority::Medium);

async fn deferred(world: &World, delay_s: u64) -> Uuid {
    let id = world.enqueue(&json!({"task_type": "scripted", "payload": {}, "delay_s": delay_s})).await;
    for message in world.queue.receive(MEDIUM, 10, VISIBILITY) {
        world.queue.delete(MEDIUM, &message.receipt);
    }
    id
}

/// A message about `id` in hand, whatever it is good for.
async fn in_hand(world: &World, id: Uuid) -> Delivery {
    let message = TaskMessage { key: key(id), executions: None };
    let body = serde_json::to_string(&message).unwrap();
    let out = OutMessage { body, delay: Duration::ZERO, group: None, attributes: vec![] };
    drop(world.app.queue.send(QueueName::Long, vec![out]).await);
    let receipt = world.queue.receive(QueueName::Long, 1, VISIBILITY).remove(0).receipt;
    Delivery { message, queue: QueueName::Long, receipt, trace: None }
}

async fn verdict(world: &World, id: Uuid) -> Verdict {
    let delivery = in_hand(world, id).await;
    world.run(process(&world.app, vec![delivery], None)).await.remove(0)
}

fn visible_at(world: &World) -> Option<Timestamp> {
    world.queue.next_visible(&[QueueName::Long])
}

#[tokio::test]
async fn a_message_less_than_two_seconds_early_is_waited_out() {
    let world = World::new();
    let id = deferred(&world, 1).await;
    let run_at = world.task(id).await.run_at().unwrap();
    assert_eq!(verdict(&world, id).await, Verdict::Done);
    let task = world.task(id).await;
    assert_eq!((task.status(), task.last_attempted_at), (Status::Completed, Some(run_at)));
}

#[tokio::test]
async fn a_message_earlier_than_that_is_hidden_until_its_time() {
    for early_s in [2, 66] {
        let world = World::new();
        let id = deferred(&world, early_s).await;
        let run_at = world.task(id).await.run_at();
        assert_eq!((verdict(&world, id).await, visible_at(&world)), (Verdict::Again, run_at));
        assert_eq!(world.task(id).await.executions, 0);
    }
}

#[tokio::test]
async fn a_message_too_early_to_be_hidden_gives_way_to_one_with_a_delay() {
    for early_s in [67, 900] {
        let world = World::new();
        let id = deferred(&world, early_s).await;
        let run_at = world.task(id).await.run_at();
        assert_eq!(verdict(&world, id).await, Verdict::Done);
        // Besides the one that it was enqueued with.
        assert_eq!((world.queue.next_visible(&[MEDIUM]), world.queue.depth(MEDIUM)), (run_at, 2));
        assert_eq!(world.task(id).await.executions, 0);
    }
}

#[tokio::test]
async fn a_message_earlier_than_a_delay_can_say_is_left_to_the_poller() {
    let world = World::new();
    let id = deferred(&world, 901).await;
    assert_eq!(verdict(&world, id).await, Verdict::Done);
    world.drain().await;
    assert_eq!(world.task(id).await.status(), Status::Completed);
}

/// What is done with the message of a task that acts so: hidden until when, and whether another was sent.
async fn after(act: Value) -> (World, Uuid, Verdict, Option<Timestamp>, bool) {
    let world = World::new();
    let id = world.scripted(&json!({"acts": [act]})).await;
    for message in world.queue.receive(MEDIUM, 10, VISIBILITY) {
        world.queue.delete(MEDIUM, &message.receipt);
    }
    let verdict = verdict(&world, id).await;
    let sent = world.queue.next_visible(&[MEDIUM]).is_some();
    let hidden = visible_at(&world);
    (world, id, verdict, hidden, sent)
}

#[tokio::test]
async fn a_task_that_is_to_run_again_soon_has_its_message_hidden_until_then() {
    for act in [json!({"snooze": 1}), json!({"snooze": 66}), json!({"fail": "once"})] {
        let (world, id, verdict, hidden, sent) = after(act).await;
        let task = world.task(id).await;
        assert_eq!((verdict, hidden, sent, task.notified), (Verdict::Again, task.run_at(), false, 1));
    }
}

#[tokio::test]
async fn a_task_that_is_to_run_again_later_keeps_no_message_in_flight() {
    for wait_s in [67, 900] {
        for act in [json!({"snooze": wait_s}), json!({"retry_after": wait_s})] {
            let (world, id, verdict, _, sent) = after(act).await;
            let task = world.task(id).await;
            assert_eq!((verdict, sent, task.notified), (Verdict::Done, true, 1));
            assert_eq!((world.queue.next_visible(&[MEDIUM]), world.queue.depth(MEDIUM)), (task.run_at(), 1));
        }
    }
}

#[tokio::test]
async fn a_wait_takes_as_many_calls_whether_its_message_is_hidden_or_sent() {
    let mut calls = Vec::new();
    for wait_s in [60, 600] {
        let world = World::new();
        let id = world.scripted(&json!({"acts": [{"retry_after": wait_s}]})).await;
        let delivery = in_hand(&world, id).await;
        let faults = Faults::none();
        world.run(process(&faults.around(&world.app), vec![delivery], None)).await;
        calls.push(faults.calls());
    }
    assert_eq!(calls, [4, 4], "a read, the claim, the message, the settlement");
}

#[tokio::test]
async fn a_slow_tasks_message_on_the_queue_of_an_older_version_is_processed_there() {
    let world = World::new();
    let body = json!({"task_type": "create_conversation_summary", "payload": {"conversation_id": "c"}});
    let id = world.enqueue(&body).await;
    assert_eq!((world.queue.depth(QueueName::Long), world.queue.depth(MEDIUM)), (1, 0), "it rides apart");
    world.lose_messages();
    let message = serde_json::to_string(&TaskMessage { key: key(id), executions: None }).unwrap();
    let out = OutMessage { body: message, delay: Duration::ZERO, group: None, attributes: vec![] };
    drop(world.app.queue.send(MEDIUM, vec![out]).await);
    world.deliver(MEDIUM).await;
    assert_eq!(world.task(id).await.status(), Status::Completed);
}

#[tokio::test]
async fn a_task_that_is_to_run_again_at_once_is_sent_anew_after_its_commit() {
    let (world, id, verdict, _, sent) = after(json!({"snooze": 0})).await;
    let task = world.task(id).await;
    assert_eq!((verdict, sent, task.notified), (Verdict::Done, true, 1));
}

#[tokio::test]
async fn a_lease_that_covers_the_whole_run_is_never_renewed_and_any_other_is() {
    for (timeout_s, renewals) in [(60, 0), (85, 0), (86, 1), (89, 1), (90, 1)] {
        let world = World::new();
        let body = json!({"task_type": "scripted", "payload": {"acts": [{"sleep": 45_000}]}, "timeout_s": timeout_s});
        let id = world.enqueue(&body).await;
        assert_eq!(verdict(&world, id).await, Verdict::Done);
        let task = world.task(id).await;
        // Inserted, claimed, settled.
        assert_eq!((task.status(), task.revision), (Status::Completed, 3 + renewals), "{timeout_s}");
    }
}

#[tokio::test]
async fn a_retry_is_as_often_a_little_early_as_a_little_late() {
    let (mut early, mut late) = (0, 0);
    for _ in 0..40 {
        let (world, id, ..) = after(json!({"fail": "once"})).await;
        let run_at = world.task(id).await.run_at().unwrap();
        if run_at < world.now() + Duration::from_secs(60) { early += 1 } else { late += 1 }
    }
    // One in 2^39 of honest coins would say otherwise.
    assert!(early > 0 && late > 0, "{early} early, {late} late");
}

#[tokio::test]
async fn a_message_about_what_has_ended_or_is_nowhere_is_dropped() {
    let world = World::new();
    let id = world.scripted(&json!({})).await;
    world.deliver_all().await;
    let before = world.task(id).await;
    assert_eq!(verdict(&world, id).await, Verdict::Done);
    assert_eq!(world.task(id).await, before);
    assert_eq!(verdict(&world, Uuid::from_u128(5)).await, Verdict::Done);
}

#[tokio::test]
async fn a_task_that_would_not_end_before_the_deadline_is_not_begun() {
    let world = World::new();
    let id = world.enqueue(&json!({"task_type": "scripted", "payload": {}, "timeout_s": 100})).await;
    world
        .queue
        .receive(QueueName::Long, 1, VISIBILITY)
        .iter()
        .for_each(|m| world.queue.delete(QueueName::Long, &m.receipt));
    let in_s = |s| Some(world.now() + Duration::from_secs(s));
    let delivery = in_hand(&world, id).await;
    let verdicts = process(&world.app, vec![delivery], in_s(100)).await; // 100 s and a second to settle in
    assert_eq!((verdicts[0], world.task(id).await.executions), (Verdict::Again, 0));
    assert_eq!(visible_at(&world), Some(world.now()), "another may begin it at once");
    let delivery = in_hand(&world, id).await;
    assert_eq!(process(&world.app, vec![delivery], in_s(101)).await, [Verdict::Done]);
    assert_eq!(world.task(id).await.status(), Status::Completed);
}

#[tokio::test]
async fn a_message_on_a_queue_that_has_not_the_time_goes_over_to_the_tasks_own() {
    let world = World::new();
    let id = deferred(&world, 0).await;
    let delivery = in_hand(&world, id).await;
    let verdicts = process(&world.app, vec![delivery], Some(world.now() + Duration::from_secs(5))).await;
    assert_eq!((verdicts[0], world.queue.depth(MEDIUM)), (Verdict::Done, 1));
}

#[tokio::test]
async fn a_task_in_a_batch_twice_runs_once_and_one_that_panics_harms_no_other() {
    let world = World::new();
    let good = world.scripted(&json!({"mark": "m"})).await;
    let bad = world.scripted(&json!({"acts": ["panic"]})).await;
    let mut deliveries = Vec::new();
    for id in [good, bad, good] {
        deliveries.push(in_hand(&world, id).await);
    }
    let verdicts = world.run(process(&world.app, deliveries, None)).await;
    assert_eq!(verdicts, [Verdict::Done, Verdict::Again, Verdict::Done]);
    let (good, bad) = (world.task(good).await, world.task(bad).await);
    assert_eq!((good.executions, world.marks("m").await), (1, 1));
    assert_eq!((bad.status(), bad.failures), (Status::Pending, 1));
}

#[tokio::test]
async fn a_task_snoozes_a_hundred_times_and_then_fails() {
    let world = World::new();
    let id = world.scripted(&json!({"acts": [{"snooze": 1}]})).await;
    world.drain().await;
    let task = world.task(id).await;
    assert_eq!((task.status(), task.snoozes, task.executions), (Status::Failed, 100, 101));
    assert_eq!(task.failures, 1);
}

#[tokio::test]
async fn a_process_that_ends_fails_no_task_however_often_that_has_snoozed() {
    let world = World::new();
    let snoozes = (0..100).map(|_| json!({"snooze": 1})).chain([json!("hang")]);
    let id = world.scripted(&json!({"acts": snoozes.collect::<Value>()})).await;
    while world.task(id).await.snoozes < 100 {
        world.deliver(MEDIUM).await;
        world.advance(1);
    }
    world.app.release.tell();
    assert_eq!(verdict(&world, id).await, Verdict::Done);
    let task = world.task(id).await;
    assert_eq!((task.status(), task.executions, task.failures), (Status::Pending, 101, 0), "{:?}", task.last_errors);
}

#[tokio::test]
async fn an_output_larger_than_is_kept_fails_for_good() {
    let world = World::new();
    let fits = world.scripted(&json!({"acts": [{"output": 256 * 1024 - 2}]})).await;
    let more = world.scripted(&json!({"acts": [{"output": 256 * 1024 - 1}]})).await;
    world.drain().await;
    let (fits, more) = (world.task(fits).await, world.task(more).await);
    assert_eq!((fits.status(), more.status(), more.executions), (Status::Completed, Status::Failed, 1));
}

#[tokio::test]
async fn secrets_in_a_failure_are_not_stored() {
    let world = World::new();
    let id = world.scripted(&json!({"acts": [{"fail": "password=hunter2"}, "complete"]})).await;
    world.drain().await;
    let log = serde_json::to_string(&world.log(id).await).unwrap();
    let (_, view) = world.request("GET /v1/tasks/{id}", Some(id), &Value::Null, None).await;
    for stored in [log, view["last_errors"].to_string()] {
        assert!(stored.contains("password=[redacted]") && !stored.contains("hunter2"), "{stored}");
    }
}

#[tokio::test]
async fn a_poller_that_read_the_index_before_another_sends_no_second_message() {
    let world = World::new();
    deferred(&world, 0).await;
    world.advance(130);
    let faults = Faults::stepping();
    let app: App = faults.around(&world.app);
    let mut slow = Box::pin(poller::handle(&app, None));
    for _ in 0..2 {
        faults.go();
        assert!(futures::poll!(slow.as_mut()).is_pending()); // it has read what is due
    }
    world.poll().await;
    assert_eq!(world.queue.depth(MEDIUM), 1);
    for _ in 0..50 {
        faults.go();
        if futures::poll!(slow.as_mut()).is_ready() {
            break;
        }
    }
    assert_eq!(world.queue.depth(MEDIUM), 1);
}

#[tokio::test]
async fn a_worker_whose_clock_is_behind_does_not_start_a_task_early_by_its_own() {
    let world = World::new();
    let id = world.scripted(&json!({})).await;
    let run_at = world.task(id).await.run_at().unwrap();
    let behind = Arc::new(ManualClock::at(world.now() - Duration::from_millis(1500)));
    let app = world.app.over(Services { clock: behind.clone(), ..world.app.services.clone() });
    let delivery = in_hand(&world, id).await;
    let mut work = Box::pin(process(&app, vec![delivery], None));
    assert!(futures::poll!(work.as_mut()).is_pending());
    assert_eq!(world.task(id).await.executions, 0);
    behind.advance(Duration::from_millis(1500));
    assert_eq!(work.await, [Verdict::Done]);
    assert_eq!(world.task(id).await.last_attempted_at, Some(run_at));
}
