//! A collector of spans that does not take them: what is told of that, how often, and what is not.

use std::{
    io::{Read, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};

use axum::{Router, handler::Handler, http::StatusCode, routing::post};
use serde_json::json;

use crate::process::{Server, free_port, scripted, serve};

/// What is told of it.
const TOLD: &str = "the collector does not take spans";

/// Where a collector takes spans.
const PATH: &str = "/v1/traces";

/// Stands in the collector's address.
const SECRET: &str = "s3cret";

/// A server that sends each few spans at once to this address.
fn sending_to(endpoint: &str) -> Server {
    let variables = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "10")];
    Server::start_with(&["--poll-interval-ms", "20"], &variables)
}

/// What a server like that has said once it has told of its collector.
async fn told_of(endpoint: &str) -> Vec<String> {
    let server = sending_to(endpoint);
    server.run(scripted(json!({}))).await;
    server.until(|| async { server.has_said(TOLD).then_some(()) }).await;
    let (code, said) = server.last_words();
    assert_eq!(code, Some(0), "{said:?}");
    said
}

/// Where spans go to that this answers.
async fn answering<H: Handler<T, ()>, T: 'static>(answer: H) -> String {
    serve(Router::new().route(PATH, post(answer))).await + PATH
}

/// One that answers every post with half of what it announces.
fn breaking_off() -> String {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let endpoint = format!("http://{}{PATH}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            // Its head and its spans come together, or are of no interest.
            let _ = connection.read(&mut [0; 65536]);
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
        }
    });
    endpoint
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_names_the_collectors_address_whatever_fails() {
    let down = format!("http://127.0.0.1:{}{PATH}", free_port());
    for endpoint in [down, breaking_off()] {
        let said = told_of(&format!("{endpoint}?key={SECRET}")).await;
        let naming: Vec<_> = said.iter().filter(|line| line.contains(SECRET) || line.contains(&endpoint)).collect();
        assert!(naming.is_empty(), "{naming:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_an_end_is_refused() {
    let endless = || async {
        let chunks = futures::stream::repeat_with(|| Ok::<_, std::io::Error>("more of it ".repeat(1000)));
        axum::body::Body::from_stream(chunks)
    };
    let said = told_of(&answering(endless).await).await;
    let told: Vec<_> = said.iter().filter(|line| line.contains(TOLD)).collect();
    assert!(told[0].contains("its answer has more than 65536 bytes"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_collector_takes_nothing_is_told_once_until_it_takes_some_again() {
    // Whether it takes spans, and how many posts it was sent.
    let (takes, posts) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let answer = {
        let (takes, posts) = (takes.clone(), posts.clone());
        move || async move {
            posts.fetch_add(1, SeqCst);
            if takes.load(SeqCst) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
        }
    };
    let server = sending_to(&answering(answer).await);
    for taken in [false, true, false] {
        takes.store(taken, SeqCst);
        let before = posts.load(SeqCst);
        // One is sent at a time, so that at most the first of them was answered as before.
        while posts.load(SeqCst) < before + 4 {
            server.run(scripted(json!({}))).await;
        }
    }
    let (code, said) = server.last_words();
    let told = said.iter().filter(|line| line.contains(TOLD)).count();
    assert_eq!((code, told), (Some(0), 2), "{said:?}");
}
