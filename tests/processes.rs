//! The functions as Lambda runs them: their binaries, with the template's variables, fed by the Runtime API.

use std::{collections::BTreeMap, fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use errand::{
    Priority,
    spi::queue::{QueueName, TRACE_ATTRIBUTE},
};
use errand_aws::queue_variable;
use integration_tests::{
    aws::{Lambda, Stack},
    events::{Call, REQUEST_ID, sqs_json},
    ministack,
    relay::stream_record,
    runtime_api::{Function, TRACE, refusal},
};
use serde_json::{Value, json};

use crate::drift::{DASHBOARD, variables};

const MEDIUM: QueueName = QueueName::Work(Priority::Medium);

fn binary(of: Lambda) -> &'static Path {
    Path::new(match of {
        Lambda::Enqueue => env!("CARGO_BIN_EXE_lambda-enqueue"),
        Lambda::ProcessTask => env!("CARGO_BIN_EXE_lambda-process-task"),
        Lambda::Poller => env!("CARGO_BIN_EXE_lambda-poller"),
        Lambda::Status => env!("CARGO_BIN_EXE_lambda-status"),
        Lambda::Control => env!("CARGO_BIN_EXE_lambda-control"),
        Lambda::Mcp => env!("CARGO_BIN_EXE_lambda-mcp"),
        Lambda::Relay => env!("CARGO_BIN_EXE_lambda-relay"),
    })
}

/// The variables that the template gives the function `id`, leading to `stack`.
fn environment(stack: &Stack, id: &str, of: Lambda) -> BTreeMap<String, String> {
    let mut given = variables(id);
    let mut set = |name: &str, value: &str| {
        assert!(given.contains_key(name), "the template gives {of:?} no {name}");
        given.insert(name.to_owned(), value.to_owned());
    };
    set("ERRAND_TASKS_TABLE", &stack.tables.tasks);
    set("ERRAND_LOG_TABLE", &stack.tables.log);
    of.queues().iter().for_each(|queue| set(&queue_variable(*queue), &stack.urls[queue]));
    if given.contains_key("ERRAND_EVENT_BUS") {
        given.insert("ERRAND_EVENT_BUS".to_owned(), stack.bus.clone());
    }
    let endpoint = ministack::endpoint().unwrap_or_else(|error| panic!("{error}"));
    given.remove("ERRAND_WEBHOOK_URL"); // given only to those who have one
    given.insert("AWS_ENDPOINT_URL".to_owned(), endpoint.to_owned());
    given
}

async fn start(stack: &Stack, of: Lambda) -> Function {
    start_as(stack, &format!("{of:?}Function"), of).await
}

async fn start_as(stack: &Stack, id: &str, of: Lambda) -> Function {
    Function::start(binary(of), &environment(stack, id, of)).await
}

/// The JSON in the body of an HTTP answer with this status.
fn body(answer: &Result<Value, Value>, status: u16) -> Value {
    let answer = answer.as_ref().unwrap();
    assert_eq!(answer["statusCode"], status, "{answer:#}");
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn every_function_starts_and_does_its_part_of_a_tasks_life() {
    let stack = Stack::start().await;
    let mut enqueue = start(&stack, Lambda::Enqueue).await;
    let mut intake = start_as(&stack, "IntakeFunction", Lambda::Enqueue).await;
    let mut process_task = start(&stack, Lambda::ProcessTask).await;
    let (mut poller, mut status) = (start(&stack, Lambda::Poller).await, start(&stack, Lambda::Status).await);
    let mut control = start(&stack, Lambda::Control).await;
    let (mut relay, bus) = (start(&stack, Lambda::Relay).await, stack.listen().await);

    let request = json!({"task_type": "scripted", "payload": {"publish": "thing.happened"}, "delay_s": 3600});
    let task = body(&intake.invoke(&Call::post("/v1/tasks", &request).json()).await, 201);
    let id = task["id"].as_str().unwrap();
    let now = Call::post(&format!("/v1/tasks/{id}/process"), &json!({"force": true}));
    assert_eq!(body(&control.invoke(&now.json()).await, 200)["status"], "pending");
    let event = sqs_json(&stack.arn(MEDIUM), &stack.receive(MEDIUM).await);
    assert_eq!(process_task.invoke(&event).await, Ok(json!({"batchItemFailures": []})));
    let report = poller.invoke(&json!({"source": "aws.scheduler"})).await.unwrap();
    assert_eq!((&report["published"], &report["complete"]), (&json!(0), &json!(true)));
    let event = stream_record("1", None, Some(&stack.owed().await[0]));
    let answer = relay.invoke(&json!({"Records": [event]})).await.unwrap();
    assert_eq!(answer["batchItemFailures"], json!([]));
    assert_eq!(stack.heard(&bus).await[0]["detail-type"], "thing.happened");
    let done = body(&status.invoke(&Call::get(&format!("/v1/tasks/{id}")).json()).await, 200);
    assert_eq!((&done["status"], &done["executions"]), (&json!("completed"), &json!(1)));

    // The other ways in, and what is wrong with an invoke is its answer.
    stack.send(QueueName::Intake, &request.to_string(), &[]).await;
    let event = sqs_json(&stack.arn(QueueName::Intake), &stack.receive(QueueName::Intake).await);
    assert_eq!(intake.invoke(&event).await, Ok(json!({"batchItemFailures": []})));
    assert_eq!(enqueue.invoke(&event).await.unwrap()["error"]["code"], "invalid");
    assert_eq!(intake.invoke(&request).await.unwrap()["error"]["code"], "forbidden");
    assert_eq!(enqueue.invoke(&request).await.unwrap()["status"], "pending");
    assert_eq!(enqueue.invoke(&json!({})).await.unwrap()["error"]["code"], "invalid");
}

#[tokio::test]
async fn a_trace_comes_from_sqs_and_counts_and_lines_are_what_cloudwatch_reads() {
    let stack = Stack::start().await;
    let mut intake = start_as(&stack, "IntakeFunction", Lambda::Enqueue).await;
    let mut process_task = start(&stack, Lambda::ProcessTask).await;
    let mut poller = start(&stack, Lambda::Poller).await;

    let request = json!({"task_type": "scripted", "payload": {"acts": ["panic"]}, "max_retries": 0});
    let task = body(&intake.invoke(&Call::post("/v1/tasks", &request).json()).await, 201);
    let mut event = sqs_json(&stack.arn(MEDIUM), &stack.receive(MEDIUM).await);
    // MiniStack loses it with a message that is sent in a batch; SQS keeps it.
    event["Records"][0]["attributes"][TRACE_ATTRIBUTE] = TRACE.into();
    process_task.invoke(&event).await.unwrap();
    poller.invoke(&json!({"source": "aws.scheduler"})).await.unwrap();

    let line = process_task.line(|line| line.contains("task failed for good")).await;
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["task.id"], &line["request_id"]), (&task["id"], &json!(REQUEST_ID)));
    assert_eq!((&line["level"], TRACE.strip_prefix("Root=")), (&json!("WARN"), line["xray_trace_id"].as_str()));

    let mut counted = Vec::new();
    for (function, metric) in
        [(&process_task, "Executions"), (&process_task, "HandleTime"), (&poller, "Polls"), (&poller, "OldestDue")]
    {
        let wanted = format!("\"Name\":\"{metric}\"");
        let mut line: Value = serde_json::from_str(&function.line(|line| line.contains(&wanted)).await).unwrap();
        let written = line["_aws"]["Timestamp"].take().as_u64();
        assert!(written.is_some_and(|ms| ms > 1_700_000_000_000), "{written:?}");
        counted.push(line);
    }
    counted.dedup(); // some share a line
    let [count, took, polled] = &mut counted[..] else { panic!("{counted:#?}") };
    took["HandleTime"][0].take();
    insta::assert_json_snapshot!([count, took, polled]);

    // Where it panicked, and not what it said.
    process_task.line(|line| line.contains("handlers/scripted.rs")).await;
    assert!(!process_task.said().concat().contains("told to panic"), "{:#?}", process_task.said());
}

