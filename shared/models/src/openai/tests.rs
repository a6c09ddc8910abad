//! Against a real HTTP server, which answers as it is told.

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::{
    ChatMessage, Finish, ToolCall, Usage,
    http::test_server::{Reply, body_of, http, serve},
};

/// Asks a server that answers `reply`; also what it was sent.
async fn asked_with(request: &ChatRequest, reply: Reply) -> (Result<ChatAnswer, ChatError>, String) {
    let (address, server) = serve(reply).await;
    let endpoint = format!("http://{address}/v1").parse().unwrap();
    let backend = OpenAi::new(&endpoint, "tiny".into(), Some("k-secret-1".into()), Duration::from_millis(300)).unwrap();
    let answer = backend.chat(request).await;
    (answer, server.await.unwrap().0)
}

async fn asked(reply: Reply) -> (Result<ChatAnswer, ChatError>, String) {
    asked_with(&ChatRequest::of("sum up", "long story".into(), 7), reply).await
}

async fn answered(body: Value) -> Result<ChatAnswer, ChatError> {
    asked(http("200 OK", "", &body.to_string())).await.0
}

fn call(id: &str, name: &str, arguments: &str, output: Option<&str>) -> ToolCall {
    ToolCall { id: id.into(), name: name.into(), arguments: arguments.into(), output: output.map(Into::into) }
}

async fn error(reply: Reply) -> ChatError {
    asked(reply).await.0.unwrap_err()
}

#[tokio::test]
async fn a_good_answer_is_read_with_its_usage() {
    let good = json!({
        "id": "chatcmpl-1", "model": "tiny-1", "choices": [{"message": {"role": "assistant", "content": "short"}}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14},
    });
    let (answer, request) = asked(http("200 OK", "", &good.to_string())).await;
    let expected = ChatAnswer {
        text: "short".into(),
        model: "tiny-1".into(),
        usage: Some(Usage { tokens_in: 11, tokens_out: 3 }),
        turn_id: Some("chatcmpl-1".into()),
        ..ChatAnswer::default()
    };
    assert_eq!(answer.unwrap(), expected);
    assert!(request.starts_with("POST /v1/chat/completions "), "{request}");
    assert!(request.to_lowercase().contains("authorization: bearer k-secret-1"), "{request}");
    let messages = json!([{"role": "system", "content": "sum up"}, {"role": "user", "content": "long story"}]);
    assert_eq!(body_of(&request), json!({"model": "tiny", "max_completion_tokens": 7, "messages": messages}));
}

#[tokio::test]
async fn the_parameters_of_a_profile_are_sent_and_take_the_place_of_ours() {
    for (parameters, expected) in [
        (
            json!({"reasoning_effort": "low", "top_p": 0.5}),
            json!({"max_completion_tokens": 7, "reasoning_effort": "low", "top_p": 0.5}),
        ),
        (json!({"max_completion_tokens": 20_000}), json!({"max_completion_tokens": 20_000})),
        // What an endpoint takes that knows only the older name.
        (
            json!({"max_tokens": 100, "provider": {"order": ["a"]}}),
            json!({"max_tokens": 100, "provider": {"order": ["a"]}}),
        ),
    ] {
        let good = json!({"choices": [{"message": {"content": "Yes."}}]}).to_string();
        let (address, server) = serve(http("200 OK", "", &good)).await;
        let endpoint = format!("http://{address}/v1").parse().unwrap();
        let backend = OpenAi::new(&endpoint, "tiny".into(), None, Duration::from_secs(5)).unwrap();
        let backend = backend.with_parameters(parameters.as_object().unwrap().clone());
        backend.chat(&ChatRequest::of("", "q".into(), 7)).await.unwrap();
        let mut sent = body_of(&server.await.unwrap().0);
        let fields = sent.as_object_mut().unwrap();
        assert!(fields.remove("model").is_some() && fields.remove("messages").is_some());
        assert_eq!(sent, expected);
    }
}

