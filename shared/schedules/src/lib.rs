//! Schedules: tasks that come again and again.
//!
//! Each module knows only those before it: `pattern`, `plan`, `spec`, `preview`, `routes`.

mod pattern;
mod plan;
mod preview;
mod routes;
mod spec;

pub use plan::{Firing, Plan};
pub use routes::control;
pub use spec::ScheduleSpec;
