//! Against a local HTTP server in Bedrock's place, which answers as Converse is documented to (API reference, Converse:
//! response syntax and errors). That a Converse of somebody else's takes the request is an integration test.

use aws_sdk_bedrockruntime::config::{Credentials, SharedCredentialsProvider};
use serde_json::{Value, json};

use super::*;
use crate::{
    ChatMessage, Finish, ToolCall, Usage,
    http::test_server::{Reply, body_of, http, serve},
};

async fn asked_with(request: &ChatRequest, reply: Reply) -> (Result<ChatAnswer, ChatError>, String) {
    asked_by(request, json!({}), reply).await
}

/// Asks with these parameters.
async fn asked_of(parameters: Value, reply: Reply) -> (Result<ChatAnswer, ChatError>, String) {
    asked_by(&ChatRequest::of("sum up", "long story".into(), 7), parameters, reply).await
}

async fn asked_by(request: &ChatRequest, parameters: Value, reply: Reply) -> (Result<ChatAnswer, ChatError>, String) {
    let (address, server) = serve(reply).await;
    let credentials = Credentials::new("test", "test", None, None, "tests");
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(format!("http://{address}"))
        .region(Region::new("us-east-1"))
        .build();
    let backend = Bedrock::with(&sdk, "us.model-v1:0".into(), Duration::from_millis(500));
    let backend = backend.with_parameters(parameters.as_object().unwrap().clone());
    let answer = backend.chat(request).await;
    (answer, server.await.unwrap().0)
}

async fn asked(reply: Reply) -> (Result<ChatAnswer, ChatError>, String) {
    asked_with(&ChatRequest::of("sum up", "long story".into(), 7), reply).await
}

/// An answer with these blocks.
fn converse(content: Value) -> Reply {
    stopped("end_turn", content)
}

/// One that ended so.
fn stopped(reason: &str, content: Value) -> Reply {
    let body = json!({
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": reason,
        "usage": {"inputTokens": 11, "outputTokens": 3, "totalTokens": 14},
        "metrics": {"latencyMs": 551},
    });
    let headers = "content-type: application/json\r\nx-amzn-requestid: r-1\r\n";
    http("200 OK", headers, &body.to_string())
}

#[tokio::test]
async fn a_good_answer_is_read_with_its_usage() {
    let (answer, request) = asked(converse(json!([{"text": "sho"}, {"text": "rt"}]))).await;
    let expected = ChatAnswer {
        text: "short".into(),
        model: "us.model-v1:0".into(),
        usage: Some(Usage { tokens_in: 11, tokens_out: 3 }),
        turn_id: Some("r-1".into()),
        ..ChatAnswer::default()
    };
    assert_eq!(answer.unwrap(), expected);
    assert!(request.starts_with("POST /model/us.model-v1%3A0/converse "), "{request}");
    let body = json!({
        "system": [{"text": "sum up"}],
        "messages": [{"role": "user", "content": [{"text": "long story"}]}],
        "inferenceConfig": {"maxTokens": 7},
    });
    assert_eq!(body_of(&request), body);
}

#[tokio::test]
async fn a_conversation_is_sent_with_roles_in_turn_and_without_blocks_of_tools() {
    let call = |output: Option<&str>| ToolCall {
        id: "c1".into(),
        name: "look".into(),
        arguments: "{}".into(),
        output: output.map(Into::into),
    };
    let request = ChatRequest {
        instruction: " ".into(),
        messages: vec![
            ChatMessage::User("what is new?".into()),
            ChatMessage::Assistant { text: String::new(), tool_calls: vec![call(Some("grey")), call(None)] },
            ChatMessage::User("and now?".into()),
            ChatMessage::User("quick".into()),
        ],
        max_tokens: 7,
    };
    let (_, sent) = asked_with(&request, converse(json!([{"text": "Sun."}]))).await;
    let expected = json!({
        "messages": [
            {"role": "user", "content": [{"text": "what is new?"}]},
            {"role": "assistant", "content": [
                {"text": "[tool look was called with {}; its output: grey]"},
                {"text": "[tool look was called with {}; its output: not reported]"},
            ]},
            {"role": "user", "content": [{"text": "and now?"}, {"text": "quick"}]},
        ],
        "inferenceConfig": {"maxTokens": 7},
    });
    assert_eq!(body_of(&sent), expected);
}

#[tokio::test]
async fn the_tools_that_bedrock_called_are_recorded() {
    let input = json!({"q": "rain", "n": [1, -2, 0.5, true, null]});
    let results = json!([{"text": "wet"}, {"json": {"mm": 3}}]);
    let content = json!([
        {"toolUse": {"toolUseId": "t1", "name": "search", "input": input}},
        {"toolResult": {"toolUseId": "t1", "content": results}},
        {"toolUse": {"toolUseId": "t2", "name": "stop", "input": {}}},
    ]);
    let answer = asked(converse(content)).await.0.unwrap();
    let call = |id: &str, name: &str, arguments: &str, output: Option<&str>| ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        output: output.map(Into::into),
    };
    let search = call("t1", "search", &input.to_string(), Some("wet\n{\"mm\":3}"));
    assert_eq!((answer.text.as_str(), answer.tool_calls), ("", vec![search, call("t2", "stop", "{}", None)]));
}