#[tokio::test]
async fn every_providers_exchange_of_today_is_read_and_what_is_odd_in_it_loses_no_answer() {
    let exchanges: Vec<Value> = serde_json::from_str(include_str!("exchanges.json")).unwrap();
    assert!(exchanges.len() >= 18);
    for exchange in exchanges {
        let of = &exchange["of"];
        let usage = |at: usize| exchange["usage"][at].as_u64();
        let usage = usage(0).zip(usage(1)).map(|(tokens_in, tokens_out)| Usage { tokens_in, tokens_out });
        match answered(exchange["response"].clone()).await {
            Ok(answer) => {
                let read = json!({"text": answer.text, "finish": answer.finish});
                assert_eq!(read, json!({"text": exchange["text"], "finish": exchange["finish"]}), "{of}");
                assert_eq!(answer.usage, usage, "{of}");
            }
            Err(ChatError::Empty { usage: paid, .. }) => {
                assert_eq!((&exchange["empty"], paid), (&json!(true), usage), "{of}")
            }
            Err(ChatError::InvalidAnswer(said)) => {
                assert!(exchange["error"].as_str().is_some_and(|error| said.contains(error)), "{of}: {said}")
            }
            Err(other) => panic!("{of}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_conversation_is_sent_with_the_calls_that_were_made_in_it() {
    let said = |text: &str, tool_calls| ChatMessage::Assistant { text: text.into(), tool_calls };
    let request = ChatRequest {
        instruction: String::new(),
        messages: vec![
            ChatMessage::User("what is new?".into()),
            said("Rain.", vec![call("c1", "look", r#"{"at":"sky"}"#, Some("grey")), call("c2", "feel", "{}", None)]),
            ChatMessage::User("and now?".into()),
            said("", vec![call("c3", "look", "{}", Some("blue"))]),
            ChatMessage::User("so?".into()),
        ],
        max_tokens: 7,
    };
    let good = json!({"choices": [{"message": {"content": "Sun."}}]}).to_string();
    let (answer, sent) = asked_with(&request, http("200 OK", "", &good)).await;
    assert_eq!(answer.unwrap().text, "Sun.");
    let function = |id: &str, name: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
    let result = |id: &str, text: &str| json!({"role": "tool", "tool_call_id": id, "content": text});
    let calls = [function("c1", "look", r#"{"at":"sky"}"#), function("c2", "feel", "{}")];
    let expected = json!([
        {"role": "user", "content": "what is new?"},
        {"role": "assistant", "content": null, "tool_calls": calls},
        result("c1", "grey"),
        result("c2", "not reported"),
        {"role": "assistant", "content": "Rain."},
        {"role": "user", "content": "and now?"},
        {"role": "assistant", "content": null, "tool_calls": [function("c3", "look", "{}")]},
        result("c3", "blue"),
        {"role": "user", "content": "so?"},
    ]);
    assert_eq!(body_of(&sent)["messages"], expected);
}

#[tokio::test]
async fn tool_calls_are_recorded_in_whatever_way_an_endpoint_reports_them() {
    let arguments = r#"{"q": "rain"}"#;
    let function = json!({"name": "search", "arguments": arguments});
    let ask = |id: &str| json!({"id": id, "type": "function", "function": function});
    let asks = json!({"content": null, "tool_calls": [ask("t1"), ask("")]});
    let answer = answered(json!({"choices": [{"message": asks}]})).await.unwrap();
    let expected = ["t1", "call-2"].map(|id| call(id, "search", arguments, None));
    assert_eq!((answer.text.as_str(), answer.tool_calls.as_slice()), ("", expected.as_slice()));

    // Endpoints that run tools themselves; nobody demands that arguments be a text.
    let ran = json!([{"index": 0, "type": "python", "arguments": arguments, "output": "12"}, {"index": 1, "name": "s",
        "type": "search", "arguments": {"q": 1}, "output": null}]);
    let answer = answered(json!({"choices": [{"message": {"content": "12.", "executed_tools": ran}}]})).await.unwrap();
    let expected = [call("call-1", "python", arguments, Some("12")), call("call-2", "s", r#"{"q":1}"#, None)];
    assert_eq!((answer.text.as_str(), answer.tool_calls.as_slice()), ("12.", expected.as_slice()));
    let ran = json!([{"round": 0, "name": "run", "arguments": "{}", "result_content": "ok"}]);
    let message = json!({"content": "Ok.", "tool_calls": null});
    let answer = json!({"session_id": "s-1", "agentic_tool_calls": ran, "choices": [{"message": message}]});
    let answer = answered(answer).await.unwrap();
    assert_eq!(answer.tool_calls, [call("call-1", "run", "{}", Some("ok"))]);
    assert_eq!((answer.thread_id.as_deref(), answer.model.as_str()), (Some("s-1"), "tiny"));
}

#[tokio::test]
async fn no_answer_in_time_is_a_timeout() {
    assert!(matches!(error(Reply::Never).await, ChatError::Timeout(_)));
}

#[tokio::test]
async fn a_broken_connection_or_server_is_a_transport_failure() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"choices\"".to_owned();
    for reply in [Reply::Bytes(String::new()), Reply::Bytes(cut)] {
        let error = error(reply).await;
        assert!(matches!(error, ChatError::Transport(_)), "{error:?}");
    }
    for reply in [http("500 Oops", "", "no"), http("503 Off", "", "")] {
        let error = error(reply).await;
        assert!(matches!(error, ChatError::Failed(_)), "{error:?}");
    }
    let nobody = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let endpoint = format!("http://{nobody}/v1?key=hidden-in-url").parse().unwrap();
    let backend = OpenAi::new(&endpoint, "m".into(), None, Duration::from_secs(5)).unwrap();
    let error = backend.chat(&ChatRequest::of("", String::new(), 1)).await.unwrap_err();
    assert!(matches!(&error, ChatError::Failed(message) if !message.contains("hidden-in-url")), "{error:?}");
}

#[tokio::test]
async fn what_is_no_answer_is_invalid() {
    for body in ["<html>", "{}", r#"{"choices":[]}"#] {
        let error = error(http("200 OK", "", body)).await;
        assert!(matches!(error, ChatError::InvalidAnswer(_)), "{body}: {error:?}");
    }
    let endless = http("200 OK", "", &"x".repeat(ANSWER_BYTES + 1));
    assert!(matches!(error(endless).await, ChatError::InvalidAnswer(_)));
}

#[tokio::test]
async fn an_answer_that_says_nothing_is_paid_for() {
    for (body, paid) in [
        (r#"{"choices":[{"message":{"content":" "}}],"usage":{"prompt_tokens":7,"completion_tokens":4096}}"#, true),
        (r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":4096}}"#, true),
        (r#"{"choices":[{"message":{"content":null,"tool_calls":[]}}]}"#, false),
    ] {
        let expected = paid.then_some(Usage { tokens_in: 7, tokens_out: 4096 });
        match error(http("200 OK", "", body)).await {
            ChatError::Empty { usage, .. } => assert_eq!(usage, expected, "{body}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn what_an_answer_refers_to_and_what_was_looked_up_is_read_wherever_it_stands() {
    let body = r#"{"choices":[{"message":{"content":"So.","annotations":[
        {"type":"url_citation","url_citation":{"url":"https://a/1","title":"A"}},{"type":"other"}],
        "executed_tools":[{"type":"search","search_results":{"results":[{"url":"https://b/1"}]}}]}}],
        "citations":["https://c/1"],"search_results":[{"title":"D","url":"https://d/1"}]}"#;
    let answer = asked_with(&ChatRequest::of("", "q".into(), 1), http("200 OK", "", body)).await.0.unwrap();
    assert_eq!(answer.citations, ["https://a/1", "https://c/1"]);
    assert_eq!(answer.sources, ["https://d/1", "https://b/1"]);
    // Of another form it is passed over: the answer counts.
    let body =
        r#"{"choices":[{"message":{"content":"So.","annotations":{"n":1}}}],"citations":7,"search_results":[[]]}"#;
    let answer = asked_with(&ChatRequest::of("", "q".into(), 1), http("200 OK", "", body)).await.0.unwrap();
    assert!(answer.text == "So." && answer.citations.is_empty() && answer.sources.is_empty(), "{answer:?}");
}

#[tokio::test]
async fn refused_credentials_and_requests_are_told_apart() {
    let auth = error(http("401 Unauthorized", "", "who are you")).await;
    assert!(matches!(&auth, ChatError::Auth(message) if message == "401 Unauthorized who are you"), "{auth:?}");
    assert!(matches!(error(http("403 Forbidden", "", "")).await, ChatError::Auth(_)));
    assert!(matches!(error(http("404 Not Found", "", "no such model")).await, ChatError::Refused(_)));
}

#[tokio::test]
async fn a_rate_limit_says_when_to_come_back() {
    for (header, expected) in [("retry-after: 17\r\n", Some(RetryAfter::In(Duration::from_secs(17)))), ("", None)] {
        match error(http("429 Too Many Requests", header, "slow down")).await {
            ChatError::RateLimit { retry_after, .. } => assert_eq!(retry_after, expected, "{header}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_answer_says_how_it_came_to_its_end() {
    let call = json!([{"id": "t1", "type": "function", "function": {"name": "search", "arguments": "{}"}}]);
    let refused = |words: &str| Finish::Refused(words.to_owned());
    for (reason, message, finish) in [
        (json!("stop"), json!({"content": "So."}), Finish::Whole),
        (json!(null), json!({"content": "So."}), Finish::Whole),
        (json!("length"), json!({"content": "So"}), Finish::Length),
        (json!("tool_calls"), json!({"content": null, "tool_calls": call}), Finish::ToolCalls),
        (json!("stop"), json!({"content": "So.", "tool_calls": call}), Finish::ToolCalls),
        (json!("content_filter"), json!({"content": null}), refused("content_filter")),
        (json!("stop"), json!({"content": null, "refusal": "I may not."}), refused("I may not.")),
    ] {
        let body = json!({"choices": [{"finish_reason": reason, "message": message}]}).to_string();
        let answer = asked_with(&ChatRequest::of("", "q".into(), 1), http("200 OK", "", &body)).await.0.unwrap();
        assert_eq!(answer.finish, finish, "{body}");
    }
}
