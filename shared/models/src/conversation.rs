//! What is asked of a model, and what it answers.

use serde::{Deserialize, Serialize};

use crate::{ChatError, Finish, Usage};

/// A conversation, to be gone on with by the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatRequest {
    /// What is to be done, and in what form to answer.
    pub instruction: String,
    /// What was said so far, oldest first. The last is what is to be answered.
    pub messages: Vec<ChatMessage>,
    /// How long the answer may be, in the model's tokens.
    pub max_tokens: u32,
}

/// One thing that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatMessage {
    /// By whoever asks.
    User(String),
    /// By the model, in an earlier answer.
    Assistant {
        /// Its text; empty only if there are calls.
        text: String,
        /// The tools it called before it said that.
        tool_calls: Vec<ToolCall>,
    },
}

/// What is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatAnswer {
    /// The answer; empty only if there are tool calls, or if it is refused.
    pub text: String,
    /// How it came to its end.
    #[serde(default, skip_serializing_if = "Finish::is_whole")]
    pub finish: Finish,
    /// What wrote it.
    pub model: String,
    /// Tokens read and written, if the backend counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The tools that the backend called, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// The addresses that the answer refers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub citations: Vec<String>,
    /// The addresses of what the backend looked up for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// What the backend calls the conversation, if it names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<String>,
    /// What the backend calls this answer, if it names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_id: Option<String>,
}

/// A tool that a backend called: a record of it, never a request to call it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The backend's id of the call; `call-N` (from 1) where it gives none.
    pub id: String,
    /// Which tool.
    pub name: String,
    /// What it was called with, as it was sent: JSON as a rule, but models write it.
    pub arguments: String,
    /// What came of it, if the backend says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

impl ChatRequest {
    /// A single question: `text` is what the instruction is to be done with.
    pub fn of(instruction: &str, text: String, max_tokens: u32) -> Self {
        Self { instruction: instruction.to_owned(), messages: vec![ChatMessage::User(text)], max_tokens }
    }

    /// Everything whoever asks has said, in order.
    pub(super) fn asked(&self) -> impl Iterator<Item = &str> {
        self.messages.iter().filter_map(|message| match message {
            ChatMessage::User(text) => Some(text.as_str()),
            ChatMessage::Assistant { .. } => None,
        })
    }

    /// How many bytes it has: a model reads at most about as many tokens.
    pub fn bytes(&self) -> usize {
        let said = self.messages.iter().map(|message| match message {
            ChatMessage::User(text) => text.len(),
            ChatMessage::Assistant { text, tool_calls } => {
                let calls =
                    tool_calls.iter().map(|call| call.arguments.len() + call.output.as_ref().map_or(0, String::len));
                text.len() + calls.sum::<usize>()
            }
        });
        self.instruction.len() + said.sum::<usize>()
    }

    /// How many answers came before.
    pub(super) fn answered(&self) -> usize {
        self.messages.len() - self.asked().count()
    }
}

impl ChatAnswer {
    /// The answer, unless it says nothing and calls nothing. A refusal says something.
    pub(super) fn not_empty(self) -> Result<Self, ChatError> {
        if self.tool_calls.is_empty() && !matches!(self.finish, Finish::Refused(_)) {
            self.with_text()
        } else {
            Ok(self)
        }
    }

    /// The answer, unless it has no text, or what there is of it is a refusal: for who asked for nothing else.
    pub fn with_text(self) -> Result<Self, ChatError> {
        if let Finish::Refused(words) = self.finish {
            return Err(ChatError::Refused(words));
        }
        if self.text.trim().is_empty() {
            return Err(ChatError::Empty { model: self.model, usage: self.usage });
        }
        Ok(self)
    }
}

impl ToolCall {
    /// The id of the `n`th call (from 0) of an answer that names none.
    pub(super) fn nth_id(n: usize) -> String {
        format!("call-{}", n + 1)
    }
}
