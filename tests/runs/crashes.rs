//! A run with every fault at every call that its process makes of store, queue and model.

use std::sync::Arc;

use errand::{
    Status,
    spi::queue::{MemoryQueue, QueueName},
};
use errand_agents::CommandKind;
use errand_local::sqlite::{self, SqliteStore};
use errand_models::ChatAnswer;
use integration_tests::{
    faults::{Fault, Faults},
    in_memory::process,
    world::{VISIBILITY, World},
};
use serde_json::{Value, json};

use uuid::Uuid;

use super::stage::{RESERVED, Seen, enqueue, faulty, give, is_whole, on, says, seen, spent, unseen, until_ended, uses};

/// A run with more calls than this has no end.
const MOST_CALLS: usize = 200;

/// Three turns: one with tools, one that follows up, one that was asked for.
fn lines() -> Vec<ChatAnswer> {
    let first = "This is the first part of what I found out about it, and the second one follows...";
    vec![uses(first, "search", 2), says("All is done."), says("That, too, is done.")]
}

/// What outlives a process.
#[derive(Clone, Copy, PartialEq)]
enum Outlives {
    /// Store and queues, as on AWS. In memory, where whoever waits waits for the clock.
    StoreAndQueues,
    /// The file, as on one machine, whose calls take real time: the clock stands still meanwhile.
    File,
}

/// Works until the message in hand is done with, unless the process ends before.
async fn work(world: &World, faults: &Arc<Faults>, outlives: Outlives) {
    let received = world.queue.receive(QueueName::Long, 1, VISIBILITY);
    let app = faulty(world, faults);
    let work = process(&app, &world.queue, QueueName::Long, received);
    match outlives {
        Outlives::StoreAndQueues => drop(world.run_unless(|| faults.crashed(), work).await),
        Outlives::File => tokio::select! {
            biased;
            () = work => {}
            () = faults.ended() => {}
        },
    }
}

/// The processes after the first, until the run has ended and that is told.
async fn go_on(world: &World, id: Uuid, outlives: Outlives) -> Seen {
    if outlives == Outlives::StoreAndQueues {
        let seen = until_ended(world, id).await;
        world.poll().await;
        return seen;
    }
    for _ in 0..100 {
        for from in QueueName::WORK {
            let received = world.queue.receive(from, 10, VISIBILITY);
            process(&world.app, &world.queue, from, received).await;
        }
        poller::handle(&world.app, None).await;
        if world.task(id).await.status().is_ended() {
            return seen(world, id).await;
        }
        match world.next().await {
            Some(at) if at > world.now() => world.clock.set(at),
            _ => {}
        }
    }
    panic!("never ended: {:#?}", world.task(id).await);
}

/// Runs it once with `fault` at the `nth` call; whether it came to that call.
async fn once(
    world: World,
    (fault, nth): (Fault, usize),
    outlives: Outlives,
    restart: impl AsyncFn(&mut World),
) -> bool {
    #[allow(clippy::print_stdout)] // shown if what follows fails
    {
        println!("{fault:?} at call {nth}");
    }
    let (mut world, told) = on(world, lines(), 0);
    let id = enqueue(&world, json!({})).await;
    let run = errand_agents::run::id(&world.task(id).await, 0);
    let faults = Faults::at(nth, fault);
    work(&world, &faults, outlives).await;
    let reached = faults.calls() > nth;
    restart(&mut world).await;
    // It may have ended already, or its worker may have decided to end it; then there is nothing to ask for.
    let alive = !world.task(id).await.status().is_ended();
    if alive && world.get::<errand_agents::Run>(run.as_str()).await.is_some_and(|run| !run.is_ending) {
        give(&world, &run, CommandKind::Turn, "And that.").await;
    }
    let seen = go_on(&world, id, outlives).await;
    is_whole(&world, &seen).await;
    assert_eq!(seen.task.status(), Status::Completed, "{:?}", seen.task.last_errors);
    let turns = usize::try_from(seen.run.turns).unwrap();
    assert!((2..=3).contains(&turns), "{turns}");
    let asked = told.asked();
    assert!(asked == turns || (reached && asked == turns + 1), "{asked} calls for {turns} turns");
    assert_eq!(spent(&world).await, seen.run.cost_usd.micros().cast_signed());
    // Only the call that the fault was in may have cost what it was not seen to.
    let unseen = unseen(&seen.run);
    assert!(if reached { unseen < 2 * RESERVED } else { unseen == 0 }, "{unseen}");
    assert!(asked == turns || unseen > 0, "a call is paid for by nobody");
    let logged: u64 = world.log(id).await.iter().filter_map(|row| row.tokens_in).sum();
    assert!(logged <= 100 * asked as u64, "{logged}");
    // Where one process is all, the end of the task stands in the list, too.
    let mut published: Vec<Value> = world.events().await.into_iter().map(|event| event["type"].clone()).collect();
    published.retain(|of| of != "task.completed");
    assert_eq!(published, ["agent.spawned", "agent.running", "agent.completed"]);
    reached
}

