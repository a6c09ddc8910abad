//! The task types of agents.

use errand::Registry;

use crate::{Agents, CleanupSession, RunAgent, RunOutside};

/// The task types that work with `agents`, and `agents` themselves for the routes.
pub fn types(agents: &Agents) -> Registry {
    Registry::new()
        .add::<CleanupSession>(())
        .add::<RunAgent>(agents.clone())
        .add::<RunOutside>(agents.clone())
        .with(agents.clone())
}
