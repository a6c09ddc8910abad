//! The rules of an assessment, worst first.

use std::collections::{BTreeMap, BTreeSet};

use crate::supervisor::assess::{Action, Goal, History, Limits, Reason, Severity, Turn};
use errand::json::first;

/// What answers say that bring nothing new.
const STALLING: [&str; 2] = ["still working", "trying again"];

/// The worst that is the matter: what went wrong, what blocks, then what wants another way, then what is to be known.
pub(super) fn matter(history: &History<'_>, limits: &Limits) -> Option<(Reason, Severity, Action, String)> {
    if let Some(error) = history.error {
        let message = format!("the model gave no answer: {error}");
        return Some((Reason::RunError, Severity::High, Action::Continue, message));
    }
    if let Some(Goal { spent, budget }) = history.goal.filter(|goal| goal.spent.reaches(100, goal.budget)) {
        let message = format!("the goal's budget is spent: {spent} of {budget}");
        return Some((Reason::GoalSpent, Severity::High, Action::Block, message));
    }
    let (tool, uses) = most_used_tool(history.turns);
    if uses >= limits.same_tool {
        let severity = if uses >= limits.same_tool_high { Severity::High } else { Severity::Medium };
        return Some((Reason::SameTool, severity, Action::Replan, format!("tool `{tool}` was used {uses} times")));
    }
    let stalled = stalled_follow_ups(history.turns, limits);
    if stalled >= limits.stalled_follow_ups {
        let message = format!("{stalled} follow-ups brought nothing new");
        return Some((Reason::Stalled, Severity::Medium, Action::Replan, message));
    }
    let (calls, outputs) = tool_outputs(history.turns);
    if calls >= limits.tool_calls && outputs <= limits.distinct_outputs {
        let message = format!("{calls} tool calls had {outputs} different outputs");
        return Some((Reason::SameOutputs, Severity::Medium, Action::Replan, message));
    }
    let nearly = |goal: &Goal| goal.spent.reaches(limits.goal_warn_percent, goal.budget);
    history.goal.filter(nearly).map(|Goal { spent, budget }| {
        let message = format!("the goal's budget is nearly spent: {spent} of {budget}");
        (Reason::GoalNearlySpent, Severity::Medium, Action::Continue, message)
    })
}

fn most_used_tool(turns: &[Turn]) -> (&str, usize) {
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    for used in turns.iter().flat_map(|turn| &turn.tools) {
        *uses.entry(&used.tool).or_default() += 1;
    }
    uses.into_iter().max_by_key(|(_, uses)| *uses).unwrap_or_default()
}

fn tool_outputs(turns: &[Turn]) -> (usize, usize) {
    let outputs = || turns.iter().flat_map(|turn| &turn.tools).map(|used| used.output.as_str());
    (outputs().count(), outputs().collect::<BTreeSet<_>>().len())
}

fn stalled_follow_ups(turns: &[Turn], limits: &Limits) -> usize {
    let openings: Vec<&str> = turns.iter().map(|turn| first(turn.text.trim(), limits.opening_chars)).collect();
    let brings_nothing = |turn: &&Turn| {
        let text = turn.text.trim();
        let short = first(text, limits.short_chars).len() == text.len() && text.chars().count() < limits.short_chars;
        let opening = first(text, limits.opening_chars);
        let again = openings.iter().filter(|other| **other == opening).count() > 1;
        let lower = text.to_lowercase();
        short || again || STALLING.iter().any(|phrase| lower.contains(phrase))
    };
    turns.iter().skip(1).filter(brings_nothing).count()
}
