//! Firings that nobody was there for, and schedules that cannot fire.

use integration_tests::{events::Call, world::World};
use serde_json::{Value, json};

use super::{act, each_minute, nominals, pass, place, put, shown, world};

/// Nobody polls, and no message comes, for so long; then polls come until nothing is left to do.
async fn away(world: &World, seconds: u64, polls: usize) {
    world.lose_messages();
    world.advance(seconds);
    world.lose_messages();
    for _ in 0..polls {
        world.poll().await;
        world.lose_messages();
    }
}

#[tokio::test]
async fn more_than_a_hundred_missed_firings_stop_nothing() {
    let world = world(&json!({"overlap": "allow"})).await;
    away(&world, 30 + 8 * 3600, 1).await;
    assert_eq!(nominals(&world).await, [60 + 8 * 3600], "the newest");
    assert_eq!(shown(&world).await["missed"], 480);
    world.poll().await;
    let events = world.events().await;
    assert_eq!((&events[0]["type"], &events[0]["data"]["count"]), (&json!("schedule.missed"), &json!(480)));
    pass(&world, 60).await;
    assert_eq!(nominals(&world).await.len(), 2);
}

#[tokio::test]
async fn a_year_down_is_caught_up_with_within_the_window_forty_at_a_time() {
    let policy = json!({"catch_up": "all", "overlap": "allow", "window_s": 7200});
    let world = world(&policy).await;
    let others = async {
        let mut once = each_minute(&json!({}));
        once["spec"] = json!({"at": ["2026-12-01T00:00:00Z"]});
        once["policy"] = json!({"window_s": 31_622_400});
        put(&world, "once", &once).await.body(201);
    };
    others.await;
    away(&world, 365 * 86_400, 3).await;
    assert_eq!(nominals(&world).await.len(), 1, "the other one goes on while this is looked through");
    away(&world, 0, 103).await;
    assert!(nominals(&world).await.len() <= 1 + 40, "at most forty at a time");
    away(&world, 0, 10).await;
    let made = nominals(&world).await.len() - 1;
    assert_eq!(made, 120, "of two hours");
    let shown = shown(&world).await;
    assert_eq!(shown["fired"].as_u64().unwrap() + shown["missed"].as_u64().unwrap(), 365 * 1440);
}

#[tokio::test]
async fn what_is_late_by_more_than_two_minutes_is_left_where_nothing_is_caught_up_with() {
    let world = world(&json!({"catch_up": "none", "overlap": "allow"})).await;
    away(&world, 30 + 600, 1).await;
    assert_eq!(nominals(&world).await, [540, 600, 660]);
    assert_eq!(shown(&world).await["missed"], 8);
}

#[tokio::test]
async fn a_task_that_would_be_too_old_to_start_is_missed() {
    let world = world(&json!({"catch_up": "all", "overlap": "allow"})).await;
    let mut body = each_minute(&json!({"catch_up": "all", "overlap": "allow"}));
    body["task"]["ttl_s"] = json!(90);
    put(&world, "minutely", &body).await.body(200);
    away(&world, 30 + 600, 1).await;
    assert_eq!(nominals(&world).await, [600, 660]);
}

/// What the record of `minutely` says, changed behind everybody's back.
async fn change(world: &World, field: &str, value: Value) {
    use errand::{
        Doc, Expect, Patch,
        spi::{
            ids,
            store::{self, Commit, RecordWrite},
        },
    };
    let patch = Box::new(Patch { set: Doc::from_iter([(field.to_owned(), value)]), ..Patch::default() });
    let (key, version, at) = (place("minutely"), ids::fresh(), world.now());
    let records = vec![RecordWrite::Patch { key, patch, expect: Expect::Any, version, at }];
    store::commit(&*world.app.store, Commit { records, ..Commit::default() }).await.unwrap();
}

#[tokio::test]
async fn one_that_was_restored_to_before_its_firing_finds_the_task_and_goes_on() {
    let world = world(&json!({"catch_up": "all", "overlap": "allow"})).await;
    let before = world.app.store.record(&place("minutely")).await.unwrap().unwrap().doc;
    pass(&world, 60).await;
    change(&world, "judged", before["judged"].clone()).await;
    pass(&world, 60).await;
    assert_eq!(nominals(&world).await, [60, 120]);
}

#[tokio::test]
async fn a_schedule_that_cannot_fire_is_told_and_others_go_on() {
    for (field, broken) in [
        ("spec", json!({"cron": ["* * * * *"], "zone": "Mars/Olympus"})),
        ("task", json!({"task_type": "gone"})),
        ("task", json!({"task_type": "create_conversation_summary"})),
    ] {
        let world = world(&json!({})).await;
        put(&world, "other", &each_minute(&json!({}))).await.body(201);
        let whole = world.app.store.record(&place("minutely")).await.unwrap().unwrap().doc;
        change(&world, field, broken).await;
        pass(&world, 150).await;
        assert_eq!(nominals(&world).await, [60, 120, 180], "of the other alone");
        let blocked = shown(&world).await;
        assert!(blocked["blocked"]["reason"].is_string(), "{blocked}");
        let told = world.events().await;
        assert_eq!(told.iter().filter(|event| event["type"] == "schedule.blocked").count(), 1, "{told:#?}");
        assert_eq!(act(&world, "pause", &json!({})).await.status, 200);
        assert_eq!(act(&world, "resume", &json!({})).await.status, 200);
        change(&world, field, whole[field].clone()).await;
        pass(&world, 3660).await;
        assert!(shown(&world).await.get("blocked").is_none(), "it is tried again each hour");
        assert!(nominals(&world).await.len() > 64, "{:?}", nominals(&world).await);
    }
}

#[tokio::test]
async fn a_message_of_a_schedule_that_is_gone_is_dropped() {
    let world = world(&json!({})).await;
    Call::to("DELETE", "/v1/schedules/minutely").answer(&world.app).await.body(200);
    pass(&world, 300).await;
    assert_eq!(nominals(&world).await, [0; 0]);
    assert_eq!(world.next().await, None);
    assert_eq!(world.queue.depth(errand::spi::queue::QueueName::Work(errand::Priority::Medium)), 0);
}
