//! Whether an agent's answer breaks off, or announces what it should have done.

use std::sync::LazyLock;

use regex::Regex;

use crate::supervisor::Turn;
use errand::spi::json::last;
use errand_models::Finish;

/// How far from the end a heading announces more, in characters.
const HEADING_CHARS: usize = 200;

/// How far from the end a phrase announces more, in characters.
const PHRASE_CHARS: usize = 300;

/// A heading of the first three levels that begins with Step, Phase or Next and a number. Numbered steps without its mark
/// are how a finished answer tells what was done.
const HEADING: &str = r"(?im)^[ \t]*#{1,3}[ \t]*(?:step|phase|next)[ \t]+\d+(?:[^\w\n][^\n]*)?$";

const PHRASE: &str =
    r"(?i)\b(?:(?:next|now),?\s+i(?:['’]ll|\s+will)|let\s+me\s+(?:now|next)|moving\s+on\s+to|proceeding\s+to)\b";

static HEADINGS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(HEADING).ok());
static PHRASES: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(PHRASE).ok());

/// Why an answer is not the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// It was cut off.
    Cut,
    /// It waits for tools that nobody runs.
    Waits,
    /// It has no words, breaks off, or announces what it should have done.
    Announces,
}

/// Why `turn`'s answer is not the end, if it is not. What its backend says of it comes before what it looks like.
pub fn unfinished(turn: &Turn) -> Option<Unfinished> {
    match &turn.finish {
        Finish::Length => Some(Unfinished::Cut),
        Finish::ToolCalls => Some(Unfinished::Waits),
        // That is the end, though not a good one.
        Finish::Refused(_) => None,
        Finish::Whole => {
            let announces = turn.text.trim().is_empty() || looks_incomplete(&turn.text);
            announces.then_some(Unfinished::Announces)
        }
    }
}

/// Whether `text` ends in an ellipsis, has a heading (`#` to `###`) "Step N", "Phase N" or "Next N" among its last 200 characters, or
/// says among its last 300 what the agent will do next.
pub fn looks_incomplete(text: &str) -> bool {
    let text = text.trim_end();
    text.ends_with("...") || text.ends_with('…') || announces_step(text) || announces_work(text)
}

/// Where the last `chars` characters begin. Matching from there on the whole text, a word or line that began before is
/// not taken for one that begins there.
fn tail(text: &str, chars: usize) -> usize {
    text.len() - last(text, chars).len()
}

fn announces_step(text: &str) -> bool {
    HEADINGS.as_ref().is_some_and(|headings| headings.is_match_at(text, tail(text, HEADING_CHARS)))
}

fn announces_work(text: &str) -> bool {
    PHRASES.as_ref().is_some_and(|phrases| phrases.is_match_at(text, tail(text, PHRASE_CHARS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `text`, and behind it so many characters that announce nothing.
    fn before(text: &str, chars: usize) -> String {
        format!("{text}{}", "ö".repeat(chars))
    }

    #[test]
    fn the_patterns_compile() {
        assert!(HEADINGS.is_some() && PHRASES.is_some());
    }

    #[test]
    fn answers_that_break_off_or_announce_more() {
        let heading_at_bound = before("\n# Step 3:\n", 190);
        let phrase_at_bound = before("Now I'll ", 291);
        let huge = format!("{} Let me now run it.", "done. ".repeat(200_000));
        for text in [
            "I have begun...",
            "I have begun…",
            "I have begun ...  \n\n",
            "…",
            "....",
            "Здесь ещё не всё…",
            "Done so far.\n\n## Step 3",
            "Done so far.\n## Step 3: deploy the thing\n",
            "# Step 2:",
            "##Step 2",
            "## step 2 - write tests",
            "## Step 2) Write tests",
            "# Step 10 — aufräumen",
            "### phase 12",
            "  ## Phase 2:",
            "# NEXT 1: verify",
            "Step 1 was simple.\n## Step 2: harder",
            "First\r\n\r\n# Step 2:\r\n",
            &heading_at_bound,
            "Next I'll write the tests.",
            "next, I’ll write the tests",
            "Now I'll deploy.",
            "now I will deploy",
            "Next I will deploy",
            "NOW,\nI WILL deploy",
            "Let me now check the logs.",
            "let me next check the logs",
            "Moving on to the tests.",
            "Proceeding to deploy",
            "That is done. Proceeding  to the tests, which are many.",
            "(now I'll test)",
            &phrase_at_bound,
            &huge,
        ] {
            assert!(looks_incomplete(text), "{}", last(text, 80));
        }
    }

    #[test]
    fn answers_that_are_whole() {
        let heading_before = before("\n# Step 3:\n", 191);
        let phrase_before = before("Now I'll ", 292);
        let word_across_the_bound = before("know I'll ", 291);
        let line_across_the_bound = before("the # Step 3:", 193);
        let huge = format!("Now I'll begin... {}", "done. ".repeat(200_000));
        for text in [
            "",
            "   \n",
            "Done.",
            "All 12 tests pass; see report.md.",
            "It ended in .. two dots..",
            "Wait... it is done.",
            "He said “…” and left.",
            "Step 1: read\nStep 2: mend\nStep 3: verified",
            "Step 2:\n",
            "Step 2",
            "**Phase 2: rollout**",
            "__Next 2__",
            "#### Step 3: verified",
            "Step 3 is complete.",
            "Step 3 took 5 minutes, and all tests pass.",
            "All is done, as Step 3: says",
            "- Step 3: done",
            "Step three: done",
            "Step 3rd",
            "Steps 3: done",
            "Next steps: none",
            "Next: nothing",
            "Misstep 3: no",
            "phase3:",
            &heading_before,
            &line_across_the_bound,
            "I know I'll be back.",
            "Text I will send.",
            "Let me know if anything is missing.",
            "Let me now.here",
            "What's next? I'll leave that to you.",
            "You may proceed to the payment.",
            "Keep moving on, to be sure.",
            "Nowadays I will",
            "Next time I'll do better",
            "Unproceeding to",
            &phrase_before,
            &word_across_the_bound,
            &huge,
        ] {
            // One that only looks like a near miss is one: the words are there.
            let expected = text == "Let me now.here";
            assert_eq!(looks_incomplete(text), expected, "{}", last(text, 80));
        }
    }
}
