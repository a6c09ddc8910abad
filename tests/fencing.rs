//! A worker that was given up on writes nothing any more, whoever holds the task since.

use std::{future::Future, pin::Pin, sync::Arc, task::Poll, time::Duration};

use errand::{
    Asked, FailureKind, Id, Name, State, Status, StoreError, Task,
    spi::{
        ids,
        json::Json,
        lifecycle::{Trigger, apply, log::LogOutcome},
        queue::QueueName,
        store::{self, Commit, Inserted, Part, RelationKind},
    },
};
use errand_agents::{Run, run};
use integration_tests::{
    faults::{Fault, Faults},
    in_memory::{process, request},
    world::{VISIBILITY, World, key},
};
use serde_json::{Value, json};
use shared::domain::{Channel, Conversation, ConversationStatus, Direction, Message, MessageStatus, User};
use uuid::Uuid;

/// A worker that goes on call by call.
struct Worker {
    faults: Arc<Faults>,
    work: Pin<Box<dyn Future<Output = ()>>>,
}

impl Worker {
    /// One that has taken the next message and made no call yet.
    async fn start(world: &World) -> Self {
        let faults = Faults::stepping();
        let (app, queue) = (faults.around(&world.app), world.queue.clone());
        let visible = |from: &QueueName| world.queue.next_visible(&[*from]).is_some_and(|at| at <= world.now());
        let next = QueueName::WORK.into_iter().find(visible);
        let from = next.expect("a message");
        let received = world.queue.receive(from, 1, VISIBILITY);
        let work = async move { process(&app, &queue, from, received).await };
        let mut worker = Self { faults, work: Box::pin(tokio::task::unconstrained(work)) };
        assert!(!worker.go(1).await); // to just before its first call
        worker
    }

    /// Makes so many calls, and comes to just before the next. Whether it has come to its end.
    async fn go(&mut self, calls: usize) -> bool {
        for _ in 0..calls {
            self.faults.go();
            if let Poll::Ready(()) = futures::poll!(self.work.as_mut()) {
                return true;
            }
        }
        false
    }

    async fn end(mut self) {
        assert!(self.go(100).await);
    }
}

async fn outcomes(world: &World, id: Uuid) -> Vec<LogOutcome> {
    world.log(id).await.iter().map(|row| row.outcome).collect()
}

/// A task whose first worker has claimed it, is about to make its next call, and was given up on.
async fn with_stale_worker(payload: Value) -> (World, Uuid, Worker) {
    let world = World::new();
    // Longer than its lease: a stale worker's handler may still be at it.
    let body = json!({"task_type": "scripted", "user_id": "u", "timeout_s": 300, "payload": payload});
    let id = world.enqueue(&body).await;
    let mut stale = Worker::start(&world).await;
    stale.go(2).await; // the read and the claim
    assert_eq!(world.task(id).await.status(), Status::Running);
    world.advance(120);
    world.poll().await;
    assert_eq!(world.task(id).await.status(), Status::Pending);
    (world, id, stale)
}

fn everything() -> Value {
    json!({"mark": "m", "publish": "done", "then": {"mark": "then"}})
}

#[tokio::test]
async fn a_stale_worker_cannot_complete_a_task_that_waits_again() {
    let (world, id, stale) = with_stale_worker(everything()).await;
    stale.end().await;
    assert_eq!(
        (world.task(id).await.status(), world.marks("m").await, world.tasks().await.len()),
        (Status::Pending, 0, 1)
    );
    world.drain().await;
    assert_eq!((world.marks("m").await, world.marks("then").await, world.events().await.len()), (1, 1, 1));
    assert_eq!(outcomes(&world, id).await, [LogOutcome::Lost, LogOutcome::Completed]);
}

#[tokio::test]
async fn a_stale_worker_cannot_complete_a_task_that_another_holds() {
    let (world, id, stale) = with_stale_worker(everything()).await;
    let mut other = Worker::start(&world).await;
    other.go(2).await;
    let held = world.task(id).await;
    assert_eq!((held.status(), held.executions), (Status::Running, 2));
    stale.end().await;
    assert_eq!(world.task(id).await, held);
    assert_eq!(world.marks("m").await, 0);
    other.end().await;
    world.drain().await;
    assert_eq!((world.marks("m").await, world.marks("then").await, world.events().await.len()), (1, 1, 1));
    assert_eq!(outcomes(&world, id).await, [LogOutcome::Lost, LogOutcome::Completed]);
}