#[tokio::test]
async fn no_turn_is_paid_for_or_told_twice_wherever_a_process_ends() {
    for fault in Fault::ALL {
        let mut nth = 0;
        while once(World::new(), (fault, nth), Outlives::StoreAndQueues, async |_| {}).await {
            nth += 1;
            assert!(nth < MOST_CALLS, "it never came to its end");
        }
        assert!(nth > 15, "hardly anything was called: {nth}");
    }
}

#[tokio::test]
async fn no_turn_is_paid_for_or_told_twice_wherever_the_server_ends() {
    for fault in [Fault::CrashBefore, Fault::CrashAfter] {
        let mut nth = 0;
        loop {
            let dir = tempfile::tempdir().unwrap();
            let settings = sqlite::SqliteSettings {
                synchronous: sqlite::Synchronous::Normal,
                ..sqlite::SqliteSettings::default()
            };
            let store = Arc::new(SqliteStore::open(&dir.path().join("errand.db"), settings).unwrap());
            let recover = async |world: &mut World| {
                world.queue = Arc::new(MemoryQueue::new(world.clock.clone()));
                world.app.queue = world.queue.clone();
                store.recover(world.now()).await.unwrap();
            };
            if !once(World::on(store.clone()), (fault, nth), Outlives::File, recover).await {
                break;
            }
            nth += 1;
            assert!(nth < MOST_CALLS, "it never came to its end");
        }
        assert!(nth > 15, "hardly anything was called: {nth}");
    }
}

#[tokio::test]
async fn what_ends_with_a_cancelled_run_ends_whole_wherever_the_process_ends() {
    for fault in Fault::ALL {
        let mut nth = 0;
        loop {
            let (world, told) = on(World::new(), lines(), 0);
            told.fails.lock().unwrap().push(errand_models::ChatError::Transport("no".into()));
            let id = enqueue(&world, json!({})).await;
            world.deliver_all().await;
            give(&world, &seen(&world, id).await.id, CommandKind::Steer, "x").await;
            let faults = Faults::at(nth, fault);
            let app = faults.around(&world.app);
            let ask = async |app: &errand::App| {
                let route = "POST /v1/tasks/{id}/cancel";
                integration_tests::in_memory::request(app, route, Some(id), &Value::Null, Some("k")).await
            };
            world.run_unless(|| faults.crashed(), ask(&app)).await;
            let reached = faults.calls() > nth;
            // Without an answer the client asks again, under the same key.
            let (status, answer) = world.run(ask(&world.app)).await;
            assert_eq!(status, 200, "{fault:?} at {nth}: {answer}");
            let seen = seen(&world, id).await;
            is_whole(&world, &seen).await;
            assert_eq!(seen.task.status(), Status::Cancelled);
            if !reached {
                break;
            }
            nth += 1;
        }
        assert!(nth > 3, "hardly anything was called: {nth}");
    }
}
