//! Writers of one run at the same time, in any order of their calls.

use std::{pin::Pin, sync::Arc, time::Duration};

use errand::{
    App, Id, Name, Status,
    spi::{
        change::{With, change},
        lifecycle::Trigger,
        queue::QueueName,
    },
};
use errand_agents::{
    CommandKind, RunStatus,
    event::{AssistantMessage, EventBody},
    journal::{self, JournalError, NewCommand, Place},
};
use fastrand::Rng;
use futures::future::{FutureExt, LocalBoxFuture};
use integration_tests::{
    faults::{Fault, Faults},
    in_memory::{process, request},
    world::{VISIBILITY, World},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::stage::{Seen, enqueue, give, is_whole, logged, says, seen, spent, world};

/// How many orders are tried.
const ORDERS: u64 = 300;

/// A run between two executions.
async fn waiting() -> (World, Uuid) {
    let (world, told) = world(vec![says("All is done.")], 0);
    told.fails.lock().unwrap().push(errand_models::ChatError::Transport("no".into()));
    let id = enqueue(&world, json!({})).await;
    world.deliver_all().await;
    (world, id)
}

fn message(text: &str) -> EventBody {
    EventBody::AssistantMessage(AssistantMessage { text: text.into(), turn_id: None })
}

/// A writer whose every call waits for its turn.
struct Writer<'a> {
    faults: Arc<Faults>,
    work: Pin<Box<dyn Future<Output = ()> + 'a>>,
}

fn writer<'a, F: Future<Output = ()> + 'a>(world: &World, work: impl FnOnce(App) -> F) -> Writer<'a> {
    let faults = Faults::stepping();
    // Who waits here waits to be let go on, and not for tokio's budget.
    let work: LocalBoxFuture<'a, ()> = tokio::task::unconstrained(work(faults.around(&world.app))).boxed_local();
    Writer { faults, work }
}

/// Drives them to their end, one call at a time, in the order that `seed` gives.
async fn interleave(mut writers: Vec<Writer<'_>>, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    while !writers.is_empty() {
        let next = rng.usize(..writers.len());
        let writer = &mut writers[next];
        writer.faults.go();
        if futures::poll!(writer.work.as_mut()).is_ready() {
            drop(writers.swap_remove(next));
        }
    }
}

async fn told(world: &World, id: Uuid) -> (Seen, usize) {
    let seen = seen(world, id).await;
    let messages = seen.told().iter().filter(|told| *told == "assistant_message").count();
    (seen, messages)
}

#[tokio::test]
async fn events_have_no_gaps_and_no_repeats_whoever_writes_first() {
    for seed in 0..ORDERS {
        let (world, id) = waiting().await;
        let run = seen(&world, id).await.id;
        let place = Place::of_run(Name::default(), run.clone());
        let writers = (0..4).map(|n: u32| {
            let (place, run) = (place.clone(), run.clone());
            writer(&world, move |app| async move {
                let bodies = vec![message("a"), message("b")];
                journal::append(&app, &place, Some(&n.to_string()), bodies).await.unwrap();
                let new = NewCommand {
                    kind: CommandKind::Steer,
                    payload: json!(n),
                    idempotency_key: None,
                    by: "test".into(),
                };
                journal::give(&app, &Name::default(), &run, &new).await.unwrap();
            })
        });
        interleave(writers.collect(), seed).await;
        let (seen, messages) = told(&world, id).await;
        let seqs: Vec<u64> = seen.events.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, (1..=seen.run.last_event_seq).collect::<Vec<_>>(), "{seed}: {:?}", seen.told());
        assert_eq!((messages, seen.commands.len(), seen.run.open_commands.len()), (8, 4, 4), "{seed}");
    }
}

#[tokio::test]
async fn what_is_given_to_a_run_that_is_cancelled_ends_with_it_or_is_refused() {
    for seed in 0..ORDERS {
        let (world, id) = waiting().await;
        let run = seen(&world, id).await.id;
        let place = Place::of_run(Name::default(), run.clone());
        let cancel = writer(&world, move |app| async move {
            let (status, answer) = request(&app, "POST /v1/tasks/{id}/cancel", Some(id), &Value::Null, None).await;
            assert_eq!(status, 200, "{answer}");
        });
        let give = |n: u32| {
            let run = run.clone();
            writer(&world, move |app| async move {
                let payload = json!(n);
                let new = NewCommand { kind: CommandKind::Steer, payload, idempotency_key: None, by: "test".into() };
                let given = journal::give(&app, &Name::default(), &run, &new).await;
                assert!(given.is_ok() || matches!(given, Err(JournalError::Refused(_))), "{given:?}");
            })
        };
        let append = writer(&world, move |app| async move {
            let appended = journal::append(&app, &place, None, vec![message("a")]).await;
            assert!(appended.is_ok() || matches!(appended, Err(JournalError::Refused(_))), "{appended:?}");
        });
        interleave(vec![cancel, give(1), give(2), append], seed).await;
        let seen = seen(&world, id).await;
        is_whole(&world, &seen).await;
        assert_eq!(seen.task.status(), Status::Cancelled);
    }
}

