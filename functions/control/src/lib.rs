//! Every write by a caller but enqueueing: cancel, retry, process now, reschedule, records.

mod records;
mod tasks;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use shared::{
    api::{Answer, ApiError, Request, Route},
    app::App,
    lifecycle::Priority,
    queue::QueueName,
};

/// The queues this function uses. It sends hints.
pub const QUEUES: &[QueueName] = &[
    QueueName::Work(Priority::Urgent),
    QueueName::Work(Priority::High),
    QueueName::Work(Priority::Medium),
    QueueName::Work(Priority::Low),
    QueueName::Long,
];

/// Answers every `POST` to a task, and `PUT` and `PATCH` of records.
pub async fn http(app: &App, event: ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
    let request_id = event.request_context.request_id.clone().unwrap_or_default();
    let answered = match gateway::request(event) {
        Ok(request) => answer(app, request).await,
        Err(error) => Err(error),
    };
    gateway::response(answered, &request_id)
}

async fn answer(app: &App, request: Request) -> Result<Answer, ApiError> {
    match request.route {
        Route::CancelTask => tasks::cancel(app, &request).await,
        Route::RetryTask => tasks::retry(app, &request).await,
        Route::ProcessTask => tasks::process(app, &request).await,
        Route::RescheduleTask => tasks::reschedule(app, &request).await,
        Route::PutRecord => records::put(app, &request).await,
        Route::PatchRecord => records::patch(app, &request).await,
        other => Err(ApiError::not_found(format!("{other:?} is not served here"))),
    }
}
