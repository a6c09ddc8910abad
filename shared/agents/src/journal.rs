//! The journal: every change to a run and to what belongs to it, read, decided by the pure core, and committed together.
//!
//! One `Draft` is one commit: the run with its session, its agent and its open commands as they were read, what becomes
//! of them, and the events that tell of it. It is written on the versions read, so that of two writers at the same time
//! one reads again and decides again: events get their numbers without gaps or repeats, and nothing is lost. A worker
//! writes under its task's fence besides.

mod append;
mod claim;
mod command;
mod draft;
mod end;
mod start;
#[cfg(test)]
mod tests;
mod used;
mod wait;

use std::{ops::Range, sync::Arc, time::Duration};

pub use append::{AppendedEvents, append};
pub use claim::claim;
pub use command::{GivenCommand, NewCommand, change_command, give};
pub(crate) use draft::Draft;
pub use end::ends;
pub use start::{Begun, Start, begin, begun_before};
pub use used::{UsedOutside, used, used_by_execution};
pub use wait::{waits, waits_for_worker};

use crate::{NotAdmitted, Refused, Run, event::TooMany, key_of, run};
use errand::{
    Effect, Id, Name, Services, StoreError, Stored, Task,
    spi::{
        lifecycle::Fence,
        store::{self, Commit, Part, RecordKey, TaskWrite, shown},
    },
};

/// How often a run's commit is made anew while others are faster. Each time one of them has come further, so that there are
/// never more tries than others at the same moment: of those that work on one budget, as many as there are calls of models.
const TRIES: u32 = 500;

/// For how long a commit that the store does not answer is made again: whoever asked waits.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why the journal did not write.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// There is no such run, or command; or it is another tenant's.
    #[error("there is no such {0}")]
    None(&'static str),
    /// It does not happen to what is there now. A 409.
    #[error(transparent)]
    Refused(Refused),
    /// Another run goes on in the session, or is to go on first: it waits for its turn there. To whom it is told, a 409.
    #[error("{refused}")]
    Waits {
        /// Why.
        refused: Refused,
        /// What is committed with its wait, so that the end of the run before it wakes it.
        effects: Vec<Effect>,
    },
    /// The session or agent is another project's (403), or the session another profile's (400).
    #[error(transparent)]
    NotAdmitted(#[from] NotAdmitted),
    /// More events than one commit takes. A 400.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// So many commands of the run are open already. A 409.
    #[error("{0} commands of the run are open; at most {max} may be", max = run::MAX_OPEN_COMMANDS)]
    TooManyCommands(usize),
    /// The task is no longer this worker's: `lease_conflict`.
    #[error("the lease was lost")]
    LeaseLost,
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Refused> for JournalError {
    fn from(refused: Refused) -> Self {
        match refused {
            // A newer claim of the task has reached the run.
            Refused::LeaseConflict(_) => Self::LeaseLost,
            refused => Self::Refused(refused),
        }
    }
}

/// Which run, and by whom it is changed.
#[derive(Clone, Debug)]
pub struct Place {
    /// Whose.
    pub tenant: Name,
    /// The run.
    pub run: Id,
    /// The claimed task, if its worker writes: nothing is written once that has lost it.
    pub task: Option<(errand::TaskKey, Fence)>,
}

impl Place {
    /// Written by somebody else than its worker.
    pub fn of_run(tenant: Name, run: Id) -> Self {
        Self { tenant, run, task: None }
    }

    /// Written by the worker that holds `task`, to the run of its drive.
    pub async fn held(app: &Services, task: &Task) -> Result<Self, JournalError> {
        let fence = task.fence().ok_or(JournalError::LeaseLost)?;
        let (tenant, run) = (task.key.tenant.clone(), find_id(app, task, task.redrives).await?);
        Ok(Self { tenant, run, task: Some((task.key.clone(), fence)) })
    }
}

/// The id that the run of `task`'s `drive`th drive has, or will have. Only of a task with an idempotency key the store is
/// asked: for a run that an older version has made.
pub async fn find_id(app: &Services, task: &Task, drive: u32) -> Result<Id, StoreError> {
    let id = run::id(task, drive);
    for older in run::ids(task, drive).into_iter().filter(|older| *older != id) {
        let there = shown(app.store.record(&key_of::<Run>(&task.key.tenant, &older)).await)?;
        if there.flatten().is_some_and(|there| run::is_of_life(&there, task)) {
            return Ok(older);
        }
    }
    Ok(id)
}

/// The runs of these drives of `task` that are there.
pub(crate) async fn runs(app: &Services, task: &Task, drives: Range<u32>) -> Result<Vec<Stored<Run>>, StoreError> {
    let ids = drives.flat_map(|drive| run::ids(task, drive));
    let keys: Vec<RecordKey> = ids.map(|id| key_of::<Run>(&task.key.tenant, &id)).collect();
    let found = app.store.records_at(&keys).await?.into_iter().flatten();
    let found = found.filter(|record| run::is_of_life(record, task));
    found.map(Stored::read).collect()
}

/// Reads the run at `place` and the records at `also`, has `build` decide, and commits what it drafted; again, on fresh
/// data, where that has changed meanwhile.
pub(crate) async fn write<T: Send>(
    app: &Services,
    place: &Place,
    also: &[RecordKey],
    mut build: impl FnMut(&mut Draft) -> Result<T, JournalError> + Send,
) -> Result<T, JournalError> {
    for _ in 0..TRIES {
        let mut draft =
            Draft::read(app, &place.tenant, &place.run, also).await?.ok_or(JournalError::None(Run::NAME))?;
        let built = build(&mut draft)?;
        if commit(app, place, draft).await? {
            return Ok(built);
        }
    }
    Err(StoreError::Busy.into())
}

/// Commits `draft`; `false` if it builds on what has changed meanwhile.
pub(crate) async fn commit(app: &Services, place: &Place, draft: Draft) -> Result<bool, JournalError> {
    let records = draft.records()?;
    if records.is_empty() {
        return Ok(true);
    }
    let task = place.task.clone().map(|(key, fence)| TaskWrite::Step { key, fence });
    let commit = Arc::new(Commit { task, records, ..Commit::default() });
    let until = app.clock.now() + PATIENCE;
    match store::patiently(&*app.clock, until, || app.store.commit(commit.clone())).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict { parts }) if parts.contains(&Part::Task) => Err(JournalError::LeaseLost),
        Err(StoreError::Conflict { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

impl Run {
    const NAME: &'static str = "run";
}
