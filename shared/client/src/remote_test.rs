//! An installation that is busy, has many pages, or no streams.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{Access, Ask, Code, Heard, Remote, RemoteError, Watched};

/// What a server was asked: the path with its parameters, and the idempotency key.
type Asked = Arc<Mutex<Vec<(String, Option<String>)>>>;

/// A server that answers these, one after the other; streams it has none.
async fn answering(answers: Vec<(u16, Value)>) -> (Remote, Asked) {
    let (answers, asked) = (Arc::new(Mutex::new(VecDeque::from(answers))), Asked::default());
    let noted = asked.clone();
    let answer = move |uri: Uri, headers: HeaderMap| async move {
        if headers.get("accept").is_some_and(|accept| accept == "text/event-stream") {
            return StatusCode::NOT_ACCEPTABLE.into_response();
        }
        let key = headers.get("idempotency-key").map(|key| key.to_str().unwrap().to_owned());
        noted.lock().unwrap().push((uri.to_string(), key));
        let (status, body) = answers.lock().unwrap().pop_front().expect("it is asked no more");
        let response = (StatusCode::from_u16(status).unwrap(), [("retry-after", "0")], body.to_string());
        let response: Response = response.into_response();
        response
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    let http = errand_outbound::client(Duration::from_secs(60)).unwrap();
    (Remote::new(http, Access { url, ..Access::default() }), asked)
}

fn paths(asked: &Asked) -> Vec<String> {
    asked.lock().unwrap().iter().map(|(path, _)| path.clone()).collect()
}

fn busy() -> (u16, Value) {
    (429, json!({"error": {"code": "busy", "message": "too many"}}))
}

#[tokio::test]
async fn a_busy_server_is_asked_again_under_the_same_key_but_not_for_ever() {
    let (remote, asked) = answering(vec![busy(), (503, busy().1), (201, json!({"id": 1}))]).await;
    let ask = Ask::post(&["v1", "tasks"], json!({}), "k");
    assert_eq!(remote.ask(&ask).await.unwrap(), json!({"id": 1}));
    let expected = ("/v1/tasks".to_owned(), Some("k".to_owned()));
    assert_eq!(*asked.lock().unwrap(), vec![expected; 3]);
    let (remote, asked) = answering(vec![busy(), busy(), busy(), busy()]).await;
    let Err(RemoteError::Refused(refusal)) = remote.ask(&ask).await else { panic!("it stays busy") };
    assert_eq!((refusal.code, refusal.status, asked.lock().unwrap().len()), (Code::Busy, 429, 4));
}

#[tokio::test]
async fn what_is_wrong_is_not_said_again() {
    let wrong = json!({"error": {"code": "invalid", "message": "no", "field": "limit"}});
    let (remote, asked) = answering(vec![(400, wrong)]).await;
    let Err(RemoteError::Refused(refusal)) = remote.ask(&Ask::get(&["v1", "tasks"])).await else { panic!("no") };
    assert_eq!((refusal.code, refusal.field.as_deref()), (Code::Invalid, Some("limit")));
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_list_is_read_over_all_its_pages_also_empty_ones() {
    let page = |items: Value, cursor: Option<&str>| (200, json!({"items": items, "count": 0, "cursor": cursor}));
    let pages = vec![page(json!([1]), Some("a")), page(json!([]), Some("b")), page(json!([2]), None)];
    let (remote, asked) = answering(pages).await;
    let (mut pages, mut read) = (remote.pages(Ask::get(&["v1", "tasks"]).with("queue", Some("q"))), Vec::new());
    while let Some(item) = pages.next().await.unwrap() {
        read.push(item);
    }
    assert_eq!((read, pages.has_more()), (vec![json!(1), json!(2)], false));
    assert_eq!(paths(&asked), ["/v1/tasks?queue=q", "/v1/tasks?queue=q&cursor=a", "/v1/tasks?queue=q&cursor=b"]);
}

#[tokio::test]
async fn where_there_are_no_streams_a_thing_is_asked_for_until_it_has_ended() {
    let task = |revision: u64| (200, json!({"revision": revision}));
    let ended = (200, json!({"revision": 3, "ended_at": "now"}));
    let (remote, _) = answering(vec![task(1), task(2), task(2), ended.clone(), ended]).await;
    let mut follow = remote.follow(Ask::get(&["v1", "tasks", "t"]), Watched::One { until: "ended_at" });
    let mut told = Vec::new();
    while let Some(Heard::Told(task)) = follow.next().await.unwrap() {
        told.push(task["revision"].as_u64().unwrap());
    }
    assert_eq!(told, [1, 2, 3]);
}

#[tokio::test]
async fn where_there_are_no_streams_a_list_is_asked_for_what_comes_after() {
    let page = |items: &[u64]| {
        let items: Vec<Value> = items.iter().map(|seq| json!({"seq": seq})).collect();
        (200, json!({"items": items, "count": 0, "cursor": "2"}))
    };
    let (remote, asked) = answering(vec![page(&[1, 2]), page(&[]), page(&[3])]).await;
    let list = Watched::List { parameter: "after_seq", field: "seq" };
    let mut follow = remote.follow(Ask::get(&["v1", "runs", "r", "events"]), list);
    for expected in 1..=3 {
        assert_eq!(follow.next().await.unwrap(), Some(Heard::Told(json!({"seq": expected}))));
    }
    assert_eq!(paths(&asked)[1..], ["/v1/runs/r/events?after_seq=2", "/v1/runs/r/events?after_seq=2"]);
}
