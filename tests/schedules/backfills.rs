//! Firings that are asked for afterwards.

use errand::Status;
use integration_tests::{events::Call, world::World};
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

#[tokio::test]
async fn backfilled_tasks_go_one_after_the_other_where_that_is_asked_for() {
    let world = world(&json!({})).await;
    pass(&world, 120).await;
    super::act(&world, "pause", &json!({})).await.body(200);
    begin(&world, "buffer").await;
    for _ in 0..20 {
        pass(&world, 10).await;
        let live = fired(&world).await.iter().filter(|task| task.status() == Status::Pending).count();
        assert!(live <= 1, "{live} at once");
    }
    assert!((2..=4).contains(&backfilled(&world).await), "one a minute: {}", backfilled(&world).await);
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
