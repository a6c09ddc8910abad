//! What events cost: to publish and tell one, and for each webhook that hears it.

use std::{collections::BTreeMap, sync::Arc};

use errand::{App, Status};
use errand_aws::relay::{Batch, BusEvents, Seen, relay};
use integration_tests::{
    relay::{MemoryBus, MemoryCounters},
    world::{World, webhooks},
};

use super::{meter::Meter, watched};
use crate::{
    outbox::{
        named::{Receiver, name},
        publish, subjects,
    },
    relay::{change, seen, sequence},
};

/// As many events as are told in one commit, or two.
const EVENTS: u32 = 90;

/// A world over a metered table, with a bus, and so many webhooks.
async fn metered(count: usize) -> (World, App, Meter, Vec<Arc<Receiver>>) {
    let meter = Meter::default();
    let setup = watched(meter.clone()).await;
    let world = World::on(Arc::new(setup.store.clone()));
    let mut app = world.app.clone();
    app.listeners.bus = Some(Arc::new(MemoryBus::default()));
    app.listeners.webhooks = Some(webhooks(app.clock.clone()));
    let mut receivers = Vec::new();
    for n in 0..count {
        let (receiver, url) = Receiver::listen().await;
        name(&app, &format!("h{n}"), &url, &["*"]).await;
        receivers.push(receiver);
    }
    meter.take();
    (world, app, meter, receivers)
}

/// Has the relay tell of `records`.
async fn relayed(app: &App, records: Vec<Seen>) {
    let records = records.into_iter().zip(1_u128..).map(|(seen, at)| (sequence(at), seen)).collect();
    let batch = Batch { shard: "s".to_owned(), records, state: None, is_last: true };
    relay(app, &MemoryCounters::default(), BusEvents::default(), batch).await.unwrap();
}

/// What was used for each event, by index: what is used but once for many is no unit.
fn each(meter: &Meter) -> BTreeMap<String, f64> {
    let used = meter.take().writes.into_iter().map(|(what, units)| (what, (units / f64::from(EVENTS)).floor()));
    used.filter(|(_, units)| *units > 0.0).collect()
}

fn units(of: &[(&str, f64)]) -> BTreeMap<String, f64> {
    of.iter().map(|(what, units)| ((*what).to_owned(), *units)).collect()
}

#[tokio::test]
async fn the_end_of_a_task_costs_nothing_on_the_bus_and_six_units_for_each_webhook() {
    for count in [0, 1, 2] {
        let (world, app, meter, receivers) = metered(count).await;
        let end = |id| change("default", id, Some(Status::Running), Status::Completed, world.now());
        relayed(&app, (0..EVENTS.into()).map(|id| seen(end(id))).collect()).await;
        let hooks = f64::from(u8::try_from(count).unwrap());
        let given = [("tasks", 2.0 * hooks), ("parent", hooks)].into_iter().filter(|(_, units)| *units > 0.0);
        let given: Vec<_> = given.collect();
        assert_eq!(each(&meter), units(&given), "to give it");
        errand::spi::poller::post(&app, None).await;
        assert!(receivers.iter().all(|hook| hook.heard().len() == EVENTS as usize));
        assert_eq!(each(&meter), units(&given), "to note that it was taken");
    }
}

#[tokio::test]
async fn a_published_event_costs_five_units_or_seven_where_there_are_webhooks_and_six_for_each() {
    for count in [0, 1] {
        let (world, app, meter, receivers) = metered(count).await;
        publish(&world, "default", subjects(EVENTS as usize)).await;
        // In the commit of a task's end, or of any other.
        assert_eq!(each(&meter), units(&[("tasks", 2.0), ("due", 1.0)]));
        let mut stored = Vec::new();
        for shard in 0..app.store.shards() {
            for due in app.store.due(shard, world.now(), 100).await.unwrap() {
                let errand::spi::store::DueItem::Record(key) = due.item else { continue };
                stored.push(Seen::Event(Box::new(app.store.record(&key).await.unwrap().unwrap())));
            }
        }
        meter.take();
        relayed(&app, stored).await;
        let told: &[(&str, f64)] = match count {
            0 => &[("tasks", 1.0), ("due", 1.0)],
            _ => &[("tasks", 2.0), ("due", 1.0), ("owner", 1.0)],
        };
        assert_eq!(each(&meter), units(told), "{count}");
        world.advance(1);
        errand::spi::poller::post(&app, None).await;
        let heard = receivers.iter().map(|hook| hook.heard().len()).sum::<usize>();
        assert_eq!(heard, count * EVENTS as usize);
        let posted: &[(&str, f64)] = if count == 0 { &[] } else { &[("tasks", 4.0), ("parent", 2.0)] };
        assert_eq!(each(&meter), units(posted), "given, and taken");
    }
}
