//! What a task costs that is pushed to a target.

use std::sync::Arc;

use errand::Status;
use integration_tests::{events::Call, world::World};
use serde_json::json;

use super::{
    meter::{Meter, Used},
    watched,
};
use crate::{outbox::named::Receiver, work::push::push};

/// A world over a metered table, with a type that is pushed to a target that answers so; and what the task used until its
/// call was answered.
pub(super) async fn pushed(status: u16) -> (World, Meter, Arc<Receiver>, uuid::Uuid, [Used; 2]) {
    let meter = Meter::default();
    let setup = watched(meter.clone()).await;
    let world = World::on(Arc::new(setup.store.clone()));
    let (target, url) = Receiver::listen().await;
    target.answers(status);
    let resize = Call::put("/v1/task-types/resize", &json!({"run": {"kind": "http", "url": url}}));
    assert_eq!(resize.answer(&world.app).await.status, 201);
    meter.take();
    let request = json!({"task_type": "resize", "payload": {"text": "x".repeat(289)}, "user_id": "u"});
    let task = Call::post("/v1/tasks", &request).answer(&world.app).await.body(201);
    let insert = meter.take();
    push(&world).await;
    assert_eq!(target.heard().len(), 1);
    (world, meter.clone(), target, task["id"].as_str().unwrap().parse().unwrap(), [insert, meter.take()])
}

#[tokio::test]
async fn a_task_that_is_pushed_costs_ten_write_units_as_any_other() {
    let (world, _, _target, id, used) = pushed(204).await;
    assert_eq!(world.task(id).await.status(), Status::Completed);
    assert_eq!(used.each_ref().map(Used::write_units), [4.0, 6.0], "{used:?}");
    assert_eq!(used.each_ref().map(|used| used.requests), [2, 4], "the insert reads its type, once a while");
}

#[tokio::test]
async fn one_that_goes_on_elsewhere_costs_three_more_and_so_does_each_heartbeat_of_it() {
    let used = elsewhere().await.each_ref().map(Used::write_units);
    assert_eq!(used, [4.0, 4.0, 3.0, 5.0]);
}

/// A task whose target answers later: its insert, the call, a heartbeat, and the end.
pub(super) async fn elsewhere() -> [Used; 4] {
    let (world, meter, target, id, [insert, call]) = pushed(202).await;
    assert_eq!(world.task(id).await.status(), Status::Running);
    world.advance(60);
    meter.take();
    let callback = target.heard()[0]["headers"]["errand-callback"].as_str().unwrap().to_owned();
    let callback = callback.strip_prefix("https://errand.example").unwrap();
    Call::post(&format!("{callback}/heartbeat"), &json!({})).answer(&world.app).await.body(200);
    let beat = meter.take();
    Call::post(callback, &json!({"status": "completed"})).answer(&world.app).await.body(200);
    [insert, call, beat, meter.take()]
}
