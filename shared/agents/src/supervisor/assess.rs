//! Whether a run is in trouble, and what to do about it.

mod rules;
mod severity;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use severity::Severity;

use super::Incident;
use errand::{
    Id, Timestamp,
    spi::{ids, money::Usd},
};
use errand_models::Finish;

/// What is the matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The model gave no answer: noted by an older version, and no longer.
    RunError,
    /// The goal's budget is spent.
    GoalSpent,
    /// A tool was called again and again with the same arguments.
    SameTool,
    /// A follow-up brought nothing new.
    Stalled,
    /// Many tool calls have few outcomes.
    SameOutputs,
    /// The goal's budget is nearly spent.
    GoalNearlySpent,
    /// The session has become long: noted by older versions, and no trouble.
    LongSession,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Remedy {
    /// Nothing.
    Continue,
    /// Ask the agent for another way.
    Replan,
    /// Stop, and ask a person.
    Block,
}

/// What [`assess`] finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// How bad it is.
    pub severity: Severity,
    /// What to do.
    pub action: Remedy,
    /// In a sentence; empty if nothing is the matter.
    pub message: String,
    /// What to say to the agent.
    pub prompt: Option<&'static str>,
    /// What is noted of it; its id is a hash of session, run, turn and reason, so that the same assessment made again
    /// adds nothing. The session keeps those that are trouble ([`Reason::is_trouble`]).
    pub incident: Option<Incident>,
}

/// What one turn was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// What the agent answered.
    pub text: String,
    /// How the answer came to its end.
    pub finish: Finish,
    /// The tools it used, in order.
    pub tools: Vec<ToolUse>,
}

/// One use of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolUse {
    /// Which tool.
    pub tool: String,
    /// What it was called with, or a hash of that.
    pub arguments: String,
    /// What came of it, or a hash of that.
    pub output: String,
}

/// What was spent on a goal, over all its runs, and what may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // see above
pub struct Goal {
    pub spent: Usd,
    pub budget: Usd,
}

/// What is known after a turn.
#[derive(Clone, Debug)]
pub struct History<'a> {
    /// The session, or the run if it has none.
    pub session: &'a Id,
    /// The run.
    pub run: &'a Id,
    /// Which of its turns is assessed, from 1: the newest.
    pub turn: usize,
    /// Its turns, oldest first: the first one, or the one that was last asked for by a command; then the follow-ups.
    pub turns: &'a [Turn],
    /// The goal's budget, if there is one.
    pub goal: Option<Goal>,
    /// The session's incidents.
    pub incidents: &'a [Incident],
    /// The time.
    pub now: Timestamp,
}

/// Where trouble begins; all bounds belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// So many calls of one tool with the same arguments, in one turn, are trouble.
    pub same_tool: usize,
    /// So many are bad trouble.
    pub same_tool_high: usize,
    /// So many follow-ups in a row that bring nothing new are trouble.
    pub stalled_follow_ups: usize,
    /// An answer with fewer characters brings nothing new.
    pub short_chars: usize,
    /// Nor does one that begins with as many characters as another began with.
    pub opening_chars: usize,
    /// So many tool calls ...
    pub tool_calls: usize,
    /// ... with no more different outputs than this are trouble.
    pub distinct_outputs: usize,
    /// A goal's budget is nearly spent at so many percent.
    pub goal_warn_percent: u64,
    /// A session of so many messages is long: what was said before its newest turn is put in short.
    pub session_messages: u64,
    /// So is one of so many characters, where that is said; what fills three quarters of the model's window always is.
    pub session_chars: Option<u64>,
    /// So many incidents of one run ...
    pub incidents: usize,
    /// ... within so many seconds block it.
    pub incidents_s: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            same_tool: 3,
            same_tool_high: 4,
            stalled_follow_ups: 1,
            short_chars: 80,
            opening_chars: 220,
            tool_calls: 6,
            distinct_outputs: 2,
            goal_warn_percent: 90,
            session_messages: 60,
            session_chars: None,
            incidents: 3,
            incidents_s: 30 * 60,
        }
    }
}

const REPLAN: &str = "You are going in circles. Stop repeating what you did. Say in one sentence why it does not work, \
    choose a different way to the same goal, and carry it out now. Give evidence: files, commands, results. \
    If there is no other way, end with a line `BLOCKED: ` and what you need.";

/// Assesses a run after a turn. The worst that is the matter decides; the third trouble of one run within half an hour
/// blocks it.
pub fn assess(history: &History<'_>, thresholds: &Thresholds) -> Assessment {
    let Some((reason, severity, action, message)) = rules::matter(history, thresholds) else {
        let (severity, action) = (Severity::None, Remedy::Continue);
        return Assessment { severity, action, message: String::new(), prompt: None, incident: None };
    };
    let incident = incident(history, reason);
    let troubles = troubles(history, &incident, thresholds);
    let prompt = (action == Remedy::Replan).then_some(REPLAN);
    if reason.is_trouble() && troubles >= thresholds.incidents {
        let message =
            format!("{message}; with it there are {troubles} incidents within {} minutes", thresholds.incidents_s / 60);
        let (severity, action) = (Severity::High, Remedy::Block);
        return Assessment { severity, action, message, prompt: None, incident: Some(incident) };
    }
    Assessment { severity, action, message, prompt, incident: Some(incident) }
}

fn incident(history: &History<'_>, reason: Reason) -> Incident {
    let turn = history.turn.to_string();
    let id = ids::derived(&["incident", history.session.as_str(), history.run.as_str(), &turn, reason.as_str()]);
    Incident { id: id.to_string(), run_id: Some(history.run.clone()), reason, at: history.now }
}

/// How many troubles this run had of late, this one included and counted once.
fn troubles(history: &History<'_>, this: &Incident, thresholds: &Thresholds) -> usize {
    let window = Duration::from_secs(thresholds.incidents_s);
    let earlier = history
        .incidents
        .iter()
        .filter(|other| other.id != this.id && other.run_id == this.run_id && other.reason.is_trouble())
        .filter(|other| history.now.since(other.at) <= window);
    earlier.count() + 1
}

impl Assessment {
    /// What is told of it in the run's trace.
    pub fn note(&self) -> String {
        format!("{}: {}", self.severity.as_str(), self.message)
    }
}

impl Reason {
    /// Whether it counts towards blocking its run: going in circles does. What fails is tried again by its task, and
    /// money and length have rules of their own.
    pub fn is_trouble(self) -> bool {
        match self {
            Reason::SameTool | Reason::Stalled | Reason::SameOutputs => true,
            Reason::RunError | Reason::GoalSpent | Reason::GoalNearlySpent | Reason::LongSession => false,
        }
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::RunError => "run_error",
            Reason::GoalSpent => "goal_spent",
            Reason::SameTool => "same_tool",
            Reason::Stalled => "stalled",
            Reason::SameOutputs => "same_outputs",
            Reason::GoalNearlySpent => "goal_nearly_spent",
            Reason::LongSession => "long_session",
        }
    }
}

#[cfg(test)]
mod tests;
