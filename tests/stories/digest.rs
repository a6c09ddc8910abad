//! A digest waits for the end of quiet hours, in the nights in which the clocks change.

use errand::{Id, Name};
use serde_json::{Value, json};
use shared::domain::UserPriority;

use super::{at, contents, ending, enqueue, put, said, stage::Stage, wait_until};

/// Who, where, and in 2027: when the digest is asked for, the last hour at which it is too early, and 07:00 by the clock
/// on the wall. In Berlin it goes forward at 01:00Z on 28 March, in Sydney back at 16:00Z on 3 April.
const NIGHTS: [(&str, &str, [&str; 3]); 2] = [
    ("ada", "Europe/Berlin", ["2027-03-27T22:30:00Z", "2027-03-28T04:00:00Z", "2027-03-28T05:00:00Z"]),
    ("bea", "Australia/Sydney", ["2027-04-03T12:30:00Z", "2027-04-03T20:00:00Z", "2027-04-03T21:00:00Z"]),
];

/// A user who has a question to hear of.
async fn user(stage: &mut impl Stage, id: &'static str, zone: &str) {
    let user = json!({
        "first_name": id, "timezone": zone, "quiet_hours_start": "22:00", "quiet_hours_end": "07:00",
    });
    put(stage, &format!("user/{id}"), user).await;
    put(stage, &format!("conversation/{id}"), json!({"user_id": id})).await;
    let item = UserPriority::id_of(&Id::of(id), &Name::of("community_request"), &Id::of("q"));
    let priority = json!({
        "user_id": id, "item_type": "community_request", "item_id": "q", "rank": 1, "value_score": 80,
    });
    put(stage, &format!("priority/{item}"), priority).await;
}

pub(super) async fn story(stage: &mut impl Stage) -> Value {
    stage.clock().set(at("2027-03-27T12:00:00Z"));
    put(stage, "community_request/q", json!({"question": "What time is it?", "requester_id": "u"})).await;
    for (id, zone, [asked, early, morning]) in NIGHTS {
        user(stage, id, zone).await;
        wait_until(stage, asked).await;
        let payload = json!({"reason": "daily_digest"});
        let digest = json!({"task_type": "notify_user_of_priorities", "user_id": id, "payload": payload});
        enqueue(stage, id, digest).await;
        stage.settle().await;
        assert_eq!(said(stage, id).await.len(), 0, "{id} sleeps");
        wait_until(stage, early).await;
        assert_eq!(said(stage, id).await.len(), 0, "{id} sleeps still");
        wait_until(stage, morning).await;
        let messages = said(stage, id).await;
        let digest =
            format!("Hi {id}, here is what matters now:\n1. A question you may be able to answer: What time is it?");
        assert_eq!(contents(&messages), [digest]);
        let created_at = messages[0]["created_at"].as_str().unwrap();
        assert!(at(created_at) >= at(morning), "{created_at}");
    }
    let lists = ["message?parent=ada", "priority?parent=ada", "message?parent=bea", "priority?parent=bea"];
    ending(stage, &lists, &["conversation/ada", "conversation/bea"]).await
}
