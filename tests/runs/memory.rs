//! What a session's agent is told again: all that its user said, and of its own answers what fits into the model's window.

use std::sync::atomic::Ordering;

use errand::{
    Status,
    spi::queue::QueueName,
    testing::{Fault, Faults},
};
use errand_agents::CommandKind;
use errand_models::{ChatError, ChatMessage, ChatRequest};
use integration_tests::{
    in_memory::process,
    world::{VISIBILITY, World},
};
use serde_json::json;

use super::stage::{Seen, enqueue, faulty, give, is_whole, logged, says, seen, spent, until_ended, windowed, world};

/// No execution calls store, queue and model more often.
const MOST_CALLS: usize = 100;

/// What a request has, as a model is told it.
fn told(request: &ChatRequest) -> String {
    let text = |message: &ChatMessage| match message {
        ChatMessage::User(text) | ChatMessage::Assistant { text, .. } => text.clone(),
    };
    request.messages.iter().map(text).collect::<Vec<_>>().join("\n")
}

fn puts_in_short(request: &ChatRequest) -> bool {
    request.instruction.starts_with("You put in short")
}

/// So much that seven of them are too much for 8,000 tokens.
fn long() -> String {
    "The lamp at the harbour was looked at, and it is as it was. ".repeat(32).trim().to_owned()
}

/// Has it said, and done.
async fn say(world: &World, prompt: &str) -> Seen {
    // What is said later is newer.
    world.advance(1);
    let id = enqueue(world, json!({"prompt": prompt})).await;
    let seen = until_ended(world, id).await;
    assert_eq!(seen.task.status(), Status::Completed, "{prompt}: {:?}", seen.task.state);
    seen
}

#[tokio::test]
async fn a_conversation_of_200_turns_keeps_what_the_user_said_in_the_first() {
    for parrots in [false, true] {
        let (world, model) = windowed(8_000, vec![says(&long())]);
        model.parrots.store(parrots, Ordering::Relaxed);
        say(&world, "My name is Ada, and never delete the backups.").await;
        for turn in 2..=200 {
            say(&world, &format!("Look at lamp {turn}.")).await;
        }
        let asked = model.asked.lock().unwrap().clone();
        for (nth, request) in asked.iter().enumerate() {
            assert!(request.bytes() <= 3 * 8_000, "{nth}: {} bytes", request.bytes());
        }
        let last = told(asked.last().unwrap());
        assert!(last.contains("My name is Ada, and never delete the backups."), "{last}");
        for turn in 2..=200 {
            assert!(last.contains(&format!("Look at lamp {turn}.")), "lamp {turn} is not in {last}");
        }
        assert_eq!(last.contains("What was answered before, in short:"), !parrots);
        assert_eq!(last.contains("earlier answers are left out]"), parrots);
        // Each call is paid once; without a model none is made for it.
        let shorts = asked.iter().filter(|request| puts_in_short(request)).count();
        assert_eq!((asked.len(), shorts > 10), (200 + shorts, !parrots), "{shorts}");
        assert_eq!(spent(&world).await, 10_000 * i64::try_from(asked.len()).unwrap());
    }
}

#[tokio::test]
async fn a_long_answer_takes_no_word_of_its_user() {
    let (world, model) = world(vec![says(&"Harbour cranes lift heavy ships. ".repeat(900))], 0);
    say(&world, "My name is Ada.").await;
    is_whole(&world, &say(&world, "What is my name?").await).await;
    let last = told(model.asked.lock().unwrap().last().unwrap());
    assert!(last.contains("My name is Ada."), "{last}");
}

/// Has so much said that the next run puts it in short.
async fn nearly_long() -> (World, std::sync::Arc<super::stage::Told>) {
    let (world, model) = windowed(8_000, vec![says(&long())]);
    for turn in 1..=7 {
        say(&world, &format!("Look at lamp {turn}.")).await;
    }
    assert_eq!(model.asked(), 7);
    (world, model)
}

