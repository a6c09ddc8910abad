//! Events are told whatever is out of order: the bus, the outbox, the relay itself.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::{Router, extract::State, routing::post};
use errand::{
    App, Id, Name, Status,
    spi::store::{DueItem, Record, RecordKey},
};
use errand_aws::relay::{Batch, BusEvents, Relayed, Seen, Sequence, relay};
use errand_models::http::Webhook;
use integration_tests::{
    faults::{Fault, Faults},
    relay::{MemoryBus, MemoryCounters},
    world::World,
};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::{change, seen, sequence, with_bus};

/// As long as the poller leaves a new event to the relay.
pub(super) const HEAD_START: Duration = Duration::from_secs(120);

/// A world with a bus, whose time stands still.
pub(super) struct Setup {
    pub(super) world: World,
    pub(super) bus: Arc<MemoryBus>,
    counters: MemoryCounters,
    pub(super) app: App,
}

pub(super) fn setup() -> Setup {
    let (world, bus) = (World::new(), Arc::new(MemoryBus::default()));
    let app = with_bus(&world.app, &bus);
    Setup { world, bus, counters: MemoryCounters::default(), app }
}

impl Setup {
    /// The ends of `count` tasks.
    fn ends(&self, count: u128) -> Vec<(Sequence, Seen)> {
        let end = |id| change("acme", id, Some(Status::Running), Status::Completed, self.world.now());
        (0..count).map(|id| (sequence(id), seen(end(id)))).collect()
    }

    pub(super) async fn relay(&self, app: &App, records: Vec<(Sequence, Seen)>) -> Relayed {
        let batch = Batch { shard: "s".to_owned(), records, state: None, is_last: true };
        relay(app, &self.counters, BusEvents::default(), batch).await.unwrap()
    }

    /// The ids of what the bus took, with repetitions.
    pub(super) fn taken(&self) -> Vec<String> {
        self.bus.taken().iter().map(|event| event.id.to_string()).collect()
    }

    pub(super) async fn poll(&self) -> usize {
        poller::handle(&self.app, None).await.published
    }

    /// The outbox's events, as the stream shows them.
    async fn stored(&self) -> Vec<Record> {
        let mut stored = Vec::new();
        for shard in 0..self.app.store.shards() {
            for due in self.app.store.due(shard, self.world.now(), 100).await.unwrap() {
                if let DueItem::Record(key) = due.item {
                    stored.extend(self.app.store.record(&key).await.unwrap());
                }
            }
        }
        stored
    }

    /// Has a handler publish an event of this type: its record.
    pub(super) async fn published(&self, event_type: &str) -> Record {
        self.world.scripted(&json!({"publish": event_type})).await;
        self.world.deliver_all().await;
        self.stored().await.pop().unwrap()
    }
}

#[tokio::test]
async fn what_the_bus_does_not_take_is_kept_and_the_poller_puts_it_there_later() {
    let setup = setup();
    setup.bus.set_broken(true);
    let ends = setup.ends(25);
    for _ in 0..2 {
        let relayed = setup.relay(&setup.app, ends.clone()).await;
        assert_eq!(relayed.again, None, "an outage of the bus holds up the shard");
    }
    let kept: BTreeSet<String> = setup.stored().await.iter().map(|record| record.key.id.to_string()).collect();
    assert_eq!(kept.len(), 25, "handed over twice, kept once");

    setup.world.clock.advance(HEAD_START);
    assert_eq!(setup.poll().await, 0);
    setup.bus.set_broken(false);
    // Not at once: an outage's events do not stand before every due task.
    setup.world.clock.advance(Duration::from_secs(600));
    assert_eq!(setup.poll().await, 25);
    assert_eq!(setup.taken().len(), 25);
    assert_eq!(setup.taken().into_iter().collect::<BTreeSet<_>>(), kept);
    assert_eq!(setup.poll().await, 0);

    // Once more, by a relay that heard of nothing: what was told is left as it is.
    setup.bus.set_broken(true);
    setup.relay(&setup.app, ends).await;
    assert_eq!(setup.stored().await.len(), 0);
}

