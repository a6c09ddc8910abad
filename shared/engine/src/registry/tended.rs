//! Records that somebody has to look at when their time has come.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    lifecycle::Task,
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

    /// Hears that a task which a schedule has made has ended, right after the commit of that. It may be told twice, and after a
    /// crash not at all: a record's own look finds out.
    async fn ended(&self, _services: &Services, _types: &Arc<Registry>, _task: &Task) -> Result<(), StoreError> {
        Ok(())
    }
}
