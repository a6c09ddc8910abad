//! An event bus, where whoever likes listens.

use async_trait::async_trait;

use super::Published;

/// Why an event is not on the bus.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BusError {
    /// The bus does not work now: it would not take another either.
    #[error("the bus did not take it: {0}")]
    Unavailable(String),
    /// The bus works, and does not want this one.
    #[error("the bus refuses it: {0}")]
    Refused(String),
    /// The bus was not asked for this one: it did not work for one before it.
    #[error("the bus was given up before it was asked to take it")]
    NotAsked,
}

/// Takes events. (The trait because the one-machine deployment must not compile the AWS SDK.)
#[async_trait]
pub trait Bus: std::fmt::Debug + Send + Sync {
    /// Puts events on the bus; each answer stands for itself, in order. Put again, an event is there twice, with
    /// the same `id`.
    async fn put(&self, events: &[Published]) -> Vec<Result<(), BusError>>;
}
