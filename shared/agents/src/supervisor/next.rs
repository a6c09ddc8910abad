//! What follows a turn: another, or the end.

use std::collections::BTreeSet;

use crate::supervisor::{Assessment, Remedy, Turn, Unfinished, blocker, unfinished};
use errand_models::Finish;

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

/// For an answer that was cut: its parts are put together as they are.
const GO_ON: &str = "Your answer was cut off where it became too long. Go on exactly where it ended: repeat nothing of it, \
    and begin with no remark.";

const NO_TOOLS: &str = "You called tools, but no tool is run for you here: nothing came of those calls. Finish the task now \
    with what you have. If you cannot, end with a line `BLOCKED: ` and what you need.";

/// What is known when a turn is over. One that was called off, or has no answer, is none.
#[derive(Clone, Copy, Debug)]
pub struct TurnEnd<'a> {
    /// The turn.
    pub turn: &'a Turn,
    /// How many follow-ups there were.
    pub follow_ups: usize,
    /// What [`super::assess`] found.
    pub assessment: &'a Assessment,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The end, until a person helps with this.
    Block(String),
    /// Another turn with this prompt, if time and budget allow.
    FollowUp(&'static str),
    /// The end: done.
    Done,
}

/// What the agent is told first: its prompt, what the operator said who set the task going again, the requirements.
pub fn first_prompt(prompt: &str, redrive_note: Option<&str>) -> String {
    let note = redrive_note.map(|note| format!("\n\nAn answer to what came of this before:\n{}", note.trim()));
    format!("{}{}\n\n{REQUIREMENTS}", prompt.trim(), note.unwrap_or_default())
}

