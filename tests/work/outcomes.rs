//! How work outside may end, and what is committed with that.

use errand::Status;
use serde_json::{Value, json};

use super::{claim, claim_one, enqueue, finish, outcomes, put, waits_s, world};

#[tokio::test]
async fn each_outcome_does_what_it_says() {
    for (outcome, status, logged) in [
        (json!({"status": "completed", "output": [1]}), Status::Completed, "completed"),
        (json!({"status": "failed", "failure": {"message": "no", "kind": "IOError"}}), Status::Pending, "retry"),
        (json!({"status": "failed", "failure": {"message": "no", "retry": false}}), Status::Failed, "failed"),
        (json!({"status": "blocked", "reason": "whose?"}), Status::Blocked, "blocked"),
        (json!({"status": "cancelled", "reason": "off"}), Status::Cancelled, "cancelled"),
        (json!({"status": "cancelled"}), Status::Cancelled, "cancelled"),
        (json!({"status": "snoozed", "retry_after_s": 60}), Status::Pending, "snoozed"),
        (json!({"status": "released"}), Status::Pending, "snoozed"),
    ] {
        let world = world().await;
        let id = enqueue(&world, json!({})).await;
        let claimed = claim_one(&world).await;
        finish(&world.app, &claimed, outcome.clone()).await.body(200);
        assert_eq!(world.task(id).await.status(), status, "{outcome}");
        assert_eq!(outcomes(&world.log(id).await), [logged], "{outcome}");
        // Said again, it is answered again.
        finish(&world.app, &claimed, outcome).await.body(200);
        assert_eq!(world.log(id).await.len(), 1);
    }
}

#[tokio::test]
async fn a_failure_waits_as_the_type_says_or_as_it_says_itself() {
    let world = world().await;
    put(&world.app, "resize", &json!({"retry": {"first_s": 10, "factor": 3, "max_s": 25}})).await.body(200);
    let id = enqueue(&world, json!({})).await;
    let mut waits = Vec::new();
    for failure in [json!({"message": "a"}), json!({"message": "b"}), json!({"message": "c", "retry_after_s": 100})] {
        let claimed = claim_one(&world).await;
        finish(&world.app, &claimed, json!({"status": "failed", "failure": failure})).await.body(200);
        waits.push(waits_s(&world.task(id).await, world.now()));
        world.advance(200);
    }
    assert!((9..=11).contains(&waits[0]) && (22..=25).contains(&waits[1]) && waits[2] == 100, "{waits:?}");
    let claimed = claim_one(&world).await;
    let last = json!({"status": "failed", "failure": {"message": "d", "kind": "ValueError"}});
    finish(&world.app, &claimed, last).await.body(200);
    let task = world.task(id).await;
    assert_eq!(task.status(), Status::Failed);
    assert_eq!(task.last_errors.last().unwrap().message, "ValueError: d");
    assert_eq!(world.letters().len(), 1, "its dead letter");
}

#[tokio::test]
async fn what_was_released_is_anothers_at_once_and_costs_no_try() {
    let world = world().await;
    let id = enqueue(&world, json!({})).await;
    for _ in 0..150 {
        let claimed = claim_one(&world).await;
        finish(&world.app, &claimed, json!({"status": "released"})).await.body(200);
    }
    assert_eq!((world.task(id).await.failures, world.task(id).await.status()), (0, Status::Pending));
}

#[tokio::test]
async fn follow_ups_and_events_are_committed_with_the_end_whichever_it_is() {
    for outcome in [
        json!({"status": "completed"}),
        json!({"status": "blocked", "reason": "whose?"}),
        json!({"status": "failed", "failure": {"message": "no", "retry": false}}),
    ] {
        let world = world().await;
        let id = enqueue(&world, json!({"n": 1})).await;
        let claimed = claim_one(&world).await;
        let mut body = outcome.clone();
        body["follow_up"] =
            json!([{"task_type": "resize", "payload": {"n": 2}}, {"task_type": "resize", "payload": {"n": 2}}]);
        body["events"] =
            json!([{"type": "picture.made", "data": {"n": 1}}, {"type": "picture.made", "data": {"n": 2}}]);
        finish(&world.app, &claimed, body.clone()).await.body(200);
        finish(&world.app, &claimed, body).await.body(200);
        world.poll().await;
        let told: Vec<Value> = world.events().await.into_iter().map(|event| event["data"].clone()).collect();
        assert_eq!(told, [json!({"n": 1}), json!({"n": 2})], "{outcome}");
        let made = claim(&world.app, json!({}), None).await;
        assert_eq!(made.len(), 2, "{outcome}");
        let follow_up = world.task(made[0]["task_id"].as_str().unwrap().parse().unwrap()).await;
        assert_eq!(follow_up.parent_id, Some(id));
    }
}

#[tokio::test]
async fn what_an_outcome_may_not_is_refused_and_the_task_is_held_still() {
    let world = world().await;
    enqueue(&world, json!({})).await;
    let claimed = claim_one(&world).await;
    for (outcome, field) in [
        (json!({"status": "failed"}), "failure"),
        (json!({"status": "blocked"}), "reason"),
        (json!({"status": "snoozed"}), "retry_after_s"),
        (json!({"status": "snoozed", "retry_after_s": 604_801}), "retry_after_s"),
        (
            json!({"status": "completed", "follow_up": [{"task_type": "scripted", "payload": {}}]}),
            "follow_up[0].task_type",
        ),
        (json!({"status": "completed", "follow_up": [{"task_type": "resize"}]}), "follow_up[0]"),
        (json!({"status": "completed", "events": [{"type": "task.completed"}]}), "events[0].type"),
        (json!({"status": "completed", "more": 1}), ""),
        (json!({"status": "done"}), ""),
    ] {
        let answer = finish(&world.app, &claimed, outcome.clone()).await;
        let at = answer.body["error"]["field"].as_str().unwrap_or_default();
        assert!(answer.status == 400 && at.starts_with(field), "{outcome} {:#}", answer.body);
    }
    let may = json!({"may_enqueue": ["scripted"]});
    put(&world.app, "resize", &may).await.body(200);
    let outcome = json!({"status": "completed", "follow_up": [{"task_type": "scripted", "payload": {}}]});
    finish(&world.app, &claimed, outcome).await.body(200);
}

#[tokio::test]
async fn an_output_that_is_too_large_fails_for_good() {
    let world = world().await;
    let id = enqueue(&world, json!({})).await;
    let claimed = claim_one(&world).await;
    let output = json!({"status": "completed", "output": "x".repeat(270_000)});
    let ended = finish(&world.app, &claimed, output).await.body(200);
    assert_eq!((&ended["status"], &ended["failure"]["kind"]), (&json!("failed"), &json!("too_large")));
    assert_eq!(world.task(id).await.status(), Status::Failed);
}
