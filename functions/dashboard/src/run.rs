//! The Lambda function `dashboard`.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use errand::spi::{environment::Environment, telemetry};
use errand_http::dashboard::Site;
use lambda_runtime::{Error, LambdaEvent, service_fn};

use crate::{answer, read};

/// Runs the function until Lambda ends the process. It asks nobody for anything, and so needs nothing of AWS.
pub async fn run() -> Result<(), Error> {
    telemetry::init(telemetry::Format::Json);
    let site = Site::new(read(&Environment::of_process())?.as_ref());
    let answer =
        service_fn(async |event: LambdaEvent<ApiGatewayV2httpRequest>| Ok::<_, Error>(answer(&site, &event.payload)));
    lambda_runtime::run(answer).await
}
