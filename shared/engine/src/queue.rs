//! Queues: how workers hear that a task is due. A hint, never the truth.

mod memory;
mod message;

use std::time::Duration;

use async_trait::async_trait;

pub use memory::{MemoryQueue, Received, Tenants};
pub use message::{DueMessage, LONG_TIMEOUT_S, OutMessage, QueueName, TENANT_ATTRIBUTE, TRACE_ATTRIBUTE, TaskMessage};

/// Why a queue did not do what it was asked. The caller goes on without: the table knows what is due.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The message in hand is no longer ours to hide: it was deleted, or delivered again.
    #[error("the receipt is no longer valid")]
    Stale,
    /// The queue did not answer, or refused.
    #[error("the queue is unavailable")]
    Unavailable(#[source] anyhow::Error),
}

/// What Errand asks of its queues. Receiving and deleting is done by whoever feeds the functions.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Sends messages; each answer stands for itself, in order. Delays are rounded up to whole seconds.
    async fn send(&self, to: QueueName, messages: Vec<OutMessage>) -> Vec<Result<(), QueueError>>;

    /// Hides a received message for `wait` from now (at most 12 h after its receipt), then it comes again.
    async fn hide(&self, on: QueueName, receipt: &str, wait: Duration) -> Result<(), QueueError>;

    /// Which queue an ARN, as it stands in an event, names.
    fn by_arn(&self, arn: &str) -> Option<QueueName>;

    /// Whether the queues answer.
    async fn check(&self) -> Result<(), QueueError>;
}
