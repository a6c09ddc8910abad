//! The Lambda functions `process-task` and, for tasks that may run longer, `process-task-long`.

use aws_lambda_events::sqs::SqsEvent;
use errand::Timestamp;
use errand_aws::{Types, meter, start_pushing};
use lambda_runtime::{Error, LambdaEvent, service_fn};

use crate::{QUEUES, handle};

/// Runs the function, which knows `types`, until Lambda ends the process.
pub async fn run(types: Types) -> Result<(), Error> {
    let app = start_pushing(QUEUES, types).await?.app;
    let answer = service_fn(async |event: LambdaEvent<SqsEvent>| {
        let deadline = i64::try_from(event.context.deadline).ok().map(Timestamp::from_millis);
        let answer = handle(&app, event.payload, deadline).await;
        meter::write();
        Ok::<_, Error>(answer)
    });
    lambda_runtime::run(answer).await
}