#[tokio::test]
async fn a_stale_worker_cannot_fail_or_put_off_what_another_holds() {
    for act in [json!({"fail": "no"}), json!({"fail_for_good": "no"}), json!({"snooze": 5}), json!({"cancel": "off"})] {
        let (world, id, stale) = with_stale_worker(json!({"acts": [act, "complete"], "mark": "m"})).await;
        let mut other = Worker::start(&world).await;
        other.go(2).await;
        let held = world.task(id).await;
        stale.end().await;
        assert_eq!(world.task(id).await, held);
        other.end().await;
        world.drain().await;
        assert_eq!((world.task(id).await.status(), world.marks("m").await), (Status::Completed, 1));
        assert_eq!((world.marks("m.ended").await, world.letters().len()), (0, 0));
    }
}

#[tokio::test]
async fn a_stale_worker_cannot_store_a_step() {
    let (world, id, stale) = with_stale_worker(json!({"acts": ["step"]})).await;
    let mut other = Worker::start(&world).await;
    other.go(2).await;
    stale.end().await;
    other.end().await;
    world.drain().await;
    let output = world.request("GET /v1/tasks/{id}", Some(id), &Value::Null, None).await.1["output"].clone();
    assert_eq!(output, json!({"step_by": 2}), "the step is the second worker's");
}

#[tokio::test]
async fn a_cancelled_execution_applies_nothing() {
    let world = World::new();
    let id = world.scripted(&everything()).await;
    let mut worker = Worker::start(&world).await;
    worker.go(2).await;
    let (status, _) = world.request("POST /v1/tasks/{id}/cancel", Some(id), &json!({}), None).await;
    worker.end().await;
    world.drain().await;
    assert_eq!((status, world.task(id).await.status(), world.marks("m").await), (200, Status::Cancelled, 0));
    assert_eq!(outcomes(&world, id).await, [LogOutcome::Cancelled]);
}

/// A bouncer's check on a user who has a conversation, its worker about to make its first call.
async fn with_check() -> (World, Uuid, Worker) {
    let world = World::new();
    world.put("u", &User::default()).await;
    world.put("c", &conversation()).await;
    let payload = json!({"attempt_count": 0});
    let body = json!({"task_type": "re_engagement_check", "user_id": "u", "agent_type": "bouncer", "payload": payload});
    let id = world.enqueue(&body).await;
    world.advance(1);
    let worker = Worker::start(&world).await;
    (world, id, worker)
}

fn conversation() -> Conversation {
    let user_id = Id::new("u").unwrap();
    Conversation { user_id, status: ConversationStatus::Active, last_message_at: None, messages_since_summary: 0 }
}

#[tokio::test]
async fn what_a_handler_decided_on_old_data_is_decided_anew() {
    let (world, id, mut worker) = with_check().await;
    worker.go(5).await; // two to claim, three to read
    let said = Message {
        conversation_id: Id::new("c").unwrap(),
        role: Name::of("user"),
        direction: Direction::Inbound,
        channel: Channel::Sms,
        status: MessageStatus::Sent,
        to: Vec::new(),
        content: "here I am".into(),
    };
    world.put("theirs", &said).await;
    world.put("c", &conversation()).await;
    worker.end().await;
    let task = world.task(id).await;
    let State::Completed { output } = &task.state else { panic!("{task:#?}") };
    assert!(output.as_str().contains("has written since"), "{}", output.as_str());
    assert_eq!((task.executions, world.records("message", RelationKind::Parent, "c").await.len()), (1, 1));
}

