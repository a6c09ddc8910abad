//! Every read: tasks, their log, lists, counts, records, events, runs, sessions, agents, runners, task types, health, and
//! the document of the API.

#[cfg(feature = "lambda")]
mod run;

use std::sync::LazyLock;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use errand::{App, Priority, spi::queue::QueueName};
use errand_agents::routes;
use errand_http::{Route, gateway};

#[cfg(feature = "lambda")]
pub use run::run;

/// The queues this function uses. It looks whether they answer.
pub const QUEUES: &[QueueName] = &[
    QueueName::Work(Priority::Urgent),
    QueueName::Work(Priority::High),
    QueueName::Work(Priority::Medium),
    QueueName::Work(Priority::Low),
    QueueName::Long,
    QueueName::DeadLetter,
    QueueName::IntakeDeadLetter,
];

static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(routes::status::routes);

/// Answers every `GET`.
pub async fn http(app: &App, event: ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
    gateway::serve(app, &ROUTES, event).await
}
