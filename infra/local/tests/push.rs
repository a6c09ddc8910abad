//! Tasks that are pushed, by a process to targets of the test's own.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::process::{self, Server};

async fn listen(router: Router) -> String {
    process::serve(router).await + "/"
}

/// A target that answers 202 and passes on where it is answered later.
async fn going_on_elsewhere() -> (String, mpsc::UnboundedReceiver<String>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let answer = move |headers: HeaderMap| async move {
        let callback = headers["errand-callback"].to_str().unwrap();
        let path = callback.find("/v1/callbacks/").map(|at| callback[at..].to_owned());
        sender.send(path.unwrap()).unwrap();
        StatusCode::ACCEPTED
    };
    (listen(Router::new().route("/", post(answer))).await, receiver)
}

fn pushed(url: &str) -> Value {
    json!({"run": {"kind": "http", "url": url}, "timeout_s": 600})
}

#[tokio::test]
async fn a_task_that_goes_on_elsewhere_is_ended_after_the_server_was_killed_and_started_again() {
    let (url, mut callbacks) = going_on_elsewhere().await;
    let server = Server::start(&[]);
    server.put("/v1/task-types/resize", pushed(&url)).await;
    let task = server.enqueue(json!({"task_type": "resize", "payload": {}})).await;
    let callback = callbacks.recv().await.unwrap();
    // Until it is noted that it goes on there: the lease is longer than that of a call.
    let parked = async |server: &Server| {
        let beat = server.post(&format!("{callback}/heartbeat"), json!({"lease_s": 86_400})).await;
        assert_eq!(beat.0, 200, "{}", beat.1);
    };
    parked(&server).await;
    let server = server.kill_and_restart(&[]);
    assert_eq!(server.task(&task).await["status"], "running", "nobody else is given it");
    parked(&server).await;
    let (status, said) = server.post(&callback, json!({"status": "completed", "output": {"bytes": 7}})).await;
    assert_eq!((status, &said["task_status"]), (200, &json!("completed")), "{said}");
    let ended = server.task(&task).await;
    assert_eq!(
        (&ended["output"], &ended["executions"], &ended["losses"]),
        (&json!({"bytes": 7}), &json!(1), &json!(0))
    );
    assert!(callbacks.try_recv().is_err(), "it was called once");
}

#[tokio::test]
async fn with_a_file_of_tokens_who_was_called_answers_by_the_callback_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tokens.json");
    let made = process::output(&["token", "--file", file.to_str().unwrap(), "--principal", "ops"]);
    let token = made.lines().find(|line| line.starts_with("errand_")).unwrap().to_owned();
    let (url, mut callbacks) = going_on_elsewhere().await;
    let server = Server::start(&["--tokens", file.to_str().unwrap()]);
    let send = async |bearer: Option<&str>, method: &str, path: &str, body: Value| {
        let request = reqwest::Client::new().request(method.parse().unwrap(), format!("{}{path}", server.url));
        let request = bearer.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
        let answer = request.body(body.to_string()).send().await.unwrap();
        (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
    };
    let made = send(Some(&token), "PUT", "/v1/task-types/resize", pushed(&url)).await;
    assert_eq!(made.0, 201, "{}", made.1);
    let asked = json!({"task_type": "resize", "payload": {}});
    assert_eq!(send(None, "POST", "/v1/tasks", asked.clone()).await.0, 401);
    let (status, task) = send(Some(&token), "POST", "/v1/tasks", asked).await;
    assert_eq!(status, 201, "{task}");
    let callback = callbacks.recv().await.unwrap();
    let end = json!({"status": "completed"});
    // Another's token is none, and a callback opens nothing else.
    assert_eq!(send(None, "POST", "/v1/callbacks/none", end.clone()).await.0, 404);
    assert_eq!(send(None, "GET", &callback, json!({})).await.0, 405);
    assert_eq!(send(None, "POST", &format!("{callback}/other"), end.clone()).await.0, 401);
    assert_eq!(send(None, "GET", "/v1/health", json!({})).await.0, 401);
    assert_eq!(send(None, "POST", &format!("{callback}/heartbeat"), json!({})).await.0, 200);
    assert_eq!(send(None, "POST", &callback, end).await.0, 200);
    let (_, ended) = send(Some(&token), "GET", &format!("/v1/tasks/{}", task["id"].as_str().unwrap()), json!({})).await;
    assert_eq!(ended["status"], "completed");
}

/// So many types, each with so many tasks that nobody answers.
const SLOW_TYPES: usize = 20;
const OF_EACH: usize = 50;
const MORE: usize = 4_500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_that_nobody_answers_keep_no_other_type_waiting() {
    // Each takes a file here, and one there.
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files).unwrap();

    let called = Arc::new(AtomicUsize::new(0));
    let count = called.clone();
    let hang = move || {
        count.fetch_add(1, SeqCst);
        pending::<StatusCode>()
    };
    let (slow, quick) = (
        listen(Router::new().route("/", post(hang))).await,
        listen(Router::new().route("/", post(async || StatusCode::NO_CONTENT))).await,
    );
    let server = Server::start(&[]);
    let enqueue = async |task_type: &str, count: usize| {
        let tasks: Vec<Value> = (0..count).map(|n| json!({"task_type": task_type, "payload": {"n": n}})).collect();
        assert_eq!(server.post("/v1/tasks/batch", json!({"tasks": tasks})).await.0, 200);
    };
    for n in 0..SLOW_TYPES {
        server.put(&format!("/v1/task-types/slow{n}"), pushed(&slow)).await;
        enqueue(&format!("slow{n}"), OF_EACH).await;
    }
    server.put("/v1/task-types/quick", pushed(&quick)).await;
    server.until(|| async { (called.load(SeqCst) >= SLOW_TYPES * OF_EACH).then_some(()) }).await;
    // One type has more tasks than may be called, than may wait for that, and than all that may be in hand.
    for _ in 0..MORE / 100 {
        enqueue("slow0", 100).await;
    }
    let completed = async || server.get("/v1/health").await["tasks"]["completed"].as_u64().unwrap();
    for round in 1..=3 {
        enqueue("quick", 100).await;
        server.until(|| async { (completed().await >= round * 100).then_some(()) }).await;
    }
    // The one that has more is called 64 times at once.
    assert_eq!(called.load(SeqCst), SLOW_TYPES * OF_EACH + 14, "none of the slow ones was answered");
    eprintln!("{} KiB with {} calls under way", server.peak_kib(), called.load(SeqCst));
}

#[tokio::test]
async fn webhooks_may_be_where_targets_may_be() {
    let private = json!({"url": "http://10.0.0.1/"});
    for (flags, of_webhook, of_type) in [(&[][..], 400, 400), (&["--allow-private-targets"][..], 201, 201)] {
        let server = Server::start(flags);
        let webhook = server.write("PUT", "/v1/webhooks/h", private.clone(), None).await;
        let task_type = server.write("PUT", "/v1/task-types/t", pushed("http://10.0.0.1/"), None).await;
        assert_eq!((webhook.0, task_type.0), (of_webhook, of_type), "{flags:?}: {} {}", webhook.1, task_type.1);
        // What clouds tell their machines is never one.
        let metadata = json!({"url": "http://169.254.169.254/"});
        assert_eq!(server.write("PUT", "/v1/webhooks/m", metadata, None).await.0, 400, "{flags:?}");
    }
}