#[tokio::test]
async fn what_changes_at_every_handling_is_tried_again_later() {
    let (world, id, mut worker) = with_check().await;
    let mut handlings = 0;
    while !worker.go(1).await {
        world.put("c", &conversation()).await;
        handlings += 1;
        assert!(handlings < 30);
    }
    let task = world.task(id).await;
    assert_eq!((task.status(), task.executions, task.failures), (Status::Pending, 1, 1));
    assert_eq!(task.last_errors[0].kind, FailureKind::EffectConflict);
    // Read and claim; three handlings of three reads and a commit; hide and commit.
    assert_eq!(worker.faults.calls(), 2 + 3 * 4 + 2);
    world.drain().await;
    assert_eq!(world.task(id).await.status(), Status::Completed);
}

#[tokio::test]
async fn a_write_that_is_made_again_after_its_answer_was_lost_is_no_conflict() {
    let world = World::new();
    let id = world.scripted(&json!({})).await;
    let task = world.task(id).await;
    let again = store::insert(&*world.app.store, task.clone()).await.unwrap();
    assert_eq!(again, Inserted::New);
    let mut transition = apply(&task, Trigger::Claim { worker: ids::fresh(), lease: None }, world.now()).unwrap();
    transition.task.version = ids::fresh();
    for _ in 0..2 {
        let commit = Commit::change(task.version, transition.clone());
        store::commit(&*world.app.store, commit).await.unwrap();
    }
    assert_eq!(world.task(id).await.executions, 1);
}

#[tokio::test]
async fn a_task_that_is_there_is_not_put_there_again() {
    let world = World::new();
    let (there, other) = (world.scripted(&json!({})).await, world.scripted(&json!({})).await);
    let (there, other) = (world.task(there).await, world.task(other).await);
    let mut transition = apply(&other, Trigger::Claim { worker: ids::fresh(), lease: None }, world.now()).unwrap();
    transition.task.version = ids::fresh();
    let again = Task { version: ids::fresh(), ..there.clone() };
    let commit = Commit { tasks: vec![again], ..Commit::change(other.version, transition) };
    let refused = store::commit(&*world.app.store, commit).await;
    assert!(matches!(&refused, Err(StoreError::Conflict { parts }) if *parts == [Part::NewTask(0)]), "{refused:?}");
    assert_eq!((world.task(there.key.id).await, world.task(other.key.id).await), (there, other));
}

/// A task that may take five minutes, and its worker at work on it.
async fn with_long_task(act: Value) -> (World, Uuid, Worker) {
    let world = World::new();
    let body = json!({"task_type": "scripted", "timeout_s": 300, "payload": {"acts": [act]}});
    let id = world.enqueue(&body).await;
    let mut worker = Worker::start(&world).await;
    worker.go(2).await;
    (world, id, worker)
}

#[tokio::test]
async fn a_worker_that_renews_its_lease_is_not_given_up_on() {
    let (world, id, mut worker) = with_long_task(json!({"sleep": 250_000})).await;
    while !worker.go(5).await {
        world.advance(10);
        world.poll().await;
    }
    let task = world.task(id).await;
    assert_eq!((task.status(), task.executions, task.losses), (Status::Completed, 1, 0));
}

#[tokio::test]
async fn a_handler_whose_task_was_cancelled_is_stopped_at_the_next_renewal() {
    let (world, id, mut worker) = with_long_task(json!("hang")).await;
    world.request("POST /v1/tasks/{id}/cancel", Some(id), &json!({}), None).await;
    let cancelled_at = world.now();
    while !worker.go(5).await {
        world.advance(10);
    }
    assert_eq!(world.now().since(cancelled_at).as_secs(), 30);
    assert_eq!(outcomes(&world, id).await, [LogOutcome::Cancelled]);
}

#[tokio::test]
async fn a_change_that_always_meets_another_gives_up_for_now() {
    let world = World::new();
    let id = world.enqueue(&json!({"task_type": "scripted", "payload": {}, "delay_s": 3600})).await;
    let faults = Faults::stepping();
    let (app, body) = (faults.around(&world.app), json!({}));
    let mut ask = Box::pin(request(&app, "POST /v1/tasks/{id}/cancel", Some(id), &body, None));
    for _ in 0..30 {
        faults.go();
        if let Poll::Ready((status, answer)) = futures::poll!(ask.as_mut()) {
            assert_eq!((status, &answer["error"]["code"]), (429, &json!("busy")));
            assert_eq!(world.task(id).await.status(), Status::Pending);
            return;
        }
        let run_at = json!({"run_at": world.now() + Duration::from_secs(3600)});
        world.request("POST /v1/tasks/{id}/reschedule", Some(id), &run_at, None).await;
    }
    panic!("it never gives up");
}

