//! A solution search times out once, is extended, then fails.

use serde_json::{Value, json};

use super::{DAY, HOUR, at, ending, enqueue, get, patch, published, put, stage::Stage, wait};

pub(super) async fn story(stage: &mut impl Stage) -> Value {
    stage.clock().set(at("2027-03-01T09:00:00Z"));
    put(stage, "user/u", json!({})).await;
    let workflow = json!({
        "user_id": "u", "request": "cheaper storage", "step": "research", "status": "active", "extensions": 0,
    });
    put(stage, "workflow/w", workflow).await;
    let payload = json!({"workflow_id": "w", "step": "research"});
    let timeout = json!({"task_type": "solution_workflow_timeout", "user_id": "u", "payload": payload, "delay_s": DAY});
    enqueue(stage, "timeout", timeout).await;

    wait(stage, 23 * HOUR).await;
    assert_eq!(get(stage, "workflow/w").await["extensions"], 0, "its time is not up");
    wait(stage, HOUR).await;
    assert_eq!(get(stage, "workflow/w").await["extensions"], 1);

    // One response comes; two are needed.
    patch(stage, "workflow/w", json!({"responses": 1})).await;
    wait(stage, 23 * HOUR).await;
    assert_eq!(get(stage, "workflow/w").await["status"], "active", "its extension is not over");
    assert!(published(stage, "solution.timed_out").await.is_empty());
    for _ in 0..3 {
        wait(stage, HOUR).await;
        let workflow = get(stage, "workflow/w").await;
        assert_eq!((&workflow["status"], &workflow["extensions"]), (&json!("timed_out"), &json!(1)));
        assert_eq!(published(stage, "solution.timed_out").await, ["w"]);
    }
    ending(stage, &[], &["workflow/w"]).await
}
