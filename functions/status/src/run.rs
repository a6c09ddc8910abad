//! The Lambda function `status`.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use errand_aws::{Types, start};
use lambda_runtime::{Error, LambdaEvent, service_fn};

use crate::{QUEUES, http};

/// Runs the function, which knows `types`, until Lambda ends the process.
pub async fn run(types: Types) -> Result<(), Error> {
    let app = start(QUEUES, types).await?.app;
    let answer =
        service_fn(async |event: LambdaEvent<ApiGatewayV2httpRequest>| Ok::<_, Error>(http(&app, event.payload).await));
    lambda_runtime::run(answer).await
}
