//! The schedules that task types carry, once in a process.

use std::sync::atomic::{AtomicBool, Ordering};

use errand::{App, spi::redact::chain};
use errand_schedules::carry;
use tracing::error;

/// Whether they are as this process's types say. Other types come with another process.
#[derive(Default)]
pub struct Carried(AtomicBool);

impl Carried {
    /// Has them be so, if that was not done yet. What goes wrong with it is told at each poll until it goes right, and keeps the
    /// poller from nothing.
    pub async fn once(&self, app: &App) {
        if self.0.load(Ordering::Relaxed) {
            return;
        }
        match carry(app).await {
            Ok(()) => self.0.store(true, Ordering::Relaxed),
            Err(problem) => error!(error = %chain(&problem), "a schedule that a task type carries is not as that says"),
        }
    }
}
