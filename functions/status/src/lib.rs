//! Every read: tasks, their log, lists, counts, records, events, runs, sessions, agents, runners, task types, health, and
//! the document of the API.

mod agents;
mod commander;
mod health;
mod lists;
mod openapi;
mod records;
#[cfg(feature = "lambda")]
mod run;
mod runs;
mod sessions;
mod stats;
mod tasks;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use errand::{app::App, lifecycle::Priority, queue::QueueName};
use errand_http::{Answer, ApiError, Listed, Request, Route, gateway};

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

/// Answers every `GET`.
pub async fn http(app: &App, event: ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
    gateway::serve(event, |request| answer(app, request)).await
}

async fn answer(app: &App, request: Request) -> Result<Answer, ApiError> {
    if let Route::GetTask | Route::GetRecord | Route::GetHealth | Route::GetOpenApi | Route::ListTaskTypes =
        request.route
    {
        request.only_query(&[])?;
    }
    match request.route {
        Route::GetTask => tasks::task(app, &request).await,
        Route::GetTaskLog => tasks::log(app, &request).await,
        Route::ListTasks => lists::tasks(app, &request).await,
        Route::ListRecords => records::list(app, &request).await,
        Route::ListDeadLetters => lists::dead_letters(app, &request).await,
        Route::ListEvents => lists::events(app, &request).await,
        Route::ListQueues => stats::queues(app, &request).await,
        Route::QueueStats => stats::queue(app, &request).await,
        Route::Commander => commander::answer(app, &request).await,
        Route::GetRecord => records::record(app, &request).await,
        Route::ListRuns => runs::list(app, &request).await,
        Route::GetRun => runs::run(app, &request).await,
        Route::RunEvents => runs::events(app, &request).await,
        Route::RunCommands => runs::commands(app, &request).await,
        Route::RunJobs => runs::jobs(app, &request).await,
        Route::ListSessions => sessions::list(app, &request).await,
        Route::GetSession => sessions::session(app, &request).await,
        Route::SessionTrace => runs::trace(app, &request).await,
        Route::SessionOutput => runs::output(app, &request).await,
        Route::ListAgents => agents::agents(app, &request).await,
        Route::GetAgent => agents::agent(app, &request).await,
        Route::ListRunners => agents::runners(app, &request).await,
        Route::ListBackends => agents::backends(app, &request),
        Route::GetHealth => health::answer(app, request.caller.trusted).await,
        Route::GetOpenApi => Ok(openapi::answer(&app.types)),
        Route::ListTaskTypes => Ok(Answer::json(200, &Listed::new(app.types.catalog(), None))),
        other => Err(ApiError::not_found(format!("{other:?} is not served here"))),
    }
}
