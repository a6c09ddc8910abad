//! `tail`: what is told as it happens, and how that ends.

use std::{
    io::{BufRead, BufReader, Lines, Read},
    os::unix::process::ExitStatusExt,
    process::{Child, ChildStderr, ChildStdout, Command, Stdio},
    thread,
};

use serde_json::{Value, json};

use super::{Person, masked};
use crate::process::{Server, free_port, scripted};

/// A command that goes on, and what it prints.
pub(super) struct Going {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    said: BufReader<ChildStderr>,
}

impl Going {
    pub(super) fn on(person: &Person, args: &[&str]) -> Self {
        Self::of(person.command(args))
    }

    fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = BufReader::new(child.stderr.take().unwrap());
        Self { child, lines, said }
    }

    pub(super) fn line(&mut self) -> String {
        self.lines.next().expect("a line").unwrap()
    }

    /// Ends it wherever it is.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The rest of what it prints, its exit code or signal, and what it has complained of.
    pub(super) fn end(mut self) -> (Vec<String>, Result<i32, Option<i32>>, String) {
        let rest = self.lines.map(Result::unwrap).collect();
        let mut said = String::new();
        self.said.read_to_string(&mut said).unwrap();
        let status = self.child.wait().unwrap();
        (rest, status.code().ok_or(status.signal()), said)
    }
}

async fn later(server: &Server, payload: Value) -> (String, Value) {
    let mut task = scripted(payload);
    task["scheduled_for"] = json!("2999-01-01T00:00:00Z");
    let task = server.enqueue(task).await;
    (task["id"].as_str().unwrap().to_owned(), task)
}

async fn begin(server: &Server, id: &str) {
    assert_eq!(server.post(&format!("/v1/tasks/{id}/process"), json!({"force": true})).await.0, 200);
}

#[tokio::test]
async fn a_task_is_followed_to_its_end_and_its_fate_is_the_exit_code() {
    let server = Server::start(&[]);
    let person = Person::at(&server);
    for (act, last, code) in [("complete", "completed", 0), ("cancel", "cancelled no more", 1)] {
        let act = if act == "cancel" { json!({"cancel": "no more"}) } else { json!(act) };
        let (id, _) = later(&server, json!({"acts": [act]})).await;
        let mut tail = Going::on(&person, &["tasks", "tail", &id]);
        assert!(masked(&tail.line()).starts_with("TIME pending due AHEAD"));
        begin(&server, &id).await;
        let (rest, ended, said) = tail.end();
        let end = masked(rest.last().unwrap());
        assert!(end.starts_with(&format!("TIME {last}")), "{rest:?}");
        assert_eq!((ended, &*said), (Ok(code), ""));
        // Told again of what has ended already.
        assert_eq!(person.says(&["tasks", "tail", &id]).code, Some(code));
    }
}

#[tokio::test]
async fn a_server_that_is_started_again_is_found_again() {
    let (port, data) = (free_port(), tempfile::tempdir().unwrap());
    let data = data.path().to_str().unwrap();
    let variables = [("ERRAND_PORT", &*port), ("ERRAND_DATA", data), ("ERRAND_SCRIPTED", "true")];
    let server = Server::start_bare(&variables);
    let person = Person::at(&server);
    let (id, _) = later(&server, json!({})).await;
    let mut tail = Going::on(&person, &["tasks", "tail", &id, "--json"]);
    let first: Value = serde_json::from_str(&tail.line()).unwrap();
    drop(server);
    let mut said = String::new();
    tail.said.read_line(&mut said).unwrap();
    assert_eq!(said, "the server is away; looking for it\n");
    let server = Server::start_bare(&variables);
    begin(&server, &id).await;
    let (rest, ended, said) = tail.end();
    assert_eq!((ended, &*said), (Ok(0), ""));
    let revision = |line: &Value| line["revision"].as_u64().unwrap();
    let rest: Vec<Value> = rest.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<u64> = [&first].into_iter().chain(&rest).map(revision).collect();
    assert!(seen.is_sorted_by(|a, b| a < b), "each change once: {seen:?}");
    assert_eq!(rest.last().unwrap()["status"], "completed");
}

#[tokio::test]
async fn whoever_follows_is_interrupted_as_any_command_is() {
    let server = Server::start(&[]);
    let (id, _) = later(&server, json!({})).await;
    // Tests that a shell runs in the background ignore what interrupts, and hand that down.
    let mut command = Command::new("env");
    command.args([
        "--default-signal=INT",
        env!("CARGO_BIN_EXE_errand"),
        "tasks",
        "tail",
        &id,
        "--json",
        "--url",
        &server.url,
    ]);
    let mut tail = Going::of(command);
    tail.line();
    let pid = tail.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(tail.end(), (Vec::new(), Err(Some(2)), String::new()));
}

#[tokio::test]
async fn events_are_told_from_now_on_or_from_the_oldest() {
    let server = Server::start(&["--poll-interval-ms", "20"]);
    server.run(scripted(json!({"publish": "before"}))).await;
    let person = Person::at(&server);
    let mut all = Going::on(&person, &["events", "tail", "--types", "before", "--from-start"]);
    assert!(masked(&all.line()).starts_with("TIME before ID"));
    all.kill();

    // Whenever it is there, what comes then is the first that it tells.
    let mut new = Going::on(&person, &["events", "tail", "--json"]);
    let reading = thread::spawn(move || (new.line(), new));
    while !reading.is_finished() {
        server.run(scripted(json!({"publish": "since"}))).await;
    }
    let (first, new) = reading.join().unwrap();
    let event: Value = serde_json::from_str(&first).unwrap();
    assert!(event["type"] == "since" || event["type"] == "task.completed", "{event}");
    let before = person.says(&["events", "tail", "--after", "nonsense"]);
    assert_eq!(before.code, Some(1), "{before:?}");
    let listed = server.get("/v1/events").await;
    let oldest = listed["items"][1]["cursor"].as_str().unwrap();
    assert!(event["cursor"].as_str().unwrap() > oldest, "what came before is not told");
    new.kill();
}
