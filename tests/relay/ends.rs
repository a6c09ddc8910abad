//! The ends of tasks, as webhooks hear of them where the relay tells of them.

use errand::{
    App,
    Status::{Blocked, Completed, Failed, Pending, Running},
};
use errand_aws::relay::{Seen, Sequence};
use integration_tests::{
    faults::{Fault, Faults},
    world::webhooks,
};
use serde_json::{Value, json};

use super::{
    change,
    events::{Setup, setup},
    seen, sequence,
};
use crate::outbox::{
    named::{Receiver, name},
    owed,
};

fn serving() -> (Setup, App) {
    let setup = setup();
    let mut app = setup.app.clone();
    app.listeners.webhooks = Some(webhooks(app.clock.clone()));
    (setup, app)
}

/// That the task `id` of `tenant` ended, as the record of the stream with this number.
fn end(setup: &Setup, at: u128, (tenant, id): (&str, u128), to: errand::Status) -> (Sequence, Seen) {
    (sequence(at), seen(change(tenant, id, Some(Running), to, setup.world.now())))
}

/// The types of what it heard, each with whose task it is.
fn told(hook: &Receiver) -> Vec<String> {
    let body = |message: &Value| serde_json::from_str::<Value>(message["body"].as_str().unwrap()).unwrap();
    let told =
        |event: Value| format!("{} of {}", event["type"].as_str().unwrap(), &event["subject"].as_str().unwrap()[35..]);
    hook.heard().iter().map(|message| told(body(message))).collect()
}

#[tokio::test]
async fn each_webhook_hears_of_the_ends_that_it_wants_once_and_of_no_other_tenants() {
    let ((setup, app), (all, first), (some, second)) = (serving(), Receiver::listen().await, Receiver::listen().await);
    let before = end(&setup, 1, ("default", 1), Completed);
    setup.world.advance(1);
    name(&app, "all", &first, &["*"]).await;
    name(&app, "some", &second, &["task.failed"]).await;
    let records = [
        before,
        end(&setup, 2, ("default", 2), Completed),
        end(&setup, 3, ("default", 3), Failed),
        end(&setup, 4, ("other", 4), Failed),
        (sequence(5), seen(change("default", 5, None, Pending, setup.world.now()))),
        end(&setup, 6, ("default", 6), Blocked),
    ];
    // The same once more, and once more from the middle on, as Lambda hands them over after a failure.
    for from in [0, 0, 3] {
        assert_eq!(setup.relay(&app, records[from..].to_vec()).await.again, None);
    }
    assert_eq!(owed(&app).await["events"], 4, "three and one");
    poller::handle(&app, None).await;
    let mut heard = told(&all);
    heard.sort();
    assert_eq!(heard, ["task.blocked of 6", "task.completed of 2", "task.failed of 3"]);
    assert_eq!(told(&some), ["task.failed of 3"]);
    assert_eq!(owed(&app).await["events"], 0);
    let ids = |hook: &Receiver| hook.heard().iter().map(|heard| heard["headers"]["webhook-id"].clone()).collect();
    let (ids, on_the_bus): (Vec<Value>, Vec<String>) = (ids(&all), setup.taken());
    assert!(ids.iter().all(|id| on_the_bus.contains(&id.as_str().unwrap().to_owned())), "as the bus has it");
}

