//! Schedules: tasks that come again and again.
//!
//! | record kind | id | parent, in the order of | serves |
//! |---|---|---|---|
//! | `schedule` | its name | all of its tenant's, when they were made | when tasks are made, and how far that is (due for the poller) |
//! | `schedule_payload` | the schedule's | – | what these tasks are given |
//! | `backfill` | derived from a key, or drawn | its schedule, when it was asked for | firings that are asked for afterwards (due for the poller) |
//!
//! Each module knows only those before it: `pattern`, `plan`, `spec`, `preview`, `schedule`, `life`, `wake`, `made`, `kept`, `erase`,
//! `backfill`, `look`, `asked`, `carry`, `view`, `routes`.

mod asked;
mod backfill;
mod carry;
mod erase;
mod kept;
mod life;
mod look;
mod made;
mod pattern;
mod plan;
mod preview;
mod routes;
mod schedule;
mod spec;
mod view;
mod wake;

use errand::Registry;

pub use backfill::BackfillOverlap;
pub use carry::{CarryError, carry};
pub use erase::remove_about;
pub use plan::{Firing, Plan};
pub use routes::{control, status};
pub use schedule::{Blocked, Pause, ScheduledTask};

/// `types`, where schedules are looked after.
pub fn with_schedules(types: Registry) -> Registry {
    types.tend::<schedule::Schedule>(look::Schedules).tend::<backfill::Backfill>(backfill::Backfills)
}
