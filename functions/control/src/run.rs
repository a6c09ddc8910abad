//! The Lambda function `control`.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use errand_aws::{Types, meter, start_pushing};
use lambda_runtime::{Error, LambdaEvent, service_fn};

use crate::{QUEUES, http};

/// Runs the function, which knows `types`, until Lambda ends the process.
pub async fn run(types: Types) -> Result<(), Error> {
    let app = start_pushing(QUEUES, types).await?.with_bus()?.with_webhook()?.app;
    let answer = service_fn(async |event: LambdaEvent<ApiGatewayV2httpRequest>| {
        let app = app.traced(event.context.xray_trace_id.as_deref());
        let answer = http(&app, event.payload).await;
        meter::write();
        Ok::<_, Error>(answer)
    });
    lambda_runtime::run(answer).await
}
