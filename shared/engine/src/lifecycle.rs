//! The life of a task: its states, what may happen to it, and the one function that changes it.

mod accept;
mod apply;
mod asked;
mod failure;
mod fingerprint;
pub mod log;
pub mod retry;
mod state;
mod task;
mod trigger;
mod wake;

#[cfg(test)]
mod table_test;

pub use apply::{Transition, apply, unknown_type_ends};
pub use asked::{Asked, Dispatch, MOST_GROUPS, Member, OfSchedule, PreviousFiring, Priority};
pub use failure::{ERROR_BYTES, FailureKind, KeptFailure};
pub use fingerprint::Fingerprint;
pub use state::{State, Status};
pub use task::{Attempt, Task};
pub use trigger::{Fence, Rejected, Report, Settlement, Trigger};
pub use wake::{Hint, LONGEST_HIDING, LOOK_AHEAD, hint, is_renewed, lease};
