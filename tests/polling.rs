//! What the poller cannot help with must not keep it from the rest.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use errand::{
    App, Asked, FailureKind, Name, Priority, Services, State, Status, Task,
    spi::{
        clock::ManualClock,
        ids,
        json::Json,
        poller::PollReport,
        queue::{OutMessage, Queue, QueueError, QueueName},
        store::{self, MemoryStore, RelationKind},
    },
};
use integration_tests::{
    faults::{Fault, Faults},
    in_memory::process,
    settings::Settings,
    world::{VISIBILITY, World, key},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// A queue that takes nothing of low priority.
struct LowIsDown(Arc<dyn Queue>);

#[async_trait]
impl Queue for LowIsDown {
    async fn send(&self, to: QueueName, messages: Vec<OutMessage>) -> Vec<Result<(), QueueError>> {
        if to == QueueName::Work(Priority::Low) {
            return messages.iter().map(|_| Err(QueueError::Stale)).collect();
        }
        self.0.send(to, messages).await
    }

    async fn hide(&self, on: QueueName, receipt: &str, wait: Duration) -> Result<(), QueueError> {
        self.0.hide(on, receipt, wait).await
    }

    fn by_arn(&self, arn: &str) -> Option<QueueName> {
        self.0.by_arn(arn)
    }

    async fn check(&self) -> Result<(), QueueError> {
        self.0.check().await
    }
}

#[tokio::test]
async fn a_page_full_of_what_cannot_be_helped_hides_nothing_behind_it() {
    let world = World::new();
    for _ in 0..5 {
        world.enqueue(&json!({"task_type": "scripted", "payload": {}, "priority": "low"})).await;
    }
    world.lose_messages();
    world.advance(1);
    let late = world.scripted(&json!({})).await;
    world.lose_messages();
    world.advance(130);
    let app = Settings::polling(2).app(&world.app);
    let app = app.over(Services { queue: Arc::new(LowIsDown(world.queue.clone())), ..app.services.clone() });
    let report = poller::handle(&app, None).await;
    assert_eq!((report.notified, report.failed, report.complete), (1, 5, true), "{report:?}");
    world.deliver_all().await;
    assert_eq!(world.task(late).await.status(), Status::Completed);
}

async fn unknown(world: &World) -> Uuid {
    let id = ids::fresh();
    let new = Asked::of_type(key(id), Name::of("make_tea"), Json::new(&json!({})), "me".into(), world.now());
    store::insert(&*world.app.store, Task::accept(new, ids::fresh(), world.now())).await.unwrap();
    id
}

#[tokio::test]
async fn a_task_of_a_type_nobody_knows_yet_is_looked_at_less_and_less_often() {
    let world = World::new();
    let id = unknown(&world).await;
    let mut looks = 0;
    while world.task(id).await.status() == Status::Pending {
        let at = world.next().await.unwrap();
        world.clock.set(at.max(world.now() + Duration::from_secs(1)));
        world.poll().await;
        world.deliver_all().await;
        looks += 1;
    }
    let task = world.task(id).await;
    let State::Failed { failure } = &task.state else { panic!("{task:#?}") };
    assert_eq!((failure.kind, task.executions), (FailureKind::UnknownType, 0));
    assert!((20..80).contains(&looks), "{looks} looks");
    let waited = task.ended_at.unwrap().since(task.created_at).as_secs() / 3600;
    assert!((24..=25).contains(&waited), "{waited} h");
    assert_eq!(world.letters().len(), 1);
}

#[tokio::test]
async fn a_published_event_keeps_its_place_though_another_poller_saw_it_due() {
    let world = World::new();
    for kind in ["first", "second"] {
        world.scripted(&json!({"publish": kind})).await;
        world.deliver_all().await;
        world.advance(1);
    }
    let faults = Faults::stepping();
    let app = faults.around(&world.app);
    let mut slow = Box::pin(poller::handle(&app, None));
    for _ in 0..2 {
        faults.go();
        assert!(futures::poll!(slow.as_mut()).is_pending()); // it has read what is due
    }
    world.poll().await;
    let published = ids::derived(&["published"]).to_string();
    let places = async || -> Vec<_> {
        let events = world.records("event", RelationKind::Owner, &published).await;
        events.into_iter().map(|event| (event.owner.unwrap().sort, event.doc["type"].clone())).collect()
    };
    let before = places().await;
    assert_eq!(before.len(), 2);
    for _ in 0..50 {
        faults.go();
        if futures::poll!(slow.as_mut()).is_ready() {
            break;
        }
    }
    assert_eq!(places().await, before, "a reader would see them again");
}

#[tokio::test]
async fn a_task_moved_while_it_is_asked_to_run_if_due_is_not_run_early() {
    let world = World::new();
    let id = world.scripted(&json!({})).await;
    world.lose_messages();
    let faults = Faults::stepping();
    let app = faults.around(&world.app);
    let body = json!({});
    let mut ask =
        Box::pin(integration_tests::in_memory::request(&app, "POST /v1/tasks/{id}/process", Some(id), &body, None));
    for _ in 0..2 {
        faults.go();
        assert!(futures::poll!(ask.as_mut()).is_pending()); // it has read the task
    }
    let tomorrow = json!({"run_at": world.now() + Duration::from_secs(86_400)});
    world.request("POST /v1/tasks/{id}/reschedule", Some(id), &tomorrow, None).await;
    let (status, answer) = loop {
        faults.go();
        if let std::task::Poll::Ready(answered) = futures::poll!(ask.as_mut()) {
            break answered;
        }
    };
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("not_due")));
    assert!(world.task(id).await.run_at() > Some(world.now()));
}

