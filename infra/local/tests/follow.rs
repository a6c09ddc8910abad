//! Lists followed as streams of events, read by another's reader of such streams.

use std::{pin::Pin, time::Duration};

use futures::{Stream, StreamExt, stream};
use serde_json::{Value, json};
use sse_stream::{Sse, SseStream};

use crate::process::{Server, scripted};

/// No test waits so long for what comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A reader, connected.
struct Reader(Pin<Box<dyn Stream<Item = Sse> + Send>>);

impl Reader {
    async fn connect(server: &Server, path: &str, last_seen: Option<&str>) -> Self {
        let request = reqwest::Client::new().get(format!("{}{path}", server.url)).header("accept", "text/event-stream");
        let request = last_seen.into_iter().fold(request, |request, seen| request.header("last-event-id", seen));
        let response = request.send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        let bytes = stream::try_unfold(response, |mut response| async {
            Ok::<_, reqwest::Error>(response.chunk().await?.map(|bytes| (bytes, response)))
        });
        // A connection that breaks off is the end of it, as a server's stop is.
        Self(Box::pin(SseStream::from_bytes_stream(bytes).filter_map(async |event| event.ok())))
    }

    /// The next item and its place.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            let event = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("something comes")?;
            // A comment alone says that the server is there.
            if let Some(data) = event.data {
                return Some((event.id.unwrap(), serde_json::from_str(&data).unwrap()));
            }
        }
    }
}

fn publishing(what: &str) -> Value {
    scripted(json!({"publish": what}))
}

#[tokio::test]
async fn whoever_comes_again_with_what_it_saw_last_misses_nothing_and_sees_nothing_twice() {
    let server = Server::start(&["--poll-interval-ms", "20"]);
    let (mut last, mut seen) = (None::<String>, Vec::new());
    for published in 1..=12 {
        // Each time one is published while nobody listens, and one while somebody does.
        server.run(publishing(&format!("unheard{published}"))).await;
        let mut reader = Reader::connect(&server, "/v1/events", last.as_deref()).await;
        server.run(publishing(&format!("heard{published}"))).await;
        // Of each task what it published, and its end.
        while seen.len() < 4 * published {
            let (place, event) = reader.next().await.unwrap();
            assert_eq!(event["cursor"], json!(place));
            seen.push(event["type"].clone());
            last = Some(place);
        }
    }
    let listed = server.get("/v1/events?limit=100").await;
    let listed: Vec<_> = listed["items"].as_array().unwrap().iter().map(|event| event["type"].clone()).collect();
    assert_eq!(json!(seen), json!(listed));
}

#[tokio::test]
async fn a_filtered_list_is_followed_over_all_that_does_not_fit() {
    let server = Server::start(&[]);
    // More than is looked at in one read, before the first that fits.
    let tasks: Vec<Value> = (0..100).map(|_| scripted(json!({}))).collect();
    for _ in 0..3 {
        assert_eq!(server.post("/v1/tasks/batch", json!({"tasks": tasks})).await.0, 200);
    }
    let task = server.run(publishing("order.shipped")).await;
    let mut of_types = Reader::connect(&server, "/v1/events?types=none,order.*", None).await;
    let (place, event) = of_types.next().await.unwrap();
    assert_eq!(event["type"], "order.shipped");
    server.run(publishing("invoice.paid")).await;
    server.run(publishing("order.lost")).await;
    assert_eq!(of_types.next().await.unwrap().1["type"], "order.lost");
    let mut again = Reader::connect(&server, "/v1/events?types=order.*", Some(&place)).await;
    assert_eq!(again.next().await.unwrap().1["type"], "order.lost");
    let id = task["id"].as_str().unwrap();
    let mut of_task = Reader::connect(&server, &format!("/v1/events?task_id={id}"), None).await;
    for expected in ["order.shipped", "task.completed"] {
        let (_, event) = of_task.next().await.unwrap();
        assert_eq!((&event["type"], &event["subject"]), (&json!(expected), &task["id"]));
    }
}

