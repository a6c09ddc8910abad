//! Wires a Lambda function to its store and queues.
//!
//! Each module knows only those before it: `shards`, `relay`, `deployment`, `dynamo`, `event_bridge`, `meter`, `sqs`.

mod deployment;
pub mod dynamo;
pub mod event_bridge;
pub mod meter;
pub mod relay;
mod shards;
pub mod sqs;

use std::{fmt, sync::Arc, time::Duration};

use aws_config::{SdkConfig, stalled_stream_protection::StalledStreamProtectionConfig, timeout::TimeoutConfig};

pub use deployment::{Deployment, queue_variable};
pub use shards::Shards;

use crate::{
    deployment::{PUBLIC_URL, WEBHOOK},
    dynamo::DynamoStore,
    event_bridge::EventBridge,
    sqs::SqsQueue,
};
use errand::{
    App, Registry, RegistryError, Services,
    spi::{
        clock::SystemClock,
        environment::{ConfigError, Environment},
        listener::ToldElsewhere,
        queue::QueueName,
        redact, telemetry,
    },
};
use errand_models::http::Webhook;
use errand_outbound::SignedWebhooks;
use errand_schedules::with_schedules;
use errand_work::{Pushing, with_open_types, with_pushed_types};

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
    /// The environment, for what the function alone reads there.
    pub environment: Environment,
}

/// What `main` hands to a function's `run`: the task types and record kinds of an installation, made from the variables
/// of the process.
pub type Types = fn(&Environment) -> Result<Registry, ConfigError>;

/// Why a function does not start.
#[derive(thiserror::Error)]
pub enum StartError {
    /// Its environment is not as it must be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its task types or record kinds are not.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// As it is displayed: it is what a process prints whose `main` returns it.
impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Starts a function that uses `queues` and knows `types`: its log lines, what its environment says, its store and queues.
/// Where the variable `ERRAND_EVENT_BUS` names a bus, it puts events on that.
pub async fn start(queues: &[QueueName], types: Types) -> Result<Wired, StartError> {
    started(queues, types, |types, _| Ok(with_open_types(types))).await
}

/// The same of a function that calls those who do tasks, as users say. (The others link no HTTP client for it.)
pub async fn start_pushing(queues: &[QueueName], types: Types) -> Result<Wired, StartError> {
    started(queues, types, |types, deployment| {
        let Some(keyring) = deployment.keyring.clone() else { return Ok(with_open_types(types)) };
        let missing = || ConfigError::Missing(PUBLIC_URL.to_owned());
        let base = deployment.public_url.clone().ok_or_else(missing)?;
        let caller = deployment.target_client()?;
        Ok(with_pushed_types(types, Pushing::new(caller, keyring, base)))
    })
    .await
}

/// How task types that are records are added.
type Opened = fn(Registry, &Deployment) -> Result<Registry, ConfigError>;

async fn started(queues: &[QueueName], types: Types, opened: Opened) -> Result<Wired, StartError> {
    telemetry::init(telemetry::Format::Json);
    let environment = Environment::of_process();
    let types = types(&environment)?;
    let deployment = Deployment::read(&environment, queues)?;
    let types = with_schedules(opened(types, &deployment)?);
    let types = match deployment.keyring.clone() {
        Some(keyring) => types.with(keyring),
        None => types,
    };
    let types = types.checked()?;
    redact::know_secrets(environment.secrets());
    Ok(wire(environment, deployment, types).await)
}

async fn wire(environment: Environment, deployment: Deployment, types: Arc<Registry>) -> Wired {
    let sdk = sdk().await;
    let tables = dynamo::Config {
        tasks_table: deployment.tasks_table.clone(),
        log_table: deployment.log_table.clone(),
        retention: deployment.retention.clone(),
        shards: deployment.shards,
    };
    let store = DynamoStore::new(aws_sdk_dynamodb::Client::new(&sdk), tables);
    let queue = SqsQueue::new(aws_sdk_sqs::Client::new(&sdk), deployment.queues.clone());
    let mut services = Services::new(Arc::new(store.clone()), Arc::new(queue), Arc::new(SystemClock));
    services.meter = meter::start(deployment.stack.clone());
    services.rules = Arc::new(deployment.rules.clone());
    services.listeners.webhook = deployment.webhook.as_ref().map(|_| Arc::new(ToldElsewhere) as _);
    if let Some(name) = &deployment.bus {
        let bus = sdk.into_builder().timeout_config(EventBridge::timeouts()).build();
        let bus = EventBridge::new(aws_sdk_eventbridge::Client::new(&bus), name);
        services.listeners.bus = Some(Arc::new(bus));
    }
    Wired { app: App::new(services, types), store, deployment, environment }
}

impl Wired {
    /// The same, if its environment names the event bus.
    pub fn with_bus(self) -> Result<Self, ConfigError> {
        match self.app.listeners.bus {
            Some(_) => Ok(self),
            None => Err(ConfigError::Missing("ERRAND_EVENT_BUS".to_owned())),
        }
    }

    /// The same, which posts to the webhook, if its environment names one. A function that does not ask for this only
    /// knows that there is one, and links no HTTP client for it.
    pub fn with_webhook(mut self) -> Result<Self, ConfigError> {
        if let Some(url) = self.deployment.webhook.clone() {
            let webhook = Webhook::new(url).map_err(|error| ConfigError::malformed(WEBHOOK, "…", error))?;
            self.app.listeners.webhook = Some(Arc::new(webhook));
        }
        if let Some(keyring) = self.deployment.keyring.clone() {
            let webhooks = SignedWebhooks::new(self.deployment.target_client()?, keyring, self.app.clock.clone());
            self.app.listeners.webhooks = Some(Arc::new(webhooks));
        }
        Ok(self)
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
