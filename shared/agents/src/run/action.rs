//! What can happen to a run.

use crate::run::{ExecutionUse, Reserved, Terminal};
use errand::spi::lifecycle::KeptFailure;

/// What can happen to a run. The task's lease decides who may: `attempt` is its `executions`.
#[derive(Clone, Debug, PartialEq)]
pub enum RunAction {
    /// A worker takes it with the task's claim, over from another if it must.
    Claim {
        /// Which worker.
        by: String,
        /// The claim's number.
        attempt: u32,
    },
    /// Its worker sets the agent going.
    Start {
        /// The worker's.
        attempt: u32,
    },
    /// The agent has answered.
    Turn {
        /// The worker's.
        attempt: u32,
        /// What came of it.
        turn: Box<TurnDone>,
    },
    /// Its worker has decided how it ends, and is about to end it: from here to that end it takes no more commands.
    Close {
        /// The worker's.
        attempt: u32,
    },
    /// Whoever had it has lost it or given it back, and it is anybody's: said with its task, which waits again.
    Release,
    /// Its worker is about to call the model.
    Reserve {
        /// The worker's.
        attempt: u32,
        /// The most that this may cost.
        reserved: Reserved,
    },
    /// The call has ended without a turn.
    Paid {
        /// The worker's.
        attempt: u32,
        /// What it used, and cost.
        used: ExecutionUse,
    },
    /// A worker outside says what its work has used.
    Used {
        /// The worker's.
        attempt: u32,
        /// The backend's name for the exchange.
        thread_id: Option<String>,
        /// The backend's name for the newest turn.
        turn_id: Option<String>,
        /// What it used, and cost.
        used: ExecutionUse,
    },
    /// Its task has ended, whoever ended it: by an operator, by the poller, by another outcome.
    TaskEnded {
        /// How it ended.
        end: End,
    },
}

/// What one turn adds to its run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TurnDone {
    /// The backend's name for the exchange.
    pub thread_id: Option<String>,
    /// The backend's name for the turn.
    pub turn_id: Option<String>,
    /// What the agent said.
    pub message: String,
    /// What it used, and cost.
    pub used: ExecutionUse,
    /// What it refers to.
    pub citations: Vec<String>,
    /// How many pieces it looked up.
    pub retrieved: u64,
    /// Where.
    pub sources: Vec<String>,
}

/// How a run ends.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// In which state.
    pub status: Terminal,
    /// Why, if it failed.
    pub failure: Option<KeptFailure>,
    /// The result, what is missing, or why it was called off; empty: the newest message's start stays.
    pub text: String,
}
