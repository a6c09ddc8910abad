//! The task types of this installation, and what they act on.

pub mod domain;
pub mod handlers;

use errand::{
    environment::{ConfigError, Environment},
    registry::Registry,
};

/// Everything that this installation's functions know, as their environment says.
pub fn types(environment: &Environment) -> Result<Registry, ConfigError> {
    Ok(handlers::types(&handlers::Installation::of_environment(environment)?))
}
