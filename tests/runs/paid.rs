//! What a run pays for calls of its model that come to nothing.

use std::{pin::pin, sync::Arc, time::Duration};

use errand::{
    App, FailureKind, State, Status,
    spi::{lifecycle::log::LogOutcome, queue::QueueName},
};
use errand_agents::{CommandKind, Run, run};
use errand_models::ChatError;
use integration_tests::{
    faults::{Fault, Faults},
    in_memory::process,
    world::{VISIBILITY, World},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    stage::{
        RESERVED, Seen, Told, USAGE, enqueue, give, is_logged, is_whole, says, seen, spent, unseen, until_ended, world,
    },
    steering::while_asked,
};

/// What the agent has spent is what its only run has.
async fn is_counted(world: &World, seen: &Seen) {
    assert_eq!(spent(world).await, seen.run.cost_usd.micros().cast_signed());
    is_logged(world, seen.task.key.id).await;
}

/// A run whose worker calls the model, and is never heard of again.
async fn lost_in_a_call(more: Value) -> (World, Uuid) {
    let (world, told) = world(vec![says("All is done.")], 60);
    let id = enqueue(&world, more).await;
    let received = world.queue.receive(QueueName::Long, 1, VISIBILITY);
    {
        let mut working = pin!(process(&world.app, &world.queue, QueueName::Long, received));
        assert!(futures::poll!(working.as_mut()).is_pending());
        assert_eq!(told.asked(), 1);
    }
    (world, id)
}

#[tokio::test]
async fn a_call_that_goes_on_is_spent_already() {
    let (world, _) = lost_in_a_call(json!({})).await;
    assert!(spent(&world).await.cast_unsigned() > RESERVED);
}

#[tokio::test]
async fn a_call_that_is_interrupted_costs_what_was_reserved() {
    let (world, told) = world(vec![says("All is done.")], 60);
    let id = enqueue(&world, json!({})).await;
    while_asked(&world, async || {
        let run = seen(&world, id).await.id;
        give(&world, &run, CommandKind::Interrupt, "").await;
        give(&world, &run, CommandKind::Turn, "Something else.").await;
    })
    .await;
    let seen = until_ended(&world, id).await;
    is_whole(&world, &seen).await;
    is_counted(&world, &seen).await;
    assert_eq!((told.asked(), seen.run.turns, seen.task.status()), (2, 1, Status::Completed));
    assert!(unseen(&seen.run) > RESERVED, "{}", unseen(&seen.run));
}

#[tokio::test]
async fn a_call_costs_nothing_if_the_backend_has_refused_it() {
    for (error, costs) in [
        (ChatError::RateLimit { message: "no".into(), retry_after: None }, false),
        (ChatError::Failed("no".into()), false),
        (ChatError::Transport("no".into()), true),
        (ChatError::Timeout("no".into()), true),
        (ChatError::InvalidAnswer("no".into()), true),
    ] {
        let (world, told) = world(vec![says("All is done.")], 0);
        let name = error.to_string();
        told.fails.lock().unwrap().push(error);
        let id = enqueue(&world, json!({})).await;
        let seen = until_ended(&world, id).await;
        is_whole(&world, &seen).await;
        is_counted(&world, &seen).await;
        assert_eq!((told.asked(), unseen(&seen.run) > RESERVED), (2, costs), "{name}");
    }
}

#[tokio::test]
async fn an_execution_that_is_lost_in_a_call_has_its_cost_in_its_row() {
    let (world, id) = lost_in_a_call(json!({})).await;
    world.advance(200);
    world.poll().await;
    let row = world.log(id).await.remove(0);
    assert_eq!((row.outcome, row.execution), (LogOutcome::Lost, 1));
    assert_eq!(row.cost_usd.map(|usd| (usd * 1e6).round()), Some(spent(&world).await as f64));
    let seen = until_ended(&world, id).await;
    is_whole(&world, &seen).await;
    is_counted(&world, &seen).await;
    assert_eq!((seen.task.status(), seen.task.executions), (Status::Completed, 2));
}

#[tokio::test]
async fn a_call_that_is_called_off_with_its_task_has_its_cost_in_its_row() {
    let (world, told) = world(vec![says("All is done.")], 60);
    let id = enqueue(&world, json!({})).await;
    while_asked(&world, async || {
        let (status, answer) =
            world.request("POST /v1/tasks/{id}/cancel", Some(id), &json!({"reason": "enough"}), None).await;
        assert_eq!(status, 200, "{answer}");
    })
    .await;
    let seen = seen(&world, id).await;
    is_whole(&world, &seen).await;
    is_counted(&world, &seen).await;
    assert_eq!((told.asked(), seen.task.status()), (1, Status::Cancelled));
    assert!(unseen(&seen.run) > RESERVED);
}

