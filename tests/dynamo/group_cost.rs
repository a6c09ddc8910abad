//! What it costs that tasks are members of a group.

use std::{sync::Arc, time::Duration};

use errand::spi::queue::QueueName;
use integration_tests::{events::Call, in_memory::process, world::World};
use serde_json::json;

use super::{meter::Meter, watched};

const MEMBERS: usize = 600;

/// How many units a request takes, and all that comes of it.
async fn units(world: &World, meter: &Meter, calls: &[Call]) -> f64 {
    meter.take();
    for call in calls {
        let answer = call.answer(&world.app).await;
        assert!(matches!(answer.status, 200 | 201), "{}", answer.body);
    }
    loop {
        let received = world.queue.receive(QueueName::WORK[2], 10, Duration::from_secs(60));
        if received.is_empty() {
            return meter.take().write_units();
        }
        process(&world.app, &world.queue, QueueName::WORK[2], received).await;
    }
}

#[tokio::test]
async fn a_member_costs_a_tenth_more_than_one_unit_besides_its_task_at_most() {
    let meter = Meter::default();
    let world = World::on(Arc::new(watched(meter.clone()).await.store.clone()));
    let task = json!({"task_type": "scripted", "payload": {"ballast": "x".repeat(200)}});
    let batch = Call::post("/v1/tasks/batch", &json!({"tasks": vec![task.clone(); 100]}));
    let plain = units(&world, &meter, &vec![batch; MEMBERS / 100]).await;
    let group = Call::post("/v1/groups", &json!({"tasks": vec![task; MEMBERS]}));
    let grouped = units(&world, &meter, std::slice::from_ref(&group)).await;
    #[allow(clippy::cast_precision_loss)] // some hundreds
    let a_member = (grouped - plain) / MEMBERS as f64;
    assert!(a_member <= 1.1, "{a_member} units: {grouped} for {MEMBERS}, {plain} without a group");
}
