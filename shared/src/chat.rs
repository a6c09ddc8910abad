//! Asking a model: one trait, and what its calls carry. Which backend answers is decided by a named profile.

mod extractive;
mod openai;
mod profiles;

use std::{fmt, time::Duration};

use async_trait::async_trait;

pub use extractive::Extractive;
pub use openai::OpenAi;
pub use profiles::{Profile, Profiles, ProfilesError, UnknownProfile};

use crate::clock::Timestamp;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatRequest {
    /// What is to be done, and in what form to answer.
    pub instruction: String,
    /// What it is to be done with.
    pub text: String,
    /// How long the answer may be, in the model's tokens.
    pub max_tokens: u32,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatAnswer {
    /// The answer; never empty.
    pub text: String,
    /// What wrote it.
    pub model: String,
    /// Tokens read and written, if the backend counts them.
    pub usage: Option<Usage>,
}

/// How much a model read and wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Tokens read.
    pub tokens_in: u64,
    /// Tokens written.
    pub tokens_out: u64,
}

/// Why there is no answer: one variant for each reaction of the caller.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    /// The backend does not take our credentials. Never succeeds by trying again.
    #[error("the model backend refuses our credentials: {0}")]
    Auth(String),
    /// Too many requests; again later, when it says.
    #[error("the model backend asks to wait: {message}")]
    RateLimit {
        /// What it said.
        message: String,
        /// When to come back, if it said so.
        retry_after: Option<RetryAfter>,
    },
    /// No answer within the profile's timeout.
    #[error("the model backend did not answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The backend was not reached, broke off, or failed.
    #[error("the model backend failed: {0}")]
    Transport(String),
    /// It answered, but with nothing that can be used.
    #[error("the model backend's answer cannot be used: {0}")]
    InvalidAnswer(String),
    /// It does not take this request, such as for an unknown model. Never succeeds by trying again.
    #[error("the model backend does not take the request: {0}")]
    Refused(String),
}

/// When to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// After this.
    In(Duration),
    /// Then.
    At(Timestamp),
}

impl RetryAfter {
    /// How long that is from `now`.
    pub fn wait(self, now: Timestamp) -> Duration {
        match self {
            RetryAfter::In(wait) => wait,
            RetryAfter::At(at) => at.since(now),
        }
    }
}

/// Something that answers.
#[async_trait]
pub trait ChatBackend: fmt::Debug + Send + Sync {
    /// Asks once; whoever called decides about trying again.
    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer, ChatError>;
}
