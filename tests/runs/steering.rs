//! What somebody says to a run that goes on, and when it hears.

use std::{pin::pin, time::Duration};

use errand::{State, Status, spi::queue::QueueName};
use errand_agents::{CommandKind, CommandStatus, StoredTurn};
use errand_models::ChatError;
use integration_tests::{
    in_memory::process,
    world::{VISIBILITY, World},
};
use serde_json::{Value, json};

use super::stage::{Seen, enqueue, first_of, give, is_whole, says, seen, until_ended, uses, world};

/// Begins to work on what the long queue has, does `meanwhile` once the model is asked, and works on to the end.
pub(super) async fn while_asked(world: &World, meanwhile: impl AsyncFnOnce()) {
    let received = world.queue.receive(QueueName::Long, 1, VISIBILITY);
    let mut working = pin!(process(&world.app, &world.queue, QueueName::Long, received));
    assert!(futures::poll!(working.as_mut()).is_pending());
    meanwhile().await;
    world.run(working).await;
}

fn statuses(seen: &Seen) -> Vec<CommandStatus> {
    seen.commands.iter().map(|command| command.status).collect()
}

const DONE: CommandStatus = CommandStatus::Completed;

#[tokio::test]
async fn a_steer_during_a_turn_joins_the_follow_up() {
    let lines =
        vec![says("This is the first part of what I found, and the second one follows..."), says("All is done.")];
    let (world, told) = world(lines, 20);
    let id = enqueue(&world, json!({})).await;
    while_asked(&world, async || {
        drop(give(&world, &seen(&world, id).await.id, CommandKind::Steer, "In French.").await)
    })
    .await;
    let seen = until_ended(&world, id).await;
    is_whole(&world, &seen).await;
    assert_eq!((told.asked(), statuses(&seen)), (2, vec![DONE]));
    let prompt = told.prompt();
    assert!(prompt.starts_with("Your answer is not finished.") && prompt.ends_with("\n\nIn French."), "{prompt}");
    let told: Vec<String> = seen.told().into_iter().filter(|told| told.starts_with("command")).collect();
    assert_eq!(told, ["command-created", "command-terminal"]);
}

#[tokio::test]
async fn a_steer_before_the_first_turn_is_told_with_it_ever_after() {
    for prompt in ["Do it with sk-abcdefgh12345678.", &vec!["Do it."; 3_000].join(" ")] {
        let lines = vec![says("This is the first part of what I found, and the second one follows...")];
        let (world, told) = world(lines, 0);
        told.fails.lock().unwrap().push(ChatError::Transport("no".into()));
        let id = enqueue(&world, json!({"prompt": prompt})).await;
        world.deliver_all().await;
        give(&world, &seen(&world, id).await.id, CommandKind::Steer, "In French.").await;
        let seen = until_ended(&world, id).await;
        is_whole(&world, &seen).await;
        assert_eq!(statuses(&seen), [DONE]);
        let asked = told.asked.lock().unwrap();
        let first: Vec<String> = asked.iter().skip(1).map(|request| first_of(request).to_owned()).collect();
        assert!(first[0].starts_with(prompt) && first[0].ends_with("\n\nIn French."), "{}", first[0]);
        assert!(asked.len() == 4 && first.iter().all(|told| *told == first[0]), "{first:?}");
    }
}

#[tokio::test]
async fn a_turn_that_an_older_version_stored_is_told_with_what_was_said_too() {
    let (world, told) = world(vec![says("This is the first part of what I found, and the second one follows...")], 30);
    told.fails.lock().unwrap().push(ChatError::Transport("no".into()));
    let body = json!({"task_type": "run_agent", "timeout_s": 60, "payload": {"prompt": "Do it.", "agent_id": "a"}});
    let id = world.enqueue(&body).await;
    world.deliver_all().await;
    give(&world, &seen(&world, id).await.id, CommandKind::Steer, "In French.").await;
    while seen(&world, id).await.turns.is_empty() {
        world.advance(60);
        world.deliver(QueueName::Long).await;
    }
    let turn = seen(&world, id).await.turns.remove(0);
    assert_eq!((turn.said.as_str(), told.asked()), ("In French.", 2));
    world.put(StoredTurn::id(&turn.run_id, 0).as_str(), &StoredTurn { said: String::new(), ..turn }).await;
    is_whole(&world, &until_ended(&world, id).await).await;
    assert!(first_of(&told.asked.lock().unwrap()[2]).ends_with("\n\nIn French."));
}

#[tokio::test]
async fn a_steer_during_the_last_turn_is_not_lost() {
    let (world, told) = world(vec![says("All is done."), says("Tout est fait.")], 20);
    let id = enqueue(&world, json!({})).await;
    while_asked(&world, async || {
        drop(give(&world, &seen(&world, id).await.id, CommandKind::Steer, "In French.").await)
    })
    .await;
    let seen = until_ended(&world, id).await;
    is_whole(&world, &seen).await;
    assert_eq!((told.asked(), told.prompt().as_str(), statuses(&seen)), (2, "In French.", vec![DONE]));
    assert_eq!(seen.run.result_preview, "Tout est fait.");
}

