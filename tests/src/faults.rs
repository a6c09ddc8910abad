//! The faults of the engine's test kit at what the engine does not know: counters and a model.

use std::sync::Arc;

use async_trait::async_trait;
pub use errand::testing::{Fault, Faults};
use errand::{StoreError, Timestamp, testing::store_error};
use errand_aws::relay::{Counters, Moved, Sequence, Tally};
use errand_models::{ChatAnswer, ChatBackend, ChatError, ChatRequest};

/// Counters that fail on command.
pub struct FaultyCounters {
    inner: Arc<dyn Counters>,
    faults: Arc<Faults>,
}

impl FaultyCounters {
    /// Counters like these with these faults.
    pub fn new(inner: Arc<dyn Counters>, faults: Arc<Faults>) -> Self {
        Self { inner, faults }
    }
}

/// A model that fails on command: one that is busy, or away, says so.
#[derive(Debug)]
pub struct FaultyModel {
    inner: Arc<dyn ChatBackend>,
    faults: Arc<Faults>,
}

impl FaultyModel {
    /// A model like this one with these faults.
    pub fn new(inner: Arc<dyn ChatBackend>, faults: Arc<Faults>) -> Self {
        Self { inner, faults }
    }
}

#[async_trait]
impl ChatBackend for FaultyModel {
    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer, ChatError> {
        let refuse = |_| Err(ChatError::Transport("injected".to_owned()));
        self.faults.call("model.chat", self.inner.chat(request), refuse).await
    }

    fn judges(&self) -> bool {
        self.inner.judges()
    }
}

#[async_trait]
impl Counters for FaultyCounters {
    async fn watermark(&self, shard: &str) -> Result<Option<Sequence>, StoreError> {
        let refuse = |fault| Err(store_error(fault));
        self.faults.call("counters.watermark", self.inner.watermark(shard), refuse).await
    }

    async fn advance(
        &self,
        shard: &str,
        from: Option<&Sequence>,
        to: &Sequence,
        counts: &Tally,
        now: Timestamp,
    ) -> Result<Moved, StoreError> {
        let call = self.inner.advance(shard, from, to, counts, now);
        self.faults.call("counters.advance", call, |fault| Err(store_error(fault))).await
    }
}
