//! A user is erased whose runs have sessions and agents that are others', too; and by a worker that was given up on.

use std::{future::Future, pin::pin, task::Poll};

use errand::{
    Status,
    spi::{
        queue::QueueName,
        store::{Record, RelationKind},
    },
    testing::Faults,
};
use errand_agents::{Agent, Run, Session};
use integration_tests::{
    events::Call,
    in_memory::process,
    world::{VISIBILITY, World, id_of},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::stage::{Seen, says, seen, until_ended, windowed, world};

/// Stands in what Ada says.
const MARKER: &str = "Zauberwort-7";

/// No erasure of a task or two makes more calls.
const MOST_CALLS: usize = 100;

/// After so many a session was put in short twice.
const MOST_RUNS: usize = 20;

/// A run of somebody in the session `s`, by the agent `a`.
async fn run_of(world: &World, user: &str, prompt: &str) -> Seen {
    world.advance(1);
    let payload = json!({"prompt": prompt, "agent_id": "a", "session_id": "s"});
    let run = world.enqueue(&json!({"task_type": "run_agent", "user_id": user, "payload": payload})).await;
    let seen = until_ended(world, run).await;
    assert_eq!(seen.task.status(), Status::Completed, "{:?}", seen.task.state);
    seen
}

/// Asks that somebody is erased; by which task.
async fn ask(world: &World, user: &str) -> Uuid {
    id_of(&Call::to("DELETE", &format!("/v1/users/{user}")).answer(&world.app).await.body(202))
}

/// Has it done; its receipt.
async fn done(world: &World, erasure: Uuid) -> Value {
    for _ in 0..1000 {
        if world.task(erasure).await.status().is_ended() {
            let task = Call::get(&format!("/v1/tasks/{erasure}")).answer(&world.app).await.body(200);
            assert_eq!(task["status"], "completed", "{task:#}");
            return task["output"].clone();
        }
        world.deliver(QueueName::Long).await;
        world.poll().await;
        world.advance(1);
    }
    panic!("the erasure has no end");
}

async fn tasks_of(world: &World, user: &str) -> Value {
    Call::get(&format!("/v1/tasks?user_id={user}")).answer(&world.app).await.body(200)["count"].take()
}

#[tokio::test]
async fn a_session_that_others_go_on_in_loses_only_what_is_hers_and_a_named_agent_stays() {
    let (world, _) = world(vec![says("Done.")], 0);
    run_of(&world, "ada", "What Ada asks.").await;
    let bobs = run_of(&world, "bob", "What Bob asks.").await;
    let hers = run_of(&world, "ada", "What else Ada asks.").await;
    let removed = done(&world, ask(&world, "ada").await).await;
    assert!(world.get::<Session>("s").await.is_some(), "it is Bob's, too");
    assert!(world.get::<Agent>("a").await.is_some(), "whoever has named it may name it again");
    let left = seen(&world, bobs.task.key.id).await;
    assert_eq!((&left.turns, &left.events, left.run), (&bobs.turns, &bobs.events, bobs.run));
    assert!(world.get::<Run>(hers.id.as_str()).await.is_none());
    assert_eq!((&removed["removed"]["run"], &removed["removed"]["turn"]), (&json!(2), &json!(2)), "{removed}");
    // With the last run that is in it, it goes.
    let removed = done(&world, ask(&world, "bob").await).await;
    assert_eq!((&removed["removed"]["session"], &removed["removed"]["turn"]), (&json!(1), &json!(1)), "{removed}");
    assert!(world.get::<Session>("s").await.is_none());
}

/// What was put in short of the session.
async fn recaps(world: &World) -> Vec<Record> {
    world.records("recap", RelationKind::Parent, "s").await
}

#[tokio::test]
async fn others_go_on_in_a_session_that_was_put_in_short_with_their_words_and_none_of_hers() {
    for (puts_in_short, times) in [("ada", 1), ("bob", 1), ("ada", 2)] {
        let answer = "The lamp at the harbour was looked at, and it is as it was. ".repeat(32);
        let (world, model) = windowed(8_000, vec![says(answer.trim())]);
        run_of(&world, "bob", "Look at the lamp.").await;
        run_of(&world, "ada", MARKER).await;
        for _ in 0..MOST_RUNS {
            if recaps(&world).await.len() < times {
                run_of(&world, puts_in_short, "Look again.").await;
            }
        }
        let before = recaps(&world).await;
        let has_hers = |recap: &Record| format!("{recap:?}").contains(MARKER);
        assert_eq!(before.iter().filter(|recap| has_hers(recap)).count(), times, "{before:?}");
        done(&world, ask(&world, "ada").await).await;
        let left = recaps(&world).await;
        assert!(left.len() == 1 && !has_hers(&left[0]), "{left:?}");
        assert!(!left[0].doc.contains_key("short"), "answers to her are in it, too: {left:?}");
        run_of(&world, "bob", "What did you look at?").await;
        let told = format!("{:?}", model.asked.lock().unwrap().last());
        assert!(told.contains("Look at the lamp.") && !told.contains(MARKER), "{told}");
    }
}

/// Drives `work` until it is about to make its call after so many. Whether it has come to its end.
async fn go(work: &mut (impl Future<Output = ()> + Unpin), faults: &Faults, calls: usize) -> bool {
    for _ in 0..=calls {
        if let Poll::Ready(()) = futures::poll!(&mut *work) {
            return true;
        }
        faults.go();
    }
    false
}

#[tokio::test]
async fn a_worker_that_was_given_up_on_takes_nothing_from_who_erases_the_user_anew() {
    for calls in 2..MOST_CALLS {
        let world = World::new();
        let later = json!({"task_type": "scripted", "user_id": "ada", "payload": {}, "delay_s": 864_000});
        world.enqueue(&later).await;
        let first = ask(&world, "ada").await;
        let faults = Faults::stepping();
        let (app, received) = (faults.around(&world.app), world.queue.receive(QueueName::Long, 1, VISIBILITY));
        let work = process(&app, &world.queue, QueueName::Long, received);
        let mut stale = pin!(tokio::task::unconstrained(work));
        if go(&mut stale, &faults, calls).await {
            assert!(calls > 5, "it has made {calls} calls");
            return;
        }
        // Another does its task, and she comes back and is to be erased again.
        world.advance(120);
        done(&world, first).await;
        assert_eq!(tasks_of(&world, "ada").await, 0);
        world.enqueue(&later).await;
        let second = ask(&world, "ada").await;
        assert!(go(&mut stale, &faults, MOST_CALLS).await);
        done(&world, second).await;
        assert_eq!(tasks_of(&world, "ada").await, 0, "the first worker stood before its call {calls}");
    }
    panic!("no end of calls");
}
