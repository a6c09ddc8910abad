//! What a server may be sent, and what it then holds in memory: as much as a function has on AWS, at the very most.

use serde_json::json;

use crate::process::Server;

/// What `process-task` has there, in KiB.
const FUNCTION_KIB: u64 = 256 * 1024;

/// A field whose list fills a body of 5,000,000 bytes.
fn filled(element: &str) -> String {
    let elements = vec![element; 4_990_000 / (element.len() + 1)];
    format!("[{}]", elements.join(","))
}

#[tokio::test]
async fn a_large_body_is_refused_before_it_is_built_however_many_come_at_once() {
    let server = Server::start(&[]);
    let asked = &server;
    for element in ["0", r#"{"a":0}"#] {
        let list = filled(element);
        let task = format!(r#"{{"task_type": "scripted", "payload": {{"a": {list}}}}}"#);
        let bodies = [
            ("POST", "/v1/tasks", task.clone(), 413),
            ("POST", "/v1/tasks/batch", format!(r#"{{"tasks": [{task}]}}"#), 200),
            ("POST", "/v1/tasks/batch", format!(r#"{{"tasks": {list}}}"#), 400),
            ("PUT", "/v1/records/user/u", format!(r#"{{"first_name": {list}}}"#), 413),
            ("POST", "/v1/runs", format!(r#"{{"prompt": "a", "metadata": {{"a": {list}}}}}"#), 413),
            ("POST", "/v1/runs/r/events", format!(r#"{{"lease_token": "a", "events": {list}}}"#), 400),
        ];
        let sent = bodies.iter().map(|(method, path, body, status)| async move {
            assert_eq!(asked.send(method, path, body.clone()).await, *status, "{method} {path} of {element}");
        });
        futures::future::join_all(sent).await;
        eprintln!("after {element}: {} KiB at most", server.peak_kib());
    }
    // Half of it is less than what one of these makes that is built, or only cut into its elements.
    assert!(server.peak_kib() < FUNCTION_KIB / 2, "{} KiB", server.peak_kib());
}

/// An expert's record of 380,000 bytes, and more that are the same but for their credits.
async fn large_experts(server: &Server, count: i32) {
    let expert = json!({"expert_connector": true, "response_pattern": {"ballast": vec![0; 190_000]}});
    server.put("/v1/records/user/e0", expert).await;
    let tool = rusqlite::Connection::open(server.data().join("errand.db")).unwrap();
    let copy = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
        INSERT INTO records (tenant, kind, id, version, created_at, updated_at, owner, owner_sort, doc)
        SELECT tenant, kind, 'e' || n, version, created_at, updated_at, owner, owner_sort, json_set(doc, '$.credits', n)
        FROM records, n WHERE id = 'e0'";
    tool.execute(copy, [count - 1]).unwrap();
}

#[tokio::test]
async fn many_large_experts_are_looked_at_a_few_at_a_time() {
    let server = Server::start(&[]);
    large_experts(&server, 200).await;
    server.put("/v1/records/community_request/r", json!({"question": "Who?", "requester_id": "asker"})).await;
    let request = json!({"task_type": "process_community_request", "payload": {"request_id": "r"}, "timeout_s": 840});
    let done = server.run(request).await;
    assert_eq!((&done["output"]["offered_to"][0], &done["status"]), (&json!("e199"), &json!("completed")), "{done}");
    eprintln!("{} KiB at most", server.peak_kib());
    assert!(server.peak_kib() < FUNCTION_KIB, "{} KiB", server.peak_kib());
}

#[tokio::test]
async fn a_page_of_large_records_is_cut_and_goes_on() {
    let server = Server::start(&[]);
    large_experts(&server, 60).await;
    assert_eq!(server.count("/v1/records/user?owner=experts").await, 60);
    eprintln!("{} KiB at most", server.peak_kib());
    assert!(server.peak_kib() < FUNCTION_KIB, "{} KiB", server.peak_kib());
}
