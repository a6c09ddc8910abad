//! A digest waits for the end of quiet hours, in the nights in which the clocks change.

use serde_json::{Value, json};
use shared::{
    domain::Priority,
    ids::{Id, Name},
};

use super::{at, contents, ending, enqueue, put, said, stage::Stage, wait_until};

/// Berlin, 2027: forward at 01:00Z on 28 March, back at 01:00Z on 31 October. When the digest is asked for, the last
/// hour at which it is too early, and 07:00 by the clock on the wall.
const NIGHTS: [(&str, [&str; 3]); 2] = [
    ("spring", ["2027-03-27T22:30:00Z", "2027-03-28T04:00:00Z", "2027-03-28T05:00:00Z"]),
    ("autumn", ["2027-10-30T21:30:00Z", "2027-10-31T05:00:00Z", "2027-10-31T06:00:00Z"]),
];

pub(super) async fn story(stage: &mut impl Stage) -> Value {
    stage.clock().set(at("2027-03-27T12:00:00Z"));
    let user = json!({
        "first_name": "Ada", "timezone": "Europe/Berlin", "quiet_hours_start": "22:00", "quiet_hours_end": "07:00",
    });
    put(stage, "user/ada", user).await;
    put(stage, "conversation/c", json!({"user_id": "ada"})).await;
    for (nth, (season, [asked, early, morning])) in NIGHTS.into_iter().enumerate() {
        wait_until(stage, asked).await;
        let request = json!({"question": format!("What of {season}?"), "requester_id": "u"});
        put(stage, &format!("community_request/{season}"), request).await;
        let id = Priority::id_of(&Id::of("ada"), &Name::of("community_request"), &Id::of(season));
        let priority = json!({
            "user_id": "ada", "item_type": "community_request", "item_id": season, "rank": 1, "value_score": 80,
        });
        put(stage, &format!("priority/{id}"), priority).await;
        let payload = json!({"reason": "daily_digest"});
        let digest = json!({"task_type": "notify_user_of_priorities", "user_id": "ada", "payload": payload});
        enqueue(stage, season, digest).await;
        stage.settle().await;
        assert_eq!(said(stage, "c").await.len(), nth, "Ada sleeps");
        wait_until(stage, early).await;
        assert_eq!(said(stage, "c").await.len(), nth, "Ada sleeps still");
        wait_until(stage, morning).await;
        let messages = said(stage, "c").await;
        let said = contents(&messages);
        assert_eq!(said.len(), nth + 1, "good morning");
        let line = format!("1. A question you may be able to answer: What of {season}?");
        assert_eq!(said[nth].lines().last(), Some(line.as_str()));
        let created_at = messages[nth]["created_at"].as_str().unwrap();
        assert!(at(created_at) >= at(morning), "{created_at}");
    }
    ending(stage, &["message?parent=c", "priority?parent=ada"], &["conversation/c"]).await
}
