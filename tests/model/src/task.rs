//! The protocol of one task: claims under a fence, settlements, lost workers, retries, waits, operators, dead letters.
//!
//! `rules` has what the engine calls `apply`; a commit holds only for the version that was read, as in the store. Each
//! write is one step of one actor, which may be lost before it and after it, or be told that a write has failed that stands.

mod actions;
pub mod promises;
mod rules;
mod steps;

use stateright::{Model, Property};

use crate::wrong::Wrong;
pub use actions::Action;

/// How far the checker goes.
#[derive(Clone, Copy, Debug)]
pub struct TaskModel {
    /// The guard that is missing, if one is.
    pub wrong: Option<Wrong>,
    /// How many faults happen at most: crashes, lost answers, messages lost or doubled, workers thought dead.
    pub faults: u8,
    /// How often operators cancel or redrive.
    pub wishes: u8,
    /// How many processes act at the same time.
    pub actors: usize,
    /// How often a drive tries again.
    pub retries: u8,
    /// Whether the log's row rides in the task's item and is copied after the commit; else it is part of the commit.
    pub rows_ride: bool,
}

/// Where the task is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// A worker may claim it.
    #[default]
    Pending,
    /// A worker holds it; `lease_over`: by the clock of who looks, no longer.
    Running {
        /// Whether it may be reaped.
        lease_over: bool,
    },
    /// For what the drive of this number waits for.
    Waiting(u8),
    /// Done.
    Completed,
    /// Given up.
    Failed,
    /// Called off.
    Cancelled,
}

/// What is stored of the task. Its version is left out: who has read an older one is not [`Actor::fresh`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stored {
    /// Where it is in its life.
    pub status: Status,
    /// How often it was claimed: the fence.
    pub executions: u8,
    /// Failures in this drive.
    pub failures: u8,
    /// How often it was set going again.
    pub redrives: u8,
    /// Whether it has a `wake_at`.
    pub wakes: bool,
    /// Whether its dead letter is noted.
    pub lettered: bool,
    /// The execution whose row rides along, if rows do.
    pub row: Option<u8>,
}

/// How a handler ends an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// Done, with an effect.
    Complete,
    /// It failed.
    Fail,
    /// It is to go on when something has happened.
    Wait,
}

/// What somebody does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Act {
    /// A worker with a message claims it.
    Claim,
    /// A worker handles it; `saw`: what it could wait for had happened when it looked.
    Handle {
        /// Whether there is nothing to wait for.
        saw: bool,
    },
    /// A worker ends its execution.
    Settle(End),
    /// Somebody gives up on its worker.
    Reap,
    /// What this drive waited for has happened: it may run.
    Ready(u8),
    /// An operator calls it off.
    Cancel,
    /// An operator sets it going again.
    Redrive,
    /// What follows a commit, once a row that rides is copied.
    After(Then),
    /// Notes that the dead letter of the drive of this number was sent.
    NoteLetter(u8),
    /// Writes the row of an execution apart from the commit that ended it.
    WriteRow(Then),
}

/// What follows a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Then {
    /// Nothing.
    Nothing,
    /// The message of a task that may run.
    Notify,
    /// The same, if the one sent before the commit was there too early, and dropped.
    Again,
    /// The dead letter of one that failed.
    Letter,
    /// A look whether what is waited for has happened meanwhile.
    Recheck,
}

/// A worker, a poller or an operator, in the middle of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Actor {
    /// What it does next.
    pub act: Act,
    /// The task as it has read it.
    pub seen: Stored,
    /// Whether nobody has written since.
    pub fresh: bool,
    /// Its fence, if it is a worker.
    pub execution: u8,
    /// Whether it has a message in hand, which comes again if it is lost.
    pub holds_message: bool,
}

/// What has happened, for the promises to judge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct History {
    /// Whether anything went wrong so far.
    pub faulty: bool,
    /// The executions that have a row in the log, one bit each.
    pub log: u32,
    /// The executions that have ended, one bit each.
    pub ended: u32,
    /// Whether one has ended twice.
    pub ended_twice: bool,
    /// Whether a worker has settled what was not its own.
    pub stolen: bool,
    /// How often the effect was written.
    pub effects: u8,
    /// Whether this drive's dead letter was sent.
    pub letter: bool,
    /// Whether it was started before what it waited for had happened.
    pub early: bool,
}

/// Everything there is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct System {
    /// What is stored.
    pub task: Stored,
    /// Who is in the middle of something; sorted, so that their order makes no difference.
    pub actors: Vec<Actor>,
    /// Messages on their way: hidden, late or about to be delivered.
    pub messages: u8,
    /// What has happened that a drive could wait for, one bit a drive.
    pub there: u8,
    /// Faults left.
    pub faults: u8,
    /// Wishes left.
    pub wishes: u8,
    /// What has happened.
    pub history: History,
}

impl TaskModel {
    /// The bounds that every run of the tests goes to: faults and wishes, rows that ride, and three who act at once.
    pub fn bounded(wrong: Option<Wrong>) -> [Self; 5] {
        let faulty = Self { wrong, faults: 2, wishes: 1, actors: 2, retries: 1, rows_ride: false };
        let three = Self { faults: 0, actors: 3, ..faulty };
        [
            faulty,
            Self { faults: 1, wishes: 2, ..faulty },
            Self { rows_ride: true, ..faulty },
            three,
            Self { faults: 1, wishes: 0, ..three },
        ]
    }

    fn is(&self, wrong: Wrong) -> bool {
        self.wrong == Some(wrong)
    }
}

impl Model for TaskModel {
    type State = System;
    type Action = Action;

    /// Inserted; its message may come or not.
    fn init_states(&self) -> Vec<System> {
        let task = Stored { wakes: true, ..Stored::default() };
        let new = |messages| System {
            task,
            actors: Vec::new(),
            messages,
            there: 0,
            faults: self.faults,
            wishes: self.wishes,
            history: History::default(),
        };
        vec![
            new(1),
            System {
                faults: self.faults.saturating_sub(1),
                history: History { faulty: true, ..History::default() },
                ..new(0)
            },
        ]
    }

    fn actions(&self, system: &System, actions: &mut Vec<Action>) {
        actions::possible(self, system, actions);
    }

    fn next_state(&self, system: &System, action: Action) -> Option<System> {
        actions::taken(self, system, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        promises::all()
    }
}