#[tokio::test]
async fn what_was_not_offered_while_the_bus_was_gone_waits_for_nothing_but_the_next_poll() {
    let setup = setup();
    setup.bus.set_broken(true);
    setup.relay(&setup.app, setup.ends(250)).await;
    setup.world.clock.advance(HEAD_START);
    let page = setup.app.rules.poll_page;
    let outage = poller::handle(&setup.app, None).await;
    assert_eq!((outage.published, outage.failed, outage.complete), (0, 250, true));
    setup.bus.set_broken(false);
    assert_eq!(setup.poll().await, 250 - page, "one page was offered, and waits");
    setup.world.clock.advance(HEAD_START);
    assert_eq!(setup.poll().await, page);
}

#[tokio::test]
async fn an_event_neither_told_nor_kept_comes_again_and_what_stands_before_it_is_counted() {
    let setup = setup();
    setup.bus.set_broken(true);
    let mut records = setup.ends(3);
    let quiet = change("acme", 9, None, Status::Pending, setup.world.now());
    records.insert(0, (sequence(0), seen(quiet)));
    for (at, (place, _)) in records.iter_mut().enumerate() {
        *place = sequence(at as u128);
    }
    let app = Faults::at(0, Fault::Unavailable).around(&setup.app);
    let relayed = setup.relay(&app, records.clone()).await;
    assert_eq!(relayed.again, Some(sequence(1)));
    assert_eq!(setup.counters.counts().iter().count(), 2, "the first of them was not counted, or one too many");
    // Whichever state it comes with.
    setup.bus.set_broken(false);
    let again = Batch { shard: "s".to_owned(), records: records[1..].to_vec(), state: None, is_last: true };
    let relayed_again = relay(&setup.app, &setup.counters, BusEvents::default(), again.clone()).await.unwrap();
    let counted = setup.counters.counts();
    assert_eq!(relayed_again.again, None);
    relay(&setup.app, &setup.counters, BusEvents::default(), Batch { state: Some(relayed.state), ..again })
        .await
        .unwrap();
    assert_eq!(setup.counters.counts(), counted);
    assert_eq!(setup.taken().into_iter().collect::<BTreeSet<_>>().len(), 3);
}

#[tokio::test]
async fn what_a_handler_publishes_is_relayed_at_once_and_not_delivered_by_the_poller_too() {
    let setup = setup();
    let record = setup.published("hello").await;
    assert_eq!(setup.poll().await, 0, "the poller does not leave it to the relay");
    setup.relay(&setup.app, vec![(sequence(1), Seen::Event(Box::new(record.clone())))]).await;
    assert_eq!(setup.taken(), [record.key.id.to_string()]);
    let said = serde_json::to_value(&setup.bus.taken()[0]).unwrap();
    assert_eq!((&said["type"], &said["tenant"]), (&json!("hello"), &json!("default")));

    setup.world.clock.advance(HEAD_START);
    assert_eq!(setup.poll().await, 0);
    assert_eq!(setup.taken().len(), 1);
}

#[tokio::test]
async fn what_the_relay_never_sees_the_poller_delivers_two_minutes_later() {
    let setup = setup();
    let record = setup.published("hello").await;
    setup.world.clock.advance(HEAD_START - Duration::from_millis(1));
    assert_eq!(setup.poll().await, 0);
    setup.world.clock.advance(Duration::from_millis(1));
    assert_eq!(setup.poll().await, 1);
    assert_eq!(setup.taken(), [record.key.id.to_string()]);
}

