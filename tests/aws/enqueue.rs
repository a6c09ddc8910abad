//! The ways in: HTTP, the intake queue, direct invoke.

use errand::spi::queue::QueueName;
use integration_tests::{
    aws::{Depth, Lambda, Stack},
    events::Call,
};
use serde_json::{Value, json};

use super::{MEDIUM, on_every_queue, scripted, with};

const ONE: Depth = Depth { visible: 1, hidden: 0, delayed: 0 };

#[tokio::test]
async fn a_key_and_payload_are_one_task_and_one_message() {
    by_http(&Stack::start().await).await;
}

pub(super) async fn by_http(stack: &Stack) {
    let request = with(scripted(json!({"ballast": "x"})), json!({"idempotency_key": "k"}));
    let signed = Call::post("/v1/tasks", &request).signed_by("arn:aws:iam::1:user/ada");
    let new = stack.call(&signed).await.body(201);
    assert_eq!((&new["deduplicated"], &new["created_by"]), (&json!(false), &json!("arn:aws:iam::1:user/ada")));
    let same = stack.call(&signed).await.body(200);
    assert_eq!((&same["deduplicated"], &same["id"]), (&json!(true), &new["id"]));
    assert_eq!(stack.depth(MEDIUM).await, ONE);

    let other = with(scripted(json!({"ballast": "y"})), json!({"idempotency_key": "k"}));
    let (status, code, field, message) = stack.call(&Call::post("/v1/tasks", &other)).await.error();
    assert_eq!((status, code.as_str(), field.as_str()), (409, "conflict", "idempotency_key"));
    assert!(message.contains(new["id"].as_str().unwrap()), "{message}");
}

#[tokio::test]
async fn a_large_payload_is_found_again_and_another_is_a_conflict() {
    large_payloads(&Stack::start().await).await;
}

/// Such payloads are items of their own: none is put for nothing.
pub(super) async fn large_payloads(stack: &Stack) {
    let request =
        |letter: &str| with(scripted(json!({"ballast": letter.repeat(10_240)})), json!({"idempotency_key": "large"}));
    let new = stack.call(&Call::post("/v1/tasks", &request("x"))).await.body(201);
    let same = stack.call(&Call::post("/v1/tasks", &request("x"))).await.body(200);
    assert_eq!(same["payload"], new["payload"]);
    stack.call(&Call::post("/v1/tasks", &request("y"))).await.body(409);
    assert_eq!(tasks_items(stack).await, 2, "the task, and its payload alone");
}

#[tokio::test]
async fn a_task_rides_the_queue_of_its_priority_and_a_long_one_its_own() {
    batch(&Stack::start().await).await;
}

pub(super) async fn batch(stack: &Stack) {
    let wanted = on_every_queue(&scripted(json!({})));
    let mut tasks: Vec<Value> = wanted.iter().map(|(_, request)| request.clone()).collect();
    tasks.insert(2, json!({"task_type": "make_tea", "payload": {}}));
    let answer = stack.call(&Call::post("/v1/tasks/batch", &json!({"tasks": tasks}))).await.body(200);
    let statuses: Vec<_> = answer["items"].as_array().unwrap().iter().map(|item| item["status"].as_u64()).collect();
    assert_eq!(statuses, [201, 201, 400, 201, 201, 201].map(Some));
    for (queue, _) in wanted {
        assert_eq!(stack.depth(queue).await, ONE, "{queue:?}");
    }
}

#[tokio::test]
async fn a_group_is_made_added_to_and_waited_for() {
    groups(&Stack::start().await).await;
}

pub(super) async fn groups(stack: &Stack) {
    let later = with(scripted(json!({})), json!({"delay_s": 3600}));
    let body = json!({"tasks": [scripted(json!({})), later], "then": scripted(json!({"mark": "then"}))});
    let make = || Call::post("/v1/groups", &body).header("idempotency-key", "g");
    let made = stack.call(&make()).await.body(201);
    assert_eq!(stack.call(&make()).await.body(200)["id"], made["id"]);
    let group = format!("/v1/groups/{}", made["id"].as_str().unwrap());
    let more = json!({"tasks": [scripted(json!({}))]});
    let add = Call::post(&format!("{group}/tasks"), &more).header("idempotency-key", "more");
    assert_eq!(stack.call(&add).await.body(200)["total"], 3);
    assert!(stack.deliver(MEDIUM).await.again.is_empty());
    assert_eq!(stack.call(&Call::get(&group)).await.body(200)["ended"], 2);
    stack.call(&Call::post(&format!("{group}/cancel"), &json!({}))).await.body(200);
    let members = stack.call(&Call::get(&format!("{group}/tasks"))).await.body(200);
    let statuses: Vec<_> = members["items"].as_array().unwrap().iter().map(|item| &item["task"]["status"]).collect();
    assert_eq!(statuses, ["completed", "cancelled", "completed"]);
    let listed = stack.call(&Call::get("/v1/groups")).await.body(200);
    assert_eq!((&listed["count"], &listed["items"][0]["id"]), (&json!(1), &made["id"]));

    // It is over as it is made: what waits for its failure waits for nothing.
    let empty = json!({"tasks": [], "on_failure": scripted(json!({}))});
    assert_eq!(stack.call(&Call::post("/v1/groups", &empty)).await.body(201)["status"], "completed");

    let named = |name: &str, after: &[&str]| with(scripted(json!({})), json!({"name": name, "after": after}));
    let chain = json!({"tasks": [named("a", &[]), named("b", &["a"])]});
    let taken = stack.call(&Call::post("/v1/tasks/batch", &chain)).await.body(200);
    assert_eq!(taken["items"][1]["task"]["status"], "waiting");
}

