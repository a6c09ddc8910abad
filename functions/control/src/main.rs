//! The Lambda function `control`.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use shared::{
    aws::{self, Wired},
    environment::Environment,
    handlers::{Installation, types},
    meter, telemetry,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init(telemetry::Format::Json);
    let environment = Environment::of_process();
    let installation = Installation::of_environment(&environment)?;
    let wired = aws::wire(&environment, control::QUEUES, types(&installation).checked()?).await?;
    let Wired { app, .. } = wired.with_bus()?;
    run(service_fn(async |event: LambdaEvent<ApiGatewayV2httpRequest>| {
        let app = app.traced(event.context.xray_trace_id.as_deref());
        let answer = control::http(&app, event.payload).await;
        meter::write();
        Ok::<_, Error>(answer)
    }))
    .await
}