/// A queue in which each request takes a second.
struct Slow(Arc<dyn Queue>, Arc<ManualClock>);

#[async_trait]
impl Queue for Slow {
    async fn send(&self, to: QueueName, messages: Vec<OutMessage>) -> Vec<Result<(), QueueError>> {
        self.1.advance(Duration::from_secs(1));
        self.0.send(to, messages).await
    }

    async fn hide(&self, on: QueueName, receipt: &str, wait: Duration) -> Result<(), QueueError> {
        self.0.hide(on, receipt, wait).await
    }

    fn by_arn(&self, arn: &str) -> Option<QueueName> {
        self.0.by_arn(arn)
    }

    async fn check(&self) -> Result<(), QueueError> {
        self.0.check().await
    }
}

const SHARDS: u16 = 16;
const PAGE: usize = 5;

/// A store of many shards with a backlog of many pages in each, and a poller that needs a second for a page.
async fn backlog() -> (World, App) {
    let world = World::on(Arc::new(MemoryStore::sharded(SHARDS)));
    for _ in 0..SHARDS {
        let tasks: Vec<Value> = (0..100).map(|_| json!({"task_type": "scripted", "payload": {}})).collect();
        world.request("POST /v1/tasks/batch", None, &json!({"tasks": tasks}), None).await;
    }
    world.lose_messages();
    world.advance(130);
    let queue = Arc::new(Slow(world.queue.clone(), world.clock.clone()));
    let app = Settings::polling(PAGE).app(&Services { queue, ..world.app.services.clone() });
    (world, app)
}

/// How many tasks of each shard nobody has been told of yet.
async fn waiting(world: &World) -> Vec<usize> {
    let mut waiting = Vec::new();
    for shard in 0..SHARDS {
        let due = world.app.store.due(shard, world.now(), usize::MAX).await.unwrap();
        waiting.push(due.len());
    }
    waiting
}

async fn poll_for(world: &World, app: &App, s: u64) -> PollReport {
    // Five seconds are kept to end in.
    poller::handle(app, Some(world.now() + Duration::from_secs(s + 5))).await
}

#[tokio::test]
async fn a_poll_that_does_not_come_to_its_end_has_had_a_page_of_every_shard() {
    let (world, app) = backlog().await;
    let before = waiting(&world).await;
    let report = poll_for(&world, &app, 20).await;
    assert!(!report.complete && report.notified >= 20 * PAGE, "{report:?}");
    for (before, after) in before.iter().zip(waiting(&world).await) {
        assert!((PAGE..=2 * PAGE).contains(&(before - after)), "{before} {after}");
    }
}

