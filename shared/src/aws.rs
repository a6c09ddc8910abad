//! Wires a Lambda function to its store and queues.

mod deployment;
mod shards;
mod takes;

use std::{sync::Arc, time::Duration};

use aws_config::{SdkConfig, stalled_stream_protection::StalledStreamProtectionConfig, timeout::TimeoutConfig};

pub use deployment::{Deployment, queue_variable};
pub use shards::Shards;
pub use takes::Takes;

use crate::{
    app::App,
    clock::SystemClock,
    environment::{ConfigError, Environment},
    meter,
    outbox::event_bridge::EventBridge,
    queue::{QueueName, sqs::SqsQueue},
    redact,
    registry::Registry,
    services::Services,
    store::dynamo::{self, DynamoStore},
};

/// How long one try of a request to the tables or queues may take. The SDK makes three.
const TRY_TIMEOUT: Duration = Duration::from_secs(5);

/// A function on AWS: what it works with, and what it was told.
pub struct Wired {
    /// What it works with. What is counted from here on has to be written out after each event ([`meter::write`]).
    pub app: App,
    /// The store once more, for its counters.
    pub store: DynamoStore,
    /// What the environment says.
    pub deployment: Deployment,
}

/// Wires a function that uses `queues` and knows `types`. Where the variable `ERRAND_EVENT_BUS` names a bus, it puts
/// events on that. From here on the secrets of `environment` are known.
pub async fn wire(environment: &Environment, queues: &[QueueName], types: Arc<Registry>) -> Result<Wired, ConfigError> {
    let deployment = Deployment::read(environment, queues)?;
    redact::know_secrets(environment.secrets());
    meter::start(deployment.stack.clone());
    let sdk = sdk().await;
    let tables = dynamo::Config {
        tasks_table: deployment.tasks_table.clone(),
        log_table: deployment.log_table.clone(),
        retention: deployment.retention.tasks,
        log_retention: deployment.retention.log,
        shards: deployment.shards,
    };
    let store = DynamoStore::new(aws_sdk_dynamodb::Client::new(&sdk), tables);
    let queue = SqsQueue::new(aws_sdk_sqs::Client::new(&sdk), deployment.queues.clone());
    let mut services = Services::new(Arc::new(store.clone()), Arc::new(queue), Arc::new(SystemClock));
    services.rules = Arc::new(deployment.rules.clone());
    services.listeners = deployment.listeners.clone();
    if let Some(name) = &deployment.bus {
        let bus = sdk.into_builder().timeout_config(EventBridge::timeouts()).build();
        let bus = EventBridge::new(aws_sdk_eventbridge::Client::new(&bus), name);
        services.listeners.bus = Some(Arc::new(bus));
    }
    Ok(Wired { app: App::new(services, types), store, deployment })
}

impl Wired {
    /// The same, if its environment names the event bus.
    pub fn with_bus(self) -> Result<Self, ConfigError> {
        match self.app.listeners.bus {
            Some(_) => Ok(self),
            None => Err(ConfigError::Missing("ERRAND_EVENT_BUS".to_owned())),
        }
    }
}

/// With a limit for each try, in place of the SDK's watch over slow streams: no answer here is one, and to watch each
/// costs a tenth of what a request does.
async fn sdk() -> SdkConfig {
    let sdk = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(TRY_TIMEOUT).build());
    sdk.load().await
}
