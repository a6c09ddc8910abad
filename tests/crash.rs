//! A process may end before or after any one of its calls: nothing is lost, nothing happens twice.

use std::{cell::Cell, future::Future};

use errand::{
    App, Priority, State, Status, Task,
    spi::{lifecycle::log::LogKind, queue::QueueName},
};
use integration_tests::{
    accounts::everything_is_accounted_for,
    crash,
    faults::{Fault, Faults},
    in_memory::{process, request},
    world::{VISIBILITY, World},
};
use serde_json::{Value, json};
use shared::domain::User;

/// A run with more calls than this has no end.
const MOST_CALLS: usize = 60;

/// Runs `act` in a new world made by `prepare`, with each fault at each of its calls, until it comes to its end
/// without one; each time recovers, and checks what must hold of every world.
async fn at_every_call<P: Future<Output = World>>(
    prepare: impl Fn(World) -> P,
    act: impl AsyncFn(App, World),
    check: impl AsyncFn(&World),
) {
    crash::at_every_call(
        async || prepare(World::new()).await,
        async |world, faults| {
            let work = act(faults.around(&world.app), world.clone());
            world.run_unless(|| faults.crashed(), work).await;
        },
        async |world| {
            world.drain().await;
            everything_is_accounted_for(world).await;
            check(world).await;
        },
    )
    .await;
}

/// A scripted task with effects of every kind.
fn scripted(acts: &Value) -> Value {
    json!({
        "task_type": "scripted",
        "user_id": "u",
        "payload": {"acts": acts, "mark": "m", "credit": 3, "publish": "done", "then": {"mark": "m2"}},
    })
}

async fn with_user(world: World) -> World {
    world.put("u", &User::default()).await;
    world
}

async fn with_task(world: World, acts: Value, more: Value) -> World {
    let world = with_user(world).await;
    let mut body = scripted(&acts);
    for (field, value) in more.as_object().into_iter().flatten() {
        body[field] = value.clone();
    }
    world.enqueue(&body).await;
    world
}

/// One process that takes what the medium queue has.
async fn work(app: App, world: World) {
    let from = QueueName::Work(Priority::Medium);
    let received = world.queue.receive(from, 10, VISIBILITY);
    process(&app, &world.queue, from, received).await;
}

async fn the_only(world: &World, status: Status) -> Task {
    let tasks: Vec<Task> = world.tasks().await.into_iter().filter(|task| task.parent_id.is_none()).collect();
    let [task] = tasks.as_slice() else { panic!("{tasks:#?}") };
    assert_eq!(task.status(), status, "{task:#?}");
    task.clone()
}

#[tokio::test]
async fn a_task_is_enqueued_once_whatever_its_client_hears() {
    let ask = |app: App| async move { request(&app, "POST /v1/tasks", None, &scripted(&json!([])), Some("k")).await };
    at_every_call(
        with_user,
        async |app, _| drop(ask(app).await),
        async |world| {
            // Without an answer the client asks again, under the same key.
            let (status, answer) = ask(world.app.clone()).await;
            assert!(matches!(status, 200 | 201), "{answer}");
            world.drain().await;
            everything_is_accounted_for(world).await;
            the_only(world, Status::Completed).await;
        },
    )
    .await;
}

#[tokio::test]
async fn a_task_without_a_key_that_was_answered_201_is_never_lost() {
    let answered = Cell::new(None);
    let act = async |app: App, _| {
        let (status, answer) = request(&app, "POST /v1/tasks", None, &scripted(&json!([])), None).await;
        answered.set((status == 201).then_some(answer));
    };
    at_every_call(with_user, act, async |world| {
        if let Some(answer) = answered.take() {
            let task = world.task(integration_tests::world::id_of(&answer)).await;
            assert_eq!(task.status(), Status::Completed);
        }
    })
    .await;
}

