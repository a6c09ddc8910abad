//! Against a real HTTP server, which answers as it is told.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;

/// What the server does with a request.
enum Reply {
    /// Sends these bytes.
    Bytes(String),
    /// Keeps it waiting.
    Never,
}

fn http(status: &str, headers: &str, body: &str) -> Reply {
    let length = body.len();
    Reply::Bytes(format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"))
}

/// Reads one request, head and body.
async fn request(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let n = stream.read(&mut buffer).await.unwrap();
        read.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
    }
}

/// Asks a server that answers `reply`; also what it was sent.
async fn asked(reply: Reply) -> (Result<ChatAnswer, ChatError>, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}/v1", listener.local_addr().unwrap()).parse().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = request(&mut stream).await;
        match reply {
            Reply::Bytes(bytes) => stream.write_all(bytes.as_bytes()).await.unwrap(),
            Reply::Never => return (request, Some(stream)),
        }
        (request, None)
    });
    let backend = OpenAi::new(&endpoint, "tiny".into(), Some("k-secret-1".into()), Duration::from_millis(300)).unwrap();
    let answer =
        backend.chat(&ChatRequest { instruction: "sum up".into(), text: "long story".into(), max_tokens: 7 }).await;
    (answer, server.await.unwrap().0)
}

async fn error(reply: Reply) -> ChatError {
    asked(reply).await.0.unwrap_err()
}

const GOOD: &str = r#"{"model":"tiny-1","choices":[{"message":{"role":"assistant","content":"short"}}],
    "usage":{"prompt_tokens":11,"completion_tokens":3,"total_tokens":14}}"#;

#[tokio::test]
async fn a_good_answer_is_read_with_its_usage() {
    let (answer, request) = asked(http("200 OK", "", GOOD)).await;
    let usage = Some(Usage { tokens_in: 11, tokens_out: 3 });
    assert_eq!(answer.unwrap(), ChatAnswer { text: "short".into(), model: "tiny-1".into(), usage });
    assert!(request.starts_with("POST /v1/chat/completions "), "{request}");
    assert!(request.to_lowercase().contains("authorization: bearer k-secret-1"), "{request}");
    let body: serde_json::Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    let messages = json!([{"role": "system", "content": "sum up"}, {"role": "user", "content": "long story"}]);
    assert_eq!(body, json!({"model": "tiny", "max_tokens": 7, "messages": messages}));
}

#[tokio::test]
async fn no_answer_in_time_is_a_timeout() {
    assert!(matches!(error(Reply::Never).await, ChatError::Timeout(_)));
}

#[tokio::test]
async fn a_broken_connection_or_server_is_a_transport_failure() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"choices\"".to_owned();
    for reply in [Reply::Bytes(String::new()), Reply::Bytes(cut), http("500 Oops", "", "no"), http("503 Off", "", "")] {
        let error = error(reply).await;
        assert!(matches!(error, ChatError::Transport(_)), "{error:?}");
    }
    let nobody = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let endpoint = format!("http://{nobody}/v1?key=hidden-in-url").parse().unwrap();
    let backend = OpenAi::new(&endpoint, "m".into(), None, Duration::from_secs(5)).unwrap();
    let request = ChatRequest { instruction: String::new(), text: String::new(), max_tokens: 1 };
    let error = backend.chat(&request).await.unwrap_err();
    assert!(matches!(&error, ChatError::Transport(message) if !message.contains("hidden-in-url")), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_says_nothing_is_invalid() {
    for body in [
        "<html>",
        "{}",
        r#"{"choices":[]}"#,
        r#"{"choices":[{"message":{"content":" "}}]}"#,
        r#"{"choices":[{"message":{"content":null}}]}"#,
    ] {
        let error = error(http("200 OK", "", body)).await;
        assert!(matches!(error, ChatError::InvalidAnswer(_)), "{body}: {error:?}");
    }
    let endless = http("200 OK", "", &"x".repeat(ANSWER_BYTES + 1));
    assert!(matches!(error(endless).await, ChatError::InvalidAnswer(_)));
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
    let date: jiff::Timestamp = "2026-11-06T08:49:37Z".parse().unwrap();
    let at = RetryAfter::At(Timestamp::from_millis(date.as_millisecond()));
    for (header, expected) in [
        ("retry-after: 17\r\n", Some(RetryAfter::In(Duration::from_secs(17)))),
        ("retry-after: Fri, 06 Nov 2026 08:49:37 GMT\r\n", Some(at)),
        ("retry-after: soon\r\n", None),
        ("", None),
    ] {
        match error(http("429 Too Many Requests", header, "slow down")).await {
            ChatError::RateLimit { retry_after, .. } => assert_eq!(retry_after, expected, "{header}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(at.wait(Timestamp::from_millis(date.as_millisecond() - 90_000)), Duration::from_secs(90));
}