/// What the user said in a prompt: it without what every run is asked besides.
pub fn without_requirements(prompt: &str) -> String {
    let Some((before, behind)) = prompt.split_once(REQUIREMENTS) else { return prompt.to_owned() };
    let parts = [before.trim(), behind.trim()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// What follows a turn. A refusal is no answer; then what the agent says is missing beats what the assessment says.
pub fn next(round: &TurnEnd<'_>) -> Next {
    if let Finish::Refused(words) = &round.turn.finish {
        return Next::Block(format!("the model refuses: {words}"));
    }
    if let Some(missing) = blocker(&round.turn.text) {
        return Next::Block(missing);
    }
    let Assessment { action, message, prompt, .. } = round.assessment;
    let unfinished = unfinished(round.turn);
    let follow_up = match action {
        Remedy::Block => return Next::Block(message.clone()),
        Remedy::Replan => *prompt,
        Remedy::Continue => unfinished.map(asking),
    };
    match follow_up {
        None => Next::Done,
        Some(prompt) if round.follow_ups < MAX_FOLLOW_UPS => Next::FollowUp(prompt),
        Some(_) => unfinished.and_then(|why| missing(why, round.turn)).map_or(Next::Done, Next::Block),
    }
}

/// How an answer that is not the end is gone on with.
fn asking(unfinished: Unfinished) -> &'static str {
    match unfinished {
        Unfinished::Cut => GO_ON,
        Unfinished::Waits => NO_TOOLS,
        Unfinished::Announces => CONTINUE,
    }
}

/// What is missing of an answer that no follow-up has finished. One that only looks unfinished is taken as it is.
fn missing(unfinished: Unfinished, turn: &Turn) -> Option<String> {
    match unfinished {
        Unfinished::Cut => Some("the answer was cut off, and is longer than the model may write".to_owned()),
        Unfinished::Waits => {
            let tools: BTreeSet<&str> = turn.tools.iter().map(|used| used.tool.as_str()).collect();
            let tools: Vec<&str> = tools.into_iter().collect();
            Some(format!("the agent waits for tools that nobody runs: {}", tools.join(", ")))
        }
        Unfinished::Announces => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::{Severity, ToolUse};

    fn assessment(action: Remedy) -> Assessment {
        let prompt = (action == Remedy::Replan).then_some("another way");
        Assessment { severity: Severity::Medium, action, message: "trouble".into(), prompt, incident: None }
    }

    #[test]
    fn what_follows_a_turn() {
        use Remedy::{Block, Continue, Replan};
        let (whole, broken, blocked) = ("Done.", "And then...", "BLOCKED: a key");
        let (again, another) = (Next::FollowUp(CONTINUE), Next::FollowUp("another way"));
        let (trouble, key) = (Next::Block("trouble".into()), Next::Block("a key".into()));
        for (answer, follow_ups, action, expected) in [
            (whole, 0, Continue, &Next::Done),
            (broken, 0, Continue, &again),
            (broken, 1, Continue, &again),
            (broken, 2, Continue, &Next::Done),
            (broken, 3, Continue, &Next::Done),
            (whole, 0, Replan, &another),
            (broken, 1, Replan, &another),
            (whole, 2, Replan, &Next::Done),
            (whole, 0, Block, &trouble),
            (broken, 2, Block, &trouble),
            (blocked, 0, Continue, &key),
            (blocked, 0, Replan, &key),
            (blocked, 2, Block, &key),
        ] {
            let assessment = assessment(action);
            let turn = Turn { text: answer.into(), ..Turn::default() };
            let round = TurnEnd { turn: &turn, follow_ups, assessment: &assessment };
            assert_eq!(next(&round), *expected, "{round:?}");
        }
    }

    #[test]
    fn what_follows_an_answer_that_its_backend_says_is_no_end() {
        let (whole, cut, waits) = (Finish::Whole, Finish::Length, Finish::ToolCalls);
        let refused = Finish::Refused("no".into());
        let block = |why: &str| Next::Block(why.into());
        let too_long = block("the answer was cut off, and is longer than the model may write");
        for (text, finish, follow_ups, expected) in [
            ("Done.", &whole, 0, Next::Done),
            ("Done.", &cut, 0, Next::FollowUp(GO_ON)),
            ("And then...", &cut, 1, Next::FollowUp(GO_ON)),
            ("Done.", &cut, 2, too_long),
            ("Done.", &waits, 0, Next::FollowUp(NO_TOOLS)),
            ("", &waits, 1, Next::FollowUp(NO_TOOLS)),
            ("Done.", &waits, 2, block("the agent waits for tools that nobody runs: a, b")),
            ("", &whole, 0, Next::FollowUp(CONTINUE)),
            ("Done.", &refused, 0, block("the model refuses: no")),
            ("BLOCKED: a key", &refused, 0, block("the model refuses: no")),
            ("BLOCKED: a key", &cut, 0, block("a key")),
        ] {
            let used = |tool: &str| ToolUse { tool: tool.into(), arguments: String::new(), output: String::new() };
            let turn = Turn { text: text.into(), finish: finish.clone(), tools: ["b", "a", "b"].map(used).into() };
            let assessment = assessment(Remedy::Continue);
            let round = TurnEnd { turn: &turn, follow_ups, assessment: &assessment };
            assert_eq!(next(&round), expected, "{round:?}");
        }
    }

    #[test]
    fn the_first_prompt_carries_the_three_requirements_and_the_note() {
        insta::assert_snapshot!(first_prompt(" Fix the build.\n", Some("The key is in the vault.\n")));
        assert!(!first_prompt("Fix it.", None).contains("An answer to"));
    }

    #[test]
    fn what_the_user_said_is_told_from_what_every_run_is_asked() {
        assert_eq!(without_requirements(&first_prompt(" Fix it.\n", None)), "Fix it.");
        assert_eq!(
            without_requirements(&format!("{}\n\nIn French.", first_prompt("Fix it.", None))),
            "Fix it.\n\nIn French."
        );
        assert_eq!(without_requirements("a\n\n\n\nb"), "a\n\n\n\nb");
    }

    #[test]
    fn an_agent_that_repeats_the_requirements_is_not_blocked() {
        assert_eq!(blocker(&first_prompt("Fix it.", None)), None);
        assert_eq!(blocker(CONTINUE), None);
    }
}