#[tokio::test]
async fn a_crash_at_any_call_of_the_relay_loses_no_event() {
    for fault in Fault::ALL {
        for nth in 0..4 {
            let setup = setup();
            let record = setup.published("hello").await;
            let mut records = setup.ends(1);
            records.push((sequence(1), Seen::Event(Box::new(record.clone()))));
            let faults = Faults::at(nth, fault);
            let (app, counters) = (faults.around(&setup.app), MemoryCounters::default());
            let batch = Batch { shard: "s".to_owned(), records, state: None, is_last: true };
            tokio::select! {
                _ = relay(&app, &counters, BusEvents::default(), batch) => {}
                () = faults.ended() => {}
            }
            // Even if Lambda never tried again: what a handler published waits in the outbox.
            setup.world.clock.advance(HEAD_START);
            setup.poll().await;
            assert!(setup.taken().contains(&record.key.id.to_string()), "{fault:?} at {nth}");
        }
    }
}

/// A listener at a free port, which passes on what it is told.
async fn listener(heard: UnboundedSender<Value>) -> Webhook {
    let app = Router::new().route("/", post(hear)).with_state(heard);
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", socket.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(socket, app).await.unwrap() });
    Webhook::new(url).unwrap()
}

async fn hear(State(heard): State<UnboundedSender<Value>>, body: String) {
    heard.send(serde_json::from_str(&body).unwrap()).unwrap();
}

#[tokio::test]
async fn with_a_webhook_the_poller_tells_both_and_the_webhook_hears_what_handlers_say_alone() {
    let mut setup = setup();
    let (sender, mut heard) = tokio::sync::mpsc::unbounded_channel();
    setup.app.listeners.webhook = Some(Arc::new(listener(sender).await));

    let record = setup.published("hello").await;
    setup.bus.set_broken(true);
    let mut records = setup.ends(1);
    records.push((sequence(1), Seen::Event(Box::new(record.clone()))));
    setup.relay(&setup.app, records).await;
    setup.bus.set_broken(false);
    assert_eq!(setup.poll().await, 2, "nobody else delivers, so there is nothing to wait for");
    assert_eq!(setup.taken().len(), 2);
    assert_eq!(heard.try_recv().unwrap()["id"], record.key.id.as_str());
    assert!(heard.try_recv().is_err());
}

#[tokio::test]
async fn another_tenants_event_of_the_same_id_is_another() {
    let setup = setup();
    setup.bus.set_broken(true);
    let end = change("acme", 1, Some(Status::Running), Status::Failed, setup.world.now());
    let mut other = end.clone();
    other.key.tenant = Name::of("umbrella");
    let ids = [&end, &other].map(|end| end.event(BusEvents::default()).unwrap().id);
    assert_ne!(ids[0], ids[1]);
    setup.relay(&setup.app, vec![(sequence(1), seen(end)), (sequence(2), seen(other))]).await;
    for (tenant, id) in ["acme", "umbrella"].into_iter().zip(ids) {
        let key = RecordKey {
            tenant: Name::new(tenant).unwrap(),
            kind: Name::of("event"),
            id: Id::new(id.as_str()).unwrap(),
        };
        assert!(setup.app.store.record(&key).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn an_event_that_waits_is_not_put_on_the_bus_because_a_poll_saw_it_due_before() {
    let setup = setup();
    setup.published("hello").await;
    setup.world.clock.advance(HEAD_START);
    let faults = Faults::stepping();
    let app = faults.around(&setup.app);
    let mut slow = Box::pin(poller::look(&app, None));
    for _ in 0..2 {
        faults.go();
        assert!(futures::poll!(slow.as_mut()).is_pending()); // it has read what is due
    }
    setup.bus.set_broken(true);
    setup.poll().await;
    setup.bus.set_broken(false);
    loop {
        faults.go();
        if futures::poll!(slow.as_mut()).is_ready() {
            break;
        }
    }
    assert_eq!(setup.taken(), Vec::<String>::new());
    setup.world.clock.advance(HEAD_START);
    assert_eq!(setup.poll().await, 1);
}
