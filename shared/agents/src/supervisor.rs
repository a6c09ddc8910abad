//! The supervisor: what follows a turn. Pure; asked after every turn, and asked again the same after a crash.
//!
//! One round: [`assess`] what has happened; then [`next`].

mod assess;
mod blocker;
mod incident;
mod incomplete;
mod next;

pub use assess::{Assessment, Goal, History, Reason, Remedy, Severity, Thresholds, ToolUse, Turn, assess};
pub use blocker::blocker;
pub use incident::Incident;
pub use incomplete::{Unfinished, looks_incomplete, unfinished};
pub use next::{MAX_FOLLOW_UPS, Next, TurnEnd, first_prompt, next, without_requirements};
