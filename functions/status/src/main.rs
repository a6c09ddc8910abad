//! The Lambda function `status`.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
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
    let Wired { app, .. } = aws::wire(&environment, status::QUEUES, types(&installation).checked()?).await?;
    run(service_fn(async |event: LambdaEvent<ApiGatewayV2httpRequest>| {
        Ok::<_, Error>(status::http(&app, event.payload).await)
    }))
    .await
}
