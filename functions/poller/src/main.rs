//! The Lambda function `poller`.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::de::IgnoredAny;
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
    let wired = aws::wire(&environment, poller::QUEUES, types(&installation).checked()?).await?;
    let Wired { app, store, .. } = wired.with_bus()?;
    run(service_fn(async |event: LambdaEvent<IgnoredAny>| {
        let deadline = i64::try_from(event.context.deadline).ok().map(Timestamp::from_millis);
        let (report, counted) = tokio::join!(poller::handle(&app, deadline), poller::count(&app, &store, deadline));
        meter::write();
        counted?;
        Ok::<_, Error>(report)
    }))
    .await
}
