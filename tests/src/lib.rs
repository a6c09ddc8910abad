//! What the integration tests share: suites that more than one implementation has to pass, and the tools and services
//! around the functions.

// All of this is test code, though Clippy knows only functions marked `#[test]` as such.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod accounts;
pub mod apt;
pub mod aws;
pub mod browser;
pub mod conformance;
pub mod crash;
pub mod described;
pub mod events;
pub mod faults;
pub mod in_memory;
pub mod ministack;
pub mod node;
pub mod promtool;
pub mod relay;
pub mod runtime_api;
pub mod settings;
pub mod venv;
pub mod world;
