//! The task types of this installation, and what they act on.

pub mod domain;
pub mod handlers;

use errand::{
    Registry,
    spi::environment::{ConfigError, Environment},
};
use errand_models::Profiles;

use crate::handlers::Installation;

/// Everything that this installation knows, as the environment says, for a program that runs tasks.
pub fn types(environment: &Environment) -> Result<Registry, ConfigError> {
    with(environment, Profiles::of_environment(environment)?)
}

/// The same for a program that runs no task. It asks no model, and the linker leaves the clients for that out of it.
pub fn types_without_models(environment: &Environment) -> Result<Registry, ConfigError> {
    with(environment, Profiles::not_asked())
}

fn with(environment: &Environment, profiles: Profiles) -> Result<Registry, ConfigError> {
    Ok(handlers::types(&Installation::of_environment(environment, profiles)?))
}
