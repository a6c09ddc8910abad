//! Asking a model: one trait, and what its calls carry. Which backend answers is decided by a named profile.
//!
//! Errand offers a model no tools. A backend that runs tools of its own says in its answer which, and they are recorded;
//! nothing here ever runs one.
//!
//! Each module knows only those before it: `usage`, `error`, `finish`, `conversation`, `price`, `extractive`,
//! `scripted`, `http`, `openai`, `bedrock`, `profiles`, `ask`.

mod ask;
#[cfg(feature = "bedrock")]
mod bedrock;
mod conversation;
mod error;
mod extractive;
mod finish;
pub mod http;
mod openai;
mod price;
mod profiles;
mod scripted;
mod usage;

use std::fmt;

use async_trait::async_trait;

pub use ask::{may_cost, nothing_said};
#[cfg(feature = "bedrock")]
pub use bedrock::Bedrock;
pub use conversation::{ChatAnswer, ChatMessage, ChatRequest, ToolCall};
pub use errand_outbound::RetryAfter;
pub use error::ChatError;
pub use extractive::Extractive;
pub use finish::Finish;
pub use openai::OpenAi;
pub use price::Prices;
pub use profiles::{Profile, ProfileView, Profiles, ProfilesError, UnknownProfile};
pub use scripted::ScriptedModel;
pub use usage::Usage;

/// Something that answers.
#[async_trait]
pub trait ChatBackend: fmt::Debug + Send + Sync {
    /// Asks once; whoever called decides about trying again. Remembers nothing: a request is the whole conversation.
    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer, ChatError>;

    /// Whether it can be asked to judge a text. What only repeats it would have the text's writer judge.
    fn judges(&self) -> bool {
        true
    }
}
