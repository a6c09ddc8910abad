//! Calls the functions over a store and queues in memory, as the one-machine deployment does.

use aws_lambda_events::{
    apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse},
    encodings::Body,
    sqs::SqsEvent,
};
use errand::{
    App,
    spi::queue::{MemoryQueue, QueueName, Received},
};
use errand_agents::ROUTES;
use errand_http::Route;
use errand_local::mapping::sqs_message;
use futures::FutureExt;
use serde_json::Value;
use uuid::Uuid;

use crate::{described::assert_described, events::REQUEST_ID};

/// Asks `app` over HTTP: status and answer, which must be as it is described.
pub async fn request(app: &App, route: &str, id: Option<Uuid>, body: &Value, key: Option<&str>) -> (u16, Value) {
    let mut event = ApiGatewayV2httpRequest::default();
    event.route_key = Some(route.to_owned());
    event.request_context.request_id = Some(REQUEST_ID.to_owned());
    event.path_parameters = id.into_iter().map(|id| ("id".to_owned(), id.to_string())).collect();
    event.headers = key
        .into_iter()
        .map(|key| (http::HeaderName::from_static("idempotency-key"), key.parse().expect("a header")))
        .collect();
    event.body = (!body.is_null()).then(|| body.to_string());
    // Boxed, as in `events::Call::answer`.
    let response = match route {
        "POST /v1/tasks" | "POST /v1/tasks/batch" | "POST /v1/groups" => enqueue::http(app, event).boxed(),
        get if get.starts_with("GET ") => status::http(app, event).boxed(),
        _ => control::http(app, event).boxed(),
    };
    let (status, answer) = read(&response.await);
    assert_described(Route::find(&ROUTES, route).expect("a route"), status, &answer);
    (status, answer)
}

fn read(response: &ApiGatewayV2httpResponse) -> (u16, Value) {
    let Some(Body::Text(body)) = &response.body else { panic!("no body: {response:?}") };
    (u16::try_from(response.status_code).expect("a status"), serde_json::from_str(body).expect("JSON"))
}

/// Has `app` process messages received from `from`, and deletes those it does not want again.
pub async fn process(app: &App, queue: &MemoryQueue, from: QueueName, received: Vec<Received>) {
    let mut event = SqsEvent::default();
    event.records = received.iter().map(|message| sqs_message(from, message.clone())).collect();
    let failures = process_task::handle(app, event, None).boxed().await.batch_item_failures;
    for message in received {
        if !failures.iter().any(|failure| failure.item_identifier == message.id) {
            queue.delete(from, &message.receipt);
        }
    }
}
