//! Runs handlers in a test: on a store and queues in memory, under a clock that stands still until it is moved.
//!
//! [`Sandbox::run`] runs a handler once and tells what came of it. [`Sandbox::drain`] runs whatever there is until
//! nothing is left to come. [`crash_everywhere`] does that again and again, each time with a crash at another place.
//!
//! What goes wrong in a sandbox itself is a panic, which fails the test.

mod account;
mod crash;
mod drive;
mod ended;
mod faults;
mod faulty;
mod sandbox;

use std::fmt;

pub use account::Account;
pub use crash::{Caught, crash_everywhere, crash_everywhere_seeing};
pub use ended::Ended;
pub use faults::{Fault, Faults};
pub use faulty::store_error;
pub use sandbox::Sandbox;

use crate::ids;

/// Has this thread draw all that is random from `seed`, ids and the jitter of waits, so that what runs in it goes the same
/// way each time; `None`: at random again. For simulations: who knows the seed can guess every id.
pub fn seed(seed: Option<u64>) {
    ids::seed(seed);
    fastrand::seed(seed.unwrap_or_else(|| ids::fresh().as_u64_pair().1));
}

/// The value; without one a panic, which fails the test and says why.
#[allow(clippy::panic)]
#[track_caller]
fn told<T>(there: Result<T, impl fmt::Display>, what: &str) -> T {
    there.unwrap_or_else(|problem| panic!("{what}: {problem}"))
}

#[cfg(test)]
mod tests;