#[test]
fn a_function_that_misses_a_variable_refuses_to_start_and_names_it() {
    for of in Lambda::ALL {
        let given = variables(&format!("{of:?}Function"));
        let tables = ["ERRAND_TASKS_TABLE".to_owned(), "ERRAND_LOG_TABLE".to_owned()];
        for name in tables.into_iter().chain(of.queues().iter().map(|queue| queue_variable(*queue))) {
            let mut given = given.clone();
            given.remove(&name).unwrap();
            let output = refusal(binary(of), &given);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success());
            assert_eq!(said, format!("Error: the environment variable {name} is not set\n"), "{of:?}");
        }
    }
}

#[tokio::test]
async fn the_function_of_the_page_serves_it_and_refuses_to_start_with_what_could_change_its_policy() {
    let page = Path::new(env!("CARGO_BIN_EXE_lambda-dashboard"));
    let given = variables(DASHBOARD);
    let mut function = Function::start(page, &given).await;
    let event = json!({"version": "2.0", "routeKey": ::dashboard::PAGE, "headers": {"accept-encoding": "br"},
        "requestContext": {"http": {"method": "GET"}}});
    let answer = function.invoke(&event).await.unwrap();
    assert_eq!((&answer["statusCode"], &answer["isBase64Encoded"]), (&json!(200), &json!(true)));
    let policy = answer["headers"]["content-security-policy"].as_str().unwrap();
    assert!(policy.contains("connect-src 'self' https://issuer.example https://login.example;"), "{policy}");
    let html = String::from_utf8(STANDARD.decode(answer["body"].as_str().unwrap()).unwrap()).unwrap();
    assert!(html.contains("errand-sign-in"), "{html}");

    let wrong = [("ERRAND_DASHBOARD_CONNECT".to_owned(), "https://a; script-src *".to_owned())];
    let output = refusal(page, &given.into_iter().chain(wrong).collect());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    let expected = "Error: the environment variable ERRAND_DASHBOARD_CONNECT is \"https://a; script-src *\": \"https://a;\" is no origin: ";
    assert!(said.starts_with(expected), "{said}");
}

/// What the AWS SDK's clients say of where they may get their rights.
const SDK: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";

#[test]
fn the_function_of_the_page_alone_links_nothing_that_asks_aws() {
    let links = |binary: &Path| fs::read(binary).unwrap().windows(SDK.len()).any(|window| window == SDK.as_bytes());
    assert!(links(binary(Lambda::Status)));
    assert!(!links(Path::new(env!("CARGO_BIN_EXE_lambda-dashboard"))));
}

/// What only reqwest's client says.
const REQWEST: &str = "CRLs only allowed with tls_certs_only()";

#[test]
fn a_function_that_calls_nobody_outside_links_no_http_client_but_the_sdks() {
    for of in Lambda::ALL {
        // Handlers call whom they like; the poller posts to the webhook, and `control` when it is asked to poll.
        let calls = match of {
            Lambda::ProcessTask | Lambda::Poller | Lambda::Control => true,
            Lambda::Enqueue | Lambda::Status | Lambda::Mcp | Lambda::Relay => false,
        };
        let code = fs::read(binary(of)).unwrap();
        let links = code.windows(REQWEST.len()).any(|window| window == REQWEST.as_bytes());
        assert_eq!(links, calls, "{of:?}: the text {REQWEST:?} is in what calls others, and in nothing else");
    }
}
