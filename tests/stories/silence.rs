//! A new user goes silent, is asked twice, then paused; one who answers in between is left alone.

use serde_json::{Value, json};

use super::{DAY, HOUR, at, ending, enqueue, get, put, said, stage::Stage, wait};

/// How often the user was asked, by the guidance to the agent.
async fn asked(stage: &mut impl Stage, conversation: &str) -> Vec<u64> {
    let messages = said(stage, conversation).await;
    let guidance = messages.iter().filter(|message| message["role"] == "system");
    let guidance = guidance.map(|message| {
        assert_eq!(message["direction"], "inbound", "it must not reach the user");
        serde_json::from_str::<Value>(message["content"].as_str().unwrap()).unwrap()
    });
    guidance.map(|guidance| guidance["attempt"].as_u64().unwrap()).collect()
}

pub(super) async fn story(stage: &mut impl Stage) -> Value {
    stage.clock().set(at("2027-03-01T09:00:00Z"));
    for user in ["silent", "answering"] {
        put(stage, &format!("user/{user}"), json!({"first_name": user})).await;
        put(stage, &format!("conversation/{user}"), json!({"user_id": user, "status": "active"})).await;
        let payload = json!({"current_step": "email", "missing_fields": ["email"], "attempt_count": 0});
        let check =
            json!({"task_type": "re_engagement_check", "agent_type": "bouncer", "user_id": user, "payload": payload});
        enqueue(stage, &format!("check {user}"), check).await;
    }
    stage.settle().await;
    assert_eq!((asked(stage, "silent").await, asked(stage, "answering").await), (vec![1], vec![1]));

    wait(stage, 12 * HOUR).await;
    let answer = json!({
        "conversation_id": "answering", "role": "user", "direction": "inbound", "status": "sent", "content": "Here I am."
    });
    put(stage, "message/answer", answer).await;
    assert_eq!(asked(stage, "silent").await, [1], "not before a day has passed");

    wait(stage, 12 * HOUR).await;
    assert_eq!((asked(stage, "silent").await, asked(stage, "answering").await), (vec![1, 2], vec![1]));
    assert_eq!(get(stage, "conversation/silent").await["status"], "active");

    for _ in 0..2 {
        wait(stage, DAY).await;
        assert_eq!((asked(stage, "silent").await, asked(stage, "answering").await), (vec![1, 2], vec![1]));
        assert_eq!(get(stage, "conversation/silent").await["status"], "paused");
        assert_eq!(get(stage, "conversation/answering").await["status"], "active");
    }
    let lists = ["message?parent=silent", "message?parent=answering"];
    ending(stage, &lists, &["conversation/silent", "conversation/answering"]).await
}
