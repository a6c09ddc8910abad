//! Whoever ends a run's task leaves nothing of it as if alive.
