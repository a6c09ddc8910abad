//! Records that somebody has to look at when their time has come.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    registry::Registry,
    services::Services,
    store::{Record, StoreError},
};

/// Looks after the records of a kind, as the poller does after tasks. The poller brings those whose `wake_at` has come, and a
/// message may bring one at its second: early, late or twice, it is the same look.
#[async_trait]
pub trait LookAfter: Send + Sync {
    /// Looks at a record that was read just now. One that is due still is brought again by the next poll.
    async fn look_after(&self, services: &Services, types: &Arc<Registry>, record: Record) -> Result<(), StoreError>;
}
