//! Takes tasks: over HTTP and from the intake queue, or by direct invoke. Validate, insert, notify.

mod accept;
mod any;
mod batch;
mod intake;
mod invoke;
#[cfg(feature = "lambda")]
mod run;
mod takes;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use errand::{app::App, lifecycle::Priority, queue::QueueName};
use errand_http::{Answer, ApiError, Request, Route, TaskRequest, gateway};

pub use accept::{accept, accept_one};
use accept::{status, view};
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

/// Answers `POST /v1/tasks` and `POST /v1/tasks/batch`.
pub async fn http(app: &App, event: ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
    gateway::serve(event, |request| answer(app, request)).await
}

async fn answer(app: &App, request: Request) -> Result<Answer, ApiError> {
    request.only_query(&[])?;
    match request.route {
        Route::EnqueueTask => one(app, &request).await,
        Route::EnqueueBatch => batch::answer(app, &request).await,
        other => Err(ApiError::not_found(format!("{other:?} is not served here"))),
    }
}

async fn one(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let mut task: TaskRequest = request.json()?;
    task.idempotency_key = request.key_beside(task.idempotency_key)?;
    let accepted = accept_one(app, request.caller.clone(), task).await?;
    Ok(Answer::json(status(&accepted), &view(&accepted)))
}
