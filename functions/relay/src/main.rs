//! The Lambda function `relay`.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use relay::StreamEvent;
use shared::{
    aws::{self, Wired},
    environment::Environment,
    meter,
    registry::Registry,
    telemetry,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init(telemetry::Format::Json);
    // It runs no task, and looks into none.
    let wired = aws::wire(&Environment::of_process(), relay::QUEUES, Registry::new().checked()?).await?;
    let Wired { app, store, deployment } = wired.with_bus()?;
    run(service_fn(async |event: LambdaEvent<StreamEvent>| {
        let relayed = relay::handle(&app, &store, deployment.bus_events, event.payload).await;
        meter::write();
        Ok::<_, Error>(relayed?)
    }))
    .await
}
