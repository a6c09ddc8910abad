//! Schedules: what is shown before one is made, when they fire, and what becomes of them where something goes wrong.

mod acts;
mod backfills;
mod carried;
mod catching_up;
mod crashes;
mod documented;
mod firing;
mod overlaps;
mod previews;
mod previous;

use std::time::Duration;

use errand::{Id, Name, Task, Timestamp, spi::store::RecordKey};
use integration_tests::{
    events::{Answered, Call},
    world::World,
};
use serde_json::{Value, json};

/// What a schedule is asked for by, with `more` of its policy.
fn each_minute(policy: &Value) -> Value {
    let task = json!({"task_type": "scripted", "user_id": "u"});
    json!({"spec": {"cron": ["* * * * *"]}, "task": task, "payload": {"mark": "m"}, "policy": policy})
}

async fn put(world: &World, id: &str, body: &Value) -> Answered {
    Call::put(&format!("/v1/schedules/{id}"), body).answer(&world.app).await
}

/// Does this to the schedule `minutely`.
async fn act(world: &World, act: &str, body: &Value) -> Answered {
    Call::post(&format!("/v1/schedules/minutely/{act}"), body).answer(&world.app).await
}

async fn shown(world: &World) -> Value {
    Call::get("/v1/schedules/minutely").answer(&world.app).await.body(200)
}

/// A world with the schedule `minutely`, thirty seconds before its first firing.
async fn world(policy: &Value) -> World {
    let world = World::new();
    world.advance(30);
    put(&world, "minutely", &each_minute(policy)).await.body(201);
    world
}

/// Its tasks, in the order of their firings.
async fn fired(world: &World) -> Vec<Task> {
    let mut tasks = world.tasks().await;
    tasks.retain(|task| task.schedule.is_some());
    tasks.sort_by_key(|task| task.schedule.as_ref().map(|of| of.nominal));
    tasks
}

/// For which seconds after the world began these tasks were made.
async fn nominals(world: &World) -> Vec<u64> {
    let begun = Timestamp::from_millis(1_767_225_600_000);
    let nominal = |task: &Task| task.schedule.as_ref().map(|of| of.nominal.since(begun).as_secs());
    fired(world).await.iter().filter_map(nominal).collect()
}

/// Lets so many seconds go by; the poller comes each minute, and messages at their second.
async fn pass(world: &World, seconds: u64) {
    let until = world.now() + Duration::from_secs(seconds);
    loop {
        world.deliver_all().await;
        if world.now() >= until {
            return;
        }
        world.advance(1);
        if world.now().as_millis() % 60_000 == 0 {
            world.poll().await;
        }
    }
}

fn place(id: &'static str) -> RecordKey {
    RecordKey { tenant: Name::default(), kind: Name::of("schedule"), id: Id::of(id) }
}