#[tokio::test]
async fn what_is_put_in_short_is_paid_by_the_run_that_needs_it_and_told_in_its_events() {
    let (world, model) = nearly_long().await;
    let seen = say(&world, "Now look at the crane.").await;
    assert_eq!((model.asked(), spent(&world).await), (9, 90_000));
    assert_eq!((seen.run.turns, seen.run.tokens_in, seen.run.cost_usd.micros()), (1, 200, 20_000));
    let notes: Vec<String> = seen.events.iter().map(|event| json!(event)["payload"]["note"].to_string()).collect();
    assert!(notes.contains(&"\"the answers of 6 turns are put in short by the model\"".to_owned()), "{notes:?}");
    let log = world.log(seen.task.key.id).await;
    assert_eq!(log.iter().filter_map(|row| row.tokens_in).sum::<u64>(), 200);
    // The newest answer is told as it was, the others in short.
    let asked = model.asked.lock().unwrap().clone();
    assert_eq!((puts_in_short(&asked[7]), asked[8].messages.len()), (true, 3));
    assert!(told(&asked[8]).contains("What was answered before, in short:\nThe lamp at the harbour"));
}

#[tokio::test]
async fn what_is_put_in_short_is_paid_once_wherever_a_process_ends() {
    for fault in Fault::ALL {
        for nth in 0..MOST_CALLS {
            let (world, model) = nearly_long().await;
            world.advance(1);
            let id = enqueue(&world, json!({"prompt": "Now look at the crane."})).await;
            let faults = Faults::at(nth, fault);
            let received = world.queue.receive(QueueName::Long, 1, VISIBILITY);
            let app = faulty(&world, &faults);
            world.run_unless(|| faults.crashed(), process(&app, &world.queue, QueueName::Long, received)).await;
            let seen = until_ended(&world, id).await;
            let (asked, reached) = (model.asked() - 7, faults.calls() > nth);
            assert_eq!(seen.task.status(), Status::Completed, "{fault:?} at {nth}: {:?}", seen.task.last_errors);
            assert!(asked == 2 || reached && asked == 3, "{fault:?} at {nth}: {asked} calls");
            let cost = seen.run.cost_usd.micros();
            let paid = (seen.run.turns, seen.run.tokens_in, spent(&world).await, logged(&world, id).await);
            assert_eq!(paid, (1, 200, 70_000 + cost.cast_signed(), cost), "{fault:?} at {nth}");
            // A call whose end nobody saw may have cost as much as was allowed: 1024 tokens at 500 USD a million, or more.
            assert!(cost == 20_000 && asked == 2 || reached && cost > 512_000, "{fault:?} at {nth}: {cost}");
            assert_eq!(seen.session.messages, 4, "{fault:?} at {nth}");
            if !reached {
                break;
            }
            assert!(nth + 1 < MOST_CALLS, "no end of calls");
        }
    }
}

#[tokio::test]
async fn a_model_that_cannot_put_it_in_short_has_the_answers_left_out() {
    let (world, model) = nearly_long().await;
    model.fails.lock().unwrap().push(ChatError::InvalidAnswer("no".into()));
    say(&world, "Now look at the crane.").await;
    let last = told(model.asked.lock().unwrap().last().unwrap());
    assert!(last.contains("- Look at lamp 1.") && last.contains("[6 earlier answers are left out]"), "{last}");
}

#[tokio::test]
async fn what_is_to_be_done_outlives_being_put_in_short() {
    let rest = format!("{}...", "I have looked at another of the files. ".repeat(50));
    let (world, model) = windowed(2_000, vec![says(&rest)]);
    model.fails.lock().unwrap().push(ChatError::Transport("no".into()));
    let id = enqueue(&world, json!({"prompt": "Count the ships."})).await;
    world.deliver_all().await;
    give(&world, &seen(&world, id).await.id, CommandKind::Steer, "In French.").await;
    let seen = until_ended(&world, id).await;
    assert_eq!(seen.task.status(), Status::Completed);
    let asked = model.asked.lock().unwrap().clone();
    assert_eq!(asked.iter().filter(|request| puts_in_short(request)).count(), 1);
    let last = told(asked.last().unwrap());
    for part in
        ["Count the ships.\n\nRequirements:", "In French.", "in short:\nI have looked", "Your answer is not finished."]
    {
        assert!(last.contains(part), "{part} is not in {last}");
    }
}
