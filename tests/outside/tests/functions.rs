//! Through the functions' libraries, over a store and queues in memory: what Lambda does, without Lambda.

use std::{sync::Arc, time::Duration};

use aws_lambda_events::{
    apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse},
    encodings::Body,
    sqs::SqsEvent,
};
use errand::{
    App, Priority, Services, Timestamp,
    spi::{
        clock::ManualClock,
        queue::{MemoryQueue, QueueName},
        store::MemoryStore,
    },
};
use errand_local::mapping::sqs_message;
use outside::{Mailer, types};
use serde_json::{Value, json};

const WORK: QueueName = QueueName::Work(Priority::Medium);

/// A request as API Gateway hands it on.
fn request(route: &str, parameters: &[(&str, &str)], body: Option<&Value>) -> ApiGatewayV2httpRequest {
    let mut event = ApiGatewayV2httpRequest::default();
    event.route_key = Some(route.to_owned());
    event.request_context.request_id = Some("r-1".to_owned());
    let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    event.path_parameters = parameters.collect();
    event.body = body.map(Value::to_string);
    event
}

fn answered(response: ApiGatewayV2httpResponse) -> (i64, Value) {
    let Some(Body::Text(text)) = response.body else { panic!("no text: {response:?}") };
    (response.status_code, serde_json::from_str(&text).unwrap())
}

#[tokio::test]
async fn a_task_of_an_own_type_is_taken_run_and_shown() {
    let clock = Arc::new(ManualClock::at(Timestamp::default()));
    let (store, queue) = (Arc::new(MemoryStore::default()), Arc::new(MemoryQueue::new(clock.clone())));
    let (mailer, services) = (Mailer::default(), Services::new(store, queue.clone(), clock));
    let app = App::new(services, types(mailer.clone()).checked().unwrap());

    let asked = json!({"task_type": "send_invoice", "payload": {"customer": "ada", "cents": 1250}});
    let (status, task) = answered(enqueue::http(&app, request("POST /v1/tasks", &[], Some(&asked))).await);
    assert_eq!((status, &task["status"]), (201, &json!("pending")), "{task}");

    let mut event = SqsEvent::default();
    let messages = queue.receive(WORK, 10, Duration::from_secs(60));
    event.records = messages.into_iter().map(|message| sqs_message(WORK, message)).collect();
    assert_eq!(event.records.len(), 1);
    assert_eq!(process_task::handle(&app, event, None).await.batch_item_failures, []);

    let id = task["id"].as_str().unwrap();
    let (status, task) = answered(status::http(&app, request("GET /v1/tasks/{id}", &[("id", id)], None)).await);
    assert_eq!((status, &task["status"]), (200, &json!("completed")), "{task}");
    assert_eq!(mailer.sent(), ["ada owes 12.50"]);
    let parameters = [("kind", "invoice"), ("id", task["output"]["invoice"].as_str().unwrap())];
    let (status, invoice) =
        answered(status::http(&app, request("GET /v1/records/{kind}/{id}", &parameters, None)).await);
    assert_eq!((status, &invoice["customer"], &invoice["cents"]), (200, &json!("ada"), &json!(1250)), "{invoice}");
}

#[tokio::test]
async fn what_an_own_kind_of_records_allows_is_written_by_the_function_control() {
    let clock = Arc::new(ManualClock::at(Timestamp::default()));
    let queue = Arc::new(MemoryQueue::new(clock.clone()));
    let services = Services::new(Arc::new(MemoryStore::default()), queue, clock);
    let app = App::new(services, types(Mailer::default()).checked().unwrap());
    let put = async |body: Value| {
        let parameters = [("kind", "invoice"), ("id", "i")];
        answered(control::http(&app, request("PUT /v1/records/{kind}/{id}", &parameters, Some(&body))).await)
    };
    let (status, written) = put(json!({"customer": "ada", "cents": 5})).await;
    assert_eq!((status, &written["cents"]), (201, &json!(5)), "{written}");
    let (status, refused) = put(json!({"customer": "ada", "cents": 5, "colour": "red"})).await;
    assert_eq!((status, &refused["error"]["field"]), (400, &json!("colour")));
}
