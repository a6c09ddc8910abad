//! Every write by a caller but enqueueing: cancel, retry, process now, reschedule, read marks, redrive, poll, records,
//! agent runs.

mod commands;
mod once;
mod read;
mod records;
mod redrive;
#[cfg(feature = "lambda")]
mod run;
mod runner;
mod runs;
mod tasks;

use std::time::Duration;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use errand::{app::App, queue::QueueName};
use errand_http::{Answer, ApiError, PollRequest, Request, Route, gateway};

#[cfg(feature = "lambda")]
pub use run::run;

/// The queues this function uses. It sends hints, and what a poll owes.
pub const QUEUES: &[QueueName] = &QueueName::WORK_AND_DEAD_LETTER;

/// How long a poll that is asked for goes on: the API waits 30 s.
const POLL_BUDGET: Duration = Duration::from_secs(25);

/// Answers every `POST`, `PUT` and `PATCH` but those that enqueue.
pub async fn http(app: &App, event: ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
    gateway::serve(event, |request| answer(app, request)).await
}

async fn answer(app: &App, request: Request) -> Result<Answer, ApiError> {
    request.only_query(&[])?;
    match request.route {
        Route::CancelTask => tasks::cancel(app, &request).await,
        Route::RetryTask => tasks::retry(app, &request).await,
        Route::ProcessTask => tasks::process(app, &request).await,
        Route::RescheduleTask => tasks::reschedule(app, &request).await,
        Route::ReadTask => read::task(app, &request).await,
        Route::RedriveDeadLetters => redrive::redrive(app, &request).await,
        Route::RunPoll => poll(app, &request).await,
        Route::PutRecord => records::put(app, &request).await,
        Route::PatchRecord => records::patch(app, &request).await,
        Route::ReadSession => read::session(app, &request).await,
        Route::StartRun => runs::start(app, &request).await,
        Route::CancelRun => runs::cancel(app, &request).await,
        Route::KillAgent => runs::kill(app, &request).await,
        Route::GiveCommand => commands::give(app, &request).await,
        Route::CancelCommand => commands::cancel(app, &request).await,
        Route::MakeJob => commands::job(app, &request).await,
        Route::RegisterRunner => runner::register(app, &request).await,
        Route::ClaimRun => runner::claim(app, &request).await,
        Route::HeartbeatRun => runner::heartbeat(app, &request).await,
        Route::AppendEvents => runner::append(app, &request).await,
        Route::AckCommand => runner::acknowledge(app, &request).await,
        Route::FinishCommand => runner::finish_command(app, &request).await,
        Route::FinishJob => runner::finish_job(app, &request).await,
        Route::FinishRun => runner::finish(app, &request).await,
        other => Err(ApiError::not_found(format!("{other:?} is not served here"))),
    }
}

/// `POST /v1/poll`: one poll of the whole installation, now, as the poller makes it every minute. It is work for every
/// tenant, and its report counts theirs.
async fn poll(app: &App, request: &Request) -> Result<Answer, ApiError> {
    request.only_trusted("a poll")?;
    let PollRequest {} = request.json()?;
    let report = poller::handle(app, Some(app.clock.now() + POLL_BUDGET)).await;
    Ok(Answer::json(200, &report))
}
