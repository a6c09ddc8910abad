//! What a turn costs in reads, and what becomes of it if its budget cannot be read.

use errand::{
    lifecycle::{FailureKind, Status},
    queue::QueueName,
};
use integration_tests::{events::Call, faults::Faults, in_memory::process, world::VISIBILITY};
use serde_json::{Value, json};

use super::stage::{enqueue, faulty, says, seen, world};

/// Has a run of `turns` turns done, with this in its payload, and counts what its worker reads.
async fn reads(turns: usize, more: Value) -> usize {
    let mut lines = vec![says("This is one part of what I have found out, and the next one follows..."); turns - 1];
    lines.push(says("All is done."));
    let (world, told) = world(lines, 0);
    let id = enqueue(&world, more).await;
    let faults = Faults::none();
    let received = world.queue.receive(QueueName::Long, 1, VISIBILITY);
    world.run(process(&faulty(&world, &faults), &world.queue, QueueName::Long, received)).await;
    let seen = seen(&world, id).await;
    assert_eq!((told.asked(), seen.turns.len(), seen.task.status()), (turns, turns, Status::Completed));
    faults.reads()
}

#[tokio::test]
async fn a_budget_costs_a_turn_one_read_and_no_budget_none() {
    let limits = [
        json!({"budgets": {"hourly_usd": 5}}),
        json!({"budgets": {"hourly_usd": 5, "daily_usd": 50, "monthly_usd": 500}}),
        json!({"budgets": {"monthly_usd": 500}, "mission_cost_budget_usd": 50}),
    ];
    let free: Vec<usize> = vec![reads(1, json!({})).await, reads(2, json!({})).await, reads(3, json!({})).await];
    for limit in limits {
        for turns in 1..=3 {
            let read = reads(turns, limit.clone()).await;
            assert_eq!(read, free[turns - 1] + turns, "{turns} turns with {limit}");
        }
    }
    // Nor does a turn read more, the later it comes.
    assert_eq!(free[2] - free[1], free[1] - free[0], "{free:?}");
}

#[tokio::test]
async fn an_agent_whose_spending_cannot_be_read_may_spend_nothing() {
    let (world, told) = world(vec![says("All is done.")], 0);
    let app = faulty(&world, &Faults::hiding("spending"));
    for (more, asked) in
        [(json!({"budgets": {"hourly_usd": 5}}), 0), (json!({"mission_cost_budget_usd": 5}), 0), (json!({}), 1)]
    {
        let limited = asked == 0;
        let id = enqueue(&world, more).await;
        let received = world.queue.receive(QueueName::Long, 1, VISIBILITY);
        world.run(process(&app, &world.queue, QueueName::Long, received)).await;
        let seen = seen(&world, id).await;
        assert_eq!(told.asked(), asked);
        let stopped = seen.task.last_errors.first().map(|failure| failure.kind);
        assert_eq!(stopped, limited.then_some(FailureKind::BudgetUnavailable), "{:?}", seen.task);
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
