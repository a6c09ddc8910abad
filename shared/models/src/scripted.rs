//! `scripted`: no model. Answers what its profile lists, for tests and demonstrations.

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{ChatAnswer, ChatBackend, ChatError, ChatRequest, Finish, ToolCall, Usage};

/// A backend that says what it is told. Which answer is decided by how many the conversation already has, so that the
/// same request is always answered the same; the last one is repeated.
#[derive(Clone, Debug)]
pub struct ScriptedModel(Vec<Line>);

/// What its answers call themselves.
pub(super) const MODEL: &str = "scripted (no model)";

/// One answer as it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    #[serde(default)]
    text: String,
    #[serde(default)]
    tool_calls: Vec<Call>,
    /// As `finish_reason` names it.
    #[serde(default)]
    finish: Option<String>,
    #[serde(default)]
    tokens_in: u64,
    #[serde(default)]
    tokens_out: u64,
    /// Instead of an answer.
    #[serde(default)]
    fail: Option<Fail>,
    /// How long it takes, in milliseconds.
    #[serde(default)]
    delay_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    name: String,
    #[serde(default)]
    arguments: Map<String, Value>,
    #[serde(default)]
    output: Option<String>,
}

/// The failures there are.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fail {
    ProviderAuth,
    RateLimit,
    Timeout,
    ProviderTransport,
    InvalidAnswer,
    Refused,
}

impl ScriptedModel {
    /// The answers, in order; none if there are no lines, or one that says, calls and fails nothing.
    pub(super) fn new(lines: Vec<Line>) -> Option<Self> {
        let says = |line: &Line| !line.text.trim().is_empty() || !line.tool_calls.is_empty() || line.fail.is_some();
        (!lines.is_empty() && lines.iter().all(says)).then_some(Self(lines))
    }
}

#[async_trait]
impl ChatBackend for ScriptedModel {
    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer, ChatError> {
        let line = self.0.get(request.answered()).or(self.0.last()).cloned().unwrap_or_default();
        tokio::time::sleep(Duration::from_millis(line.delay_ms)).await;
        match line.fail {
            Some(fail) => Err(fail.error()),
            None => line.answer().not_empty(),
        }
    }
}

impl Line {
    fn answer(self) -> ChatAnswer {
        let call = |(n, Call { name, arguments, output })| {
            let arguments = Value::Object(arguments).to_string();
            ToolCall { id: ToolCall::nth_id(n), name, arguments, output }
        };
        ChatAnswer {
            finish: Finish::of_name(self.finish.as_deref(), &self.text),
            text: self.text,
            model: MODEL.to_owned(),
            usage: Some(Usage { tokens_in: self.tokens_in, tokens_out: self.tokens_out }),
            tool_calls: self.tool_calls.into_iter().enumerate().map(call).collect(),
            ..ChatAnswer::default()
        }
    }
}

impl Fail {
    fn error(self) -> ChatError {
        let message = "as it was told to".to_owned();
        match self {
            Fail::ProviderAuth => ChatError::Auth(message),
            Fail::RateLimit => ChatError::RateLimit { message, retry_after: None },
            Fail::Timeout => ChatError::Timeout(message),
            Fail::ProviderTransport => ChatError::Transport(message),
            Fail::InvalidAnswer => ChatError::InvalidAnswer(message),
            Fail::Refused => ChatError::Refused(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use serde_json::json;

    use super::*;
    use crate::ChatMessage;

    fn scripted(lines: Value) -> ScriptedModel {
        ScriptedModel::new(serde_json::from_value(lines).unwrap()).unwrap()
    }

    /// A conversation with so many answers.
    fn after(answers: usize) -> ChatRequest {
        let mut request = ChatRequest::of("work", "go".to_owned(), 100);
        for _ in 0..answers {
            request.messages.push(ChatMessage::Assistant { text: "so".to_owned(), tool_calls: vec![] });
            request.messages.push(ChatMessage::User("on".to_owned()));
        }
        request
    }

    #[tokio::test]
    async fn answers_come_in_order_and_a_repeated_request_is_answered_the_same() {
        let backend = scripted(json!([{"text": "one"}, {"text": "two"}, {"text": "last"}]));
        for (answers, expected) in [(0, "one"), (0, "one"), (1, "two"), (2, "last"), (9, "last")] {
            assert_eq!(backend.chat(&after(answers)).await.unwrap().text, expected);
        }
    }

    #[tokio::test]
    async fn an_answer_says_what_tools_it_called_and_what_it_used() {
        let calls = json!([{"name": "search", "arguments": {"q": 1}, "output": "found"}, {"name": "stop"}]);
        let backend = scripted(json!([{"tool_calls": calls, "tokens_in": 7, "tokens_out": 2}]));
        let answer = backend.chat(&after(0)).await.unwrap();
        assert_eq!(answer.usage, Some(Usage { tokens_in: 7, tokens_out: 2 }));
        let call = |id: &str, name: &str, arguments: &str, output: Option<&str>| ToolCall {
            id: id.into(),
            name: name.into(),
            arguments: arguments.into(),
            output: output.map(Into::into),
        };
        let search = call("call-1", "search", r#"{"q":1}"#, Some("found"));
        assert_eq!(answer.tool_calls, [search, call("call-2", "stop", "{}", None)]);
    }

    #[tokio::test]
    async fn it_fails_and_dawdles_as_it_is_told() {
        let backend = scripted(json!([{"fail": "rate_limit"}, {"text": "at last", "delay_ms": 60_000}]));
        assert!(matches!(backend.chat(&after(0)).await, Err(ChatError::RateLimit { retry_after: None, .. })));
        assert!(backend.chat(&after(1)).now_or_never().is_none());
    }

    #[test]
    fn a_line_without_anything_in_it_is_refused() {
        for lines in [json!([]), json!([{"text": " "}]), json!([{"text": "so"}, {"tokens_in": 1}])] {
            assert!(ScriptedModel::new(serde_json::from_value(lines.clone()).unwrap()).is_none(), "{lines}");
        }
    }
}