#[tokio::test]
async fn bad_messages_of_an_intake_batch_are_put_aside_with_the_reason_and_harm_no_other() {
    by_intake(&Stack::start().await).await;
}

pub(super) async fn by_intake(stack: &Stack) {
    let good = scripted(json!({})).to_string();
    let keyed = with(scripted(json!({})), json!({"idempotency_key": "k"})).to_string();
    let sent: [(&str, &[(&str, &str)]); 10] = [
        (&good, &[]),
        ("tea, please", &[]),
        (&good, &[("tenant", "acme")]),
        (r#"{"task_type": "make_tea", "payload": {}}"#, &[]),
        (&keyed, &[]),
        (r#"{"task_type": "scripted", "payload": {}, "colour": 1}"#, &[]),
        (&keyed, &[]),
        (&good, &[("tenant", "a/b#c")]),
        (&good, &[("trace", "1-2-3")]),
        (r#"{"task_type": "scripted", "payload": {"acts": ["sing"]}}"#, &[]),
    ];
    for (body, attributes) in sent {
        stack.send(QueueName::Intake, body, attributes).await;
    }
    let delivered = stack.deliver(QueueName::Intake).await;
    assert_eq!((delivered.messages.len(), delivered.again.len()), (10, 0));
    let sends = |to: &str| stack.uses(Lambda::Enqueue)[&("sqs:SendMessage".to_owned(), to.to_owned())];
    assert_eq!((sends("MediumQueue"), sends("IntakeDeadLetterQueue")), (1, 1), "a batch is sent as batches");

    let mut letters: Vec<[String; 3]> = Vec::new();
    for letter in stack.receive(QueueName::IntakeDeadLetter).await {
        let attributes = letter.message_attributes().unwrap();
        let text = |name: &str| attributes[name].string_value().unwrap().to_owned();
        letters.push([letter.body().unwrap().to_owned(), text("error_code"), text("error_message")]);
    }
    letters.sort();
    let problems = [
        (3, "task_type: unknown task type `make_tea`; known are "),
        (5, "colour: unknown field `colour`"),
        (9, "payload.acts[0]: unknown variant `sing`, expected one of "),
        (1, "not JSON: expected "),
        (7, "tenant: expected 1 to 64 of the characters A-Z a-z 0-9 _ . -"),
    ];
    assert_eq!(letters.len(), problems.len(), "{letters:?}");
    for (place, problem) in problems {
        let fits = |[body, code, message]: &&[String; 3]| {
            body == sent[place].0 && code == "invalid" && message.starts_with(problem)
        };
        assert!(letters.iter().any(|letter| fits(&letter)), "{problem}: {letters:#?}");
    }

    // The five good ones are four tasks: two have one key. SQS may deliver any of them once more.
    assert_eq!(tasks_items(stack).await, 4);
    let is_good = |place: usize| delivered.messages.iter().filter(move |m| m.body() == Some(sent[place].0));
    let again = is_good(0).chain(is_good(4)).cloned().collect();
    assert!(stack.deliver_these(QueueName::Intake, again).await.again.is_empty());
    assert_eq!(tasks_items(stack).await, 4, "a redelivery made a second task");
    let acme = Call::get("/v1/tasks").header("x-errand-tenant", "acme");
    assert_eq!(stack.call(&acme).await.body(200)["count"], 1);
}

#[tokio::test]
async fn an_invoke_that_lambda_repeats_is_one_task() {
    by_invoke(&Stack::start().await).await;
}

pub(super) async fn by_invoke(stack: &Stack) {
    let app = stack.app(Lambda::Enqueue);
    let event = with(scripted(json!({})), json!({"tenant": "acme"}));
    let new = enqueue::invoke(app, event.clone(), "invocation-1").await.unwrap();
    assert_eq!((&new["tenant"], &new["deduplicated"]), (&json!("acme"), &json!(false)));
    let same = enqueue::invoke(app, event.clone(), "invocation-1").await.unwrap();
    assert_eq!((&same["id"], &same["deduplicated"]), (&new["id"], &json!(true)));
    let other = enqueue::invoke(app, event, "invocation-2").await.unwrap();
    assert_ne!(other["id"], new["id"]);
}

/// How many items the table of tasks has.
async fn tasks_items(stack: &Stack) -> i32 {
    let scan = stack.dynamo.scan().table_name(&stack.tables.tasks).consistent_read(true);
    scan.send().await.unwrap().count
}