#[tokio::test]
async fn what_a_poll_did_not_come_to_is_the_next_ones_first() {
    let (world, app) = backlog().await;
    let before = waiting(&world).await;
    for _ in 0..4 {
        assert!(!poll_for(&world, &app, 3).await.complete);
    }
    // Four pages each, and those under way when the time was up: every shard had at least one and none many.
    for (before, after) in before.iter().zip(waiting(&world).await) {
        assert!((PAGE..=2 * PAGE).contains(&(before - after)), "{before} {after}");
    }
    // With time enough all of it is done. (No time passes: what was told of minutes ago would be due again.)
    let app = app.over(Services { queue: world.queue.clone(), ..app.services.clone() });
    assert!(poller::handle(&app, None).await.complete);
    assert_eq!(waiting(&world).await, [0; SHARDS as usize]);
}

#[tokio::test]
async fn a_poll_that_has_no_time_or_cannot_read_the_index_does_not_say_that_it_is_complete() {
    let world = World::new();
    world.scripted(&json!({})).await;
    world.lose_messages();
    world.advance(130);
    let report = poller::handle(&world.app, Some(world.now())).await;
    assert_eq!(report, PollReport::default());
    let faults = Faults::at(0, Fault::Unavailable);
    let report = poller::handle(&faults.around(&world.app), None).await;
    assert_eq!(report, PollReport { failed: 1, ..PollReport::default() });
    let report = poller::handle(&world.app, None).await;
    assert_eq!(report, PollReport { notified: 1, oldest_due_s: 130, complete: true, ..PollReport::default() });
}

#[tokio::test]
async fn a_dead_worker_is_noticed_within_three_minutes_whatever_its_message_does() {
    let world = World::new();
    let id = world.scripted(&json!({"mark": "m"})).await;
    let from = QueueName::Work(Priority::Medium);
    let received = world.queue.receive(from, 1, VISIBILITY);
    let faults = Faults::at(2, Fault::CrashBefore);
    let app = faults.around(&world.app);
    world.run_unless(|| faults.crashed(), process(&app, &world.queue, from, received)).await;
    let claimed_at = world.now();
    while world.task(id).await.status() == Status::Running {
        world.advance(60);
        world.poll().await;
    }
    assert!(world.now().since(claimed_at).as_secs() <= 180);
    world.deliver_all().await;
    assert_eq!((world.task(id).await.status(), world.marks("m").await), (Status::Completed, 1));
}

#[tokio::test]
async fn the_dead_worker_of_a_task_that_waited_long_is_noticed_by_its_message() {
    let world = World::new();
    let id = world.scripted(&json!({"mark": "m"})).await;
    while world.task(id).await.notified < 5 {
        world.lose_messages();
        world.advance(60);
        world.poll().await;
    }
    let (from, visibility) = (QueueName::Work(Priority::Medium), Duration::from_secs(720));
    let received = world.queue.receive(from, 1, visibility);
    let faults = Faults::at(2, Fault::CrashBefore);
    let app = faults.around(&world.app);
    world.run_unless(|| faults.crashed(), process(&app, &world.queue, from, received)).await;
    assert_eq!(world.task(id).await.status(), Status::Running);
    world.advance(visibility.as_secs());
    let task = world.task(id).await;
    assert!(task.wake_at.is_some_and(|at| at > world.now()), "the poller does not look yet: {task:#?}");
    world.deliver_all().await;
    assert_eq!(world.task(id).await.losses, 1);
    world.drain().await;
    assert_eq!((world.task(id).await.status(), world.marks("m").await), (Status::Completed, 1));
}

#[tokio::test]
async fn a_retry_whose_message_could_not_be_hidden_starts_on_time() {
    let world = World::new();
    let id = world.scripted(&json!({"acts": [{"fail": "once"}, "complete"]})).await;
    let from = QueueName::Work(Priority::Medium);
    let received = world.queue.receive(from, 1, VISIBILITY);
    let faults = Faults::at(2, Fault::Unavailable); // the read, the claim, the hiding
    let app = faults.around(&world.app);
    world.run(process(&app, &world.queue, from, received)).await;
    let run_at = world.task(id).await.run_at().unwrap();
    while world.task(id).await.status() == Status::Pending {
        world.poll().await;
        world.advance(1);
        world.deliver_all().await;
    }
    assert!(world.now() >= run_at && world.now().since(run_at).as_secs() <= 2);
}
