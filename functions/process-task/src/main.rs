//! The Lambda functions `process-task` and, for tasks that may run longer, `process-task-long`.

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use shared::{
    aws::{self, Wired},
    clock::Timestamp,
    environment::Environment,
    handlers::{Installation, types},
    meter, telemetry,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init(telemetry::Format::Json);
    let environment = Environment::of_process();
    let installation = Installation::of_environment(&environment)?;
    let Wired { app, .. } = aws::wire(&environment, process_task::QUEUES, types(&installation).checked()?).await?;
    run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let deadline = i64::try_from(event.context.deadline).ok().map(Timestamp::from_millis);
        let answer = process_task::handle(&app, event.payload, deadline).await;
        meter::write();
        Ok::<_, Error>(answer)
    }))
    .await
}
