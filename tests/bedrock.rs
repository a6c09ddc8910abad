//! The model backend `bedrock` against MiniStack's Converse: another reading of the protocol than ours. It answers any
//! model with a line of its own; what Bedrock itself may answer besides is tested beside the code.

use std::time::Duration;

use errand_models::{Bedrock, ChatBackend, ChatError, ChatMessage, ChatRequest, ToolCall};
use integration_tests::ministack;

fn backend(model: &str) -> Bedrock {
    let endpoint = ministack::endpoint().unwrap_or_else(|error| panic!("{error}"));
    Bedrock::with(&ministack::config(endpoint), model.to_owned(), Duration::from_secs(30))
}

#[tokio::test]
async fn a_whole_conversation_is_taken_and_answered() {
    let backend = backend("us.anthropic.claude-3-5-sonnet-20240620-v1:0");
    let mut request = ChatRequest::of("be brief", "what is new?".to_owned(), 100);
    let first = backend.chat(&request).await.unwrap();
    let (name, arguments) = ("look".to_owned(), "{}".to_owned());
    let tool_calls = vec![ToolCall { id: "c1".to_owned(), name, arguments, output: Some("grey".to_owned()) }];
    request.messages.push(ChatMessage::Assistant { text: first.text.clone(), tool_calls });
    request.messages.push(ChatMessage::User("and now?".to_owned()));
    let second = backend.chat(&request).await.unwrap();
    assert!(second.text.contains("reply for prompt#") && second.text != first.text, "{second:?}");
    let (before, after) = (first.usage.unwrap(), second.usage.unwrap());
    assert!(after.tokens_in > before.tokens_in && after.tokens_out > 0, "{before:?}, {after:?}");
}

#[tokio::test]
async fn a_model_that_cannot_be_is_refused_for_good() {
    let request = ChatRequest::of("be brief", "what is new?".to_owned(), 100);
    let error = backend("arn:aws:bedrock:us-east-1::no-model/x").chat(&request).await.unwrap_err();
    let said = "400 Bad Request ValidationException Invalid modelId ARN";
    assert!(matches!(&error, ChatError::Refused(message) if message.starts_with(said)), "{error:?}");
}
