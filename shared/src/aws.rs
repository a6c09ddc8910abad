//! Wires a Lambda function to its store and queues.

use std::sync::Arc;

use crate::{
    app::App,
    clock::SystemClock,
    config::{ConfigError, Deployment},
    meter,
    queue::{QueueName, sqs::SqsQueue},
    redact,
    release::Release,
    store::dynamo::{self, DynamoStore},
};

/// What a function works with, from its environment; `queues` are those it uses. What it counts from here on it has to
/// write out after each event ([`meter::write`]).
pub async fn app(queues: &[QueueName]) -> Result<App, ConfigError> {
    let deployment = Deployment::from_env(queues)?;
    redact::know_secrets(deployment.secrets);
    meter::start(deployment.stack);
    let sdk = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
    let tables = dynamo::Config {
        tasks_table: deployment.tasks_table,
        log_table: deployment.log_table,
        retention: deployment.retention.tasks,
        log_retention: deployment.retention.log,
    };
    Ok(App {
        store: Arc::new(DynamoStore::new(aws_sdk_dynamodb::Client::new(&sdk), tables)),
        queue: Arc::new(SqsQueue::new(aws_sdk_sqs::Client::new(&sdk), deployment.queues)),
        clock: Arc::new(SystemClock),
        settings: Arc::new(deployment.settings),
        release: Release::default(),
        trace: None,
    })
}
