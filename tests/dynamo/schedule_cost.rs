//! What a firing of a schedule costs beside its task.

use std::{collections::BTreeMap, sync::Arc};

use integration_tests::{events::Call, world::World};
use serde_json::json;

use super::{
    meter::{Meter, Used},
    size, watched,
};

/// A look at a schedule that is far from its next firing, a day after the one before.
pub(super) async fn daily_look() -> Used {
    let meter = Meter::default();
    let world = World::on(Arc::new(watched(meter.clone()).await.store.clone()));
    let yearly = json!({"spec": {"at": ["2026-12-31T12:00:00Z"]}, "task": {"task_type": "scripted"}});
    Call::put("/v1/schedules/yearly", &yearly).answer(&world.app).await.body(201);
    poll(&world, &meter).await;
    world.advance(86_400);
    poll(&world, &meter).await
}

/// What a poll uses, but for the record that says how it went.
async fn poll(world: &World, meter: &Meter) -> Used {
    meter.take();
    errand::spi::poller::handle(&world.app, None).await;
    let mut used = meter.take();
    *used.writes.get_mut("tasks").unwrap() -= 1.0;
    used
}

/// The insert of a task by a request, and the firing that makes one like it.
pub(super) async fn firing() -> [Used; 2] {
    let meter = Meter::default();
    let setup = watched(meter.clone()).await;
    let world = World::on(Arc::new(setup.store.clone()));
    let plain = json!({"task_type": "scripted", "payload": {"mark": "m"}, "user_id": "u", "delay_s": 864_000});
    world.enqueue(&plain).await;
    let insert = meter.take();

    let nightly = json!({
        "spec": {"cron": ["30 2 * * *", "0 14 * * 1-5"], "zone": "Europe/Berlin", "spread_s": 300},
        "task": {"task_type": "scripted", "user_id": "u", "queue": "housekeeping", "ttl_s": 36000, "priority": "low"},
        "payload": {"mark": "m"},
        "policy": {"overlap": "buffer", "catch_up": "all", "pause_on_failure": true},
    });
    Call::put("/v1/schedules/nightly-report-of-everything", &nightly).answer(&world.app).await.body(201);
    let stored = setup.everything().await;
    let of = |item: &&super::Item| item["pk"].as_s().is_ok_and(|pk| pk.contains("#schedule#"));
    let bytes = size(stored.iter().find(of).unwrap());
    assert!(bytes < 850, "{bytes} bytes: with a firing noted it stays within a unit");
    world.advance(3600 * 3);
    [insert, poll(&world, &meter).await]
}

#[tokio::test]
async fn a_firing_costs_five_units_beside_the_insert_of_its_task() {
    let [insert, firing] = firing().await;
    let units: BTreeMap<String, f64> = [("tasks", 4.0), ("due", 3.0), ("listing", 1.0), ("user", 1.0)]
        .map(|(index, units)| (index.to_owned(), units))
        .into();
    assert_eq!(firing.writes, units);
    assert!((firing.write_units() - insert.write_units() - 5.0).abs() < 0.1, "{firing:?} beside {insert:?}");
}
