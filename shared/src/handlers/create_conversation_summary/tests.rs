//! With a model that says what it is told to say, and without one.

use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::handlers::world::{Told, World};

async fn said(world: &World, id: &str, role: &str, content: &str) {
    let message = json!({"conversation_id": "c", "role": role, "direction": "inbound", "content": content});
    world.advance(Duration::from_secs(1));
    world.put(&format!("message/{id}"), message).await;
}

async fn world(model: Told) -> World {
    let world = World::with_model(model);
    world.put("user/u", json!({})).await;
    world.put("conversation/c", json!({"user_id": "u", "messages_since_summary": 9})).await;
    said(&world, "1", "user", "I need shelves.").await;
    said(&world, "2", "system", "{\"attempt\": 1}").await;
    said(&world, "3", "concierge", "How many?").await;
    world
}

fn payload() -> Value {
    json!({"conversation_id": "c"})
}

#[tokio::test]
async fn what_was_said_since_the_last_summary_is_summed_up_and_the_counter_reset() {
    let world = world(Told::says("They need shelves.")).await;
    let done = world.run("create_conversation_summary", payload()).await;
    let summary = world.get(&format!("summary/{}", done.output()["summary_id"].as_str().unwrap())).await;
    let until = world.now();
    assert_eq!(
        summary,
        json!({"conversation_id": "c", "content": "They need shelves.", "messages": 2, "until": until, "model": "told"})
    );
    assert_eq!(world.last_asked(), "user: I need shelves.\nconcierge: How many?");
    assert_eq!(world.get("conversation/c").await["messages_since_summary"], 0);
    assert_eq!(world.log(&done).await.tokens_in, Some(1000));

    world.advance(Duration::from_secs(60));
    let again = world.run("create_conversation_summary", payload()).await.skipped();
    assert_eq!(again, "nothing was said in conversation c since its last summary");
    said(&world, "4", "user", "Twelve.").await;
    world.run("create_conversation_summary", payload()).await.output();
    assert_eq!(world.last_asked(), "user: Twelve.");
}

#[tokio::test]
async fn an_answer_without_text_is_no_summary_but_is_paid_for() {
    let world = world(Told::says(" ")).await;
    let done = world.run("create_conversation_summary", payload()).await;
    assert_eq!(done.retried(), "the model backend's answer cannot be used: it has no text");
    assert_eq!(world.log(&done).await.tokens_in, Some(1000));
}

#[tokio::test]
async fn a_message_that_comes_while_the_model_works_is_left_for_the_next_summary() {
    let world = world(Told::says("They need shelves.")).await;
    world.while_asked(|store| async move {
        // As whoever takes messages in writes them: the message, and the conversation's counter.
        store.advance(Duration::from_secs(1));
        store
            .put(
                "message/late",
                json!({"conversation_id": "c", "role": "user", "direction": "inbound", "content": "Late."}),
            )
            .await;
        store.patch("conversation/c", json!({"messages_since_summary": 10})).await;
    });
    let done = world.run("create_conversation_summary", payload()).await;
    assert_eq!((&done.output()["messages"], world.asked()), (&json!(2), 1), "paid for once");
    assert_eq!(world.get("conversation/c").await["messages_since_summary"], 1);
}

#[tokio::test]
async fn without_a_model_sentences_are_picked_and_the_summary_says_so() {
    let world = World::new();
    world.put("conversation/c", json!({"user_id": "u"})).await;
    said(&world, "1", "user", "I need shelves.").await;
    let done = world.run("create_conversation_summary", payload()).await;
    assert_eq!(done.output()["model"], "extractive (no model)");
    let row = world.log(&done).await;
    assert_eq!((row.model.as_deref(), row.cost_usd), (Some("extractive (no model)"), Some(0.0)));
}

#[tokio::test]
async fn a_missing_conversation_is_skipped() {
    let skipped = World::new().run("create_conversation_summary", payload()).await.skipped();
    assert_eq!(skipped, "conversation c does not exist");
}

#[test]
fn a_summary_has_at_most_so_many_words() {
    assert_eq!(first_words(" one  two three ", 2), "one  two…");
    assert_eq!(first_words(" one  two ", 2), "one  two");
    assert_eq!(first_words("", 2), "");
}

#[test]
fn a_long_conversation_is_read_from_its_end() {
    let message = |n: usize| Stored {
        id: Id::of("m"),
        version: uuid::Uuid::nil(),
        created_at: Timestamp::default(),
        value: Message {
            conversation_id: Id::of("c"),
            role: Name::of("user"),
            direction: crate::domain::Direction::Inbound,
            channel: Default::default(),
            status: Default::default(),
            to: Vec::new(),
            content: format!("{n}{}", "x".repeat(40_000)),
        },
    };
    let text = transcript(&[message(1), message(2), message(3)]);
    assert!(text.len() <= TRANSCRIPT_BYTES && text.starts_with("user: 1x") && text.contains("user: 3x"));
}
