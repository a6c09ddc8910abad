//! The Lambda function `relay`.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use relay::StreamEvent;
use shared::{aws, meter, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init(telemetry::Format::Json);
    let (app, counters) = aws::app_with_bus(relay::QUEUES).await?;
    run(service_fn(async |event: LambdaEvent<StreamEvent>| {
        let relayed = relay::handle(&app, &counters, event.payload).await;
        meter::write();
        Ok::<_, Error>(relayed?)
    }))
    .await
}
