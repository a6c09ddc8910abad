//! The Lambda function `poller`.

use errand::Timestamp;
use errand_aws::{Types, Wired, meter, start};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::de::IgnoredAny;

use crate::{Carried, QUEUES, count, handle};

/// Runs the function, which knows `types`, until Lambda ends the process.
pub async fn run(types: Types) -> Result<(), Error> {
    let Wired { app, store, .. } = start(QUEUES, types).await?.with_bus()?.with_webhook()?;
    let carried = Carried::default();
    let answer = service_fn(async |event: LambdaEvent<IgnoredAny>| {
        let deadline = i64::try_from(event.context.deadline).ok().map(Timestamp::from_millis);
        carried.once(&app).await;
        let (report, counted) = tokio::join!(handle(&app, deadline), count(&app, &store, deadline));
        meter::write();
        counted?;
        Ok::<_, Error>(report)
    });
    lambda_runtime::run(answer).await
}
