//! The Lambda functions `enqueue` and `intake`: one program, which its environment tells what it takes.

use errand_aws::{Types, Wired, start};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;

use crate::{QUEUES, any};

/// Runs the function, which knows `types`, until Lambda ends the process.
pub async fn run(types: Types) -> Result<(), Error> {
    let Wired { app, environment, .. } = start(QUEUES, types).await?;
    let takes = environment.parsed("ERRAND_TAKES")?.unwrap_or_default();
    let answer = service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        let app = app.traced(event.context.xray_trace_id.as_deref());
        any(&app, takes, event.payload.get(), &event.context.request_id).await.map_err(Error::from)
    });
    lambda_runtime::run(answer).await
}
