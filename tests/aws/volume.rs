//! Many tasks, each of them delivered twice, to two processes at once.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::Message;
use futures::{StreamExt, future::join, stream};
use integration_tests::{
    aws::{Lambda, Stack},
    events::{Call, sqs_event},
};
use serde_json::{Value, json};

use super::{MEDIUM, scripted, with};

const TASKS: usize = 2000;

/// Each has its own credit: what was applied twice shows in their sums.
const USERS: usize = 20;

/// Batches in hand at a time, each in both processes.
const WIDTH: usize = 8;

#[tokio::test]
async fn two_thousand_tasks_delivered_twice_are_executed_once() {
    let stack = Stack::start().await;
    for user in 0..USERS {
        stack.call(&Call::put(&format!("/v1/records/user/u{user}"), &json!({}))).await.body(201);
    }
    let ids = enqueue_all(&stack).await;
    assert_eq!(ids.len(), TASKS);

    let [one, other] = [stack.new_app(Lambda::ProcessTask), stack.new_app(Lambda::ProcessTask)];
    let (messages, arn) = (messages(&ids), stack.arn(MEDIUM));
    let batches = stream::iter(messages.chunks(10).map(|batch| sqs_event(&arn, batch)));
    let again = batches.map(|event| {
        let (one, other) = (&one, &other);
        async move {
            let (a, b) =
                join(process_task::handle(one, event.clone(), None), process_task::handle(other, event, None)).await;
            a.batch_item_failures.len() + b.batch_item_failures.len()
        }
    });
    let again: usize = again.buffer_unordered(WIDTH).collect::<Vec<_>>().await.into_iter().sum();
    assert_eq!(again, 0);

    let counted = count(&stack).await;
    let wanted = [("executions", TASKS), ("log rows", TASKS), ("marks", TASKS), ("credit events", TASKS)];
    assert_eq!(counted, BTreeMap::from(wanted));
    for user in 0..USERS {
        let user = stack.call(&Call::get(&format!("/v1/records/user/u{user}"))).await.body(200);
        assert_eq!(user["credits"], json!(3 * TASKS / USERS), "{user}");
    }
}

async fn enqueue_all(stack: &Stack) -> Vec<String> {
    let request = |n: usize| {
        let user = json!({"user_id": format!("u{}", n % USERS)});
        with(scripted(json!({"mark": format!("m{n}"), "credit": 3})), user)
    };
    let batches = (0..TASKS / 100).map(|batch| {
        let tasks: Vec<Value> = (batch * 100..batch * 100 + 100).map(request).collect();
        let call = Call::post("/v1/tasks/batch", &json!({"tasks": tasks}));
        async move { stack.call(&call).await.body(200) }
    });
    let answers: Vec<Value> = stream::iter(batches).buffer_unordered(2).collect().await;
    let items = answers.iter().flat_map(|answer| answer["items"].as_array().unwrap());
    items.map(|item| item["task"]["id"].as_str().unwrap().to_owned()).collect()
}

/// The messages that SQS would deliver. Made here: MiniStack's receives grow slow with so many.
fn messages(ids: &[String]) -> Vec<Message> {
    let message = |id: &String| {
        let body = json!({"tenant": "default", "task": id}).to_string();
        Message::builder().message_id(id).receipt_handle(id).body(body).build()
    };
    ids.iter().map(message).collect()
}

/// What the tables hold.
async fn count(stack: &Stack) -> BTreeMap<&'static str, usize> {
    let mut counted = BTreeMap::from(["executions", "log rows", "marks", "credit events"].map(|what| (what, 0)));
    let mut add = |what: &'static str, n: usize| *counted.get_mut(what).unwrap() += n;
    for table in [&stack.tables.tasks, &stack.tables.log] {
        let scan = stack.dynamo.scan().table_name(table).consistent_read(true).into_paginator().items().send();
        for item in scan.collect::<Result<Vec<_>, _>>().await.unwrap() {
            let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str);
            match item.get("e").and_then(|value: &AttributeValue| value.as_n().ok()) {
                _ if table == &stack.tables.log => add("log rows", 1),
                Some(executions) => add("executions", executions.parse().unwrap()),
                None if text("pk").contains("#scripted#") => add("marks", 1),
                None if text("pk").contains("#credit_event#") => add("credit events", 1),
                None => {}
            }
        }
    }
    counted
}
