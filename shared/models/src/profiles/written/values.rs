//! What a profile may say, each value checked as it is read.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

/// How long a whole call may take, in seconds.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "f32")]
pub(crate) struct TimeoutS(pub(crate) Duration);

impl Default for TimeoutS {
    /// A task type that asks a model has a minute.
    fn default() -> Self {
        Self(Duration::from_secs(45))
    }
}

impl TryFrom<f32> for TimeoutS {
    type Error = String;
    fn try_from(s: f32) -> Result<Self, String> {
        let timeout = Duration::try_from_secs_f32(s).ok().filter(|timeout| !timeout.is_zero());
        timeout.map(Self).ok_or_else(|| format!("timeout_s must be a number of seconds above 0, not {s}"))
    }
}

/// How many tokens a model reads and writes at once.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "u32")]
pub(crate) struct ContextTokens(pub(crate) u32);

/// Less would hold no answer beside a question.
const LEAST_CONTEXT: u32 = 1000;

impl Default for ContextTokens {
    /// What nearly every model has that is offered today, small ones for one machine included.
    fn default() -> Self {
        Self(32_000)
    }
}

impl TryFrom<u32> for ContextTokens {
    type Error = String;
    fn try_from(tokens: u32) -> Result<Self, String> {
        if tokens >= LEAST_CONTEXT {
            return Ok(Self(tokens));
        }
        Err(format!("context_tokens must be {LEAST_CONTEXT} or more, not {tokens}"))
    }
}

/// What is sent in each request besides what is asked.
#[derive(Clone, Default, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub(crate) struct Parameters(pub(crate) Map<String, Value>);

/// What a profile says elsewhere, and what we could not read the answer of.
const NOT_PARAMETERS: [&str; 4] = ["model", "messages", "stream", "stream_options"];

/// What limits an answer, as each protocol calls it.
const LIMITS: [&str; 3] = ["max_completion_tokens", "max_tokens", "maxTokens"];

impl TryFrom<Map<String, Value>> for Parameters {
    type Error = String;
    fn try_from(parameters: Map<String, Value>) -> Result<Self, String> {
        if let Some(name) = NOT_PARAMETERS.iter().find(|name| parameters.contains_key(**name)) {
            return Err(format!("`{name}` is not a profile's to say by its parameters"));
        }
        let is_count = |limit: &Value| limit.as_u64().is_some_and(|limit| (1..=u64::from(u32::MAX)).contains(&limit));
        let wrong = |name: &&&str| parameters.get(**name).is_some_and(|limit| !is_count(limit));
        match LIMITS.iter().find(wrong) {
            Some(name) => Err(format!("`{name}` must be a number of tokens")),
            None => Ok(Self(parameters)),
        }
    }
}

impl Parameters {
    /// How long an answer may be, if they say so.
    pub(super) fn answer_tokens(&self) -> Option<u32> {
        let limits = LIMITS.iter().filter_map(|name| self.0.get(*name)?.as_u64());
        limits.max().and_then(|limit| u32::try_from(limit).ok())
    }
}
