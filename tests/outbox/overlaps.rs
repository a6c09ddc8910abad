//! Two polls at once, as there may be on AWS: neither spoils what the other does.

use std::time::Duration;

use errand::spi::{
    ids,
    store::{self, Commit, Due, DueItem, RelationKind},
};
use integration_tests::{faults::Faults, world::World};
use tokio::task::yield_now;

use super::{Hook, event, publish, with_hook};

/// What the other poll finds and does.
#[derive(Clone, Copy, Debug)]
struct Other {
    /// The tenant's first event was told long ago.
    is_known: bool,
    /// The index does not show it what the one poll is about: each lists an event of its own.
    lags: bool,
    /// It posts what it has listed.
    posts: bool,
}

#[tokio::test]
async fn a_poll_in_the_middle_of_another_gives_no_place_twice_and_leaves_no_event_untold() {
    for nth in 0..8 {
        let other = Other { is_known: nth & 1 > 0, lags: nth & 2 > 0, posts: nth & 4 > 0 };
        let mut calls = 0;
        while overlap(other, calls).await {
            calls += 1;
        }
        assert!(calls > 8, "{calls} calls: {other:?}");
    }
}

/// Whether a poll makes more calls than so many, after which the other one comes.
async fn overlap(other: Other, calls: usize) -> bool {
    let (world, hook) = (World::new(), Hook::new(None));
    let app = with_hook(&world.app, &hook).await;
    let mut told = Vec::new();
    if other.is_known {
        publish(&world, "default", ["known".to_owned()]).await;
        poller::handle(&app, None).await;
        told.push("known");
    }
    let one = event(&world, "default", "one");
    let due = Due { item: DueItem::Record(one.key().clone()), wake_at: world.now() };
    store::commit(&*app.store, Commit { records: vec![one], ..Commit::default() }).await.unwrap();

    let faults = Faults::stepping();
    let faulty = faults.around(&app);
    let poll = tokio::spawn(async move { poller::handle(&faulty, None).await });
    while faults.calls() < calls && !poll.is_finished() {
        faults.go();
        yield_now().await;
    }
    let goes_on = !poll.is_finished();
    if other.lags {
        app.store.set_aside(&due, world.now() + Duration::from_secs(60)).await.unwrap();
    }
    publish(&world, "default", ["other".to_owned()]).await;
    poller::look(&app, None).await;
    if other.posts {
        errand::spi::poller::post(&app, None).await;
    }
    while !poll.is_finished() {
        faults.go();
        yield_now().await;
    }
    world.clock.advance(Duration::from_secs(60));
    poller::handle(&app, None).await;
    told.extend(["one", "other"]);
    let is_told = |subject: &str| hook.heard().iter().any(|heard| heard == subject);
    assert!(told.iter().all(|subject| is_told(subject)), "{:?}: {other:?} after {calls}", hook.heard());

    publish(&world, "default", ["last".to_owned()]).await;
    poller::handle(&app, None).await;
    assert!(is_told("last"), "{:?}: {other:?} after {calls}", hook.heard());
    let listed = world.records("event", RelationKind::Owner, &ids::derived(&["published"]).to_string()).await;
    let places: Vec<usize> = listed.iter().map(|event| event.owner.as_ref().unwrap().sort.parse().unwrap()).collect();
    assert_eq!(places, (1..=told.len() + 1).collect::<Vec<_>>(), "{other:?} after {calls}");
    goes_on
}
