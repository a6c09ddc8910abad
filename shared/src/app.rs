//! What every function works with: the store, the queues, the clock and the settings.

use std::sync::Arc;

use crate::{clock::Clock, config::Settings, queue::Queue, release::Release, store::Store};

/// Made once at start, shared by everything that runs.
#[derive(Clone)]
pub struct App {
    /// Where tasks and records live.
    pub store: Arc<dyn Store>,
    /// How workers hear of due tasks.
    pub queue: Arc<dyn Queue>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What this installation decides.
    pub settings: Arc<Settings>,
    /// Tells handlers that the process is about to end.
    pub release: Release,
}