#[tokio::test]
async fn each_turn_that_is_asked_for_is_one_more_prompt() {
    let (world, told) = world(vec![says("All is done.")], 20);
    let id = enqueue(&world, json!({})).await;
    while_asked(&world, async || {
        let run = seen(&world, id).await.id;
        give(&world, &run, CommandKind::Turn, "And now tests.").await;
        give(&world, &run, CommandKind::Turn, "And now a commit.").await;
    })
    .await;
    let seen = until_ended(&world, id).await;
    is_whole(&world, &seen).await;
    assert_eq!((told.asked(), told.prompt().as_str(), statuses(&seen)), (3, "And now a commit.", vec![DONE, DONE]));
}

#[tokio::test]
async fn an_interrupted_run_waits_for_a_person() {
    let (world, told) = world(vec![says("All is done.")], 600);
    let id = enqueue(&world, json!({})).await;
    let began = world.now();
    while_asked(&world, async || {
        drop(give(&world, &seen(&world, id).await.id, CommandKind::Interrupt, "").await);
    })
    .await;
    assert!(world.now().since(began) <= Duration::from_secs(10), "{:?}", world.now().since(began));
    let seen = until_ended(&world, id).await;
    is_whole(&world, &seen).await;
    assert_eq!(seen.task.state, State::Blocked { reason: "interrupted".into() });
    assert_eq!((told.asked(), seen.run.turns, statuses(&seen)), (1, 0, vec![DONE]));
}

#[tokio::test]
async fn an_interrupted_run_goes_on_with_what_was_said_besides() {
    let (world, told) = world(vec![says("All is done.")], 600);
    let id = enqueue(&world, json!({})).await;
    while_asked(&world, async || {
        let run = seen(&world, id).await.id;
        give(&world, &run, CommandKind::Turn, "Do that instead.").await;
        give(&world, &run, CommandKind::Interrupt, "").await;
    })
    .await;
    let seen = until_ended(&world, id).await;
    is_whole(&world, &seen).await;
    assert_eq!((told.asked(), seen.run.turns, seen.task.status()), (2, 1, Status::Completed));
    assert!(told.prompt().starts_with("Do it.") && told.prompt().ends_with("Do that instead."), "{}", told.prompt());
    assert_eq!(statuses(&seen), [DONE, DONE]);
}

#[tokio::test]
async fn a_run_cancelled_during_a_turn_stops_within_ten_seconds_and_keeps_nothing_of_it() {
    let (world, told) = world(vec![says("All is done.")], 600);
    let id = enqueue(&world, json!({})).await;
    let began = world.now();
    while_asked(&world, async || {
        let (status, answer) = world.request("POST /v1/tasks/{id}/cancel", Some(id), &Value::Null, None).await;
        assert_eq!(status, 200, "{answer}");
    })
    .await;
    assert!(world.now().since(began) <= Duration::from_secs(10), "{:?}", world.now().since(began));
    let seen = seen(&world, id).await;
    is_whole(&world, &seen).await;
    assert_eq!((told.asked(), seen.run.turns, seen.task.status()), (1, 0, Status::Cancelled));
    let newest: Vec<String> = seen.told().into_iter().skip(2).collect();
    assert_eq!(newest, ["cancel-requested", "terminal_status"]);
}

#[tokio::test]
async fn a_worker_that_was_given_up_on_writes_nothing_to_its_run() {
    let (world, told) = world(vec![says("All is done.")], 20);
    let id = enqueue(&world, json!({})).await;
    while_asked(&world, async || {
        // It hears nothing for so long that another has done its work.
        world.advance(200);
        world.poll().await;
        let seen = until_ended(&world, id).await;
        assert_eq!((seen.task.status(), seen.run.attempt), (Status::Completed, 2));
    })
    .await;
    let seen = seen(&world, id).await;
    is_whole(&world, &seen).await;
    assert_eq!((told.asked(), seen.run.turns), (2, 1));
}

#[tokio::test]
async fn a_run_waits_for_the_other_one_in_its_session_and_for_its_agents_other_life() {
    for other in [json!({"agent_id": "b"}), json!({"session_id": "t"})] {
        let (world, told) = world(vec![says("All is done.")], 100);
        let first = enqueue(&world, json!({})).await;
        let mut second = first;
        while_asked(&world, async || {
            second = enqueue(&world, other).await;
            world.deliver(QueueName::Long).await;
            let waiting = world.task(second).await;
            assert_eq!((waiting.status(), waiting.snoozes, told.asked()), (Status::Pending, 1, 1));
        })
        .await;
        is_whole(&world, &until_ended(&world, first).await).await;
        let second = until_ended(&world, second).await;
        is_whole(&world, &second).await;
        assert_eq!((told.asked(), second.task.status()), (2, Status::Completed));
    }
}

#[tokio::test]
async fn the_same_trouble_after_each_command_is_an_incident_each_time() {
    let (world, told) = world(vec![uses("I have searched for it again.", "search", 3)], 20);
    let id = enqueue(&world, json!({})).await;
    while_asked(&world, async || {
        let run = seen(&world, id).await.id;
        give(&world, &run, CommandKind::Turn, "And now in the cellar.").await;
        give(&world, &run, CommandKind::Turn, "And now in the attic.").await;
    })
    .await;
    let seen = until_ended(&world, id).await;
    is_whole(&world, &seen).await;
    assert_eq!((told.asked(), seen.task.status(), seen.session.incidents.len()), (3, Status::Blocked, 3));
}
