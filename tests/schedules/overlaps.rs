//! What a firing means while the task before it has not ended; and that a schedule is paused once one has failed.

use errand::{
    Operation, Status,
    spi::{change::With, operate::operate},
};
use integration_tests::world::World;
use serde_json::json;

use super::{fired, nominals, pass, shown, world};

/// A world whose schedule makes tasks that wait for a worker: its first firing is there.
async fn holding(policy: serde_json::Value) -> World {
    let world = world(&policy).await;
    world.advance(30);
    world.poll().await;
    world
}

async fn end_first(world: &World) {
    let first = fired(world).await.remove(0);
    let cancel = Operation::Cancel { reason: None };
    operate(&world.app, &first, cancel, "me".to_owned(), With::nothing()).await.unwrap();
}

async fn types_told(world: &World) -> Vec<String> {
    world.poll().await;
    world.events().await.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

/// Lets a minute's firing come without any task being run.
async fn next_firing(world: &World) {
    world.advance(60);
    world.poll().await;
}

#[tokio::test]
async fn a_firing_is_skipped_while_the_task_before_it_lives_and_that_is_told() {
    let world = holding(json!({})).await;
    next_firing(&world).await;
    assert_eq!((nominals(&world).await, &shown(&world).await["skipped"]), (vec![60], &json!(1)));
    assert_eq!(types_told(&world).await, ["schedule.skipped"]);
    end_first(&world).await;
    next_firing(&world).await;
    assert_eq!(nominals(&world).await, [60, 180]);
}

#[tokio::test]
async fn a_firing_is_buffered_until_the_task_before_it_has_ended() {
    let world = holding(json!({"overlap": "buffer"})).await;
    next_firing(&world).await;
    next_firing(&world).await;
    let waiting = shown(&world).await;
    assert_eq!(
        (nominals(&world).await, &waiting["skipped"]),
        (vec![60], &json!(1)),
        "one waits, the newest is left out"
    );
    assert_eq!(waiting["buffered"], json!(["2026-01-01T00:02:00.000Z"]));
    end_first(&world).await;
    assert_eq!(nominals(&world).await, [60, 120], "it starts with that end");
    next_firing(&world).await;
    assert_eq!(shown(&world).await["buffered"], json!(["2026-01-01T00:04:00.000Z"]), "and the next waits for it");
}

#[tokio::test]
async fn a_task_is_cancelled_for_the_next_firing() {
    let world = holding(json!({"overlap": "cancel"})).await;
    next_firing(&world).await;
    let tasks = fired(&world).await;
    assert_eq!(tasks.iter().map(|task| task.status()).collect::<Vec<_>>(), [Status::Cancelled, Status::Pending]);
    assert_eq!(world.log(tasks[0].key.id).await[0].by.as_deref(), Some("schedule minutely"));
}

#[tokio::test]
async fn tasks_run_beside_each_other_where_that_is_allowed() {
    let world = holding(json!({"overlap": "allow"})).await;
    next_firing(&world).await;
    next_firing(&world).await;
    assert_eq!(nominals(&world).await, [60, 120, 180]);
}

#[tokio::test]
async fn a_schedule_is_paused_once_a_task_of_it_has_failed() {
    for overlap in ["skip", "allow"] {
        let world = world(&json!({"overlap": overlap, "pause_on_failure": true})).await;
        let mut body = super::each_minute(&json!({"overlap": overlap, "pause_on_failure": true}));
        body["payload"] = json!({"acts": [{"fail_for_good": "no"}]});
        super::put(&world, "minutely", &body).await.body(200);
        pass(&world, 40).await;
        assert!(shown(&world).await["paused"].is_object(), "at once");
        pass(&world, 160).await;
        let paused = shown(&world).await;
        assert_eq!(nominals(&world).await, [60], "{overlap}");
        assert_eq!(paused["paused"]["by"], "_errand");
        assert!(types_told(&world).await.contains(&"schedule.paused".to_owned()));
        super::act(&world, "resume", &json!({})).await.body(200);
        pass(&world, 60).await;
        assert_eq!(nominals(&world).await.len(), 2, "{overlap}");
    }
}