#[tokio::test]
async fn what_one_worker_has_reserved_another_has_not_left_to_spend() {
    for (limit, kind) in [
        (json!({"budgets": {"hourly_usd": 1}}), Some(FailureKind::BudgetExceeded)),
        (json!({"mission_cost_budget_usd": 1}), None),
        (json!({"budgets": {"hourly_usd": 100}, "mission_cost_budget_usd": 100}), None),
    ] {
        let asked_again = limit.to_string().contains("100");
        let (world, told) = world(vec![says("All is done.")], 200);
        let id = enqueue(&world, limit).await;
        let received = world.queue.receive(QueueName::Long, 1, VISIBILITY);
        let mut first = pin!(process(&world.app, &world.queue, QueueName::Long, received));
        assert!(futures::poll!(first.as_mut()).is_pending());
        // It is stopped for longer than its lease, and given up on; then it goes on all the same.
        world.advance(100);
        world.poll().await;
        let seen = until_ended(&world, id).await;
        world.advance(200);
        world.run(first).await;
        is_whole(&world, &seen).await;
        is_counted(&world, &seen).await;
        let failed = match &seen.task.state {
            State::Failed { failure } => Some(failure.kind),
            _ => None,
        };
        assert_eq!((told.asked(), failed), (1 + usize::from(asked_again), kind));
        assert!((RESERVED..2 * RESERVED).contains(&unseen(&seen.run)), "once: {}", unseen(&seen.run));
    }
}

#[tokio::test]
async fn a_run_that_is_timed_out_in_a_call_pays_for_it() {
    let (world, told) = world(vec![says("All is done.")], 3_600);
    let body = json!({"task_type": "run_agent", "timeout_s": 60, "max_retries": 0,
        "payload": {"prompt": "Do it.", "agent_id": "a"}});
    let id = world.enqueue(&body).await;
    let seen = until_ended(&world, id).await;
    is_counted(&world, &seen).await;
    assert_eq!((told.asked(), seen.task.status()), (1, Status::Failed));
    assert!(unseen(&seen.run) > RESERVED);
}

/// A run whose model answers, at first, and says nothing: that is paid for, too. What its first process calls has `faults`.
async fn faulty(faults: &Arc<Faults>) -> (World, Arc<Told>, Uuid, App) {
    let (world, told) = world(vec![says("All is done.")], 0);
    told.fails.lock().unwrap().push(ChatError::Empty { model: "told".into(), usage: Some(USAGE) });
    let id = enqueue(&world, json!({})).await;
    let app = faults.around(&world.app);
    (world, told, id, app)
}

/// The name of the `nth` call of its first process, if it comes to it.
async fn call(nth: usize) -> Option<&'static str> {
    let faults = Faults::at(nth, Fault::CrashAfter);
    let (world, _, _, app) = faulty(&faults).await;
    let received = world.queue.receive(QueueName::Long, 1, VISIBILITY);
    world.run_unless(|| faults.crashed(), process(&app, &world.queue, QueueName::Long, received)).await;
    faults.crashed_at()
}

#[tokio::test]
async fn what_was_reserved_or_settled_is_so_once_though_its_answer_was_lost_and_another_wrote_since() {
    let mut commits = 0;
    let mut nth = 0;
    while let Some(name) = call(nth).await {
        if name == "store.commit" {
            commits += 1;
            let faults = Faults::at(nth, Fault::LostAnswer);
            let (world, told, id, app) = faulty(&faults).await;
            let received = world.queue.receive(QueueName::Long, 1, VISIBILITY);
            let mut working = pin!(process(&app, &world.queue, QueueName::Long, received));
            // It waits before it commits once more; but for the claim of its task, which its next message makes.
            if futures::poll!(working.as_mut()).is_pending() {
                let run = run::id(&world.task(id).await, 0);
                if world.get::<Run>(run.as_str()).await.is_some_and(|run| !run.is_ending) {
                    give(&world, &run, CommandKind::Steer, "In French.").await;
                }
                world.run(working).await;
            }
            let seen = until_ended(&world, id).await;
            let paid = 10_000 * i64::try_from(told.asked()).unwrap();
            assert_eq!((spent(&world).await, seen.task.status()), (paid, Status::Completed), "{nth}");
            is_counted(&world, &seen).await;
        }
        nth += 1;
    }
    assert!(commits >= 4, "a claim, a reservation, what it came to, and the task's: {commits}");
}

#[tokio::test]
async fn where_nothing_costs_anything_nothing_is_reserved() {
    for profile in ["free", "unpriced"] {
        let (world, told) = world(vec![says("All is done.")], 0);
        told.fails.lock().unwrap().push(ChatError::Timeout("late".into()));
        let id = enqueue(&world, json!({"profile": profile})).await;
        let seen = until_ended(&world, id).await;
        assert_eq!((seen.run.cost_usd.micros(), seen.task.status()), (0, Status::Completed));
        assert_eq!((spent(&world).await, seen.run.tokens_in), (0, 100));
        is_logged(&world, id).await;
        assert!(world.now().since(seen.run.queued_at) > Duration::ZERO);
    }
}
