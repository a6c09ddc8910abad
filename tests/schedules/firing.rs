//! When schedules fire: at their second by a message, within a minute without, once whoever looks.

use std::time::Duration;

use errand::{Status, spi::queue::QueueName};
use integration_tests::{
    events::Call,
    faults::{Fault, Faults},
    world::World,
};
use serde_json::json;

use super::{act, each_minute, fired, nominals, pass, place, put, shown, world};

#[tokio::test]
async fn a_schedule_fires_at_its_second_each_time() {
    let world = world(&json!({})).await;
    pass(&world, 150).await;
    assert_eq!(nominals(&world).await, [60, 120, 180]);
    for task in fired(&world).await {
        let of = task.schedule.clone().unwrap();
        assert_eq!(
            (task.created_at, task.status()),
            (of.nominal, Status::Completed),
            "it was made at that very second"
        );
        assert_eq!((of.id.as_str(), of.backfilled, task.created_by.as_str()), ("minutely", false, "local"));
    }
    assert_eq!(world.marks("m").await, 3);
    let shown = shown(&world).await;
    assert_eq!((&shown["fired"], &shown["missed"], &shown["skipped"]), (&json!(3), &json!(0), &json!(0)), "{shown}");
    assert_eq!(shown["last"], json!("2026-01-01T00:03:00.000Z"));
    assert_eq!(shown["next"][0]["nominal"], json!("2026-01-01T00:04:00.000Z"));
    assert_eq!(shown["next"].as_array().unwrap().len(), 10);
    let recent: Vec<_> = shown["recent"].as_array().unwrap().iter().map(|firing| &firing["nominal"]).collect();
    assert_eq!(recent, ["2026-01-01T00:03:00.000Z", "2026-01-01T00:02:00.000Z", "2026-01-01T00:01:00.000Z"]);
    assert_eq!(shown["recent"][0]["status"], "completed");
}

#[tokio::test]
async fn without_its_message_it_fires_with_the_next_poll() {
    let world = world(&json!({})).await;
    world.lose_messages();
    world.advance(25);
    world.poll().await;
    assert_eq!(nominals(&world).await, [0; 0], "before its time the poller makes nothing");
    world.advance(60);
    world.poll().await;
    assert_eq!(nominals(&world).await, [60]);
    pass(&world, 60).await;
    assert_eq!(nominals(&world).await, [60, 120], "and the messages go on");
}

#[tokio::test]
async fn a_poller_and_a_message_at_once_make_one_task() {
    let world = world(&json!({})).await;
    world.advance(30);
    let messages = async { while world.deliver(QueueName::Work(errand::Priority::Medium)).await {} };
    futures::join!(world.poll(), messages, world.poll());
    assert_eq!(nominals(&world).await, [60]);
    assert_eq!(shown(&world).await["fired"], 1);
}

#[tokio::test]
async fn a_schedule_that_is_far_from_its_next_firing_is_looked_at_once_a_day() {
    let world = World::new();
    let mut yearly = each_minute(&json!({}));
    yearly["spec"] = json!({"at": ["2026-01-08T12:00:00Z"]});
    put(&world, "yearly", &yearly).await.body(201);
    let version = async || world.app.store.record(&place("yearly")).await.unwrap().unwrap().version;
    let (mut looks, mut before) = (0, version().await);
    for _ in 0..7 * 24 * 60 {
        world.advance(60);
        world.poll().await;
        let now = version().await;
        looks += usize::from(now != before);
        before = now;
    }
    assert_eq!(looks, 7, "one a day; the last is half a day before its time");
    assert_eq!(world.next().await, Some(world.now() + Duration::from_secs(12 * 3600 - 90)));
}

#[tokio::test]
async fn what_fires_seldom_is_hinted_by_the_poller_and_what_fires_often_by_each_firing() {
    let world = World::new();
    let mut hourly = each_minute(&json!({}));
    hourly["spec"] = json!({"cron": ["0 * * * *"]});
    put(&world, "hourly", &hourly).await.body(201);
    assert_eq!(world.queue.depth(QueueName::Work(errand::Priority::Medium)), 0, "it is an hour until then");
    pass(&world, 3600).await;
    assert_eq!(nominals(&world).await, [3600]);
    assert_eq!(fired(&world).await[0].created_at, fired(&world).await[0].schedule.clone().unwrap().nominal);
    let quarterly = super::world(&json!({})).await;
    for _ in 0..10 {
        pass(&quarterly, 60).await;
        assert!(quarterly.queue.depth(QueueName::Work(errand::Priority::Medium)) <= 1, "one message a firing");
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_nothing_fire_again() {
    let world = world(&json!({})).await;
    pass(&world, 90).await;
    let before = nominals(&world).await;
    world.clock.set(world.now() - Duration::from_secs(100));
    world.poll().await;
    pass(&world, 80).await;
    assert_eq!(nominals(&world).await, before);
    pass(&world, 90).await;
    assert_eq!(nominals(&world).await, [60, 120, 180]);
}

#[tokio::test]
async fn made_again_under_its_name_it_is_another() {
    let world = world(&json!({})).await;
    world.advance(30);
    world.poll().await;
    let removed = Call::to("DELETE", "/v1/schedules/minutely").answer(&world.app).await;
    removed.body(200);
    assert_eq!(Call::get("/v1/schedules/minutely").answer(&world.app).await.status, 404);
    assert_eq!(act(&world, "pause", &json!({})).await.status, 404);
    world.clock.set(world.now() - Duration::from_secs(20));
    put(&world, "minutely", &each_minute(&json!({"overlap": "allow"}))).await.body(201);
    pass(&world, 20).await;
    assert_eq!(nominals(&world).await, [60, 60], "the same minute, of two schedules");
}

/// Makes so many schedules that fire at the same second, and lets that come without messages: how many calls of its store and
/// its queues a poll makes then.
async fn calls_of_a_poll(count: usize) -> usize {
    let world = World::new();
    for n in 0..count {
        put(&world, &format!("s-{n}"), &each_minute(&json!({}))).await.body(201);
    }
    world.lose_messages();
    world.advance(60);
    let faults = Faults::at(usize::MAX, Fault::Unavailable);
    let app = faults.around(&world.app);
    world.run(errand::spi::poller::handle(&app, None)).await;
    assert_eq!(nominals(&world).await, vec![60; count]);
    faults.calls()
}

#[tokio::test]
async fn five_thousand_at_the_same_second_are_made_in_one_look_each() {
    let [none, one] = [calls_of_a_poll(0).await, calls_of_a_poll(1).await];
    let a_look = one - none;
    let many = calls_of_a_poll(5_000).await;
    // Besides, the poller asks for what is due page by page.
    assert!(many <= 5_000 * a_look + 5_000 / 10, "{many} calls, of which a look makes {a_look}");
}
