//! A turn as it is stored: once, before anything depends on it, so that no execution asks the model for it again.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{event::EVENT_NAME_BYTES, run::MAX_CITATIONS, supervisor};
use errand::{
    Entity, Id, Relations, Timestamp, parent,
    spi::{
        ids,
        json::{Json, cut, cut_json},
        money::Usd,
        redact,
    },
};
use errand_models::{ChatAnswer, Finish, ToolCall};

/// How much of an answer's text is kept, in bytes: with all else of a turn it fits in a record, and in a task's output.
/// Of a longer one it is said how long it was.
const TURN_TEXT_BYTES: usize = 160 * 1024;

/// How much of the words of a refusal is kept, in bytes.
const REFUSAL_BYTES: usize = 1024;

/// How much of a prompt is kept, and how much of what commands said in it, in bytes; likewise.
const TURN_PROMPT_BYTES: usize = 32 * 1024;
const TURN_SAID_BYTES: usize = 16 * 1024;

/// How many calls of tools are kept of one answer, and how much of each; in bytes. All of a turn fits in a record.
pub const TURN_CALLS: usize = 30;
const ARGUMENT_BYTES: usize = 1024;
const OUTPUT_BYTES: usize = 2 * 1024;

/// How long an address is that an answer refers to, in bytes. A run keeps two hundred at most, with all else it has.
const ADDRESS_BYTES: usize = 512;

/// Why there was a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The run began.
    First,
    /// The supervisor wanted it.
    FollowUp,
    /// Somebody asked for it by a command: what was before no longer counts as going in circles.
    Command,
}

/// See the module. Whole, and for who it is said to: what others see of it is redacted where they see it. Only what
/// does not fit in a record is cut, and says so; this installation's own secrets are in none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredTurn {
    /// Of which run.
    pub run_id: Id,
    /// In which session.
    pub session_id: Id,
    /// From 0.
    pub nth: u32,
    /// Why.
    pub cause: Cause,
    /// What the agent was told.
    pub prompt: String,
    /// What of it came of commands.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub said: String,
    /// What it answered.
    pub answer: ChatAnswer,
    /// What that cost, if it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<Usd>,
    /// When.
    pub at: Timestamp,
}

impl StoredTurn {
    /// The id of the `nth` turn of `run`.
    pub fn id(run: &Id, nth: u32) -> Id {
        Id::from(ids::derived(&["turn", run.as_str(), &nth.to_string()]))
    }

    /// `answer` as it is kept.
    pub fn kept(answer: ChatAnswer) -> ChatAnswer {
        let named = |name: Option<String>| name.map(|name| shown_name(&name));
        let calls = answer.tool_calls.into_iter().take(TURN_CALLS).map(|call| ToolCall {
            id: shown_name(&call.id),
            name: shown_name(&call.name),
            arguments: within(&call.arguments, ARGUMENT_BYTES),
            output: call.output.map(|output| within(&output, OUTPUT_BYTES)),
        });
        ChatAnswer {
            text: within(&answer.text, TURN_TEXT_BYTES),
            finish: match answer.finish {
                Finish::Refused(words) => Finish::Refused(within(&words, REFUSAL_BYTES)),
                finish => finish,
            },
            model: shown_name(&answer.model),
            usage: answer.usage,
            tool_calls: calls.collect(),
            citations: addresses(answer.citations),
            sources: addresses(answer.sources),
            thread_id: named(answer.thread_id),
            turn_id: named(answer.turn_id),
        }
    }

    /// `prompt` as it is kept.
    pub fn kept_prompt(prompt: &str) -> String {
        within(prompt, TURN_PROMPT_BYTES)
    }

    /// What commands said, as it is kept.
    pub fn kept_words(said: &str) -> String {
        within(said, TURN_SAID_BYTES)
    }

    /// What its user said in it.
    pub fn users_words(&self) -> Option<String> {
        match self.cause {
            Cause::First => Some(supervisor::without_requirements(&self.prompt)),
            Cause::Command => Some(self.prompt.clone()),
            Cause::FollowUp => Some(self.said.clone()),
        }
        .filter(|words| !words.trim().is_empty())
    }

    /// How many characters were said, both ways.
    pub fn characters(&self) -> u64 {
        (self.prompt.chars().count() + self.answer.text.chars().count()) as u64
    }

    /// What the supervisor looks at. Arguments that are JSON are the same in whatever order their fields were written.
    pub fn assessed(&self) -> supervisor::Turn {
        let tools = self.answer.tool_calls.iter().map(|call| {
            let arguments = serde_json::from_str(&call.arguments).unwrap_or_else(|_| call.arguments.as_str().into());
            supervisor::ToolUse {
                tool: call.name.clone(),
                arguments: Json::new(&arguments).hash(),
                output: Json::new(&call.output.as_deref().unwrap_or_default().into()).hash(),
            }
        });
        let (text, finish) = (self.answer.text.clone(), self.answer.finish.clone());
        supervisor::Turn { text, finish, tools: tools.collect() }
    }
}

/// Those that are no longer than an address may be: the start of one leads nowhere.
fn addresses(all: Vec<String>) -> Vec<String> {
    let kept = all.iter().map(|address| redact::text(address)).filter(|address| address.len() <= ADDRESS_BYTES);
    kept.map(Cow::into_owned).take(MAX_CITATIONS).collect()
}

/// What things are called is shown to everybody. Redacted first: half a secret looks like none.
fn shown_name(name: &str) -> String {
    cut(&redact::text(name), EVENT_NAME_BYTES).to_owned()
}

/// `text` without this installation's own secrets: whole if it has at most so many bytes as JSON, else its beginning, and
/// how many bytes there were.
fn within(text: &str, bytes: usize) -> String {
    let text = redact::own(text);
    let kept = cut_json(&text, bytes);
    if kept.len() == text.len() {
        return text.into_owned();
    }
    format!("{kept}… [cut: the first {} of {} bytes]", kept.len(), text.len())
}

impl Entity for StoredTurn {
    const KIND: &'static str = "turn";

    fn relations(&self, _: &str) -> Relations {
        parent(&self.session_id, &format!("{}.{:06}", self.at, self.nth))
    }
}
