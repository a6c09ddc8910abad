//! Firings that are asked for afterwards.

use errand::{
    Operation, Status,
    spi::{change::With, operate::operate},
};
use integration_tests::{crash::at_every_call, events::Call, world::World};
use serde_json::{Value, json};

use super::{fired, nominals, pass, world};

/// Of the 200 minutes before the world began, and the first two of it.
fn past(overlap: &str) -> Value {
    json!({"from": "2025-12-31T20:40:00Z", "to": "2026-01-01T00:02:00Z", "overlap": overlap})
}

async fn begin(world: &World, overlap: &str) -> Value {
    Call::post("/v1/schedules/minutely/backfill", &past(overlap)).answer(&world.app).await.body(201)
}

async fn listed(world: &World) -> Value {
    Call::get("/v1/schedules/minutely/backfills").answer(&world.app).await.body(200)["items"][0].take()
}

async fn backfilled(world: &World) -> usize {
    let tasks = fired(world).await;
    tasks.iter().filter(|task| task.schedule.as_ref().is_some_and(|of| of.backfilled)).count()
}

#[tokio::test]
async fn a_backfill_makes_each_firing_that_has_no_task_and_starves_no_schedule() {
    let world = world(&json!({"overlap": "allow"})).await;
    pass(&world, 120).await;
    begin(&world, "allow").await;
    world.poll().await;
    assert_eq!(backfilled(&world).await, 40, "so many a look");
    pass(&world, 30).await;
    assert_eq!(backfilled(&world).await, 201, "the two of before had theirs");
    let ended = listed(&world).await;
    assert_eq!(
        (&ended["made"], &ended["there"], ended["ended_at"].is_string()),
        (&json!(201), &json!(2), true),
        "{ended}"
    );
    assert_eq!(super::shown(&world).await["fired"], 3, "and the schedule has gone on");
}

/// A world whose schedule is paused after two firings, and a backfill of the 203 minutes up to then, one after the other.
async fn one_by_one() -> World {
    let world = world(&json!({})).await;
    pass(&world, 120).await;
    super::act(&world, "pause", &json!({})).await.body(200);
    begin(&world, "buffer").await;
    world
}

async fn live(world: &World) -> Vec<errand::Task> {
    fired(world).await.into_iter().filter(|task| task.status() == Status::Pending).collect()
}

#[tokio::test]
async fn backfilled_tasks_go_one_after_the_other_where_that_is_asked_for() {
    let world = one_by_one().await;
    world.poll().await;
    for _ in 0..10 {
        let made = backfilled(&world).await;
        let [alone] = live(&world).await.try_into().unwrap();
        let cancel = Operation::Cancel { reason: None };
        operate(&world.app, &alone, cancel, "me".to_owned(), With::nothing()).await.unwrap();
        assert_eq!(backfilled(&world).await, made + 1, "the next begins with that end");
    }
    pass(&world, 1).await;
    assert_eq!((backfilled(&world).await, &listed(&world).await["there"]), (201, &json!(2)), "none waited for a look");
}

#[tokio::test]
async fn one_after_the_other_waits_for_a_firings_own_task_too() {
    let world = world(&json!({})).await;
    world.advance(30);
    world.poll().await;
    let [own] = live(&world).await.try_into().unwrap();
    super::act(&world, "pause", &json!({})).await.body(200);
    world.advance(300);
    let past = json!({"from": "2026-01-01T00:01:00Z", "to": "2026-01-01T00:03:00Z", "overlap": "buffer"});
    Call::post("/v1/schedules/minutely/backfill", &past).answer(&world.app).await.body(201);
    for _ in 0..3 {
        world.poll().await;
        world.advance(60);
    }
    assert_eq!(live(&world).await.iter().map(|task| &task.key).collect::<Vec<_>>(), [&own.key], "it has not ended");
    operate(&world.app, &own, Operation::Cancel { reason: None }, "me".to_owned(), With::nothing()).await.unwrap();
    pass(&world, 300).await;
    let listed = listed(&world).await;
    assert_eq!((&listed["made"], &listed["there"], backfilled(&world).await), (&json!(2), &json!(1), 2), "{listed}");
}

#[tokio::test]
async fn a_backfill_that_was_not_told_of_an_end_looks_within_a_minute() {
    at_every_call(
        async || {
            let world = world(&json!({})).await;
            let past = json!({"from": "2025-12-31T23:58:00Z", "to": "2026-01-01T00:00:00Z", "overlap": "buffer"});
            Call::post("/v1/schedules/minutely/backfill", &past).answer(&world.app).await.body(201);
            super::act(&world, "pause", &json!({})).await.body(200);
            world.poll().await;
            world
        },
        async |world, faults| {
            let app = faults.around(&world.app);
            let [alone] = live(world).await.try_into().unwrap();
            let cancel = Operation::Cancel { reason: None };
            let cancelled = operate(&app, &alone, cancel, "me".to_owned(), With::nothing());
            world.run_unless(|| faults.crashed(), async { drop(cancelled.await) }).await;
        },
        async |world| {
            pass(world, 300).await;
            assert_eq!((backfilled(world).await, live(world).await.len()), (3, 0));
        },
    )
    .await;
}

#[tokio::test]
async fn a_backfill_ends_with_its_schedule() {
    let world = world(&json!({})).await;
    pass(&world, 120).await;
    begin(&world, "allow").await;
    Call::to("DELETE", "/v1/schedules/minutely").answer(&world.app).await.body(200);
    pass(&world, 120).await;
    assert_eq!(backfilled(&world).await, 0);
    assert_eq!(nominals(&world).await.len(), 2);
    assert_eq!(world.next().await, None, "nobody looks at it any more");
}

#[tokio::test]
async fn a_backfill_goes_on_with_no_other_schedule_of_the_same_name() {
    let world = world(&json!({})).await;
    pass(&world, 120).await;
    begin(&world, "allow").await;
    Call::to("DELETE", "/v1/schedules/minutely").answer(&world.app).await.body(200);
    super::put(&world, "minutely", &super::each_minute(&json!({}))).await.body(201);
    pass(&world, 120).await;
    assert_eq!(backfilled(&world).await, 0);
    assert!(listed(&world).await["ended_at"].is_string());
}

#[tokio::test]
async fn what_has_not_been_cannot_be_backfilled() {
    let world = world(&json!({})).await;
    for (from, to) in
        [("2025-01-01T00:00:00Z", "2027-01-01T00:00:00Z"), ("2025-01-02T00:00:00Z", "2025-01-01T00:00:00Z")]
    {
        let body = json!({"from": from, "to": to});
        let answer = Call::post("/v1/schedules/minutely/backfill", &body).answer(&world.app).await;
        assert_eq!((answer.status, &answer.body["error"]["field"]), (400, &json!("to")));
    }
}
