//! An introduction is sent, checked after 7 days, twice, then closed.

use serde_json::{Value, json};

use super::{DAY, at, contents, ending, enqueue, get, published, put, said, stage::Stage, wait};

pub(super) async fn story(stage: &mut impl Stage) -> Value {
    stage.clock().set(at("2027-03-01T09:00:00Z"));
    put(stage, "user/ada", json!({"first_name": "Ada", "email": "ada@example.org"})).await;
    put(stage, "conversation/c", json!({"user_id": "ada"})).await;
    let introduction = json!({
        "connector_id": "grace", "innovator_id": "ada", "prospect_name": "Charles",
        "prospect_email": "charles@example.org", "status": "accepted",
    });
    put(stage, "introduction/i", introduction).await;
    let send = json!({"task_type": "send_introduction", "payload": {"introduction_id": "i"}});
    enqueue(stage, "send", send).await;
    stage.settle().await;
    let letter = "Charles, meet Ada. Ada, meet Charles. I leave it to you two from here.";
    let question = "Hi Ada, how did the introduction to Charles go?";
    let messages = said(stage, "c").await;
    assert_eq!(contents(&messages), [letter]);
    assert_eq!(messages[0]["to"], json!(["ada@example.org", "charles@example.org"]));
    assert_eq!(published(stage, "intro.sent").await, ["i"]);
    assert_eq!(get(stage, "introduction/i").await["status"], "sent");

    wait(stage, 6 * DAY).await;
    assert_eq!(contents(&said(stage, "c").await), [letter], "not before a week has passed");
    wait(stage, DAY).await;
    assert_eq!(contents(&said(stage, "c").await), [letter, question]);
    wait(stage, 6 * DAY).await;
    assert_eq!(contents(&said(stage, "c").await), [letter, question], "not before another week has passed");
    wait(stage, DAY).await;
    assert_eq!(contents(&said(stage, "c").await), [letter, question, question]);
    assert_eq!(get(stage, "introduction/i").await["status"], "sent");

    wait(stage, 6 * DAY).await;
    for _ in 0..2 {
        wait(stage, DAY).await;
        assert_eq!(get(stage, "introduction/i").await["status"], "closed");
    }
    let mut pending = published(stage, "message.pending").await;
    let mut messages: Vec<String> =
        said(stage, "c").await.iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect();
    pending.sort();
    messages.sort();
    assert_eq!((pending.len(), &pending), (3, &messages), "each message was told of once");
    ending(stage, &["message?parent=c"], &["introduction/i", "conversation/c"]).await
}
