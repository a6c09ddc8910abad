//! Takes tasks: over HTTP and from the intake queue, or by direct invoke. Validate, insert, notify.

mod any;
mod intake;
mod invoke;
#[cfg(feature = "lambda")]
mod run;
mod takes;

use std::sync::LazyLock;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use errand::{App, Priority, spi::queue::QueueName};
use errand_http::{Route, enqueue, gateway};

pub use any::any;
pub use intake::intake;
pub use invoke::invoke;
pub use takes::Takes;

#[cfg(feature = "lambda")]
pub use run::run;

/// The queues this function uses. It sends hints, and puts refused requests aside.
pub const QUEUES: &[QueueName] = &[
    QueueName::Work(Priority::Urgent),
    QueueName::Work(Priority::High),
    QueueName::Work(Priority::Medium),
    QueueName::Work(Priority::Low),
    QueueName::Long,
    QueueName::IntakeDeadLetter,
];

static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(enqueue::routes);

/// Answers `POST /v1/tasks` and `POST /v1/tasks/batch`.
pub async fn http(app: &App, event: ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
    gateway::serve(app, &ROUTES, event).await
}
