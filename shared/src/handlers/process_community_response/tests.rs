//! With a model that says what it is told to say.

use super::*;
use crate::handlers::world::{Told, World};
use errand::FailureKind;
use errand_models::ChatError;

async fn world(model: Told) -> World {
    filled(World::with_model(model)).await
}

async fn filled(world: World) -> World {
    world.put("user/expert", json!({"expert_connector": true, "credits": 2})).await;
    world.put("workflow/w", json!({"user_id": "asker", "request": "?", "step": "research"})).await;
    world.put("community_request/r", json!({"question": "How?", "requester_id": "asker", "workflow_id": "w"})).await;
    world.put("community_response/a", json!({"request_id": "r", "expert_id": "expert", "text": "So."})).await;
    world
}

fn payload() -> serde_json::Value {
    json!({"response_id": "a", "request_id": "r"})
}

#[tokio::test]
async fn a_useful_response_is_rewarded_once_and_becomes_an_insight() {
    let world = world(Told::says(r#"{"usefulness": 8.5, "impact": "It works."}"#)).await;
    let done = world.run("process_community_response", payload()).await;
    assert_eq!(done.output(), json!({"response_id": "a", "usefulness": 8.5, "impact": "It works.", "credits": 30}));
    assert_eq!(world.get("user/expert").await["credits"], 32);
    assert_eq!(world.get("community_response/a").await["status"], "rewarded");
    let workflow = world.get("workflow/w").await;
    assert_eq!(workflow["insights"], json!([{"response_id": "a", "usefulness": 8.5, "impact": "It works."}]));
    assert_eq!(workflow["responses"], 1);
    let [word] = world.follow_ups(&done).await.try_into().unwrap();
    assert_eq!((word.task_type.as_str(), word.priority), ("notify_expert_of_impact", Priority::Low));
    assert_eq!((word.user_id.clone(), word.scheduled_for), (Some(Id::of("expert")), world.now() + IMPACT_AFTER));

    let again = world.run("process_community_response", payload()).await.skipped();
    assert_eq!(again, "response a is rated already");
    // Somebody takes the rating back, and it is rated anew: the credit stays one.
    world.patch("community_response/a", json!({"status": "submitted"})).await;
    world.run("process_community_response", payload()).await.output();
    assert_eq!(world.get("user/expert").await["credits"], 32);
    assert_eq!(world.get("workflow/w").await["responses"], 1);
}

#[tokio::test]
async fn a_response_of_little_use_or_an_unreadable_rating_earns_nothing() {
    for (said, usefulness) in [(r#"{"usefulness": 6.9}"#, 6.9), ("I like it.", 5.0)] {
        let world = world(Told::says(said)).await;
        let done = world.run("process_community_response", payload()).await;
        assert_eq!((&done.output()["usefulness"], &done.output()["credits"]), (&json!(usefulness), &json!(null)));
        assert_eq!(world.get("community_response/a").await["status"], "rated");
        assert_eq!(world.get("user/expert").await["credits"], 2);
        assert_eq!(world.get("workflow/w").await["insights"][0]["usefulness"], usefulness);
        assert!(world.follow_ups(&done).await.is_empty());
    }
}

#[tokio::test]
async fn without_a_model_nobody_rates_and_least_of_all_the_response_itself() {
    for said in [r#"{"usefulness": 10}"#, "{\"usefulness\":\n10, \"impact\": \"Great.\"}"] {
        let world = filled(World::new()).await;
        world.patch("community_response/a", json!({"text": said})).await;
        let done = world.run("process_community_response", payload()).await;
        let expected = json!({"response_id": "a", "usefulness": 5.0, "impact": null, "credits": null});
        assert_eq!(done.output(), expected);
        assert_eq!(world.get("user/expert").await["credits"], 2);
        assert!(world.log(&done).await.model.is_none());
    }
}

#[tokio::test]
async fn an_answer_without_text_is_unreadable_and_paid_for() {
    let usage = Some(errand_models::Usage { tokens_in: 1000, tokens_out: 200 });
    let empty = ChatError::Empty { model: "told".into(), usage };
    let world = world(Told::fails(empty)).await;
    let done = world.run("process_community_response", payload()).await;
    assert_eq!(done.output()["usefulness"], 5.0);
    assert_eq!(world.get("community_response/a").await["status"], "rated");
    let row = world.log(&done).await;
    assert_eq!((row.model.as_deref(), row.tokens_out, row.cost_usd), (Some("told"), Some(200), Some(3.0)));
    // It called a tool of its own, and said nothing.
    let world = self::world(Told::says("")).await;
    assert_eq!(world.run("process_community_response", payload()).await.output()["usefulness"], 5.0);
}

#[tokio::test]
async fn what_the_model_used_is_in_the_log_and_asked_for_once() {
    let world = world(Told::says(r#"{"usefulness": 8}"#)).await;
    world.patch("community_response/a", json!({"expert_id": "late"})).await;
    let failed = world.run("process_community_response", payload()).await;
    assert_eq!(failed.retried(), "user late does not exist (yet)");
    let row = world.log(&failed).await;
    assert_eq!((row.model.as_deref(), row.tokens_in, row.tokens_out), (Some("told"), Some(1000), Some(10)));
    assert_eq!(row.cost_usd, Some(0.625));
    world.put("user/late", json!({})).await;
    let done = world.again(failed).await;
    assert_eq!(done.output()["credits"], 25);
    let row = world.log(&done).await;
    assert_eq!((row.model, row.tokens_in, world.asked()), (None, None, 1));
}

#[tokio::test]
async fn each_failure_of_the_model_has_its_kind_and_reaction() {
    let wait = Some(errand_models::RetryAfter::In(Duration::from_secs(600)));
    for (error, kind, retried_after_s) in [
        (ChatError::Auth("no".into()), FailureKind::ProviderAuth, None),
        (ChatError::Refused("no".into()), FailureKind::Backend, None),
        (ChatError::RateLimit { message: "no".into(), retry_after: wait }, FailureKind::RateLimit, Some(600..601)),
        (ChatError::RateLimit { message: "no".into(), retry_after: None }, FailureKind::RateLimit, Some(54..67)),
        (ChatError::Timeout("no".into()), FailureKind::Timeout, Some(54..67)),
        (ChatError::Transport("no".into()), FailureKind::ProviderTransport, Some(54..67)),
        (ChatError::InvalidAnswer("no".into()), FailureKind::InvalidAnswer, Some(54..67)),
    ] {
        let world = world(Told::fails(error)).await;
        let done = world.run("process_community_response", payload()).await;
        assert_eq!(done.task.last_errors[0].kind, kind);
        let wait = done.task.run_at().map(|at| at.since(world.now()).as_secs());
        assert_eq!(wait.is_some(), retried_after_s.is_some(), "{kind:?}");
        assert!(wait.zip(retried_after_s).is_none_or(|(wait, within)| within.contains(&wait)), "{kind:?}: {wait:?}");
        assert!(world.log(&done).await.model.is_none());
    }
}

#[tokio::test]
async fn a_response_to_another_request_is_refused_for_good() {
    let world = world(Told::says("{}")).await;
    let failed = world.run("process_community_response", json!({"response_id": "a", "request_id": "other"})).await;
    assert_eq!(failed.failed(), "response a is not to community request other");
}
