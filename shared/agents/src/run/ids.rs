//! What a run is called: after its task's life and drive.

use serde::Deserialize;

use errand::{
    Id, Task, Timestamp,
    spi::{ids, store::Record},
};

/// The id of a new run that does `task` in its `drive`th drive. One run for each drive, so that a second start finds the
/// first, and a redrive (whose run has ended) makes another. Which id the run has that is there: [`find_id`].
///
/// [`find_id`]: crate::journal::find_id
pub fn id(task: &Task, drive: u32) -> Id {
    named(task, &task.life(), drive)
}

/// The ids that the run may have: [`id`], and what a version that knew of one life only has named it.
pub(crate) fn ids(task: &Task, drive: u32) -> Vec<Id> {
    let mut ids = vec![id(task, drive), named(task, &task.key.id.to_string(), drive)];
    ids.dedup();
    ids
}

/// Whether a run with one of the [`ids`] is of this life of `task`: an earlier life's has ended before it began.
pub(crate) fn is_of_life(record: &Record, task: &Task) -> bool {
    let ended_at = record.doc.get("ended_at").and_then(|at| Timestamp::deserialize(at).ok());
    !ended_at.is_some_and(|at| task.is_younger(at))
}

fn named(task: &Task, life: &str, drive: u32) -> Id {
    Id::from(ids::derived(&["run", task.key.tenant.as_str(), life, &drive.to_string()]))
}
