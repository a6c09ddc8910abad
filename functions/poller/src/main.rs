//! The Lambda function `poller`.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::de::IgnoredAny;
use shared::{aws, clock::Timestamp, meter, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init(telemetry::Format::Json);
    let (app, store) = aws::app_with_bus(poller::QUEUES).await?;
    run(service_fn(async |event: LambdaEvent<IgnoredAny>| {
        let deadline = i64::try_from(event.context.deadline).ok().map(Timestamp::from_millis);
        let (report, counted) = tokio::join!(poller::handle(&app, deadline), poller::count(&app, &store, deadline));
        meter::write();
        counted?;
        Ok::<_, Error>(report)
    }))
    .await
}
