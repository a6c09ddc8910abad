//! The whole of Errand in one thread: who enqueues, works, polls, operates, claims from outside, calls targets and asks
//! models, of three tenants, on the store and the queues in memory. A seed says who goes on when, whose clock differs, and
//! what goes wrong: errors before and after a call, processes that are never heard of again, messages that are lost,
//! doubled or late, clocks that jump. The same seed always goes the same way.
//!
//! What must hold stands in [`invariants`], one sentence for each. Who acts stands in [`actors`], one file for each.

// Nobody builds on it; and all of it is test code, though Clippy knows only functions marked `#[test]` as such.
#![allow(missing_docs, unreachable_pub, clippy::panic, clippy::indexing_slicing)]

pub mod actors;
pub mod invariants;
pub mod model;
pub mod observed;
pub mod pick;
pub mod plan;
pub mod process;
pub mod rest;
pub mod search;
pub mod seen;
pub mod shrink;
pub mod stage;
pub mod stream;
pub mod target;
pub mod trace;
pub mod world;

pub use plan::Plan;
pub use search::first_broken;
pub use shrink::shrink;
pub use stage::{Outcome, run};