#[tokio::test]
async fn a_task_is_followed_until_it_has_ended_and_no_further() {
    let server = Server::start(&[]);
    let mut later = scripted(json!({"mark": "m"}));
    later["scheduled_for"] = json!("2999-01-01T00:00:00Z");
    let (status, task) = server.post("/v1/tasks", later).await;
    assert_eq!(status, 201, "{task}");
    let path = format!("/v1/tasks/{}", task["id"].as_str().unwrap());
    let mut reader = Reader::connect(&server, &path, None).await;
    let (waiting, seen) = reader.next().await.unwrap();
    assert_eq!(
        (&seen["status"], json!(waiting.parse::<u64>().unwrap())),
        (&json!("pending"), seen["revision"].clone())
    );
    // Whoever saw it as it is waits with the others for what becomes of it.
    let mut again = Reader::connect(&server, &path, Some(&waiting)).await;
    assert_eq!(server.post(&format!("{path}/process"), json!({"force": true})).await.0, 200);
    for reader in [&mut reader, &mut again] {
        let mut revisions = vec![waiting.parse::<u64>().unwrap()];
        let mut last = Value::Null;
        while let Some((revision, task)) = reader.next().await {
            revisions.push(revision.parse().unwrap());
            last = task;
        }
        assert!(revisions.is_sorted_by(|a, b| a < b), "{revisions:?}");
        assert_eq!(last["status"], "completed");
    }
    let end = server.get(&path).await["revision"].to_string();
    let seen = async |seen: &str| {
        let request = reqwest::Client::new().get(format!("{}{path}", server.url)).header("accept", "text/event-stream");
        request.header("last-event-id", seen).send().await.unwrap().status().as_u16()
    };
    assert_eq!((seen(&end).await, seen(&waiting).await), (204, 200));
}

#[tokio::test]
async fn a_run_is_followed_by_the_numbers_of_its_events() {
    let server = Server::start(&["--poll-interval-ms", "20"]);
    let (status, run) = server.post("/v1/runs", json!({"prompt": "look around", "executor": "runner"})).await;
    assert_eq!(status, 201, "{run}");
    let path = format!("/v1/runs/{}/events", run["id"].as_str().unwrap());
    let mut reader = Reader::connect(&server, &path, None).await;
    let (first, event) = reader.next().await.unwrap();
    assert_eq!((first.as_str(), &event["seq"]), ("1", &json!(1)));
    let cancel = format!("/v1/runs/{}/cancel", run["id"].as_str().unwrap());
    assert_eq!(server.post(&cancel, json!({})).await.0, 200);
    let (second, _) = reader.next().await.unwrap();
    assert_eq!(second, "2");
    let mut again = Reader::connect(&server, &path, Some(&first)).await;
    assert_eq!(again.next().await.unwrap().0, "2");
}

#[tokio::test]
async fn what_a_page_refuses_a_stream_refuses_and_not_every_route_is_one() {
    let server = Server::start(&[]);
    let refused = async |path: &str, name: &str, value: &str| {
        let request = reqwest::Client::new().get(format!("{}{path}", server.url)).header("accept", "text/event-stream");
        let answer = request.header(name, value).send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        (status, body["error"]["code"].as_str().unwrap().to_owned())
    };
    assert_eq!(refused("/v1/runs/none/events", "x-any", "").await, (404, "not_found".to_owned()));
    assert_eq!(refused("/v1/events", "last-event-id", "nowhere").await.0, 400);
    assert_eq!(refused("/v1/events", "last-event-id", "naïve").await.0, 400, "what is not text is not taken for none");
    assert_eq!(refused("/v1/events?after=nowhere", "x-any", "").await.0, 400);
    assert_eq!(refused("/v1/events?types=", "x-any", "").await.0, 400);
    assert_eq!(refused("/v1/events?task_id=7", "x-any", "").await.0, 400);
    assert_eq!(refused("/v1/tasks/7", "x-any", "").await.0, 404);
    assert_eq!(refused("/v1/health", "x-any", "").await, (406, "not_acceptable".to_owned()));
    // Who takes JSON, too, is answered with it.
    let both = server.status_with_header("/v1/events", "accept", "text/event-stream, application/json").await;
    assert_eq!(both, 200);
}

#[tokio::test]
async fn a_server_that_stops_waits_for_no_reader() {
    let server = Server::start(&["--poll-interval-ms", "20", "--grace-s", "86400"]);
    let mut reader = Reader::connect(&server, "/v1/events", None).await;
    server.run(publishing("e")).await;
    assert!(reader.next().await.is_some());
    // It would wait for a day.
    let (code, _data) = server.terminate();
    while reader.next().await.is_some() {}
    assert_eq!(code, Some(0));
}
