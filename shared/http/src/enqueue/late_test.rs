//! What is asked for too late to be done is not taken, and nothing is that builds on it. What was taken when it was in time is
//! answered as it was.

use std::{collections::BTreeMap, time::Duration};

use errand::{Failure, Handler, Name, Outcome, Registry, TaskContext, testing::Sandbox};
use serde_json::{Value, json};

use super::{batch, groups};
use crate::{Answer, ApiError, Caller, Request};

/// One that does nothing.
#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
struct Nothing {}

impl Handler for Nothing {
    const TYPE: &'static str = "nothing";
    type State = ();

    async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        Ok(Outcome::done(Value::Null))
    }
}

fn sandbox() -> Sandbox {
    Sandbox::new(Registry::new().add::<Nothing>(()))
}

fn request(route: &'static str, key: Option<&str>, body: &Value) -> Request {
    Request {
        route,
        caller: Caller::trusted(Name::default(), "me".to_owned(), String::new()),
        path: BTreeMap::new(),
        query: BTreeMap::new(),
        idempotency_key: key.map(str::to_owned),
        if_match: None,
        body: body.to_string(),
    }
}

/// A task that may start in so many seconds, and not later than ten minutes from the sandbox's beginning.
fn starts_in(delay_s: u64) -> Value {
    json!({"task_type": "nothing", "payload": {}, "delay_s": delay_s, "expires_at": "2026-01-01T00:10:00Z"})
}

const LATE: Duration = Duration::from_secs(3600);

/// How each task of the batch is answered: its status, the field that is wrong, whether it was there.
async fn batched(sandbox: &Sandbox, key: Option<&str>, tasks: &Value) -> Vec<(u64, Value, bool)> {
    let answer = batch::answer(sandbox.app(), &request("EnqueueBatch", key, &json!({"tasks": tasks}))).await.unwrap();
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    let items = answer["items"].as_array().unwrap().iter();
    let said = |item: &Value| {
        let was_there = item["task"]["deduplicated"] == true;
        (item["status"].as_u64().unwrap(), item["error"]["field"].clone(), was_there)
    };
    items.map(said).collect()
}

/// One, one that follows it, and one that follows that.
fn chain(first: Value) -> Value {
    let named = |name: &str, after: &[&str], mut task: Value| {
        task["name"] = name.into();
        task["after"] = json!(after);
        task
    };
    let plain = || json!({"task_type": "nothing", "payload": {}});
    json!([named("a", &[], first), named("b", &["a"], plain()), named("c", &["b"], plain())])
}

#[tokio::test]
async fn what_follows_one_that_comes_too_late_is_not_taken() {
    for key in [None, Some("k")] {
        let sandbox = sandbox();
        let said = batched(&sandbox, key, &chain(starts_in(3600))).await;
        let refused = |field: &str| (400, json!(field), false);
        assert_eq!(said, [refused("expires_at"), refused("after"), refused("after")]);
        assert!(sandbox.tasks().is_empty());
    }
}

#[tokio::test]
async fn a_batch_that_was_taken_in_time_is_answered_as_it_was() {
    let sandbox = sandbox();
    let tasks = chain(starts_in(60));
    assert_eq!(batched(&sandbox, Some("k"), &tasks).await, vec![(201, Value::Null, false); 3]);
    sandbox.advance(LATE);
    assert_eq!(batched(&sandbox, Some("k"), &tasks).await, vec![(200, Value::Null, true); 3]);
}

async fn made(sandbox: &Sandbox, key: Option<&str>, body: &Value) -> Result<Answer, ApiError> {
    groups::make(sandbox.app(), &request("MakeGroup", key, body)).await
}

#[tokio::test]
async fn a_group_has_no_member_and_no_callback_that_comes_too_late() {
    let sandbox = sandbox();
    let (fine, late) = (starts_in(60), starts_in(3600));
    let mut common = late.clone();
    common.as_object_mut().unwrap().remove("payload");
    let wrong = [
        (json!({"tasks": [fine, late]}), "tasks[1].expires_at"),
        (json!({"task": common, "items": [{}]}), "items[0].expires_at"),
        (json!({"tasks": [fine], "then": late}), "then.expires_at"),
        (json!({"tasks": [fine], "on_failure": late}), "on_failure.expires_at"),
    ];
    for (body, field) in &wrong {
        let refused = made(&sandbox, Some("k"), body).await.unwrap_err();
        assert_eq!((refused.status, refused.field.as_deref()), (400, Some(*field)));
    }
    assert!(sandbox.tasks().is_empty());
}

#[tokio::test]
async fn a_group_that_was_made_in_time_is_answered_as_it_was() {
    let sandbox = sandbox();
    let body = json!({"tasks": [starts_in(60)], "then": starts_in(60)});
    let first = made(&sandbox, Some("k"), &body).await.unwrap();
    sandbox.advance(LATE);
    let again = made(&sandbox, Some("k"), &body).await.unwrap();
    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(sandbox.tasks().len(), 2);
}

#[tokio::test]
async fn nothing_is_added_to_a_group_that_comes_too_late() {
    let sandbox = sandbox();
    let body = json!({"tasks": [{"task_type": "nothing", "payload": {}, "delay_s": 86400}]});
    let group: Value = serde_json::from_str(&made(&sandbox, None, &body).await.unwrap().body).unwrap();
    let add = async |key: &str, task: Value| {
        let mut request = request("AddToGroup", Some(key), &json!({"tasks": [task]}));
        request.path.insert("id".to_owned(), group["id"].as_str().unwrap().to_owned());
        groups::add(sandbox.app(), &request).await
    };
    let refused = add("late", starts_in(3600)).await.unwrap_err();
    assert_eq!((refused.status, refused.field.as_deref()), (400, Some("tasks[0].expires_at")));
    assert_eq!(add("fine", starts_in(60)).await.unwrap().status, 200);
    sandbox.advance(LATE);
    assert_eq!(add("fine", starts_in(60)).await.unwrap().status, 200, "it was added when it was in time");
    assert_eq!(sandbox.tasks().len(), 2);
}
