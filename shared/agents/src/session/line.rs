//! A session's line: the runs that are to go on in it next, in their order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Refused,
    session::{ExecutionState, Session},
};
use errand::Id;

/// How many runs have a place in the line: it is written with every event of the run that goes on.
pub const MAX_WAITING: usize = 32;

/// A run that waits for its turn in a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waiting {
    /// Which run.
    pub run_id: Id,
    /// The task that it does.
    pub task_id: Uuid,
}

impl Session {
    /// The run whose turn it is, if none goes on.
    pub fn next(&self) -> Option<&Waiting> {
        self.waiting.first().filter(|_| self.execution_state != ExecutionState::Running)
    }

    /// Refuses a run that others are before.
    pub(super) fn is_turn_of(&self, run: &Id) -> Result<(), Refused> {
        match self.waiting.first() {
            Some(first) if first.run_id != *run => Err(Refused::NotItsTurn(first.run_id.clone())),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn with_place(&self, place: Waiting) -> Session {
        let has_one = self.active_run.as_ref() == Some(&place.run_id) || self.waiting.contains(&place);
        let mut session = self.clone();
        if !has_one && session.waiting.len() < MAX_WAITING {
            session.waiting.push(place);
        }
        session
    }

    pub(super) fn without_place(&self, run: &Id) -> Session {
        let mut session = self.clone();
        session.waiting.retain(|place| place.run_id != *run);
        session
    }
}