#[tokio::test]
async fn of_one_task_they_hear_in_order_however_the_records_come_and_one_that_does_not_work_keeps_no_other_waiting() {
    let ((setup, app), (well, first), (dead, second)) = (serving(), Receiver::listen().await, Receiver::listen().await);
    name(&app, "well", &first, &["*"]).await;
    name(&app, "dead", &second, &["*"]).await;
    dead.answers(503);
    // All at one time: the places in the stream tell the order, by their numbers.
    let ends = [(9, Failed), (10, Blocked), (101, Completed)];
    let records: Vec<_> = ends.into_iter().map(|(at, to)| end(&setup, at, ("default", 1), to)).collect();
    setup.relay(&app, records[1..].to_vec()).await;
    setup.relay(&app, records).await;
    poller::handle(&app, None).await;
    let expected = ["task.failed of 1", "task.blocked of 1", "task.completed of 1"];
    assert_eq!((told(&well), told(&dead)), (expected.map(str::to_owned).to_vec(), vec![expected[0].to_owned()]));
    let health = integration_tests::events::Call::get("/v1/health").answer(&app).await.body(200);
    let owed = json!([{"tenant": "default", "webhook": "dead", "events": 3, "since": setup.world.now()}]);
    assert_eq!(health["webhooks"], owed);
    dead.answers(200);
    for _ in 0..3 {
        setup.world.advance(600);
        poller::handle(&app, None).await;
    }
    assert_eq!(told(&dead)[1..], expected);
}

#[tokio::test]
async fn one_that_is_gone_is_switched_off_and_what_ends_then_it_does_not_hear() {
    let ((setup, app), (hook, url)) = (serving(), Receiver::listen().await);
    name(&app, "h", &url, &["*"]).await;
    hook.answers(410);
    for at in 1..3 {
        setup.relay(&app, vec![end(&setup, at, ("default", at), Completed)]).await;
        poller::handle(&app, None).await;
    }
    assert_eq!((hook.heard().len(), owed(&app).await["events"].clone()), (1, json!(1)));
}

#[tokio::test]
async fn what_the_bus_does_not_take_webhooks_hear_of_all_the_same_and_once() {
    let ((setup, app), (hook, url)) = (serving(), Receiver::listen().await);
    name(&app, "h", &url, &["*"]).await;
    setup.bus.set_broken(true);
    setup.relay(&app, vec![end(&setup, 1, ("default", 1), Failed)]).await;
    setup.bus.set_broken(false);
    // The poller puts it on the bus, and lists it. What is published afterwards is not held up by that.
    for _ in 0..2 {
        setup.world.advance(600);
        poller::handle(&app, None).await;
    }
    assert_eq!((setup.taken().len(), told(&hook)), (1, vec!["task.failed of 1".to_owned()]));
    let published = setup.published("thing.happened").await;
    for _ in 0..2 {
        setup.world.advance(600);
        poller::handle(&app, None).await;
    }
    assert_eq!(hook.heard().last().unwrap()["headers"]["webhook-id"], published.key.id.as_str());
    assert_eq!(hook.heard().len(), 2);
}

#[tokio::test]
async fn a_crash_at_any_call_of_the_relay_keeps_no_webhook_from_an_end() {
    for fault in Fault::ALL {
        let mut nth = 0;
        while !survives(fault, nth).await {
            nth += 1;
        }
        assert!(nth >= 2, "{nth} calls");
    }
}

/// Whether the relay comes to its end before its `nth` call.
async fn survives(fault: Fault, nth: usize) -> bool {
    let ((setup, app), (hook, url)) = (serving(), Receiver::listen().await);
    name(&app, "h", &url, &["*"]).await;
    let records: Vec<_> = (0..120).map(|at| end(&setup, at, ("default", at), Completed)).collect();
    let faults = Faults::at(nth, fault);
    let faulty = faults.around(&app);
    let relayed = tokio::select! {
        relayed = setup.relay(&faulty, records.clone()) => Some(relayed),
        () = faults.ended() => None,
    };
    // Whoever heard no answer hands all of it over again.
    let again = relayed.map_or(Some(sequence(0)), |relayed| relayed.again);
    if let Some(again) = again {
        let rest = records.into_iter().filter(|(at, _)| *at >= again).collect();
        assert_eq!(setup.relay(&app, rest).await.again, None);
    }
    for _ in 0..2 {
        poller::handle(&app, None).await;
    }
    let heard: std::collections::BTreeSet<String> = hook.subjects().into_iter().collect();
    assert_eq!((heard.len(), hook.heard().len()), (120, 120), "{fault:?} at {nth}");
    assert_eq!(owed(&app).await["events"], 0, "{fault:?} at {nth}");
    nth >= faults.calls()
}
