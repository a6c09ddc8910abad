//! The Lambda function `relay`.

use errand::Registry;
use errand_aws::{Wired, meter, start};
use lambda_runtime::{Error, LambdaEvent, service_fn};

use crate::{QUEUES, StreamEvent, handle};

/// Runs the function until Lambda ends the process. It runs no task, and looks into none: it knows no types.
pub async fn run() -> Result<(), Error> {
    let Wired { app, store, deployment, .. } = start(QUEUES, |_| Ok(Registry::new())).await?.with_bus()?;
    let answer = service_fn(async |event: LambdaEvent<StreamEvent>| {
        let relayed = handle(&app, &store, deployment.bus_events, event.payload).await;
        meter::write();
        Ok::<_, Error>(relayed?)
    });
    lambda_runtime::run(answer).await
}
