//! Clients that connect and say nothing, or nothing whole: they end, and keep nobody else out.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::process::Server;

/// What comes until the connection is closed.
fn rest(connection: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    connection.read_to_end(&mut rest).unwrap();
    String::from_utf8(rest).unwrap()
}

fn said(server: &Server, text: &str) -> TcpStream {
    let mut connection = server.connect();
    connection.write_all(text.as_bytes()).unwrap();
    connection
}

/// Whether one more connection is taken. One that is not is closed, or reset because it had said something.
fn is_served(server: &Server) -> bool {
    let mut answer = [0; 12];
    said(server, HEALTH).read_exact(&mut answer).is_ok_and(|()| answer == *b"HTTP/1.1 200")
}

const HEALTH: &str = "GET /v1/health HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[tokio::test]
async fn a_connection_on_which_nothing_whole_comes_is_closed() {
    let server = Server::start(&["--idle-s", "1"]);
    let head = "POST /v1/tasks HTTP/1.1\r\nhost: localhost\r\n";
    for (said_so_far, answer) in [
        (String::new(), ""),
        (head.to_owned(), ""),
        (format!("{head}content-length: 9\r\n\r\n{{"), "HTTP/1.1 408 "),
        (HEALTH.to_owned(), "HTTP/1.1 200 "),
    ] {
        let answered = rest(&mut said(&server, &said_so_far));
        assert!(
            answered.starts_with(answer) && (answer.is_empty() == answered.is_empty()),
            "{said_so_far}: {answered}"
        );
    }
    let said = || async { server.has_said("it said nothing, or no whole request, for too long").then_some(()) };
    server.until(said).await;
}

#[tokio::test]
async fn a_head_of_far_more_than_64_kib_is_not_read_to_its_end() {
    let server = Server::start(&[]);
    let of = |bytes: usize| format!("GET /v1/health HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "a".repeat(bytes));
    let answered = |text: &str| {
        let mut answer = [0; 12];
        let mut connection = server.connect();
        // What is not read to its end may be reset before all of it is said, or its answer is read.
        let said = connection.write_all(text.as_bytes());
        said.is_ok() && connection.read_exact(&mut answer).is_ok_and(|()| answer == *b"HTTP/1.1 200")
    };
    // What the last read brings beyond its limit is taken, which is as much again at the most.
    assert_eq!([60, 200].map(|kib| answered(&of(kib * 1024))), [true, false]);
}

#[tokio::test]
async fn beyond_their_number_connections_are_closed_until_another_one_is() {
    let server = Server::start(&["--connections", "5", "--idle-s", "3600"]);
    // The test's own client keeps none: it has said nothing yet.
    let mut held: Vec<TcpStream> = (0..3).map(|_| said(&server, HEALTH)).collect();
    for connection in &mut held {
        assert!(connection.read(&mut [0]).unwrap() == 1, "it is served");
    }
    assert!(!is_served(&server));
    server.until(|| async { server.has_said("there are as many as may be").then_some(()) }).await;
    held.pop();
    server.until(|| async { is_served(&server).then_some(()) }).await;
}

#[tokio::test]
async fn told_to_stop_it_waits_for_no_client_beyond_its_grace() {
    let server = Server::start(&["--grace-s", "1", "--idle-s", "3600"]);
    let _clients = [
        said(&server, ""),
        said(&server, "GET /v1/health HTTP/1.1\r\n"),
        said(&server, "POST /v1/tasks HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{"),
    ];
    server.get("/v1/health").await;
    let begin = Instant::now();
    let (code, said) = server.last_words();
    assert_eq!(code, Some(0));
    let said = said.join("\n");
    assert!(said.contains("after the grace period") && !said.contains("could not be released"), "{said}");
    // A minute or an hour, were they waited for.
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_takes_no_answer_keeps_no_place() {
    let server = Server::start(&["--connections", "1", "--idle-s", "1"]);
    // More than the system keeps for either side.
    let asks = "GET /v1/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(500);
    let mut silent = said(&server, &asks);
    assert_eq!(silent.read(&mut [0]).unwrap(), 1, "it is served");
    server.until(|| async { is_served(&server).then_some(()) }).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_follows_and_takes_nothing_keeps_no_place() {
    let server = Server::start(&["--connections", "1", "--idle-s", "1"]);
    // More than the system keeps for either side, in events with long names.
    let tasks = vec![crate::process::scripted(json!({"publish": "e".repeat(20_000)})); 100];
    for _ in 0..20 {
        assert_eq!(server.post("/v1/tasks/batch", json!({"tasks": tasks})).await.0, 200);
    }
    server.until(|| async { (server.get("/v1/tasks").await["count"] == 0).then_some(()) }).await;
    let stream = "GET /v1/events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n";
    let silent = server
        .until(|| async {
            let mut stream = said(&server, stream);
            stream.read(&mut [0]).is_ok_and(|read| read == 1).then_some(stream)
        })
        .await;
    assert!(!is_served(&server), "it has the place");
    server.until(|| async { is_served(&server).then_some(()) }).await;
    drop(silent);
}