#[tokio::test]
async fn a_batch_is_enqueued_once_whatever_its_client_hears() {
    let tasks: Vec<Value> =
        (0..3).map(|n| json!({"task_type": "scripted", "payload": {"mark": format!("m{n}")}})).collect();
    let body = json!({"tasks": tasks});
    let ask = |app: App| {
        let body = body.clone();
        async move { request(&app, "POST /v1/tasks/batch", None, &body, Some("k")).await }
    };
    at_every_call(
        with_user,
        async |app, _| drop(ask(app).await),
        async |world| {
            let (status, answer) = ask(world.app.clone()).await;
            assert_eq!(status, 200, "{answer}");
            world.drain().await;
            everything_is_accounted_for(world).await;
            for n in 0..3 {
                assert_eq!(world.marks(&format!("m{n}")).await, 1);
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_completing_worker_may_end_anywhere() {
    at_every_call(
        |world| with_task(world, json!(["complete"]), Value::Null),
        work,
        async |world| {
            the_only(world, Status::Completed).await;
            assert_eq!((world.marks("m").await, world.marks("m2").await), (1, 1));
            assert_eq!(world.get::<User>("u").await.map(|user| user.credits), Some(3));
        },
    )
    .await;
}

#[tokio::test]
async fn a_retrying_worker_may_end_anywhere() {
    at_every_call(
        |world| with_task(world, json!([{"fail": "once"}, "panic", "complete"]), Value::Null),
        work,
        async |world| {
            the_only(world, Status::Completed).await;
        },
    )
    .await;
}

#[tokio::test]
async fn a_worker_that_fails_a_task_for_good_may_end_anywhere() {
    for acts in [json!([{"fail_for_good": "no"}]), json!([{"fail": "always"}])] {
        at_every_call(
            |world| with_task(world, acts.clone(), json!({"max_retries": 0})),
            work,
            async |world| {
                // A worker lost between claim and settlement is tried again, and fails again.
                the_only(world, Status::Failed).await;
                assert_eq!(world.marks("m.ended").await, 1);
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_snoozing_worker_may_end_anywhere() {
    for s in [60, 600, 3600] {
        at_every_call(
            |world| with_task(world, json!([{"snooze": s}, "complete"]), Value::Null),
            work,
            async |world| {
                let task = the_only(world, Status::Completed).await;
                assert!(task.snoozes <= 1);
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_wait_that_is_committed_as_told_of_has_its_message_wherever_the_worker_ended() {
    for acts in [json!([{"fail": "once"}]), json!([{"snooze": 60}]), json!([{"snooze": 600}])] {
        let mut committed = 0;
        for fault in [Fault::CrashBefore, Fault::CrashAfter] {
            for nth in 0..MOST_CALLS {
                let world = with_task(World::new(), acts.clone(), Value::Null).await;
                let faults = Faults::at(nth, fault);
                world.run_unless(|| faults.crashed(), work(faults.around(&world.app), world.clone())).await;
                let tasks = world.tasks().await;
                if let State::Pending { run_at, .. } = tasks[0].state
                    && tasks[0].executions == 1
                {
                    committed += 1;
                    assert_eq!(tasks[0].notified, 1);
                    let next = world.queue.next_visible(&QueueName::WORK).expect("a message");
                    assert_eq!(next.since(run_at).as_secs(), 0, "{acts}: {fault:?} at call {nth}");
                }
                if !faults.crashed() {
                    break;
                }
            }
        }
        assert!(committed >= 2, "{acts}: it never came to its wait");
    }
}

#[tokio::test]
async fn a_worker_that_cancels_blocks_or_panics_may_end_anywhere() {
    for (act, status) in [
        (json!({"cancel": "no"}), Status::Cancelled),
        (json!({"block": "ask"}), Status::Blocked),
        (json!("panic"), Status::Failed),
    ] {
        at_every_call(
            |world| with_task(world, json!([act]), json!({"max_retries": 0})),
            work,
            async |world| {
                the_only(world, status).await;
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_worker_with_a_stored_step_may_end_anywhere() {
    at_every_call(
        |world| with_task(world, json!(["step"]), Value::Null),
        work,
        async |world| {
            let task = the_only(world, Status::Completed).await;
            assert_eq!(world.marks("m").await, 1, "{task:#?}");
        },
    )
    .await;
}

#[tokio::test]
async fn a_worker_that_renews_its_lease_may_end_anywhere() {
    let long = json!({"timeout_s": 300});
    at_every_call(
        |world| with_task(world, json!([{"sleep": 100_000}]), long.clone()),
        async |app, world| {
            let received = world.queue.receive(QueueName::Long, 1, VISIBILITY);
            process(&app, &world.queue, QueueName::Long, received).await;
        },
        async |world| {
            the_only(world, Status::Completed).await;
        },
    )
    .await;
}

/// One poll.
async fn poll(app: App, _: World) {
    poller::handle(&app, None).await;
}

#[tokio::test]
async fn a_notifying_poller_may_end_anywhere() {
    let prepare = |world| async {
        let world = with_task(world, json!(["complete"]), Value::Null).await;
        world.lose_messages();
        world.advance(120);
        world
    };
    at_every_call(prepare, poll, async |world| {
        the_only(world, Status::Completed).await;
    })
    .await;
}

/// A process that claims the task and is never heard of again.
async fn lose_a_worker(world: &World) {
    let from = QueueName::Work(Priority::Medium);
    let at = world.queue.next_visible(&[from]).expect("a message");
    world.clock.set(at.max(world.now()));
    let faults = Faults::at(2, Fault::CrashBefore); // after the read and the claim
    world.run_unless(|| faults.crashed(), work(faults.around(&world.app), world.clone())).await;
    the_only(world, Status::Running).await;
}

#[tokio::test]
async fn a_reaping_poller_may_end_anywhere() {
    for (losses, status) in [(1, Status::Completed), (2, Status::Completed), (5, Status::Failed)] {
        let prepare = |world| async move {
            let world = with_task(world, json!(["complete"]), Value::Null).await;
            for loss in 1..=losses {
                lose_a_worker(&world).await;
                world.advance(120);
                if loss < losses {
                    world.poll().await;
                }
            }
            world
        };
        at_every_call(prepare, poll, async |world| {
            let task = the_only(world, status).await;
            assert_eq!(task.losses, losses);
            assert_eq!(world.marks("m.ended").await, usize::from(status == Status::Failed));
        })
        .await;
    }
}

#[tokio::test]
async fn an_expiring_poller_may_end_anywhere() {
    let prepare = |world: World| async {
        let expires_at = world.now() + std::time::Duration::from_secs(60);
        let world = with_task(world, json!(["complete"]), json!({"expires_at": expires_at})).await;
        world.lose_messages();
        world.advance(60);
        world
    };
    at_every_call(prepare, poll, async |world| {
        let task = the_only(world, Status::Failed).await;
        assert_eq!(task.executions, 0);
        assert_eq!(world.marks("m.ended").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_poller_that_owes_a_dead_letter_may_end_anywhere() {
    let prepare = |world| async {
        let world = with_task(world, json!([{"fail_for_good": "no"}]), Value::Null).await;
        // claim's read and commit, settle's commit; the letter is never sent
        let faults = Faults::at(3, Fault::CrashBefore);
        world.run_unless(|| faults.crashed(), work(faults.around(&world.app), world.clone())).await;
        assert_eq!(the_only(&world, Status::Failed).await.dead_lettered_at, None);
        world
    };
    at_every_call(prepare, poll, async |world| {
        the_only(world, Status::Failed).await;
    })
    .await;
}

#[tokio::test]
async fn a_poller_that_owes_an_event_may_end_anywhere() {
    let prepare = |world| async {
        let world = with_task(world, json!(["complete"]), Value::Null).await;
        world.deliver_all().await;
        assert!(world.events().await.is_empty());
        world
    };
    at_every_call(prepare, poll, async |world| {
        assert_eq!(world.events().await.len(), 1);
    })
    .await;
}

/// An operator's request, repeated under the same key by whoever got no answer.
async fn operate<P: Future<Output = World>>(
    prepare: impl Fn(World) -> P,
    route: &str,
    body: Value,
    check: impl AsyncFn(&World),
) {
    let ask = async |app: &App, world: &World| {
        let tasks = world.tasks().await;
        let task = tasks.iter().find(|task| task.parent_id.is_none()).expect("a task");
        request(app, route, Some(task.key.id), &body, Some("k")).await
    };
    at_every_call(
        prepare,
        async |app, world| drop(ask(&app, &world).await),
        async |world| {
            ask(&world.app, world).await;
            world.drain().await;
            everything_is_accounted_for(world).await;
            check(world).await;
        },
    )
    .await;
}

async fn rows(world: &World, kind: LogKind) -> usize {
    let task = world.tasks().await.into_iter().find(|task| task.parent_id.is_none()).expect("a task");
    world.log(task.key.id).await.iter().filter(|row| row.kind == kind).count()
}

async fn deferred(world: World) -> World {
    with_task(world, json!(["complete"]), json!({"delay_s": 3600})).await
}

async fn running(world: World) -> World {
    let world = with_task(world, json!(["complete"]), Value::Null).await;
    lose_a_worker(&world).await;
    world
}

async fn failed(world: World) -> World {
    let world = with_task(world, json!([{"fail_for_good": "no"}]), Value::Null).await;
    world.deliver_all().await;
    world
}

#[tokio::test]
async fn a_cancel_may_end_anywhere() {
    let cancelled_once = async |world: &World| {
        // If the first request came to nothing, the second may find it completed.
        let tasks = world.tasks().await;
        let ended = tasks.iter().find(|task| task.parent_id.is_none()).expect("a task").status();
        assert!(matches!(ended, Status::Cancelled | Status::Completed));
        assert_eq!(world.marks("m.ended").await, usize::from(ended == Status::Cancelled));
    };
    operate(deferred, "POST /v1/tasks/{id}/cancel", json!({"reason": "no"}), cancelled_once).await;
    operate(running, "POST /v1/tasks/{id}/cancel", json!({}), cancelled_once).await;
}

#[tokio::test]
async fn a_redrive_asked_for_again_happens_once() {
    operate(failed, "POST /v1/tasks/{id}/retry", json!({"note": "again"}), async |world| {
        assert_eq!(the_only(world, Status::Failed).await.redrives, 1);
        assert_eq!(rows(world, LogKind::Redrive).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_reschedule_may_end_anywhere() {
    let run_at = World::new().now() + std::time::Duration::from_secs(7200);
    for (route, body) in [("reschedule", json!({"run_at": run_at})), ("process", json!({"force": true}))] {
        operate(deferred, &format!("POST /v1/tasks/{{id}}/{route}"), body, async |world| {
            the_only(world, Status::Completed).await;
            assert!(rows(world, LogKind::Reschedule).await <= 1);
        })
        .await;
    }
}
