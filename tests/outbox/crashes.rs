//! A crash between any two steps of listing and posting loses no event, and lists none twice.

use std::collections::BTreeSet;

use integration_tests::{
    faults::{Fault, Faults},
    world::World,
};

use super::{Hook, listed, owed, publish, subjects, with_hook};

#[tokio::test]
async fn a_crash_at_any_call_loses_no_event_and_lists_each_once() {
    for fault in Fault::ALL {
        let mut nth = 0;
        while !survives(fault, nth).await {
            nth += 1;
        }
        assert!(nth > 8, "{nth} calls");
    }
}

/// Whether a poll comes to its end before its `nth` call.
async fn survives(fault: Fault, nth: usize) -> bool {
    let (world, hook) = (World::new(), Hook::new(None));
    let app = with_hook(&world.app, &hook).await;
    publish(&world, "default", subjects(6).chain(subjects(2))).await;
    publish(&world, "other", subjects(2)).await;
    hook.answers("s00001", 503);
    let faults = Faults::at(nth, fault);
    let faulty = faults.around(&app);
    tokio::select! {
        _ = poller::handle(&faulty, None) => {}
        () = faults.ended() => {}
    }
    hook.answers("s00001", 200);
    for _ in 0..3 {
        world.advance(600);
        poller::handle(&app, None).await;
    }
    for (tenant, count) in [("default", 8), ("other", 2)] {
        let ids: Vec<String> = listed(&app, tenant).await.iter().map(|event| event.id.to_string()).collect();
        assert_eq!(ids.len(), count, "{fault:?} at {nth}");
        let told = |id: &String| hook.heard.lock().unwrap().iter().any(|event| event["id"] == **id);
        assert!(ids.iter().all(told), "{fault:?} at {nth}");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), count, "{fault:?} at {nth}");
    }
    assert_eq!(owed(&app).await["events"], 0, "{fault:?} at {nth}");
    nth >= faults.calls()
}

#[tokio::test]
async fn two_that_list_the_same_events_list_each_once() {
    let world = World::new();
    publish(&world, "default", subjects(150)).await;
    let faults = Faults::stepping();
    let stepped = faults.around(&world.app);
    let mut polls = Vec::new();
    for _ in 0..2 {
        let stepped = stepped.clone();
        polls.push(Box::pin(async move { poller::look(&stepped, None).await.published }));
    }
    let mut polls = futures::future::join_all(polls);
    let published: Vec<usize> = loop {
        faults.go();
        if let std::task::Poll::Ready(published) = futures::poll!(&mut polls) {
            break published;
        }
    };
    let ids: BTreeSet<String> = listed(&world.app, "default").await.iter().map(|e| e.id.to_string()).collect();
    assert_eq!((published.iter().sum::<usize>(), ids.len()), (150, 150));
}
