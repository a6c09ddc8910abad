//! A process may end before or after any one of its calls: each firing makes one task, and none after a pause.

use errand::Priority;
use errand::spi::{poller, queue::QueueName};
use integration_tests::{
    accounts::everything_is_accounted_for,
    crash::at_every_call,
    events::Call,
    in_memory::process,
    world::{VISIBILITY, World},
};
use serde_json::json;

use super::{act, nominals, pass, world};

const MEDIUM: QueueName = QueueName::Work(Priority::Medium);

/// Its first firing has come.
async fn due(policy: serde_json::Value) -> World {
    let world = world(&policy).await;
    world.advance(30);
    world
}

async fn each_fired_once(world: &World) {
    pass(world, 150).await;
    let nominals = nominals(world).await;
    let (first, last) = (nominals[0], nominals[nominals.len() - 1]);
    assert_eq!(nominals, (first..=last).step_by(60).collect::<Vec<_>>());
    assert_eq!((first, last >= 180), (60, true), "{nominals:?}");
    assert_eq!(super::shown(world).await["fired"], nominals.len());
}

#[tokio::test]
async fn a_poller_that_ends_anywhere_leaves_the_firing_to_the_next() {
    at_every_call(
        async || due(json!({"catch_up": "all", "overlap": "allow"})).await,
        async |world, faults| {
            let app = faults.around(&world.app);
            world.run_unless(|| faults.crashed(), poller::handle(&app, None)).await;
        },
        async |world| each_fired_once(world).await,
    )
    .await;
}

#[tokio::test]
async fn a_worker_that_ends_anywhere_between_hint_and_firing_leaves_it_to_the_poller() {
    at_every_call(
        async || due(json!({"catch_up": "all", "overlap": "allow"})).await,
        async |world, faults| {
            let app = faults.around(&world.app);
            let received = world.queue.receive(MEDIUM, 10, VISIBILITY);
            world.run_unless(|| faults.crashed(), process(&app, &world.queue, MEDIUM, received)).await;
        },
        async |world| each_fired_once(world).await,
    )
    .await;
}

#[tokio::test]
async fn nothing_fires_after_a_pause_was_answered_however_far_a_look_had_come() {
    at_every_call(
        async || due(json!({})).await,
        async |world, faults| {
            // The one that looks stands still at this call; meanwhile somebody pauses.
            let app = faults.around(&world.app);
            world.run_unless(|| faults.crashed(), poller::handle(&app, None)).await;
            act(world, "pause", &json!({})).await.body(200);
        },
        async |world| {
            let before = nominals(world).await.len();
            pass(world, 150).await;
            assert_eq!(nominals(world).await.len(), before);
        },
    )
    .await;
}

#[tokio::test]
async fn a_pause_between_a_looks_read_and_its_commit_wins() {
    let world = world(&json!({})).await;
    world.advance(29);
    // It has read the schedule, and waits for the second at which that fires.
    let received = world.queue.receive(MEDIUM, 10, VISIBILITY);
    assert!(received.is_empty(), "not yet");
    let record = world.app.store.record(&super::place("minutely")).await.unwrap().unwrap();
    let tended = world.app.types.tends(&record.key.kind).unwrap();
    let mut look = tended.look_after(&world.app, &world.app.types, record);
    assert!(futures::poll!(look.as_mut()).is_pending(), "it has read, and has not written");
    act(&world, "pause", &json!({})).await.body(200);
    world.advance(1);
    world.run(look).await.unwrap();
    assert_eq!(nominals(&world).await, [0; 0]);
    pass(&world, 120).await;
    assert_eq!(nominals(&world).await, [0; 0]);
}

#[tokio::test]
async fn who_puts_triggers_and_backfills_may_end_anywhere() {
    at_every_call(
        async || {
            let world = world(&json!({"overlap": "allow"})).await;
            pass(&world, 100).await;
            world
        },
        async |world, faults| {
            let app = faults.around(&world.app);
            let acts = async {
                let changed = super::each_minute(&json!({"overlap": "allow", "window_s": 3600}));
                let past = json!({"from": "2025-12-31T23:55:00Z", "to": "2026-01-01T00:01:00Z"});
                for call in [
                    Call::put("/v1/schedules/minutely", &changed),
                    Call::post("/v1/schedules/minutely/trigger", &json!({})).header("idempotency-key", "k"),
                    Call::post("/v1/schedules/minutely/backfill", &past).header("idempotency-key", "k"),
                ] {
                    // Without an answer it is said again.
                    if call.answer(&app).await.status >= 500 {
                        call.answer(&app).await;
                    }
                }
                poller::handle(&app, None).await;
            };
            world.run_unless(|| faults.crashed(), acts).await;
        },
        async |world| {
            let past = json!({"from": "2025-12-31T23:55:00Z", "to": "2026-01-01T00:01:00Z"});
            for (what, body) in [("trigger", json!({})), ("backfill", past)] {
                let path = format!("/v1/schedules/minutely/{what}");
                let again = Call::post(&path, &body).header("idempotency-key", "k").answer(&world.app).await;
                assert!(again.status == 200 || again.status == 201, "{:?}", again.body);
            }
            pass(world, 60).await;
            let made = super::fired(world).await;
            let backfilled = made.iter().filter(|task| task.schedule.as_ref().is_some_and(|of| of.backfilled)).count();
            assert_eq!(backfilled, 6, "one minute had its task");
            let shown = super::shown(world).await;
            assert_eq!(shown["fired"].as_u64().unwrap() + 6, made.len() as u64, "each was made once: {shown}");
            act(world, "pause", &json!({})).await.body(200);
            world.drain().await;
            everything_is_accounted_for(world).await;
        },
    )
    .await;
}
