//! Converse's messages, both ways.

use aws_sdk_bedrockruntime::{
    error::BuildError,
    operation::converse::ConverseOutput as Output,
    types::{
        ContentBlock, ConversationRole, ConverseOutput, InferenceConfiguration, Message, SystemContentBlock,
        ToolResultBlock, ToolResultContentBlock,
    },
};
use aws_smithy_types::{Document, Number};
use serde_json::{Map, Value};

use crate::{ChatAnswer, ChatMessage, ChatRequest, Finish, ToolCall, Usage};

/// The instruction, if there is one: Converse takes no empty text.
pub(super) fn system(request: &ChatRequest) -> Option<Vec<SystemContentBlock>> {
    let instruction = request.instruction.trim();
    (!instruction.is_empty()).then(|| vec![SystemContentBlock::Text(instruction.to_owned())])
}

/// A profile's parameters where Converse has them: its own, and those that it hands on to the model. An answer has at most
/// `max_tokens`, unless they say otherwise.
pub(super) fn parameters(
    parameters: &Map<String, Value>,
    max_tokens: u32,
) -> (InferenceConfiguration, Option<Document>) {
    let mut builder = InferenceConfiguration::builder().max_tokens(i32::try_from(max_tokens).unwrap_or(i32::MAX));
    let mut more = std::collections::HashMap::new();
    for (name, held) in parameters {
        #[allow(clippy::cast_possible_truncation)] // 0 to 1
        let share = held.as_f64().map(|share| share as f32);
        builder = match (name.as_str(), share) {
            ("maxTokens", _) => builder.set_max_tokens(held.as_u64().and_then(|most| i32::try_from(most).ok())),
            ("temperature", share) => builder.set_temperature(share),
            ("topP", share) => builder.set_top_p(share),
            ("stopSequences", _) => {
                let sequences = held.as_array().into_iter().flatten().filter_map(Value::as_str);
                builder.set_stop_sequences(Some(sequences.map(str::to_owned).collect()))
            }
            _ => {
                more.insert(name.clone(), document(held));
                builder
            }
        };
    }
    (builder.build(), (!more.is_empty()).then_some(Document::Object(more)))
}

fn document(value: &Value) -> Document {
    match value {
        Value::Object(fields) => {
            Document::Object(fields.iter().map(|(name, field)| (name.clone(), document(field))).collect())
        }
        Value::Array(items) => Document::Array(items.iter().map(document).collect()),
        Value::Number(number) => Document::Number(match (number.as_u64(), number.as_i64()) {
            (Some(n), _) => Number::PosInt(n),
            (None, Some(n)) => Number::NegInt(n),
            (None, None) => Number::Float(number.as_f64().unwrap_or_default()),
        }),
        Value::String(text) => Document::String(text.clone()),
        Value::Bool(is) => Document::Bool(*is),
        Value::Null => Document::Null,
    }
}

/// The conversation as Converse takes it: roles in turn, and no empty text. What was called is told in words, since
/// Converse takes blocks of tools only with their definitions, and the tools were not ours.
pub(super) fn messages(request: &ChatRequest) -> Result<Vec<Message>, BuildError> {
    let mut turns: Vec<(ConversationRole, Vec<ContentBlock>)> = Vec::new();
    for message in &request.messages {
        let (role, calls, text) = match message {
            ChatMessage::User(text) => (ConversationRole::User, [].as_slice(), text),
            ChatMessage::Assistant { text, tool_calls } => (ConversationRole::Assistant, tool_calls.as_slice(), text),
        };
        let said = calls.iter().map(told).chain([text.clone()]).filter(|text| !text.trim().is_empty());
        let blocks = said.map(ContentBlock::Text);
        match turns.last_mut() {
            Some((last, content)) if *last == role => content.extend(blocks),
            _ => turns.push((role, blocks.collect())),
        }
    }
    let message = |(role, content)| Message::builder().role(role).set_content(Some(content)).build();
    turns.into_iter().map(message).collect()
}

fn told(call: &ToolCall) -> String {
    let output = call.output.as_deref().unwrap_or("not reported");
    format!("[tool {} was called with {}; its output: {output}]", call.name, call.arguments)
}

/// Reads the message; a call and its result stand in it as two blocks, if Bedrock ran the tool.
pub(super) fn answer(output: Output, model: String, turn_id: Option<String>) -> ChatAnswer {
    let count = |tokens: i32| u64::try_from(tokens).unwrap_or(0);
    let usage = output
        .usage
        .map(|usage| Usage { tokens_in: count(usage.input_tokens), tokens_out: count(usage.output_tokens) });
    let stopped = output.stop_reason;
    let mut answer = ChatAnswer { model, usage, turn_id, ..ChatAnswer::default() };
    let content = match output.output {
        Some(ConverseOutput::Message(message)) => message.content,
        _ => Vec::new(),
    };
    for block in content {
        match block {
            ContentBlock::Text(text) => answer.text.push_str(&text),
            ContentBlock::ToolUse(call) => {
                let arguments = value(&call.input).to_string();
                let recorded = ToolCall { id: call.tool_use_id, name: call.name, arguments, output: None };
                answer.tool_calls.push(recorded);
            }
            ContentBlock::ToolResult(result) => {
                if let Some(call) = answer.tool_calls.iter_mut().find(|call| call.id == result.tool_use_id) {
                    call.output = Some(output_of(&result));
                }
            }
            // Reasoning, images and the like: nothing that is recorded.
            _ => {}
        }
    }
    let finish = Finish::of_name(Some(stopped.as_str()), &answer.text);
    // Bedrock's own tools are run before it answers; what has no result, nobody has run.
    let waits = finish.is_whole() && answer.tool_calls.iter().any(|call| call.output.is_none());
    answer.finish = if waits { Finish::ToolCalls } else { finish };
    answer
}

/// What of a result is text.
fn output_of(result: &ToolResultBlock) -> String {
    let text = |block: &ToolResultContentBlock| match block {
        ToolResultContentBlock::Text(text) => Some(text.clone()),
        ToolResultContentBlock::Json(json) => Some(value(json).to_string()),
        _ => None,
    };
    result.content.iter().filter_map(text).collect::<Vec<_>>().join("\n")
}

fn value(document: &Document) -> Value {
    match document {
        Document::Object(fields) => fields.iter().map(|(name, field)| (name.clone(), value(field))).collect(),
        Document::Array(items) => items.iter().map(value).collect(),
        Document::Number(Number::PosInt(n)) => (*n).into(),
        Document::Number(Number::NegInt(n)) => (*n).into(),
        Document::Number(Number::Float(n)) => (*n).into(),
        Document::String(text) => text.as_str().into(),
        Document::Bool(is) => (*is).into(),
        Document::Null => Value::Null,
    }
}
