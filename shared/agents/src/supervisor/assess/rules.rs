//! The rules of an assessment, worst first.

use std::collections::{BTreeMap, BTreeSet};

use crate::supervisor::{
    assess::{Goal, History, Reason, Remedy, Severity, Thresholds, Turn},
    unfinished,
};
use errand::spi::json::first;
use errand_models::Finish;

/// What answers say that bring nothing new.
const STALLING: [&str; 2] = ["still working", "trying again"];

/// The worst that is the matter: what wants another way, then what is to be known. Whether the goal's budget allows
/// another turn is asked where one is wanted: an answer that is finished is, whatever it cost.
pub(super) fn matter(history: &History<'_>, thresholds: &Thresholds) -> Option<(Reason, Severity, Remedy, String)> {
    let (tool, uses) = most_repeated_call(history.turns);
    if uses >= thresholds.same_tool {
        let severity = if uses >= thresholds.same_tool_high { Severity::High } else { Severity::Medium };
        let message = format!("tool `{tool}` was called {uses} times with the same arguments");
        return Some((Reason::SameTool, severity, Remedy::Replan, message));
    }
    let stalled = stalled_follow_ups(history.turns, thresholds);
    if stalled >= thresholds.stalled_follow_ups {
        let message = format!("{stalled} follow-ups in a row brought nothing new");
        return Some((Reason::Stalled, Severity::Medium, Remedy::Replan, message));
    }
    let (calls, outputs) = tool_outputs(history.turns);
    if calls >= thresholds.tool_calls && outputs <= thresholds.distinct_outputs {
        let message = format!("{calls} tool calls had {outputs} different outputs");
        return Some((Reason::SameOutputs, Severity::Medium, Remedy::Replan, message));
    }
    history.goal.and_then(|goal| goal_matter(goal, thresholds))
}

fn goal_matter(goal: Goal, thresholds: &Thresholds) -> Option<(Reason, Severity, Remedy, String)> {
    let Goal { spent, budget } = goal;
    if spent.reaches(100, budget) {
        let message = format!("the goal's budget is spent: {spent} of {budget}");
        return Some((Reason::GoalSpent, Severity::High, Remedy::Continue, message));
    }
    spent.reaches(thresholds.goal_warn_percent, budget).then(|| {
        let message = format!("the goal's budget is nearly spent: {spent} of {budget}");
        (Reason::GoalNearlySpent, Severity::Medium, Remedy::Continue, message)
    })
}

/// The tool that the newest turn called most often with the same arguments, and how often. Turns before it do not count:
/// an agent may well look at the same again after it has changed something.
fn most_repeated_call(turns: &[Turn]) -> (&str, usize) {
    let mut uses: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for used in turns.last().iter().flat_map(|turn| &turn.tools) {
        *uses.entry((&used.tool, &used.arguments)).or_default() += 1;
    }
    uses.into_iter().max_by_key(|(_, uses)| *uses).map(|((tool, _), uses)| (tool, uses)).unwrap_or_default()
}

fn tool_outputs(turns: &[Turn]) -> (usize, usize) {
    let outputs = || turns.iter().flat_map(|turn| &turn.tools).map(|used| used.output.as_str());
    (outputs().count(), outputs().collect::<BTreeSet<_>>().len())
}

/// How many of the newest follow-ups brought nothing new, in a row. An answer that is finished ends its run, however
/// short it is: it is no stall.
fn stalled_follow_ups(turns: &[Turn], thresholds: &Thresholds) -> usize {
    if turns.last().is_none_or(|newest| unfinished(newest).is_none()) {
        return 0;
    }
    let openings: Vec<&str> = turns.iter().map(|turn| first(turn.text.trim(), thresholds.opening_chars)).collect();
    let brings_nothing = |turn: &&Turn| {
        let text = turn.text.trim();
        let short =
            first(text, thresholds.short_chars).len() == text.len() && text.chars().count() < thresholds.short_chars;
        let opening = first(text, thresholds.opening_chars);
        let again = openings.iter().filter(|other| **other == opening).count() > 1;
        let lower = text.to_lowercase();
        // What goes on from where it was cut is new, however little it is.
        turn.finish != Finish::Length && (short || again || STALLING.iter().any(|phrase| lower.contains(phrase)))
    };
    turns.iter().skip(1).rev().take_while(brings_nothing).count()
}
