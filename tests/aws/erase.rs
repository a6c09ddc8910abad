//! All that is a user's is removed: asked of control, done by the function of the long queue, and by no other.

use std::time::Duration;

use errand::spi::queue::QueueName;
use integration_tests::{aws::Stack, events::Call};
use serde_json::{Value, json};

use super::{MEDIUM, enqueued, scripted, task, with};

/// Stands in all that is hers.
const MARKER: &str = "Zauberwort-7";

#[tokio::test]
async fn a_user_is_erased_by_one_task_which_leaves_a_receipt() {
    user(&Stack::start().await).await;
}

pub(super) async fn user(stack: &Stack) {
    let about = |user: &str, payload: Value| with(scripted(payload), json!({"user_id": user}));
    stack.call(&Call::put("/v1/records/user/ada", &json!({"first_name": MARKER}))).await.body(201);
    stack.call(&Call::put("/v1/records/conversation/c1", &json!({"user_id": "ada"}))).await.body(201);
    for payload in [json!({"mark": "m", "acts": ["step"]}), json!({"acts": [{"fail_for_good": MARKER}]})] {
        enqueued(stack, &about("ada", payload)).await;
    }
    let his = enqueued(stack, &about("bob", json!({"mark": "b"}))).await;
    stack.deliver(MEDIUM).await;
    let later = json!({"delay_s": 864_000});
    let ballast = format!("{MARKER}{}", "x".repeat(9_999));
    let open = enqueued(stack, &with(about("ada", json!({"ballast": ballast})), later)).await;

    let begun = stack.call(&Call::to("DELETE", "/v1/users/ada")).await.body(202);
    let again = stack.call(&Call::to("DELETE", "/v1/users/ada")).await.body(200);
    assert_eq!(begun["id"], again["id"], "one at a time");
    let id = begun["id"].as_str().unwrap();
    while task(stack, id).await["ended_at"].is_null() {
        stack.deliver(QueueName::Long).await;
        stack.clock.advance(Duration::from_secs(1));
    }
    let receipt = task(stack, id).await["output"].take();
    assert_eq!(
        (&receipt["removed"]["task"], &receipt["removed"]["conversation"]),
        (&json!(3), &json!(1)),
        "{receipt:#}"
    );
    stack.call(&Call::get(&format!("/v1/tasks/{open}"))).await.body(404);
    stack.call(&Call::get("/v1/records/user/ada")).await.body(404);
    assert_eq!(task(stack, &his).await["status"], "completed");
    assert_eq!(stack.call(&Call::get("/v1/tasks?user_id=ada")).await.body(200)["count"], 0);
}