#[tokio::test]
async fn a_renewal_whose_answer_was_lost_costs_no_execution() {
    let payload = json!({"acts": [{"sleep": 50_000}], "mark": "m", "credit": 1, "publish": "done", "then": {}});
    let world = World::new();
    world.put("u", &User::default()).await;
    let body = json!({"task_type": "scripted", "timeout_s": 300, "payload": payload, "user_id": "u"});
    let id = world.enqueue(&body).await;
    let mut worker = Worker::start(&world).await;
    worker.go(2).await;
    let claimed = world.task(id).await;
    world.advance(30);
    worker.go(1).await; // to just before the renewal
    worker.faults.next(Fault::LostAnswer);
    worker.go(1).await;
    assert_ne!(world.task(id).await.version, claimed.version, "it was renewed");
    world.advance(20);
    worker.end().await;
    assert_eq!((world.task(id).await.status(), world.task(id).await.executions), (Status::Completed, 1));
}

#[tokio::test]
async fn a_follow_up_that_is_there_is_done_if_it_is_the_same_and_a_conflict_if_not() {
    for (payload, status) in [(json!({"mark": "then"}), Status::Completed), (json!({"mark": "x"}), Status::Pending)] {
        let world = World::new();
        let id = world.scripted(&json!({"then": {"mark": "then"}})).await;
        let user = world.task(id).await.user_id.clone().map_or(String::new(), |user| user.to_string());
        let derived = ids::derived(&[&id.to_string(), "1", "scripted", r#"{"mark":"then"}"#, &user]);
        let payload = Json::new(&payload);
        let new = Asked::of_type(key(derived), Name::of("scripted"), payload, "me".into(), world.now());
        store::insert(&*world.app.store, Task::accept(new, ids::fresh(), world.now())).await.unwrap();
        let there = world.task(derived).await;
        world.deliver_all().await;
        let task = world.task(id).await;
        assert_eq!((task.status(), task.executions), (status, 1), "{task:#?}");
        assert_eq!(world.task(derived).await, there, "untouched");
        let conflict = task.last_errors.first().map(|error| error.kind);
        assert_eq!(conflict, (status == Status::Pending).then_some(FailureKind::EffectConflict));
    }
}

#[tokio::test]
async fn a_run_that_begins_while_its_task_is_called_off_ends_with_it() {
    let mut begun = 0;
    for (calls, steps) in (0..9).flat_map(|calls| (1..6).map(move |steps| (calls, steps))) {
        let world = World::new();
        let payload = json!({"prompt": "Do it.", "agent_id": "a", "session_id": "s"});
        let id = world.enqueue(&json!({"task_type": "run_agent", "payload": payload})).await;
        let mut worker = Worker::start(&world).await;
        worker.go(2).await; // the read and the claim
        let faults = Faults::stepping();
        let (app, body) = (faults.around(&world.app), json!({}));
        let mut cancel = Box::pin(request(&app, "POST /v1/tasks/{id}/cancel", Some(id), &body, None));
        let mut cancelled = false;
        for call in 0..100 {
            if call == calls {
                worker.go(steps).await;
            }
            faults.go();
            if futures::poll!(cancel.as_mut()).is_ready() {
                cancelled = true;
                break;
            }
        }
        assert!(cancelled);
        worker.go(100).await;
        let task = world.task(id).await;
        assert_eq!(task.status(), Status::Cancelled);
        let run: Option<Run> = world.get(run::id(&task, 0).as_str()).await;
        begun += usize::from(run.is_some());
        assert!(run.is_none_or(|run| run.status.terminal().is_some()), "after {calls} calls, by {steps}");
    }
    assert!(begun > 0, "no run was begun at all");
}
