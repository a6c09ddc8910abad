//! What a batch's messages come to: on one machine, where queues in memory feed the function, and on AWS by its answer.

use std::{
    future::{Future, pending},
    time::Duration,
};

use aws_lambda_events::sqs::SqsEvent;
use errand::{
    App, Asked, Name, Priority, Status, Task, TaskKey,
    spi::{
        ids,
        json::Json,
        notify::notify,
        queue::{OutMessage, Queue, QueueName},
        store,
    },
};
use errand_local::mapping::{Mapping, sqs_message};
use futures::FutureExt;
use integration_tests::{
    faults::{Fault, Faults},
    world::{VISIBILITY, World},
};
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinSet};

const MEDIUM: QueueName = QueueName::Work(Priority::Medium);

/// How long anything here may take, if nothing is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// A due `scripted` task whose message is on its queue.
async fn due(world: &World, tenant: &str, priority: Priority, acts: Value) -> TaskKey {
    let key = TaskKey { tenant: Name::new(tenant).unwrap(), id: ids::fresh() };
    let payload = Json::new(&json!({"acts": acts}));
    let new = Asked::of_type(key.clone(), Name::of("scripted"), payload, "me".into(), world.now());
    let task = Task::accept(Asked { priority, ..new }, ids::fresh(), world.now());
    store::insert(&*world.app.store, task.clone()).await.unwrap();
    assert_eq!(notify(&world.app, &[task]).await, [true]);
    key
}

fn mapping(app: &App, world: &World, from: QueueName, concurrency: u16) -> Mapping {
    Mapping { app: app.clone(), queue: world.queue.clone(), from, concurrency }
}

/// Waits, without the clock, until it is so.
async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let waiting = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "{what}");
}

async fn status(world: &World, key: &TaskKey) -> Status {
    store::task(&*world.app.store, key).await.unwrap().unwrap().status()
}

async fn completed(world: &World, key: &TaskKey, what: &str) {
    until(what, || async { status(world, key).await == Status::Completed }).await;
}

async fn running(world: &World, of: &[TaskKey]) -> usize {
    let tasks = world.app.store.tasks(of).await;
    tasks.into_iter().filter(|task| task.as_ref().unwrap().as_ref().unwrap().status() == Status::Running).count()
}

#[tokio::test]
async fn tasks_that_hang_keep_no_other_tenants_from_starting() {
    let world = World::new();
    let mut hanging = Vec::new();
    for n in 0..100 {
        // Two tenants that do it, so that neither has all of it.
        hanging.push(due(&world, ["loud", "noisy"][n % 2], Priority::Medium, json!(["hang"])).await);
    }
    let mut mappings = JoinSet::new();
    mappings.spawn(mapping(&world.app, &world, MEDIUM, 40).run(pending()));
    until("what hangs has all slots but the kept ones", || async { running(&world, &hanging).await == 36 }).await;
    for tenant in ["quiet", "still", "quiet"] {
        let key = due(&world, tenant, Priority::Medium, json!([])).await;
        completed(&world, &key, "a quiet tenant's task waits for those that hang").await;
    }
    assert_eq!(running(&world, &hanging).await, 36, "the kept slots are not for who has tasks in hand");
}

#[tokio::test]
async fn slow_work_of_one_queue_delays_no_others_quick_work() {
    let world = World::new();
    for _ in 0..20 {
        due(&world, "default", Priority::Low, json!(["hang"])).await;
        world.enqueue(&json!({"task_type": "scripted", "payload": {"acts": ["hang"]}, "timeout_s": 61})).await;
    }
    let mut mappings = JoinSet::new();
    for from in QueueName::WORK {
        mappings.spawn(mapping(&world.app, &world, from, 10).run(pending()));
    }
    for priority in [Priority::Urgent, Priority::High, Priority::Medium] {
        let key = due(&world, "default", priority, json!([])).await;
        completed(&world, &key, "quick work waits for the slow work of another queue").await;
    }
}

/// Has a mapping deliver until `done`, and everything it has begun come to its end.
async fn delivered<F: Future<Output = bool>>(app: &App, world: &World, done: impl Fn() -> F) {
    let (stop, stopped) = oneshot::channel::<()>();
    let run = tokio::spawn(mapping(app, world, MEDIUM, 10).run(stopped.map(drop)));
    until("it is never done", done).await;
    stop.send(()).unwrap();
    let mut batches = run.await.unwrap();
    while let Some(ended) = batches.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn on_one_machine_a_message_that_must_come_again_is_kept_and_another_is_not() {
    for (acts, left) in [(json!([{"fail": "once"}]), 1), (json!([]), 0)] {
        let world = World::new();
        let key = due(&world, "default", Priority::Medium, acts).await;
        let ended = async || !world.log(key.id).await.is_empty();
        delivered(&world.app, &world, ended).await;
        assert_eq!(world.queue.depth(MEDIUM), left);
    }
}

async fn unreadable(world: &World) {
    let message = OutMessage { body: "no task".into(), delay: Duration::ZERO, group: None, attributes: vec![] };
    assert!(world.queue.send(MEDIUM, vec![message]).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn on_one_machine_what_names_no_task_is_deleted_once_it_is_put_aside_and_not_before() {
    for (fault, left) in [(None, 0), (Some(Fault::Unavailable), 1)] {
        let world = World::new();
        unreadable(&world).await;
        let faults = fault.map_or_else(Faults::none, |fault| Faults::during(0..9, fault));
        delivered(&faults.around(&world.app), &world, || async { faults.calls() > 0 }).await;
        assert_eq!((world.queue.depth(MEDIUM), world.queue.depth(QueueName::DeadLetter)), (left, 1 - left));
    }
}

#[tokio::test]
async fn the_answer_to_a_batch_names_those_that_must_come_again_and_no_others() {
    let world = World::new();
    for acts in [json!([]), json!([{"fail": "once"}]), json!([{"snooze": 600}]), json!([{"snooze": 7200}])] {
        due(&world, "default", Priority::Medium, acts).await;
    }
    unreadable(&world).await;
    let mut event = SqsEvent::default();
    let received = world.queue.receive(MEDIUM, 10, VISIBILITY);
    let ids: Vec<String> = received.iter().map(|message| message.id.clone()).collect();
    event.records = received.into_iter().map(|message| sqs_message(MEDIUM, message)).collect();
    let answer = world.run(process_task::handle(&world.app, event, None)).await;
    let again: Vec<_> = answer.batch_item_failures.into_iter().map(|item| item.item_identifier).collect();
    assert_eq!((ids.len(), again), (5, vec!["m-2".to_owned()]), "only the second is hidden");
}
