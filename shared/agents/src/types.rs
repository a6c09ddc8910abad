//! The task types of agents.

use std::sync::Arc;

use errand::Registry;
use errand_work::PulledType;

use crate::{Agents, CleanupSession, RunAgent, RunOutside, run_outside::PulledRuns};

/// The task types that work with `agents`, and `agents` themselves for the routes.
pub fn types(agents: &Agents) -> Registry {
    let pulled: Arc<dyn PulledType> = Arc::new(PulledRuns(agents.clone()));
    Registry::new()
        .add::<CleanupSession>(())
        .add::<RunAgent>(agents.clone())
        .add::<RunOutside>(agents.clone())
        .with(agents.clone())
        .with(pulled)
}
