//! On a winter's day in Berlin.

use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::handlers::world::World;
use errand::Entity;

const NOON: &str = "2026-01-10T11:00:00Z";

async fn world(now: &str) -> World {
    let world = World::at(now);
    let hours = json!({"first_name": "Ada", "timezone": "Europe/Berlin", "quiet_hours_start": "22:00", "quiet_hours_end": "07:30"});
    world.put("user/u", hours).await;
    world.put("conversation/c", json!({"user_id": "u"})).await;
    world.put("community_request/r", json!({"question": "Who owns it?", "requester_id": "x"})).await;
    world
        .put(
            "community_response/a",
            json!({"request_id": "q", "expert_id": "e", "text": "You do.", "impact": "It is settled."}),
        )
        .await;
    world
}

/// Adds an active priority and answers its id.
async fn priority(world: &World, item_type: &'static str, item: &'static str, rank: u32) -> Id {
    let priority = priorities::priority(&Id::of("u"), item_type, &Id::of(item), rank, 50);
    let id = priority.only_id().unwrap();
    world.put(&format!("priority/{id}"), Value::from(priority.doc())).await;
    id
}

async fn digest(world: &World, payload: Value) -> String {
    let done = world.run("notify_user_of_priorities", payload).await;
    let message = world.get(&format!("message/{}", done.output()["message_id"].as_str().unwrap())).await;
    assert_eq!((&message["direction"], &message["role"]), (&json!("outbound"), &json!("concierge")));
    message["content"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_digest_speaks_of_each_active_priority_once_the_first_first() {
    let world = world(NOON).await;
    priority(&world, "response_impact", "a", 3).await;
    priority(&world, "community_response", "a", 1).await;
    priority(&world, "community_request", "r", 2).await;
    priority(&world, "office_party", "gone", 4).await;
    let expected = "Hi Ada, here is what matters now:\n1. An answer to your question: You do.\n\
        2. A question you may be able to answer: Who owns it?\n3. Your answer helped: It is settled.\n4. office party gone";
    assert_eq!(digest(&world, json!({"reason": "daily"})).await, expected);
    let again = world.run("notify_user_of_priorities", json!({"reason": "daily"})).await.skipped();
    assert_eq!(again, "user u has no active priority to hear of");
}

#[tokio::test]
async fn only_the_priorities_named_are_spoken_of_and_no_more_than_ten() {
    let world = world(NOON).await;
    let named = priority(&world, "office_party", "named", 9).await;
    for item in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"] {
        priority(&world, "tea", item, 1).await;
    }
    let content = digest(&world, json!({"reason": "daily", "priorities": [named]})).await;
    assert_eq!(content, "Hi Ada, here is what matters now:\n1. office party named");
    assert!(digest(&world, json!({"reason": "daily"})).await.ends_with("And 1 more."));
}

#[tokio::test]
async fn a_digest_waits_for_the_end_of_quiet_hours_unless_it_is_urgent() {
    let world = world("2026-01-10T22:00:00Z").await;
    priority(&world, "tea", "t", 1).await;
    let waits = world.run("notify_user_of_priorities", json!({"reason": "daily"})).await;
    assert_eq!(waits.task.run_at().unwrap().to_string(), "2026-01-11T06:30:00.000Z");
    assert_eq!(waits.task.snoozes, 1);
    digest(&world, json!({"reason": "urgent"})).await;
}

#[tokio::test]
async fn a_digest_leaves_somebody_who_has_just_written_to_finish_unless_it_is_urgent() {
    let world = world(NOON).await;
    priority(&world, "tea", "t", 1).await;
    let said = |role: &str| json!({"conversation_id": "c", "role": role, "direction": "inbound", "content": "x"});
    world.put("message/m", said("user")).await;
    world.advance(Duration::from_secs(60));
    world.put("message/guidance", said("system")).await;
    let waits = world.run("notify_user_of_priorities", json!({"reason": "daily"})).await;
    assert_eq!(waits.task.run_at().unwrap().since(world.now()), Duration::from_secs(540));
    digest(&world, json!({"reason": "urgent"})).await;
}

#[tokio::test]
async fn without_a_conversation_or_a_priority_it_is_skipped() {
    let world = world(NOON).await;
    let skipped = world.run("notify_user_of_priorities", json!({"reason": "daily"})).await.skipped();
    assert_eq!(skipped, "user u has no active priority to hear of");
    world.patch("conversation/c", json!({"status": "paused"})).await;
    let skipped = world.run("notify_user_of_priorities", json!({"reason": "daily"})).await.skipped();
    assert_eq!(skipped, "user u has no active conversation");
}
