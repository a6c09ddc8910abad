//! What follows a turn: another, or the end.

use super::{Action, Assessment, blocker, looks_incomplete};
use crate::agent::Terminal;

/// How many follow-ups a run has at most.
pub const MAX_FOLLOW_UPS: usize = 2;

/// What every run is asked besides its prompt. The last line of it is what [`blocker`] reads.
const REQUIREMENTS: &str = "Requirements:\n\
    1. Do it; do not only plan or describe it.\n\
    2. Give evidence of what you did: files, commands, results.\n\
    3. If something blocks you, say what it is and what you need, in a line of its own that begins with `BLOCKED: `; \
    otherwise leave that line out.";

const CONTINUE: &str = "Your answer is not finished. Continue where you stopped and finish the task now. \
    Give evidence: files, commands, results. If something blocks you, end with a line `BLOCKED: ` and what you need.";

/// What is known when a turn is over.
#[derive(Clone, Copy, Debug)]
pub struct Round<'a> {
    /// Whether somebody has called the task off.
    pub cancelled: bool,
    /// Why the turn has no answer, if it has none and is not tried again.
    pub failed: Option<&'a str>,
    /// The answer.
    pub answer: &'a str,
    /// How many follow-ups there were.
    pub follow_ups: usize,
    /// What [`super::assess`] found.
    pub assessment: &'a Assessment,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The end: called off.
    Cancelled,
    /// The end: no answer.
    Fail(String),
    /// The end, until a person helps with this.
    Block(String),
    /// Another turn with this prompt, if time and budget allow.
    FollowUp(&'static str),
    /// The end: done.
    Done,
}

impl Next {
    /// How the run ends, if it does.
    pub fn terminal(&self) -> Option<Terminal> {
        match self {
            Next::Cancelled => Some(Terminal::Cancelled),
            Next::Fail(_) => Some(Terminal::Failed),
            Next::Block(_) => Some(Terminal::Blocked),
            Next::FollowUp(_) => None,
            Next::Done => Some(Terminal::Completed),
        }
    }
}

/// What the agent is told first: its prompt, what the operator said who set the task going again, the requirements.
pub fn first_prompt(prompt: &str, redrive_note: Option<&str>) -> String {
    let note = redrive_note.map(|note| format!("\n\nAn answer to what came of this before:\n{}", note.trim()));
    format!("{}{}\n\n{REQUIREMENTS}", prompt.trim(), note.unwrap_or_default())
}

/// What follows a turn. Cancelled beats failed beats all else; what the agent says is missing, what the assessment does.
pub fn next(round: &Round<'_>) -> Next {
    if round.cancelled {
        return Next::Cancelled;
    }
    if let Some(why) = round.failed {
        return Next::Fail(why.to_owned());
    }
    if let Some(missing) = blocker(round.answer) {
        return Next::Block(missing);
    }
    let Assessment { action, message, prompt, .. } = round.assessment;
    let follow_up = match action {
        Action::Block => return Next::Block(message.clone()),
        Action::Replan => *prompt,
        Action::Continue | Action::Compact => looks_incomplete(round.answer).then_some(CONTINUE),
    };
    follow_up.filter(|_| round.follow_ups < MAX_FOLLOW_UPS).map_or(Next::Done, Next::FollowUp)
}

#[cfg(test)]
mod tests {
    use super::{super::Severity, *};

    fn assessment(action: Action) -> Assessment {
        let prompt = (action == Action::Replan).then_some("another way");
        Assessment { severity: Severity::Medium, action, message: "trouble".into(), prompt, incident: None }
    }

    #[test]
    fn what_follows_a_turn() {
        use Action::{Block, Compact, Continue, Replan};
        let (whole, broken, blocked) = ("Done.", "And then...", "BLOCKED: a key");
        let (again, another) = (Next::FollowUp(CONTINUE), Next::FollowUp("another way"));
        let (fail, trouble, key) =
            (Next::Fail("no".into()), Next::Block("trouble".into()), Next::Block("a key".into()));
        for (cancelled, failed, answer, follow_ups, action, expected) in [
            (false, None, whole, 0, Continue, &Next::Done),
            (false, None, broken, 0, Continue, &again),
            (false, None, broken, 1, Continue, &again),
            (false, None, broken, 2, Continue, &Next::Done),
            (false, None, broken, 3, Continue, &Next::Done),
            (false, None, whole, 0, Replan, &another),
            (false, None, broken, 1, Replan, &another),
            (false, None, whole, 2, Replan, &Next::Done),
            (false, None, whole, 0, Compact, &Next::Done),
            (false, None, broken, 0, Compact, &again),
            (false, None, whole, 0, Block, &trouble),
            (false, None, broken, 2, Block, &trouble),
            (false, None, blocked, 0, Continue, &key),
            (false, None, blocked, 0, Replan, &key),
            (false, None, blocked, 2, Block, &key),
            (false, Some("no"), whole, 0, Continue, &fail),
            (false, Some("no"), blocked, 0, Block, &fail),
            (true, Some("no"), blocked, 0, Block, &Next::Cancelled),
            (true, None, whole, 0, Continue, &Next::Cancelled),
        ] {
            let assessment = assessment(action);
            let round = Round { cancelled, failed, answer, follow_ups, assessment: &assessment };
            assert_eq!(next(&round), *expected, "{round:?}");
        }
    }

    #[test]
    fn every_end_has_a_terminal_status() {
        let ends = [Next::Cancelled, Next::Fail("".into()), Next::Block("".into()), Next::FollowUp(""), Next::Done];
        use Terminal::{Blocked, Cancelled, Completed, Failed};
        assert_eq!(
            ends.map(|end| end.terminal()),
            [Some(Cancelled), Some(Failed), Some(Blocked), None, Some(Completed)]
        );
    }

    #[test]
    fn the_first_prompt_carries_the_three_requirements_and_the_note() {
        insta::assert_snapshot!(first_prompt(" Fix the build.\n", Some("The key is in the vault.\n")));
        assert!(!first_prompt("Fix it.", None).contains("An answer to"));
    }

    #[test]
    fn an_agent_that_repeats_the_requirements_is_not_blocked() {
        assert_eq!(blocker(&first_prompt("Fix it.", None)), None);
        assert_eq!(blocker(CONTINUE), None);
    }
}
