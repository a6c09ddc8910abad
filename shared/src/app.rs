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
    /// What is worked on now came with this X-Ray header (`Root=1-…;Parent=…;Sampled=…`); messages pass it on.
    pub trace: Option<Arc<str>>,
}

impl App {
    /// The same, for work that came with this X-Ray header.
    pub fn traced(&self, header: Option<&str>) -> Self {
        Self { trace: header.map(Arc::from), ..self.clone() }
    }

    /// The trace that the work belongs to: what X-Ray finds it by.
    pub(crate) fn xray_trace_id(&self) -> Option<&str> {
        self.trace.as_deref()?.split(';').find_map(|part| part.trim().strip_prefix("Root="))
    }
}
