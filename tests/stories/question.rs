//! A question from a user becomes a community request, is offered to ranked experts, answered, rated, rewarded once, and
//! the expert hears of the impact a day later.

use serde_json::{Value, json};

use super::{
    DAY, HOUR, at, contents, ending, enqueue, get, list, model::IMPACT, published, put, said, stage::Stage, wait,
};

async fn priorities(stage: &mut impl Stage, user: &str) -> Vec<(String, u64, u64)> {
    let text = |item: &Value| item["item_type"].as_str().unwrap().to_owned();
    let number = |item: &Value, field: &str| item[field].as_u64().unwrap();
    let items = list(stage, &format!("/v1/records/priority?parent={user}")).await;
    items.iter().map(|item| (text(item), number(item, "rank"), number(item, "value_score"))).collect()
}

fn item(item_type: &str, rank: u64, value: u64) -> (String, u64, u64) {
    (item_type.to_owned(), rank, value)
}

/// A user with a question, two experts who can answer it, and one who cannot.
async fn people(stage: &mut impl Stage) {
    put(stage, "user/ada", json!({"first_name": "Ada"})).await;
    put(stage, "conversation/ada", json!({"user_id": "ada"})).await;
    for (id, name, expertise) in [
        ("best", "Bea", json!(["Storage", "pricing"])),
        ("good", "Gus", json!(["storage"])),
        ("other", "Otto", json!(["law"])),
    ] {
        put(
            stage,
            &format!("user/{id}"),
            json!({"first_name": name, "expert_connector": true, "expertise": expertise}),
        )
        .await;
        put(stage, &format!("conversation/{id}"), json!({"user_id": id})).await;
    }
}

/// Ada asks; the agent that hears of it asks the community.
async fn ask(stage: &mut impl Stage) {
    let payload = json!({"description": "How do we store cards for less?", "conversation_id": "ada"});
    enqueue(stage, "research", json!({"task_type": "research_solution", "user_id": "ada", "payload": payload})).await;
    stage.settle().await;
    assert_eq!(published(stage, "user.inquiry.solution_needed").await.len(), 1);
    put(stage, "workflow/w", json!({"user_id": "ada", "request": "cheaper storage", "step": "research"})).await;
    let request = json!({
        "question": "How do we store cards for less?", "expertise_needed": ["storage", "pricing"], "requester_id": "ada",
        "workflow_id": "w",
    });
    put(stage, "community_request/q", request).await;
    let offer = json!({"task_type": "process_community_request", "user_id": "ada", "payload": {"request_id": "q"}});
    enqueue(stage, "offer", offer).await;
    stage.settle().await;
}

/// Bea answers, and her answer is rated.
async fn answer(stage: &mut impl Stage) {
    let response = json!({"request_id": "q", "expert_id": "best", "text": "Use cold storage."});
    put(stage, "community_response/a", response).await;
    rate(stage, "rate").await;
    let payload = json!({"response_id": "a", "request_id": "q"});
    enqueue(stage, "tell", json!({"task_type": "community_response_available", "user_id": "ada", "payload": payload}))
        .await;
    stage.settle().await;
}

async fn rate(stage: &mut impl Stage, key: &str) {
    let payload = json!({"response_id": "a", "request_id": "q"});
    enqueue(stage, key, json!({"task_type": "process_community_response", "payload": payload})).await;
}

pub(super) async fn story(stage: &mut impl Stage) -> Value {
    stage.clock().set(at("2027-03-01T09:00:00Z"));
    people(stage).await;
    ask(stage).await;
    assert_eq!(priorities(stage, "best").await, [item("community_request", 1, 80)]);
    assert_eq!(priorities(stage, "good").await, [item("community_request", 2, 65)]);
    assert_eq!(priorities(stage, "other").await, []);

    answer(stage).await;
    let response = get(stage, "community_response/a").await;
    assert_eq!((&response["status"], &response["impact"]), (&json!("rewarded"), &json!(IMPACT)));
    assert_eq!(get(stage, "user/best").await["credits"], 35);
    assert_eq!(priorities(stage, "ada").await, [item("community_response", 1, 90)]);
    assert_eq!(get(stage, "workflow/w").await["responses"], 1);

    // Whoever has it rated again earns nobody anything.
    rate(stage, "rate again").await;
    stage.settle().await;
    assert_eq!(get(stage, "user/best").await["credits"], 35);
    assert_eq!(list(stage, "/v1/records/credit_event?parent=best").await.len(), 1);

    wait(stage, 23 * HOUR).await;
    assert_eq!(priorities(stage, "best").await.len(), 1, "not before a day has passed");
    wait(stage, HOUR).await;
    assert_eq!(priorities(stage, "best").await[1], item("response_impact", 3, 70));
    assert_eq!(get(stage, "community_response/a").await["status"], "closed_loop");
    let payload = json!({"reason": "daily_digest"});
    let digest = json!({"task_type": "notify_user_of_priorities", "user_id": "best", "payload": payload});
    enqueue(stage, "digest", digest).await;
    stage.settle().await;
    wait(stage, DAY).await;
    let digest = format!(
        "Hi Bea, here is what matters now:\n1. A question you may be able to answer: How do we store cards for less?\n\
         2. Your answer helped: {IMPACT}"
    );
    assert_eq!(contents(&said(stage, "best").await), [digest]);
    let lists = [
        "priority?parent=ada",
        "priority?parent=best",
        "priority?parent=good",
        "message?parent=ada",
        "message?parent=best",
        "message?parent=good",
        "message?parent=other",
        "credit_event?parent=best",
        "community_response?parent=q",
    ];
    ending(stage, &lists, &["user/best", "workflow/w", "community_request/q", "conversation/best"]).await
}
