//! How an answer came to its end, as its backend says.

use serde::{Deserialize, Serialize};

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model has said what it had to say; or its backend does not tell.
    #[default]
    Whole,
    /// It was cut: as much was written as was allowed, or as there was room for.
    Length,
    /// It waits for the results of tools that it has called.
    ToolCalls,
    /// The model, or a filter, refuses to answer; in these words.
    Refused(String),
}

impl Finish {
    /// What a backend's name for it means: `finish_reason` (OpenAI's Chat Completions) and `stopReason` (Converse) share
    /// this one table, since endpoints pass each other's names on. An unknown name stops nobody. `words` are what a
    /// refusal says; where it says nothing, the name itself does.
    pub(super) fn of_name(name: Option<&str>, words: &str) -> Self {
        match name.unwrap_or_default() {
            "length" | "max_tokens" | "model_length" | "model_context_window_exceeded" => Self::Length,
            "tool_calls" | "tool_use" | "function_call" => Self::ToolCalls,
            refused @ ("content_filter" | "content_filtered" | "guardrail_intervened" | "refusal" | "safety") => {
                Self::Refused(if words.trim().is_empty() { refused } else { words.trim() }.to_owned())
            }
            _ => Self::Whole,
        }
    }

    /// Whether there is nothing to be told of it.
    pub fn is_whole(&self) -> bool {
        *self == Self::Whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_backends_name_for_an_end_is_known() {
        let refused = |words: &str| Finish::Refused(words.to_owned());
        for (name, finish) in [
            (None, Finish::Whole),
            (Some("stop"), Finish::Whole),
            (Some("end_turn"), Finish::Whole),
            (Some("stop_sequence"), Finish::Whole),
            (Some("something new"), Finish::Whole),
            (Some("length"), Finish::Length),
            (Some("max_tokens"), Finish::Length),
            (Some("model_context_window_exceeded"), Finish::Length),
            (Some("tool_calls"), Finish::ToolCalls),
            (Some("function_call"), Finish::ToolCalls),
            (Some("tool_use"), Finish::ToolCalls),
            (Some("content_filter"), refused("I may not.")),
            (Some("content_filtered"), refused("I may not.")),
            (Some("guardrail_intervened"), refused("I may not.")),
            (Some("refusal"), refused("I may not.")),
        ] {
            assert_eq!(Finish::of_name(name, " I may not. "), finish, "{name:?}");
        }
        assert_eq!(Finish::of_name(Some("content_filter"), " "), refused("content_filter"));
    }
}
