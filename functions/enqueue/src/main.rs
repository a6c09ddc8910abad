//! The Lambda function `enqueue`.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::value::RawValue;
use shared::{
    aws::{self, Wired},
    environment::Environment,
    handlers::{Installation, types},
    telemetry,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init(telemetry::Format::Json);
    let environment = Environment::of_process();
    let installation = Installation::of_environment(&environment)?;
    let Wired { app, deployment, .. } =
        aws::wire(&environment, enqueue::QUEUES, types(&installation).checked()?).await?;
    run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        let app = app.traced(event.context.xray_trace_id.as_deref());
        let answered = enqueue::any(&app, deployment.takes, event.payload.get(), &event.context.request_id).await;
        answered.map_err(Error::from)
    }))
    .await
}