/// A run outside whose lease is over, and its task.
async fn overdue() -> (World, Uuid) {
    let world = World::new();
    let ask = async |route: &str, body: Value| {
        let (status, answer) = world.request(route, None, &body, None).await;
        assert!(status < 300, "{answer}");
        answer
    };
    let run = ask("POST /v1/runs", json!({"prompt": "Do it.", "executor": "runner"})).await;
    let claim = json!({"worker_id": "w", "task_types": ["run_outside"], "pool": "default"});
    assert_eq!(ask("POST /v1/claims", claim).await["count"], 1);
    world.advance(100);
    (world, run["task_id"].as_str().unwrap().parse().unwrap())
}

#[tokio::test]
async fn what_is_given_to_a_run_whose_worker_outside_is_lost_is_there_for_the_next() {
    for seed in 0..ORDERS {
        let (world, id) = overdue().await;
        let (task, run) = (world.task(id).await, seen(&world, id).await.id);
        let reap = writer(&world, |app| async move {
            let lost = Trigger::Reap { max_losses: 5, jitter: 0.0 };
            change(&app, &task, lost, With::nothing()).await.unwrap();
        });
        let give = |n: u32| {
            let run = run.clone();
            writer(&world, move |app| async move {
                let payload = json!(n);
                let new = NewCommand { kind: CommandKind::Steer, payload, idempotency_key: None, by: "test".into() };
                journal::give(&app, &Name::default(), &run, &new).await.unwrap();
            })
        };
        interleave(vec![reap, give(1), give(2)], seed).await;
        let (seen, _) = told(&world, id).await;
        let seqs: Vec<u64> = seen.events.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, (1..=seen.run.last_event_seq).collect::<Vec<_>>(), "{seed}: {:?}", seen.told());
        assert_eq!((seen.run.status, seen.run.open_commands.len()), (RunStatus::Pending, 2), "{seed}");
        assert_eq!(seen.task.status(), Status::Pending, "{seed}");
    }
}

#[tokio::test]
async fn a_turn_that_is_stored_while_its_worker_is_given_up_on_stands_in_the_log_or_nowhere() {
    let mut kept = [0, 0];
    for seed in 0..2 * ORDERS {
        let (world, _) = world(vec![says("This is the first part of it, and the second one follows...")], 0);
        let id = enqueue(&world, json!({})).await;
        let received = world.queue.receive(QueueName::Long, 1, VISIBILITY);
        let mut work = writer(&world, |app| {
            let queue = world.queue.clone();
            async move { process(&app, &queue, QueueName::Long, received).await }
        });
        // It is stopped at any of its calls, for longer than its lease.
        let mut rng = Rng::with_seed(seed);
        for _ in 0..rng.usize(8..40) {
            work.faults.go();
            assert!(futures::poll!(work.work.as_mut()).is_pending());
        }
        world.advance(100);
        let task = world.task(id).await;
        let clock = world.clock.clone();
        let reap = writer(&world, |app| async move {
            let lost = || Trigger::Reap { max_losses: 5, jitter: 0.0 };
            while change(&app, &task, lost(), With::nothing()).await.is_err() {
                clock.advance(Duration::from_secs(100)); // the lease was renewed
            }
        });
        let mut writers = vec![work, reap];
        // Until it was given up on; a worker that was quicker has come to its end before.
        while world.task(id).await.losses == 0 && writers.len() == 2 {
            let next = rng.usize(..2);
            writers[next].faults.go();
            if futures::poll!(writers[next].work.as_mut()).is_ready() {
                drop(writers.swap_remove(next));
            }
        }
        let run = seen(&world, id).await.run;
        let spent = spent(&world).await.cast_unsigned();
        assert_eq!((logged(&world, id).await, spent), (run.cost_usd.micros(), run.cost_usd.micros()), "{seed}");
        kept[usize::from(run.turns > 0)] += 1;
    }
    assert!(kept.iter().all(|times| *times > 0), "only one order was tried: {kept:?}");
}

#[tokio::test]
async fn a_batch_is_appended_once_though_its_answer_was_lost_and_another_wrote_since() {
    let (world, id) = waiting().await;
    let run: Id = seen(&world, id).await.id;
    let place = Place::of_run(Name::default(), run.clone());
    // The first two calls read.
    let faults = Faults::at(2, Fault::LostAnswer);
    let app = faults.around(&world.app);
    let mut appending = Box::pin(journal::append(&app, &place, None, vec![message("a")]));
    assert!(futures::poll!(appending.as_mut()).is_pending(), "it waits before it asks again");
    assert_eq!(told(&world, id).await.1, 1, "it has landed");
    give(&world, &run, CommandKind::Steer, "x").await;
    world.run(appending).await.unwrap();
    assert_eq!(told(&world, id).await.1, 1);
}
