//! Every write by a caller but enqueueing: cancel, retry, process now, reschedule, read marks, records.

mod read;
mod records;
mod tasks;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use shared::{
    api::{Answer, ApiError, Request, Route},
    app::App,
    queue::QueueName,
};

/// The queues this function uses. It sends hints.
pub const QUEUES: &[QueueName] = &QueueName::WORK;

/// Answers every `POST` to a task, and `PUT` and `PATCH` of records.
pub async fn http(app: &App, event: ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
    gateway::serve(event, |request| answer(app, request)).await
}

async fn answer(app: &App, request: Request) -> Result<Answer, ApiError> {
    match request.route {
        Route::CancelTask => tasks::cancel(app, &request).await,
        Route::RetryTask => tasks::retry(app, &request).await,
        Route::ProcessTask => tasks::process(app, &request).await,
        Route::RescheduleTask => tasks::reschedule(app, &request).await,
        Route::ReadTask => read::task(app, &request).await,
        Route::PutRecord => records::put(app, &request).await,
        Route::PatchRecord => records::patch(app, &request).await,
        other => Err(ApiError::not_found(format!("{other:?} is not served here"))),
    }
}
