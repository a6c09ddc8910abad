//! The protocol's messages, both ways.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{ChatAnswer, ChatError, ChatMessage, ChatRequest, Finish, ToolCall, Usage};
use errand::spi::redact;

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

/// An answer, as far as it is read. Endpoints differ in all of it: what has another form is passed over, since the answer
/// is paid for.
#[derive(Deserialize)]
struct Answer {
    #[serde(default, deserialize_with = "lenient")]
    id: Option<String>,
    /// Not in OpenAI's protocol: endpoints that keep conversations (mistral.rs).
    #[serde(default, deserialize_with = "lenient")]
    session_id: Option<String>,
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default, deserialize_with = "lenient")]
    model: Option<String>,
    #[serde(default)]
    usage: Value,
    /// Not in OpenAI's protocol: what went wrong, with the status of a success (OpenRouter).
    #[serde(default)]
    error: Value,
    /// Not in OpenAI's protocol: what an endpoint has run itself (mistral.rs).
    #[serde(default, deserialize_with = "lenient")]
    agentic_tool_calls: Option<Vec<Ran>>,
    /// Not in OpenAI's protocol: what the answer refers to, and what was found (Perplexity).
    #[serde(default)]
    citations: Value,
    #[serde(default)]
    search_results: Value,
}

#[derive(Default, Deserialize)]
struct Choice {
    #[serde(default)]
    message: Message,
    #[serde(default, deserialize_with = "lenient")]
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Message {
    /// A text, or a list of parts.
    #[serde(default)]
    content: Value,
    /// Why the model does not answer, instead of its content.
    #[serde(default, deserialize_with = "lenient")]
    refusal: Option<String>,
    /// What the model wants to be run. No tool was offered to it, so there are few endpoints that would ask.
    #[serde(default, deserialize_with = "lenient")]
    tool_calls: Option<Vec<Asked>>,
    /// Not in OpenAI's protocol: what an endpoint has run itself (Groq's compound systems).
    #[serde(default, deserialize_with = "lenient")]
    executed_tools: Option<Vec<Ran>>,
    /// What the answer refers to.
    #[serde(default)]
    annotations: Value,
}

#[derive(Deserialize)]
struct Asked {
    id: Option<String>,
    /// With another `type` it has another name.
    #[serde(default, alias = "custom", deserialize_with = "lenient")]
    function: Option<Ran>,
}

#[derive(Default, Deserialize)]
struct Ran {
    name: Option<String>,
    r#type: Option<String>,
    #[serde(default, alias = "input")]
    arguments: Value,
    #[serde(default, alias = "result_content", deserialize_with = "lenient")]
    output: Option<String>,
    /// What a search found (Groq's compound systems): `{"results": […]}`.
    #[serde(default)]
    search_results: Value,
}

/// What has the form; nothing if it has another.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(from)?).ok())
}

/// Reads the first choice; `model` is what was asked, where it does not say what answered.
pub(super) fn answer(body: &[u8], model: &str) -> Result<ChatAnswer, ChatError> {
    let answer: Answer = serde_json::from_slice(body).map_err(|e| ChatError::InvalidAnswer(e.to_string()))?;
    let choice = answer.choices.into_iter().next();
    if choice.is_none() && !answer.usage.is_object() {
        let said = answer.error.get("message").and_then(Value::as_str).unwrap_or("it has no choice");
        return Err(ChatError::InvalidAnswer(redact::text(said).into_owned()));
    }
    let Choice { message, finish_reason } = choice.unwrap_or_default();
    let Message { content, refusal, tool_calls: asked, executed_tools: ran, annotations } = message;
    let text = parts(&content, "text");
    let refusal = refusal.unwrap_or_else(|| parts(&content, "refusal"));
    // Whatever the endpoint calls it: nobody has run these.
    let waits = asked.as_ref().is_some_and(|asked| !asked.is_empty());
    let finish = match refusal.trim() {
        "" if waits => Finish::ToolCalls,
        "" => Finish::of_name(finish_reason.as_deref(), &text),
        _ => Finish::Refused(refusal),
    };
    let found = ran.iter().flatten().filter_map(|ran| ran.search_results.get("results"));
    let sources = urls(&answer.search_results).chain(found.flat_map(urls)).collect();
    let citations = urls(&annotations).chain(urls(&answer.citations)).collect();
    let ran = answer.agentic_tool_calls.into_iter().chain(ran).flatten().map(|ran| (None, ran));
    let asked = asked.into_iter().flatten().map(|asked| (asked.id, asked.function.unwrap_or_default()));
    let answer = ChatAnswer {
        text,
        finish,
        model: answer.model.unwrap_or_else(|| model.to_owned()),
        usage: usage(&answer.usage),
        tool_calls: ran.chain(asked).enumerate().map(|(n, (id, ran))| ran.recorded(n, id)).collect(),
        citations,
        sources,
        thread_id: answer.session_id,
        turn_id: answer.id,
    };
    answer.not_empty()
}

/// What of a message's content is of this kind: `text`, which may stand there without parts, or `refusal`. Thought is
/// neither.
fn parts(content: &Value, kind: &str) -> String {
    match content {
        Value::String(text) if kind == "text" => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part.get(kind).or(part.is_string().then_some(part))?.as_str()).collect()
        }
        _ => String::new(),
    }
}

/// The tokens, whatever they are called and however they are written; unknown if a part of them is. Some count thought
/// in the total alone: it is written, and paid as that.
fn usage(usage: &Value) -> Option<Usage> {
    let count = |name: &str| {
        let count = usage.get(name)?.as_f64().filter(|count| (0.0..=1e15).contains(count))?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // see the line above
        Some(count.ceil() as u64)
    };
    let tokens_in = count("prompt_tokens").or_else(|| count("input_tokens"))?;
    let written = count("completion_tokens").or_else(|| count("output_tokens"));
    let beside = count("total_tokens").map(|total| total.saturating_sub(tokens_in));
    Some(Usage { tokens_in, tokens_out: written.max(beside)? })
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
