//! Runs that a worker outside takes, with another program at the other end of the wire.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use crate::process::Server;

/// The example worker, at work for `server`.
fn worker(server: &Server) -> Child {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/outside_runner.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(&server.url).stderr(Stdio::piped());
    command.spawn().expect("the tests need Python 3.10 or newer as `python3`")
}

fn ended(worker: Child) {
    let output = worker.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Begins a run for a worker outside; its path.
async fn begun(server: &Server) -> String {
    let (status, run) = server.post("/v1/runs", json!({"prompt": "look around", "executor": "runner"})).await;
    assert_eq!(status, 201, "{run}");
    format!("/v1/runs/{}", run["id"].as_str().unwrap())
}

/// The first event of `run` with this text.
async fn said(server: &Server, run: &str, text: &str) -> Value {
    server
        .until(|| async {
            let page = server.get(&format!("{run}/events?limit=500")).await;
            page["items"].as_array().unwrap().iter().find(|event| event["payload"]["text"] == text).cloned()
        })
        .await
}

#[tokio::test]
async fn a_program_that_knows_only_the_http_api_does_a_run() {
    let server = Server::start(&["--poll-interval-ms", "20"]);
    let run = begun(&server).await;
    let program = worker(&server);
    said(&server, &run, "I was asked: look around").await;
    let (status, command) =
        server.post(&format!("{run}/commands"), json!({"kind": "steer", "payload": {"prompt": "left"}})).await;
    assert_eq!(status, 201, "{command}");
    ended(program);
    let done = server.get(&run).await;
    assert_eq!((&done["status"], &done["claimed_by"]), (&json!("completed"), &json!("outside-worker")));
    assert_eq!(done["result_preview"], "I was asked: look around steer: left");
    let commands = server.get(&format!("{run}/commands")).await;
    assert_eq!((&commands["items"][0]["id"], &commands["items"][0]["status"]), (&command["id"], &json!("completed")));
    let events = server.get(&format!("{run}/events")).await;
    let kinds: Vec<&Value> = events["items"].as_array().unwrap().iter().map(|event| &event["type"]).collect();
    assert!(kinds.contains(&&json!("tool_call")) && **kinds.last().unwrap() == json!("terminal_status"), "{kinds:?}");
    let task = server.get(&format!("/v1/tasks/{}", done["task_id"].as_str().unwrap())).await;
    assert_eq!((&task["status"], &task["executions"]), (&json!("completed"), &json!(1)));
}

#[tokio::test]
async fn a_run_whose_program_is_killed_is_found_and_finished_by_another() {
    let server = Server::start(&["--poll-interval-ms", "20", "--synchronous", "normal"]);
    let run = begun(&server).await;
    let mut first = worker(&server);
    said(&server, &run, "I was asked: look around").await;
    // After its next heartbeat: a lease that was never renewed is looked at two minutes after its task was due.
    let task = format!("/v1/tasks/{}", server.get(&run).await["task_id"].as_str().unwrap());
    let revision = async || server.get(&task).await["revision"].as_u64();
    let claimed = revision().await;
    server.until(|| async { (revision().await > claimed).then_some(()) }).await;
    first.kill().unwrap();
    first.wait().unwrap();
    let second = worker(&server);
    server.until(|| async { (server.get(&run).await["attempt"] == 2).then_some(()) }).await;
    server.post(&format!("{run}/commands"), json!({"kind": "steer", "payload": {"prompt": "left"}})).await;
    ended(second);
    let done = server.get(&run).await;
    assert_eq!((&done["status"], &done["attempt"]), (&json!("completed"), &json!(2)));
}

#[tokio::test]
async fn a_worker_that_is_told_of_a_cancel_stops() {
    let server = Server::start(&["--poll-interval-ms", "20"]);
    let run = begun(&server).await;
    let program = worker(&server);
    said(&server, &run, "I was asked: look around").await;
    let (status, _) = server.post(&format!("{run}/cancel"), json!({})).await;
    assert_eq!(status, 200);
    ended(program);
    assert_eq!(server.get(&run).await["status"], "cancelled");
}

#[tokio::test]
async fn a_workers_lease_outlives_the_server() {
    let server = Server::start(&["--poll-interval-ms", "20"]);
    let run = begun(&server).await;
    let claim = json!({"worker_id": "w", "task_types": ["run_outside"], "pool": "default"});
    let (_, mut claimed) = server.post("/v1/claims", claim).await;
    let claimed = claimed["items"][0].take();
    // A task that is ended after the restart: by then the poller has looked at every lease.
    let late = json!({"task_type": "scripted", "payload": {}, "delay_s": 1});
    let (_, late) = server.post("/v1/tasks", late).await;
    let server = server.kill_and_restart(&["--poll-interval-ms", "20"]);
    server.ended(&late).await;
    let lease = &claimed["lease_token"];
    let held = json!({"task_id": claimed["task_id"], "lease_token": lease});
    let (status, news) = server.post("/v1/claims/heartbeat", json!({"worker_id": "w", "leases": [held]})).await;
    assert!(status == 200 && news["items"][0].get("lost").is_none(), "{news}");
    let finish = json!({"lease_token": lease, "status": "completed", "output": {"result": "fine"}});
    let path = format!("/v1/tasks/{}/finish", claimed["task_id"].as_str().unwrap());
    let (status, done) = server.post(&path, finish).await;
    assert_eq!((status, &done["executions"]), (200, &json!(1)), "{done}");
    assert_eq!(server.get(&run).await["status"], "completed");
}
