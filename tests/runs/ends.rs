//! Whoever ends a run's task leaves nothing of it as if alive.

use std::time::Duration;

use errand::{
    Asked, Name, Status, TaskKey,
    spi::{ids, json::Json},
};
use errand_agents::{
    AgentStatus, CommandKind, CommandStatus,
    journal::{self, Begun, Start},
};
use errand_models::ChatError;
use integration_tests::world::World;
use serde_json::{Value, json};

use super::stage::{Seen, enqueue, give, is_whole, says, seen, until_ended, world};

/// Begins a run that is due in an hour, as `POST /v1/runs` does.
async fn begun(world: &World) -> Begun {
    let now = world.now();
    let key = TaskKey { tenant: Name::default(), id: ids::fresh() };
    let payload = Json::new(&json!({"prompt": "Do it.", "agent_id": "a", "session_id": "s"}));
    let hour = Duration::from_secs(3600);
    let new = Asked {
        scheduled_for: now + hour,
        expires_at: Some(now + 2 * hour),
        ..Asked::of_type(key, Name::of("run_agent"), payload, "me".into(), now)
    };
    let agent = errand::Id::of("a");
    let start = Start {
        agent_id: Some(agent),
        session_id: Some(errand::Id::of("s")),
        ..Start::of(Name::of("api"), Name::default(), "Do it.".into())
    };
    journal::begin(&world.app, new, &start).await.unwrap()
}

async fn cancel(world: &World, seen: &Seen) {
    let (route, id) = ("POST /v1/tasks/{id}/cancel", Some(seen.task.key.id));
    let (status, answer) = world.request(route, id, &Value::Null, None).await;
    assert_eq!(status, 200, "{answer}");
}

/// Ended so, with a command that nobody has taken.
async fn has_ended(world: &World, seen: &Seen, status: Status, agent: AgentStatus) {
    is_whole(world, seen).await;
    assert_eq!((seen.task.status(), seen.agent.status), (status, agent));
    assert_eq!(seen.commands.iter().map(|command| command.status).collect::<Vec<_>>(), [CommandStatus::Cancelled]);
}

#[tokio::test]
async fn a_run_that_is_cancelled_before_it_is_taken_up() {
    let (world, told) = world(vec![says("All is done.")], 0);
    let id = begun(&world).await.task.key.id;
    let waiting = seen(&world, id).await;
    give(&world, &waiting.id, CommandKind::Steer, "x").await;
    cancel(&world, &waiting).await;
    has_ended(&world, &seen(&world, id).await, Status::Cancelled, AgentStatus::Killed).await;
    assert_eq!(told.asked(), 0);
}

#[tokio::test]
async fn a_run_whose_task_expires() {
    let (world, told) = world(vec![says("All is done.")], 0);
    let id = begun(&world).await.task.key.id;
    give(&world, &seen(&world, id).await.id, CommandKind::Steer, "x").await;
    world.advance(2 * 3600);
    world.poll().await;
    has_ended(&world, &seen(&world, id).await, Status::Failed, AgentStatus::Failed).await;
    assert_eq!(told.asked(), 0);
}

#[tokio::test]
async fn a_run_whose_task_has_no_retry_left() {
    let (world, told) = world(vec![says("All is done.")], 0);
    for _ in 0..9 {
        told.fails.lock().unwrap().push(ChatError::Transport("no".into()));
    }
    let id = enqueue(&world, json!({})).await;
    world.deliver_all().await;
    let waiting = seen(&world, id).await;
    assert_eq!(waiting.task.status(), Status::Pending);
    cancel_nothing(&waiting);
    // Taken up by the next execution, whose end it is no part of.
    give(&world, &waiting.id, CommandKind::Steer, "x").await;
    let failed = until_ended(&world, id).await;
    has_ended(&world, &failed, Status::Failed, AgentStatus::Failed).await;
    assert_eq!((told.asked(), failed.task.failures), (4, 4));
}

/// Between two executions a run is as it was.
fn cancel_nothing(waiting: &Seen) {
    assert_eq!((waiting.agent.status, waiting.run.status.terminal()), (AgentStatus::Running, None));
    assert_eq!(waiting.session.active_run.as_ref(), Some(&waiting.id));
}

#[tokio::test]
async fn a_run_that_is_cancelled_between_two_executions() {
    let (world, told) = world(vec![says("All is done.")], 0);
    told.fails.lock().unwrap().push(ChatError::Transport("no".into()));
    let id = enqueue(&world, json!({})).await;
    world.deliver_all().await;
    let waiting = seen(&world, id).await;
    give(&world, &waiting.id, CommandKind::Steer, "x").await;
    cancel(&world, &waiting).await;
    has_ended(&world, &seen(&world, id).await, Status::Cancelled, AgentStatus::Killed).await;
}

#[tokio::test]
async fn a_run_whose_workers_are_all_lost() {
    let (world, _) = world(vec![says("All is done.")], 600);
    let id = enqueue(&world, json!({})).await;
    let mut given = false;
    for _ in 0..200 {
        let received = world.queue.receive(errand::spi::queue::QueueName::Long, 1, Duration::from_secs(5400));
        {
            let from = errand::spi::queue::QueueName::Long;
            let mut working =
                std::pin::pin!(integration_tests::in_memory::process(&world.app, &world.queue, from, received));
            let _ = futures::poll!(working.as_mut());
        }
        if !given {
            give(&world, &seen(&world, id).await.id, CommandKind::Steer, "x").await;
            given = true;
        }
        world.advance(100);
        world.poll().await;
        if world.task(id).await.status().is_ended() {
            break;
        }
    }
    let lost = seen(&world, id).await;
    has_ended(&world, &lost, Status::Failed, AgentStatus::Failed).await;
    assert_eq!((lost.task.losses, lost.run.attempt), (5, 5));
}

#[tokio::test]
async fn a_run_with_as_many_open_commands_as_there_may_be() {
    let (world, _) = world(vec![says("All is done.")], 0);
    let id = begun(&world).await.task.key.id;
    let waiting = seen(&world, id).await;
    for _ in 0..errand_agents::run::MAX_OPEN_COMMANDS {
        give(&world, &waiting.id, CommandKind::Steer, "x").await;
    }
    cancel(&world, &waiting).await;
    is_whole(&world, &seen(&world, id).await).await;
}
