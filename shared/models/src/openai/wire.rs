//! The protocol's messages, both ways.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ChatAnswer, ChatError, ChatMessage, ChatRequest, Finish, ToolCall, Usage};

/// The result of a call whose result is not known: each call must be followed by one.
const NO_RESULT: &str = "not reported";

/// The conversation as the protocol has it. What a model called is told it as calls and their results, before what it
/// then said.
pub(super) fn messages(request: &ChatRequest) -> Vec<Value> {
    let mut messages = Vec::new();
    if !request.instruction.is_empty() {
        messages.push(json!({"role": "system", "content": request.instruction}));
    }
    for message in &request.messages {
        match message {
            ChatMessage::User(text) => messages.push(json!({"role": "user", "content": text})),
            ChatMessage::Assistant { text, tool_calls } => {
                if !tool_calls.is_empty() {
                    let calls: Vec<Value> = tool_calls.iter().map(call).collect();
                    messages.push(json!({"role": "assistant", "content": null, "tool_calls": calls}));
                    messages.extend(tool_calls.iter().map(result));
                }
                if !text.is_empty() {
                    messages.push(json!({"role": "assistant", "content": text}));
                }
            }
        }
    }
    messages
}

fn call(call: &ToolCall) -> Value {
    let function = json!({"name": call.name, "arguments": call.arguments});
    json!({"id": call.id, "type": "function", "function": function})
}

fn result(call: &ToolCall) -> Value {
    json!({"role": "tool", "tool_call_id": call.id, "content": call.output.as_deref().unwrap_or(NO_RESULT)})
}

/// An answer, as far as it is read.
#[derive(Deserialize)]
struct Answer {
    id: Option<String>,
    /// Not in OpenAI's protocol: endpoints that keep conversations (mistral.rs).
    session_id: Option<String>,
    #[serde(default)]
    choices: Vec<Choice>,
    model: Option<String>,
    usage: Option<Tokens>,
    /// Not in OpenAI's protocol: what an endpoint has run itself (mistral.rs).
    agentic_tool_calls: Option<Vec<Ran>>,
    /// Not in OpenAI's protocol: what the answer refers to, and what was found (Perplexity).
    #[serde(default)]
    citations: Value,
    #[serde(default)]
    search_results: Value,
}

#[derive(Default, Deserialize)]
struct Choice {
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Message {
    content: Option<String>,
    /// Why the model does not answer, instead of its content.
    refusal: Option<String>,
    /// What the model wants to be run. No tool was offered to it, so there are few endpoints that would ask.
    tool_calls: Option<Vec<Asked>>,
    /// Not in OpenAI's protocol: what an endpoint has run itself (Groq's compound systems).
    executed_tools: Option<Vec<Ran>>,
    /// What the answer refers to.
    #[serde(default)]
    annotations: Value,
}

#[derive(Deserialize)]
struct Asked {
    id: Option<String>,
    function: Ran,
}

#[derive(Deserialize)]
struct Ran {
    name: Option<String>,
    r#type: Option<String>,
    #[serde(default)]
    arguments: Value,
    #[serde(alias = "result_content")]
    output: Option<String>,
    /// What a search found (Groq's compound systems): `{"results": […]}`.
    #[serde(default)]
    search_results: Value,
}

#[derive(Deserialize)]
struct Tokens {
    prompt_tokens: u64,
    completion_tokens: u64,
}

/// Reads the first choice; `model` is what was asked, where it does not say what answered.
pub(super) fn answer(body: &[u8], model: &str) -> Result<ChatAnswer, ChatError> {
    let answer: Answer = serde_json::from_slice(body).map_err(|e| ChatError::InvalidAnswer(e.to_string()))?;
    let choice = answer.choices.into_iter().next();
    if choice.is_none() && answer.usage.is_none() {
        return Err(ChatError::InvalidAnswer("it has no choice".to_owned()));
    }
    let Choice { message, finish_reason } = choice.unwrap_or_default();
    let Message { content, refusal, tool_calls: asked, executed_tools: ran, annotations } = message;
    let text = content.unwrap_or_default();
    let finish = match refusal.filter(|words| !words.trim().is_empty()) {
        Some(words) => Finish::Refused(words),
        // Whatever the endpoint calls it: nobody has run these.
        None if asked.as_ref().is_some_and(|asked| !asked.is_empty()) => Finish::ToolCalls,
        None => Finish::of_name(finish_reason.as_deref(), &text),
    };
    let found = ran.iter().flatten().filter_map(|ran| ran.search_results.get("results"));
    let sources = urls(&answer.search_results).chain(found.flat_map(urls)).collect();
    let citations = urls(&annotations).chain(urls(&answer.citations)).collect();
    let ran = answer.agentic_tool_calls.into_iter().chain(ran).flatten().map(|ran| (None, ran));
    let asked = asked.into_iter().flatten().map(|asked| (asked.id, asked.function));
    let answer = ChatAnswer {
        text,
        finish,
        model: answer.model.unwrap_or_else(|| model.to_owned()),
        usage: answer.usage.map(|t| Usage { tokens_in: t.prompt_tokens, tokens_out: t.completion_tokens }),
        tool_calls: ran.chain(asked).enumerate().map(|(n, (id, ran))| ran.recorded(n, id)).collect(),
        citations,
        sources,
        thread_id: answer.session_id,
        turn_id: answer.id,
    };
    answer.not_empty()
}

/// The addresses in a list of them, or of things that have one. Endpoints differ, and none of it is worth an answer.
fn urls(list: &Value) -> impl Iterator<Item = String> {
    let url = |item: &Value| {
        let cited = item.get("url_citation").unwrap_or(item);
        cited.get("url").unwrap_or(cited).as_str().map(str::to_owned)
    };
    list.as_array().into_iter().flatten().filter_map(url)
}

impl Ran {
    /// The `n`th call of an answer.
    fn recorded(self, n: usize, id: Option<String>) -> ToolCall {
        ToolCall {
            id: id.filter(|id| !id.is_empty()).unwrap_or_else(|| ToolCall::nth_id(n)),
            name: self.name.or(self.r#type).unwrap_or_default(),
            arguments: match self.arguments {
                Value::String(text) => text,
                value => value.to_string(),
            },
            output: self.output,
        }
    }
}
