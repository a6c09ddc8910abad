//! What the integration tests share: the tools and services around the functions.

pub mod ministack;
pub mod venv;
