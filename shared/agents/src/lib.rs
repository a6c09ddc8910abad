//! Agent runs: what an agent does for a task, recorded step by step. The pure core: records, lifecycles, decisions.
//!
//! Nothing here but the [`journal`] reads, writes or asks for the time; it decides what rides in one commit. There is one
//! lease, the task's: a run's `attempt` is the task's `executions`, and is all of the fence that a run needs.
//!
//! | record kind | id | parent, in the order of | owner, in the order of | serves |
//! |---|---|---|---|---|
//! | `run` | derived from task and drive ([`run::id`]) | its session, `queued_at` | its project, `queued_at` | runs (newest first), the runs of a session, the run of a task (by id) |
//! | `run_event` | derived from run and `seq` | its run, `seq` | – | events after `seq`; trace and output of a session, run by run |
//! | `command` | derived from run and key, or fresh | its run, `seq` | – | commands after `seq`; a repeated key (by id) |
//! | `turn` | derived from run and number | its session, its time | – | what a run goes on from; what was said in a session |
//! | `recap` | derived from run and number | its session, its time | – | what was said before a session's newest turns (by id) |
//! | `session` | the caller's, or the task's | its conversation, `created_at` | its project, [`Session::place`] | sessions, active first, then by activity |
//! | `agent` | the caller's, or the task's | its task, `created_at` | its project, `created_at` | agents (newest first), the agents of a task |
//! | `erasure` | a keyed hash of a user's | – | – | whom an erasure is of, until it is done |
//! | `spending`, `spending_of_user`, `spending_of_nobody`, `spending_of_tenant` | the holder's | – | – | budgets (by id) |
//!
//! `event` is the kind of published events (see `outbox`), hence `run_event`. What moves (a session in its list) is an
//! owner's order. Sequences are ten digits, so that text sorts as numbers do.
//!
//! **What depends on the reader** cannot be in a key: a list of sessions "active, then unread, then newest activity" is
//! [`Phase`] after phase over the one order, each showing what belongs to it; its cursor is phase and place.
//!
//! Each module knows only those before it: `refused`, `preview`, `budget`, `bundle`, `run`, `agent_record`,
//! `records`, `command`, `supervisor`, `session`, `event`, `journal`, `rules`, `desk`, `api`, `turn`,
//! `recap`, `failure`, `cleanup_session`, `run_agent`, `run_outside`, `erase_user`, `routes`, `types`.

mod agent_record;
pub mod api;
pub mod budget;
mod bundle;
pub mod cleanup_session;
mod command;
mod desk;
mod erase_user;
pub mod event;
mod failure;
pub mod journal;
pub mod preview;
mod recap;
mod records;
mod refused;
pub mod routes;
mod rules;
pub mod run;
pub mod run_agent;
pub mod run_outside;
mod session;
pub mod supervisor;
#[cfg(test)]
mod table;
mod turn;
mod types;

pub use agent_record::{Agent, AgentAction, AgentStatus};
pub use bundle::{BundleView, ResourceBundle};
pub use cleanup_session::CleanupSession;
pub use command::{Admitted, Command, CommandAction, CommandKind, CommandStatus, admit};
pub use desk::Agents;
pub use erase_user::{EraseUser, with_erasure};
pub use errand::spi::records::{create, key_of, replace};
pub use event::RunEvent;
pub(crate) use failure::of_journal;
pub use recap::{Recap, Said};
pub use records::{after_seq, keyed_id, seq_place};
pub use refused::Refused;
pub use routes::ROUTES;
pub use rules::AgentRules;
pub use run::{End, ExecutionUse, Executor, Reserved, Retrieval, Run, RunAction, RunStatus, Terminal, TurnDone};
pub use run_agent::RunAgent;
pub use run_outside::RunOutside;
pub use session::{
    Attention, ExecutionState, MAX_WAITING, NotAdmitted, Phase, Session, SessionAction, SessionFilter, Waiting,
};
pub use supervisor::Incident;
pub use turn::{Cause, StoredTurn, TURN_CALLS};
pub use types::types;
