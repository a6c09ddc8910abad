//! `errand tasks`, `errand health`.

use serde_json::json;

use super::{Person, masked};
use crate::process::{Server, scripted};

const SERVER: [&str; 2] = ["--poll-interval-ms", "20"];

/// A payload that puts itself off once, for no time.
fn in_two_tries() -> String {
    json!({"acts": [{"snooze": 0}, "complete"]}).to_string()
}

#[tokio::test]
async fn a_task_is_added_waited_for_and_shown() {
    let server = Server::start(&SERVER);
    let person = Person::at(&server);
    let id = person.hears(&["tasks", "add", "scripted", &in_two_tries(), "--user", "ada", "--priority", "high"]);
    let id = id.trim_end();
    server.ended(&json!({"id": id})).await;
    let shown = masked(&person.hears(&["tasks", "show", id]));
    let expected = "task ID\ntype scripted\nstatus completed\nexecutions 2 (0 failed, 0 lost)\n\
        queue default / default / default\npriority high\nuser ada\nkey cli-ID\ncreated AGO by local\nended AGO\n\n\
        What happened\nWHAT BEGAN WAITED TOOK OUTCOME WHY\nexecution 1 AGO LENGTH LENGTH snoozed\n\
        execution 2 AGO LENGTH LENGTH completed\n\nPayload\n{\n \"acts\": [\n {\n \"snooze\": 0\n },\n \"complete\"\n ]\n}\n";
    assert!(shown.starts_with(expected), "{shown}");

    let [task] = &person.lines(&["tasks", "show", id])[..] else { panic!("one line") };
    assert_eq!((&task["id"], &task["log"][1]["outcome"]), (&json!(id), &json!("completed")));
    let listed = masked(&person.hears(&["tasks", "ls", "--status", "completed"]));
    assert_eq!(listed, "ID TYPE STATUS TRIES CHANGED WHY\nID scripted completed 2 AGO\n");
}

#[tokio::test]
async fn a_payload_comes_from_an_argument_a_file_or_standard_input() {
    let server = Server::start(&SERVER);
    let person = Person::at(&server);
    let file = person.home.path().join("payload.json");
    std::fs::write(&file, r#"{"mark": "file"}"#).unwrap();
    let add = ["tasks", "add", "scripted"];
    let with = |payload: &str, input: &str| {
        let came = person.says_with(&[&add[..], &[payload, "--in", "1h", "--json"]].concat(), &[], input);
        assert_eq!(came.code, Some(0), "{came:?}");
        serde_json::from_str::<serde_json::Value>(&came.out).unwrap()["payload"]["mark"].clone()
    };
    assert_eq!(with(r#"{"mark": "argument"}"#, ""), "argument");
    assert_eq!(with(&format!("@{}", file.display()), ""), "file");
    assert_eq!(with("-", r#"{"mark": "input"}"#), "input");
    let came = person.says(&[&add[..], &["{mark"]].concat());
    assert_eq!(came.code, Some(2), "{came:?}");
    assert!(came.err.starts_with("error: {mark is no JSON: "), "{came:?}");
}

#[tokio::test]
async fn whoever_waits_ends_as_the_task_does() {
    let server = Server::start(&SERVER);
    let person = Person::at(&server);
    let add = |payload: &str| person.says(&["tasks", "add", "scripted", payload, "--max-retries", "0", "--wait"]);
    let came = add(&in_two_tries());
    assert_eq!((came.code, &*came.out, &*came.err), (Some(0), "{\n  \"execution\": 2\n}\n", ""), "{came:?}");
    let came = add(r#"{"acts": [{"fail_for_good": "out of paper"}]}"#);
    assert_eq!((came.code, &*came.out), (Some(1), ""), "{came:?}");
    let said = masked(&came.err);
    assert!(said.starts_with("error: failed: ") && said.contains("out of paper"), "{said}");
    assert!(said.ends_with("\nsee `errand tasks show ID`\n"), "{said}");
}

#[tokio::test]
async fn a_key_makes_one_task_of_two_requests() {
    let server = Server::start(&SERVER);
    let person = Person::at(&server);
    let add = ["tasks", "add", "scripted", "{}", "--in", "1h", "--key", "k"];
    let first = person.hears(&add);
    let again = person.says(&add);
    assert_eq!((again.code, &again.out), (Some(0), &first));
    assert_eq!(again.err, "it was there already, under this key\n");
}

#[tokio::test]
async fn tasks_are_moved_called_off_and_set_going_again() {
    let server = Server::start(&SERVER);
    let person = Person::at(&server);
    let id = person.hears(&["tasks", "add", "scripted", "{}", "--in", "2d"]);
    let id = id.trim_end();
    assert_eq!(person.hears(&["tasks", "reschedule", id, "--at", "2999-01-01T00:00:00Z"]), format!("{id}  pending\n"));
    assert_eq!(server.task(&json!({"id": id})).await["run_at"], "2999-01-01T00:00:00.000Z");
    assert_eq!(person.hears(&["tasks", "cancel", id, "--reason", "later"]), format!("{id}  cancelled\n"));
    let listed = masked(&person.hears(&["tasks", "ls", "--status", "cancelled"]));
    assert!(listed.ends_with("cancelled 0 AGO later\n"), "{listed}");
    let [task] = &person.lines(&["tasks", "retry", id, "--note", "please"])[..] else { panic!("one line") };
    assert_eq!(task["redrive_note"], "please");
    server.ended(&json!({"id": id})).await;
    // One that cannot be done keeps the others from nothing.
    let other = person.hears(&["tasks", "add", "scripted", "{}", "--in", "2d"]);
    let came = person.says(&["tasks", "cancel", id, other.trim_end()]);
    assert_eq!((came.code, came.out), (Some(1), format!("{}  cancelled\n", other.trim_end())));
    assert!(came.err.contains(id), "{}", came.err);
}

#[tokio::test]
async fn a_list_goes_on_over_its_pages_and_says_where_it_ends() {
    let server = Server::start(&SERVER);
    let later: Vec<_> = (0..130).map(|_| json!({"task_type": "scripted", "payload": {}, "delay_s": 3600})).collect();
    for some in later.chunks(65) {
        assert_eq!(server.post("/v1/tasks/batch", json!({"tasks": some})).await.0, 200);
    }
    let person = Person::at(&server);
    assert_eq!(person.lines(&["tasks", "ls", "--limit", "1000"]).len(), 130);
    let came = person.says(&["tasks", "ls"]);
    assert_eq!((came.out.lines().count(), &*came.err), (21, "these are the first 20; --limit 200 shows more\n"));
    let came = person.says(&["tasks", "ls", "--user", "nobody"]);
    assert_eq!((came.code, &*came.out, &*came.err), (Some(0), "", "no such tasks\n"));
}

#[tokio::test]
async fn health_is_told_and_exits_by_it() {
    let server = Server::start(&SERVER);
    server.run(scripted(json!({}))).await;
    let person = Person::at(&server);
    let told = masked(&person.hears(&["health"]));
    assert!(told.starts_with("status ok\nserver URL\n") && told.contains("\ncompleted 1\n"), "{told}");
    assert_eq!(person.lines(&["health"])[0]["status"], "ok");
}
