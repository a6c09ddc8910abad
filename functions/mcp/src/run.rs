//! The Lambda function `mcp`.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use errand_aws::{Types, meter, start};
use lambda_runtime::{Error, LambdaEvent, service_fn};

use crate::{QUEUES, read};

/// Runs the function, which knows `types`, until Lambda ends the process.
pub async fn run(types: Types) -> Result<(), Error> {
    let wired = start(QUEUES, types).await?;
    let (app, mcp) = (wired.app, read(&wired.environment, &wired.deployment));
    let answer = service_fn(async |event: LambdaEvent<ApiGatewayV2httpRequest>| {
        let app = app.traced(event.context.xray_trace_id.as_deref());
        let answer = errand_mcp::serve(&mcp, &app, event.payload).await;
        meter::write();
        Ok::<_, Error>(answer)
    });
    lambda_runtime::run(answer).await
}
