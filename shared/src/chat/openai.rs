//! `openai`: any HTTP endpoint that answers `POST {endpoint}/chat/completions` as OpenAI's does.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reqwest::{Response, StatusCode, header};
use serde::Deserialize;
use serde_json::json;

use super::{ChatAnswer, ChatBackend, ChatError, ChatRequest, RetryAfter, Usage};
use crate::{clock::Timestamp, http, json::cut};

/// A model at an endpoint.
pub struct OpenAi {
    client: reqwest::Client,
    url: reqwest::Url,
    model: String,
    key: Option<String>,
    timeout: Duration,
}

/// The largest answer that is read, in bytes.
const ANSWER_BYTES: usize = 1024 * 1024;

/// How much of what a backend says against a request is passed on, in bytes.
const MESSAGE_BYTES: usize = 300;

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    choices: Vec<Choice>,
    model: Option<String>,
    usage: Option<Tokens>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

#[derive(Deserialize)]
struct Tokens {
    prompt_tokens: u64,
    completion_tokens: u64,
}

impl OpenAi {
    /// `model` at `endpoint` (up to and with the `/v1`), asked with `key` as bearer token. A whole call may take `timeout`.
    pub fn new(
        endpoint: &reqwest::Url,
        model: String,
        key: Option<String>,
        timeout: Duration,
    ) -> Result<Self, reqwest::Error> {
        let mut url = endpoint.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["chat", "completions"]);
        }
        Ok(Self { client: http::client(timeout)?, url, model, key, timeout })
    }

    fn unanswered(&self, error: &reqwest::Error) -> ChatError {
        if error.is_timeout() {
            ChatError::Timeout(self.timeout)
        } else {
            // Without the URL, which may carry a secret.
            ChatError::Transport(crate::notify::chain(error).replace(self.url.as_str(), "its endpoint"))
        }
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, ChatError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unanswered(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_BYTES {
                return Err(ChatError::InvalidAnswer(format!("it has more than {ANSWER_BYTES} bytes")));
            }
        }
        Ok(body)
    }
}

#[async_trait]
impl ChatBackend for OpenAi {
    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer, ChatError> {
        let body = json!({
            "model": self.model,
            "max_tokens": request.max_tokens,
            "messages": [
                {"role": "system", "content": request.instruction},
                {"role": "user", "content": request.text},
            ],
        });
        let post = self.client.post(self.url.clone()).header(header::CONTENT_TYPE, "application/json");
        let post = match &self.key {
            Some(key) => post.bearer_auth(key),
            None => post,
        };
        let response = post.body(body.to_string()).send().await.map_err(|error| self.unanswered(&error))?;
        let (status, retry_after) = (response.status(), retry_after(&response));
        let body = self.body(response).await?;
        if !status.is_success() {
            return Err(refusal(status, retry_after, &body));
        }
        self.read(&body)
    }
}

impl OpenAi {
    fn read(&self, body: &[u8]) -> Result<ChatAnswer, ChatError> {
        let answer: Answer = serde_json::from_slice(body).map_err(|e| ChatError::InvalidAnswer(e.to_string()))?;
        let text = answer.choices.into_iter().next().and_then(|choice| choice.message.content).unwrap_or_default();
        if text.trim().is_empty() {
            return Err(ChatError::InvalidAnswer("it has no choice with content".to_owned()));
        }
        let usage = answer.usage.map(|t| Usage { tokens_in: t.prompt_tokens, tokens_out: t.completion_tokens });
        Ok(ChatAnswer { text, model: answer.model.unwrap_or_else(|| self.model.clone()), usage })
    }
}

fn refusal(status: StatusCode, retry_after: Option<RetryAfter>, body: &[u8]) -> ChatError {
    let message = format!("{status} {}", cut(String::from_utf8_lossy(body).trim(), MESSAGE_BYTES));
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ChatError::Auth(message),
        StatusCode::TOO_MANY_REQUESTS => ChatError::RateLimit { message, retry_after },
        StatusCode::REQUEST_TIMEOUT => ChatError::Transport(message),
        status if status.is_client_error() => ChatError::Refused(message),
        _ => ChatError::Transport(message),
    }
}

/// The header `Retry-After`: seconds, or a date.
fn retry_after(response: &Response) -> Option<RetryAfter> {
    let text = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = text.parse() {
        return Some(RetryAfter::In(Duration::from_secs(seconds)));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(RetryAfter::At(Timestamp::from_millis(at.timestamp().as_millisecond())))
}

impl fmt::Debug for OpenAi {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAi").field("model", &self.model).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
