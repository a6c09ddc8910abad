//! What a turn costs in calls of the store, and what becomes of it if its budget cannot be read.

use errand::{
    Expect, FailureKind, Id, Name, Status,
    spi::{
        queue::QueueName,
        store::{self, Commit, RecordKey, RecordWrite},
    },
};
use integration_tests::{events::Call, faults::Faults, in_memory::process, world::VISIBILITY};
use serde_json::{Value, json};

use super::stage::{enqueue, faulty, says, seen, until_ended, world};

/// Has a run of `turns` turns done, with this in its payload, and counts how often its worker calls store and queue.
async fn calls(turns: usize, more: Value) -> usize {
    let mut lines = vec![says("This is one part of what I have found out, and the next one follows..."); turns - 1];
    lines.push(says("All is done."));
    let (world, told) = world(lines, 0);
    let id = enqueue(&world, more).await;
    let faults = Faults::none();
    let received = world.queue.receive(QueueName::Long, 1, VISIBILITY);
    world.run(process(&faulty(&world, &faults), &world.queue, QueueName::Long, received)).await;
    let seen = seen(&world, id).await;
    assert_eq!((told.asked(), seen.turns.len(), seen.task.status()), (turns, turns, Status::Completed));
    faults.calls()
}

#[tokio::test]
async fn a_reservation_costs_a_turn_two_calls_and_a_commit_and_a_budget_none() {
    let limits = [
        json!({}),
        json!({"budgets": {"hourly_usd": 5}}),
        json!({"budgets": {"hourly_usd": 5, "daily_usd": 50, "monthly_usd": 500}}),
    ];
    let mut free = Vec::new();
    for turns in 1..=3 {
        free.push(calls(turns, json!({"profile": "free"})).await);
    }
    for limit in limits {
        for turns in 1..=3 {
            assert_eq!(calls(turns, limit.clone()).await, free[turns - 1] + 3 * turns, "{turns} turns with {limit}");
        }
    }
    // Nor does a turn call it more often, the later it comes.
    assert_eq!(free[2] - free[1], free[1] - free[0], "{free:?}");
}

#[tokio::test]
async fn an_agent_whose_spending_cannot_be_read_may_spend_nothing() {
    let (world, told) = world(vec![says("All is done.")], 0);
    let key = RecordKey { tenant: Name::default(), kind: Name::of("spending"), id: Id::of("a") };
    let doc = json!({"day:2026-01-01": "five"}).as_object().unwrap().clone();
    let no_counter = RecordWrite::put(key, doc, Expect::Any, world.now());
    let commit = Commit { records: vec![no_counter], ..Commit::default() };
    store::commit(&*world.app.store, commit).await.unwrap();
    for (more, asked) in [
        (json!({"budgets": {"hourly_usd": 5}}), 0),
        (json!({"mission_cost_budget_usd": 5}), 0),
        (json!({"budgets": {}}), 1),
    ] {
        let limited = asked == 0;
        let id = enqueue(&world, more).await;
        world.deliver_all().await;
        let seen = seen(&world, id).await;
        assert_eq!(told.asked(), asked);
        let stopped = seen.task.last_errors.first().map(|failure| failure.kind);
        assert_eq!(stopped, limited.then_some(FailureKind::BudgetUnavailable), "{:?}", seen.task);
    }
}

#[tokio::test]
async fn while_the_store_does_not_answer_nothing_is_spent() {
    for limit in [json!({"budgets": {"hourly_usd": 5}}), json!({})] {
        let (world, told) = world(vec![says("All is done.")], 0);
        let app = faulty(&world, &Faults::hiding("spending"));
        let id = enqueue(&world, limit).await;
        let received = world.queue.receive(QueueName::Long, 1, VISIBILITY);
        world.run(process(&app, &world.queue, QueueName::Long, received)).await;
        assert_eq!((told.asked(), world.task(id).await.status()), (0, Status::Pending));
        let seen = until_ended(&world, id).await;
        assert_eq!((told.asked(), seen.task.status()), (1, Status::Completed), "it was tried again");
    }
}

#[tokio::test]
async fn a_run_is_not_begun_on_a_budget_that_cannot_be_read() {
    let (world, _) = world(vec![says("All is done.")], 0);
    let app = faulty(&world, &Faults::hiding("spending"));
    let ask = json!({"prompt": "x", "agent_id": "a", "budgets": {"hourly_usd": 5}, "budget_check": "block"});
    let (status, code, ..) = Call::post("/v1/runs", &ask).answer(&app).await.error();
    assert_eq!((status, code.as_str()), (503, "unavailable"));
    assert!(world.tasks().await.is_empty());
}
