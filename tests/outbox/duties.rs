//! Listing and posting: neither waits for the other.

use std::{collections::BTreeSet, time::Duration};

use errand::spi::poller::PollReport;
use integration_tests::{faults::Faults, world::World};
use serde_json::json;

use super::{Hook, listed, owed, publish, subjects, with_hook};

#[tokio::test]
async fn events_are_listed_by_the_hundred_while_the_webhook_takes_nothing() {
    let (world, hook) = (World::new(), Hook::new(None));
    let app = with_hook(&world.app, &hook).await;
    hook.otherwise(503);
    publish(&world, "default", subjects(990)).await;
    let faults = Faults::none();
    let report = poller::look(&faults.around(&app), None).await;
    assert_eq!((report.published, report.failed, report.complete), (990, 0, true), "{report:?}");
    assert_eq!((listed(&app, "default").await.len(), hook.count()), (990, 0));
    // Of 99 in each commit: ten of them, and as many reads of the last place. The rest is reading what is due, and the
    // word that a poll finds and leaves.
    let writes = faults.calls() - faults.reads();
    assert!(writes <= 31, "{writes} calls beside reads");

    let since = world.now();
    world.advance(30);
    assert_eq!(owed(&app).await, json!({"events": 990, "since": since}));
    for _ in 0..3 {
        poller::handle(&app, None).await;
    }
    assert_eq!(hook.count(), 3, "a webhook that does not work is asked once a run");
    let health = integration_tests::events::Call::get("/v1/health").answer(&app).await.body(200);
    assert_eq!(health["last_poll"]["owed"], json!({"events": 990, "since": since}));
}

#[tokio::test]
async fn only_what_was_tried_waits() {
    let (world, hook) = (World::new(), Hook::new(None));
    let app = with_hook(&world.app, &hook).await;
    publish(&world, "default", subjects(300).chain(subjects(1))).await;
    hook.answers("s00000", 503);
    poller::handle(&app, None).await;
    assert_eq!(hook.heard(), ["s00000"]);
    let report = poller::handle(&app, None).await;
    assert_eq!((hook.count(), report), (300, PollReport { complete: true, ..PollReport::default() }));
    assert_eq!(owed(&app).await["events"], 2, "the one that failed, and the next of its subject");
    hook.answers("s00000", 200);
    poller::handle(&app, None).await;
    assert_eq!(hook.count(), 300);
    world.clock.advance(Duration::from_secs(5));
    poller::handle(&app, None).await;
    assert_eq!(hook.heard()[300..], ["s00000", "s00000"]);
    assert_eq!(owed(&app).await, json!({"events": 0, "since": null}));
}

#[tokio::test]
async fn many_posts_fly_at_once_and_of_each_subject_one_after_the_other() {
    let (world, hook) = (World::new(), Hook::new(Some((40, 20))));
    let app = with_hook(&world.app, &hook).await;
    for _ in 0..4 {
        publish(&world, "default", subjects(50)).await;
    }
    poller::handle(&app, None).await;
    assert_eq!(hook.count(), 200, "twenty never flew at once");
    let told: Vec<String> = hook.heard.lock().unwrap().iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect();
    for subject in subjects(50) {
        let of = |id: &String, subject_of: &str| (subject_of == subject).then(|| id.clone());
        let heard: Vec<String> = told.iter().zip(hook.heard()).filter_map(|(id, s)| of(id, &s)).collect();
        let events = listed(&app, "default").await;
        let order: Vec<String> =
            events.iter().filter_map(|e| of(&e.id.to_string(), e.doc["subject"].as_str().unwrap())).collect();
        assert_eq!((heard.len(), &heard), (4, &order), "{subject}");
    }
}

#[tokio::test]
async fn a_tenant_with_little_does_not_wait_for_one_with_much() {
    let (world, hook) = (World::new(), Hook::new(None));
    let app = with_hook(&world.app, &hook).await;
    publish(&world, "aaa", subjects(500)).await;
    for n in 0..30 {
        publish(&world, &format!("t{n}"), [format!("quiet{n}")]).await;
    }
    poller::handle(&app, None).await;
    let heard = hook.heard();
    assert_eq!(heard.iter().collect::<BTreeSet<_>>().len(), 530, "each was told once");
    // Ten tenants take turns at a time, of each a hundred events at most.
    let last = heard.iter().rposition(|subject| subject.starts_with("quiet")).unwrap();
    assert!(last < 200, "{last} were told before the last of those with one");
}

#[tokio::test]
async fn what_the_webhook_refuses_holds_up_nothing_and_is_offered_less_and_less_often() {
    let (world, hook) = (World::new(), Hook::new(None));
    let app = with_hook(&world.app, &hook).await;
    hook.answers("refused", 422);
    publish(&world, "default", ["refused", "b", "refused"].map(str::to_owned)).await;
    poller::handle(&app, None).await;
    assert_eq!(hook.count(), 3, "{:?}", hook.heard());
    for _ in 0..3600 {
        world.advance(1);
        poller::handle(&app, None).await;
    }
    let tries = hook.heard().iter().filter(|subject| *subject == "refused").count();
    assert!((20..40).contains(&tries), "{tries} tries of two events in an hour");
    assert_eq!(owed(&app).await["events"], 2);
    hook.answers("refused", 200);
    world.advance(600);
    poller::handle(&app, None).await;
    assert_eq!(owed(&app).await["events"], 0);
}

#[tokio::test]
async fn what_is_owed_to_a_webhook_that_is_gone_is_owed_no_more() {
    let (world, hook) = (World::new(), Hook::new(None));
    let app = with_hook(&world.app, &hook).await;
    publish(&world, "default", subjects(3)).await;
    poller::look(&app, None).await;
    assert_eq!(owed(&world.app).await["events"], 3);
    poller::handle(&world.app, None).await;
    assert_eq!((owed(&world.app).await["events"].as_u64(), hook.count()), (Some(0), 0));
}

#[tokio::test]
async fn while_one_posts_another_run_leaves_it_to_that() {
    let (world, hook) = (World::new(), Hook::new(Some((0, 2))));
    let mut app = with_hook(&world.app, &hook).await;
    app.listeners.turn = Some(Default::default());
    publish(&world, "default", subjects(2)).await;
    poller::look(&app, None).await;
    // The first post waits for a second one, which nobody makes.
    let first = tokio::spawn({
        let app = app.clone();
        async move { errand::spi::poller::post(&app, None).await }
    });
    hook.flying.subscribe().wait_for(|flying| *flying == 1).await.unwrap();
    let other = errand::spi::poller::post(&app, None).await;
    assert_eq!((other, hook.count()), (Default::default(), 1));
    *hook.most.lock().unwrap() = 2;
    hook.flying.send_modify(|_| {});
    assert_eq!(first.await.unwrap().taken, 2);
}
