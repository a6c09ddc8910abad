//! What is said, and exited with, where something is wrong.

use std::{
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

use serde_json::json;

use super::Person;
use crate::process::{Server, free_port, serve};

#[test]
fn where_nobody_listens_it_says_what_to_do() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let came = Person::alone().says(&["tasks", "ls", "--url", &url]);
    assert_eq!((came.code, &*came.out), (Some(3), ""));
    assert!(came.err.starts_with(&format!("error: no server answers at {url} (")), "{}", came.err);
    assert!(came.err.ends_with("): start one with `errand`\n"), "{}", came.err);
}

#[tokio::test]
async fn where_something_else_listens_it_says_so() {
    let router = axum::Router::new().fallback(async || "hello");
    let url = serve(router).await;
    let came = tokio::task::spawn_blocking(move || Person::alone().says(&["health", "--url", &url])).await.unwrap();
    assert_eq!(came.code, Some(3));
    assert!(came.err.contains("is not Errand"), "{}", came.err);
}

#[test]
fn what_is_asked_wrongly_is_a_matter_of_usage() {
    let person = Person::alone();
    for wrong in [
        &["tasks", "frobnicate"][..],
        &["tasks", "add"],
        &["tasks", "ls", "--limit", "0"],
        &["tasks", "add", "x", "{}", "--in", "soon"],
        &["tasks", "add", "x", "{}", "--in", "1h", "--at", "2999-01-01T00:00:00Z"],
        &["tasks", "ls", "--url", "ftp://x"],
        &["tasks", "ls", "--context", "nowhere"],
    ] {
        let came = person.says(wrong);
        assert_eq!(came.code, Some(2), "{wrong:?}: {came:?}");
    }
}

#[tokio::test]
async fn what_the_server_refuses_is_told_in_its_words() {
    let server = Server::start(&[]);
    let person = Person::at(&server);
    let nobodys = "0192d1f4-0000-7000-8000-000000000000";
    let came = person.says(&["tasks", "show", nobodys]);
    assert_eq!((came.code, &*came.err), (Some(1), "error: no such task\n"));
    let came = person.says(&["tasks", "add", "nonsense"]);
    assert_eq!(came.code, Some(1));
    assert!(came.err.contains("(at task_type)"), "{}", came.err);
}

#[tokio::test]
async fn a_token_that_is_missing_or_wrong_is_told_and_one_that_is_right_lets_in() {
    let server = Server::start(&["--token", "right"]);
    let person = Person::at(&server);
    for token in [&[][..], &[("ERRAND_TOKEN", "wrong")]] {
        let came = person.says_with(&["tasks", "ls"], token, "");
        assert_eq!(came.code, Some(1), "{came:?}");
        assert!(came.err.contains("give a token by ERRAND_TOKEN"), "{}", came.err);
    }
    assert_eq!(person.says_with(&["tasks", "ls"], &[("ERRAND_TOKEN", "right")], "").code, Some(0));
    assert_eq!(person.says(&["tasks", "ls", "--token", "right"]).code, Some(0));
}

#[tokio::test]
async fn each_tenant_is_asked_for_by_its_name() {
    let server = Server::start(&[]);
    let person = Person::at(&server);
    let add = ["tasks", "add", "scripted", "{}", "--in", "1h"];
    person.hears(&[&add[..], &["--tenant", "acme"]].concat());
    assert_eq!(person.lines(&["tasks", "ls", "--tenant", "acme"]).len(), 1);
    assert_eq!(person.lines(&["tasks", "ls"]).len(), 0);
    let came = person.says_with(&["tasks", "ls", "--json"], &[("ERRAND_TENANT", "acme")], "");
    assert_eq!(came.out.lines().count(), 1);
}

#[tokio::test]
async fn whoever_reads_no_further_hears_no_complaint() {
    let server = Server::start(&[]);
    let later: Vec<_> = (0..100).map(|_| json!({"task_type": "scripted", "payload": {}, "delay_s": 3600})).collect();
    for _ in 0..20 {
        assert_eq!(server.post("/v1/tasks/batch", json!({"tasks": later})).await.0, 200);
    }
    let person = Person::at(&server);
    let mut command = person.command(&["tasks", "ls", "--limit", "2000", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with('{'), "{line}");
    // The pipe is closed by now, with most of it unread.
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), &*said), (Some(0), ""));
}
