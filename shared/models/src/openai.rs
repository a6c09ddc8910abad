//! `openai`: any HTTP endpoint that answers `POST {endpoint}/chat/completions` as OpenAI's does.

mod wire;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reqwest::{Response, header};
use serde_json::{Map, Value};

use crate::{ChatAnswer, ChatBackend, ChatError, ChatRequest, RetryAfter, http};

/// A model at an endpoint.
pub struct OpenAi {
    client: reqwest::Client,
    url: reqwest::Url,
    model: String,
    key: Option<String>,
    timeout: Duration,
    parameters: Map<String, Value>,
}

/// The names of what limits an answer: today's, which models that think insist on, and the one before.
const LIMITS: [&str; 2] = ["max_completion_tokens", "max_tokens"];

/// The largest answer that is read, in bytes.
const ANSWER_BYTES: usize = 1024 * 1024;

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
        Ok(Self { client: http::client(timeout)?, url, model, key, timeout, parameters: Map::new() })
    }

    /// The same with these fields in each of its requests. One that limits the answer takes the place of ours.
    #[must_use]
    pub fn with_parameters(self, parameters: Map<String, Value>) -> Self {
        Self { parameters, ..self }
    }

    fn body_of(&self, request: &ChatRequest) -> Value {
        let mut body = self.parameters.clone();
        if !LIMITS.iter().any(|limit| body.contains_key(*limit)) {
            body.insert("max_completion_tokens".to_owned(), request.max_tokens.into());
        }
        body.insert("model".to_owned(), self.model.as_str().into());
        body.insert("messages".to_owned(), wire::messages(request).into());
        body.into()
    }

    fn unanswered(&self, error: &reqwest::Error) -> ChatError {
        // Without the URL, which may carry a secret.
        let message = || errand::spi::redact::chain(error).replace(self.url.as_str(), "its endpoint");
        if error.is_connect() {
            ChatError::Failed(message())
        } else if error.is_timeout() {
            ChatError::no_answer_within(self.timeout)
        } else {
            ChatError::Transport(message())
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
        let body = self.body_of(request);
        let post = self.client.post(self.url.clone()).header(header::CONTENT_TYPE, "application/json");
        let post = match &self.key {
            Some(key) => post.bearer_auth(key),
            None => post,
        };
        let response = post.body(body.to_string()).send().await.map_err(|error| self.unanswered(&error))?;
        let (status, retry_after) = (response.status(), retry_after(&response));
        let body = self.body(response).await?;
        if !status.is_success() {
            return Err(ChatError::of_status(status.as_u16(), retry_after, &String::from_utf8_lossy(&body)));
        }
        wire::answer(&body, &self.model)
    }
}

fn retry_after(response: &Response) -> Option<RetryAfter> {
    RetryAfter::read(response.headers().get(header::RETRY_AFTER)?.to_str().ok()?)
}

impl fmt::Debug for OpenAi {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAi").field("model", &self.model).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
