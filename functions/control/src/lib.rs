//! Every write by a caller but enqueueing: cancel, retry, process now, reschedule, read marks, redrive, poll, records,
//! agent runs.

#[cfg(feature = "lambda")]
mod run;

use std::sync::LazyLock;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use errand::{App, spi::queue::QueueName};
use errand_agents::routes;
use errand_http::{Route, gateway};

#[cfg(feature = "lambda")]
pub use run::run;

/// The queues this function uses. It sends hints, and what a poll owes.
pub const QUEUES: &[QueueName] = &QueueName::WORK_AND_DEAD_LETTER;

static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(routes::control::routes);

/// Answers every `POST`, `PUT` and `PATCH` but those that enqueue.
pub async fn http(app: &App, event: ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
    gateway::serve(app, &ROUTES, event).await
}
