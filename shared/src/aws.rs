//! Wires a Lambda function to its store and queues.

use std::{sync::Arc, time::Duration};

use aws_config::{SdkConfig, stalled_stream_protection::StalledStreamProtectionConfig, timeout::TimeoutConfig};

use crate::{
    app::App,
    clock::SystemClock,
    config::{ConfigError, Deployment, Takes},
    meter,
    outbox::event_bridge::EventBridge,
    queue::{QueueName, sqs::SqsQueue},
    redact,
    release::Release,
    store::dynamo::{self, DynamoStore},
};

/// How long one try of a request to the tables or queues may take. The SDK makes three.
const TRY_TIMEOUT: Duration = Duration::from_secs(5);

/// What a function works with, from its environment; `queues` are those it uses. What it counts from here on it has to
/// write out after each event ([`meter::write`]).
pub async fn app(queues: &[QueueName]) -> Result<App, ConfigError> {
    let deployment = Deployment::from_env(queues)?;
    Ok(wired(deployment, &sdk().await).0)
}

/// The same for the function that takes tasks, with what it takes.
pub async fn enqueue(queues: &[QueueName]) -> Result<(App, Takes), ConfigError> {
    let deployment = Deployment::from_env(queues)?;
    let takes = deployment.takes;
    Ok((wired(deployment, &sdk().await).0, takes))
}

/// The same for a function that puts events on the bus, and the store once more, for its counters.
pub async fn app_with_bus(queues: &[QueueName]) -> Result<(App, DynamoStore), ConfigError> {
    let mut deployment = Deployment::from_env(queues)?;
    let name = deployment.bus.take().ok_or_else(|| ConfigError::Missing("ERRAND_EVENT_BUS".to_owned()))?;
    let sdk = sdk().await;
    let bus = sdk.clone().into_builder().timeout_config(EventBridge::timeouts()).build();
    deployment.settings.sink.bus = Some(Arc::new(EventBridge::new(aws_sdk_eventbridge::Client::new(&bus), name)));
    Ok(wired(deployment, &sdk))
}

/// With a limit for each try, in place of the SDK's watch over slow streams: no answer here is one, and to watch each
/// costs a tenth of what a request does.
async fn sdk() -> SdkConfig {
    let sdk = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(TRY_TIMEOUT).build());
    sdk.load().await
}

fn wired(deployment: Deployment, sdk: &SdkConfig) -> (App, DynamoStore) {
    redact::know_secrets(deployment.secrets);
    meter::start(deployment.stack);
    let tables = dynamo::Config {
        tasks_table: deployment.tasks_table,
        log_table: deployment.log_table,
        retention: deployment.retention.tasks,
        log_retention: deployment.retention.log,
        shards: deployment.shards,
    };
    let store = DynamoStore::new(aws_sdk_dynamodb::Client::new(sdk), tables);
    let app = App {
        store: Arc::new(store.clone()),
        queue: Arc::new(SqsQueue::new(aws_sdk_sqs::Client::new(sdk), deployment.queues)),
        clock: Arc::new(SystemClock),
        settings: Arc::new(deployment.settings),
        release: Release::default(),
        trace: None,
    };
    (app, store)
}