#[tokio::test]
async fn every_error_of_converse_is_sorted() {
    for (status, code, sorted) in [
        ("400 Bad Request", "ValidationException", "refused"),
        ("403 Forbidden", "AccessDeniedException", "provider_auth"),
        ("403 Forbidden", "ExpiredTokenException", "provider_auth"),
        ("403 Forbidden", "UnrecognizedClientException", "provider_auth"),
        ("404 Not Found", "ResourceNotFoundException", "refused"),
        ("408 Request Timeout", "ModelTimeoutException", "timeout"),
        ("424 Failed Dependency", "ModelErrorException", "provider_transport"),
        ("429 Too Many Requests", "ModelNotReadyException", "rate_limit"),
        ("429 Too Many Requests", "ThrottlingException", "rate_limit"),
        ("500 Internal Server Error", "InternalServerException", "provider_transport"),
        ("503 Service Unavailable", "ServiceUnavailableException", "provider_transport"),
    ] {
        let headers = format!("x-amzn-errortype: {code}:http://internal/\r\n");
        let error = asked(http(status, &headers, r#"{"message": "so it is"}"#)).await.0.unwrap_err();
        let found = match &error {
            ChatError::Auth(_) => "provider_auth",
            ChatError::RateLimit { .. } => "rate_limit",
            ChatError::Timeout(_) => "timeout",
            ChatError::Transport(_) => "provider_transport, unseen",
            ChatError::Failed(_) => "provider_transport",
            ChatError::InvalidAnswer(_) | ChatError::Empty { .. } => "invalid_answer",
            ChatError::Refused(_) => "refused",
        };
        assert_eq!(found, sorted, "{code}: {error}");
        assert!(error.to_string().ends_with(&format!("{status} {code} so it is")), "{error}");
    }
}

#[tokio::test]
async fn a_throttled_request_says_when_to_come_back() {
    match asked(http("429 Too Many Requests", "retry-after: 17\r\n", "{}")).await.0 {
        Err(ChatError::RateLimit { retry_after, .. }) => {
            assert_eq!(retry_after, Some(RetryAfter::In(Duration::from_secs(17))));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn no_answer_a_broken_one_and_one_that_says_nothing_are_told_apart() {
    assert!(matches!(asked(Reply::Never).await.0, Err(ChatError::Timeout(_))));
    let broken = asked(Reply::Bytes(String::new())).await.0;
    assert!(matches!(broken, Err(ChatError::Transport(_))), "{broken:?}");
    let none = asked(http("200 OK", "", "<html>")).await.0;
    assert!(matches!(none, Err(ChatError::InvalidAnswer(_))), "{none:?}");
    for reply in [converse(json!([])), converse(json!([{"text": " "}]))] {
        let error = asked(reply).await.0;
        assert!(matches!(error, Err(ChatError::Empty { usage: Some(_), .. })), "{error:?}");
    }
}

#[tokio::test]
async fn todays_exchange_is_read_with_its_thought_left_out() {
    // As documented for Converse: reasoning first, counts of a cache beside the others.
    let body = json!({
        "metrics": {"latencyMs": 3116},
        "output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "They want it short.", "signature": "c2ln"}}},
            {"text": "Four."},
        ]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 36, "outputTokens": 120, "totalTokens": 156, "cacheReadInputTokens": 0, "cacheWriteInputTokens": 0,
            "serverToolUsage": {}},
        "performanceConfig": {"latency": "standard"},
        "serviceTier": {"type": "default"},
    });
    let headers = "content-type: application/json\r\nx-amzn-requestid: r-1\r\n";
    let answer = asked(http("200 OK", headers, &body.to_string())).await.0.unwrap();
    let usage = Some(Usage { tokens_in: 36, tokens_out: 120 });
    assert_eq!((answer.text.as_str(), answer.finish, answer.usage), ("Four.", Finish::Whole, usage));
}

#[tokio::test]
async fn the_parameters_of_a_profile_are_sent_where_converse_has_them() {
    let parameters = json!({"maxTokens": 9000, "temperature": 0.5, "stopSequences": ["END"],
        "thinking": {"type": "enabled", "budget_tokens": 4000}, "top_k": 3});
    let (answer, sent) = asked_of(parameters, converse(json!([{"text": "Yes."}]))).await;
    assert_eq!(answer.unwrap().text, "Yes.");
    let sent = body_of(&sent);
    let config = json!({"maxTokens": 9000, "temperature": 0.5, "stopSequences": ["END"]});
    let more = json!({"thinking": {"type": "enabled", "budget_tokens": 4000}, "top_k": 3});
    assert_eq!((&sent["inferenceConfig"], &sent["additionalModelRequestFields"]), (&config, &more));
}

#[tokio::test]
async fn an_answer_says_how_it_came_to_its_end() {
    let call = json!([{"toolUse": {"toolUseId": "t1", "name": "search", "input": {}}}]);
    let refused = |words: &str| Finish::Refused(words.to_owned());
    for (reason, content, finish) in [
        ("end_turn", json!([{"text": "So."}]), Finish::Whole),
        ("max_tokens", json!([{"text": "So"}]), Finish::Length),
        ("tool_use", call.clone(), Finish::ToolCalls),
        ("end_turn", call, Finish::ToolCalls),
        ("guardrail_intervened", json!([{"text": "Sorry, no."}]), refused("Sorry, no.")),
        ("content_filtered", json!([]), refused("content_filtered")),
    ] {
        let answer = asked(stopped(reason, content)).await.0.unwrap();
        assert_eq!(answer.finish, finish, "{reason}");
    }
}
