//! When a process must let go of what it runs, because it is about to end.

use std::sync::Arc;

use tokio::sync::watch;

/// Told once, heard by every handler that runs: each execution is then ended as a snooze of no time, so that another
/// process takes it up at once and nothing counts as lost.
#[derive(Clone, Debug)]
pub struct Release(Arc<watch::Sender<bool>>);

impl Default for Release {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Release {
    /// Tells whoever waits for it, now and later, that the process is about to end.
    pub fn tell(&self) {
        self.0.send_replace(true);
    }

    /// Returns once it was told.
    pub async fn told(&self) {
        // The sender lives as long as this.
        let _ = self.0.subscribe().wait_for(|told| *told).await;
    }
}
