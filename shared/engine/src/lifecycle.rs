//! The life of a task: its states, what may happen to it, and the one function that changes it.

mod accept;
mod apply;
mod event;
mod failure;
pub mod log;
pub mod retry;
mod state;
mod task;
mod wake;

#[cfg(test)]
mod table_test;

pub use apply::{Transition, apply, unknown_type_ends};
pub use event::{Event, Fence, Rejected, Report, Settlement};
pub use failure::{ERROR_BYTES, Failure, FailureKind};
pub use state::{State, Status};
pub use task::{Asked, Attempt, Priority, Task};
pub use wake::{Hint, LONGEST_HIDING, LOOK_AHEAD, hint, is_renewed, lease};
