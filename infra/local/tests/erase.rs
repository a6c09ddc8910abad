//! A user is erased while the server is killed, and by the command.

use std::process::Command;

use serde_json::{Value, json};

use crate::{
    cli::Person,
    process::{Server, scripted},
};

const FLAGS: [&str; 2] = ["--poll-interval-ms", "20"];

/// Stands in all that is hers.
const MARKER: &str = "Zauberwort-7";
const ADA: &str = "ada-lovelace";

/// How many tasks of hers wait: ten pages of those that are removed at a time.
const TASKS: usize = 1_000;

fn about(user: &str, said: &str, more: &Value) -> Value {
    let mut task = scripted(json!({"ballast": said}));
    (task["user_id"], task["project"]) = (json!(user), json!("p"));
    task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    task
}

/// Ada has tasks that wait, one that runs, and some that have ended well and badly; Bob has one. The ids of those that wait, the oldest
/// first.
async fn given(server: &Server) -> Vec<String> {
    let later = json!({"delay_s": 864_000});
    let tasks: Vec<Value> = (0..TASKS).map(|_| about(ADA, &MARKER.repeat(30), &later)).collect();
    let mut waiting = Vec::new();
    let fatal = json!({"payload": {"acts": [{"fail_for_good": MARKER}], "ballast": MARKER}});
    // It keeps a step, and fails.
    let payload = json!({"acts": ["step"], "mark": "m", "ballast": MARKER.repeat(800)});
    for more in [json!({}), fatal, json!({"max_retries": 0, "payload": payload})] {
        server.run(about(ADA, MARKER, &more)).await;
    }
    for some in tasks.chunks(100) {
        let (status, made) = server.post("/v1/tasks/batch", json!({"tasks": some})).await;
        assert_eq!(status, 200, "{made}");
        waiting.extend(
            made["items"].as_array().unwrap().iter().map(|item| item["task"]["id"].as_str().unwrap().to_owned()),
        );
    }
    server.put(&format!("/v1/records/user/{ADA}"), json!({"first_name": MARKER})).await;
    let sleeps = json!({"payload": {"acts": [{"sleep": 600_000}], "mark": "r", "ballast": MARKER}});
    let runs = server.enqueue(about(ADA, MARKER, &sleeps)).await;
    server.until_status(&runs, "running").await;
    server.run(about("bob", "something", &json!({}))).await;
    waiting
}

/// How often `text` stands in the files of the database.
fn found(server: &Server, text: &str) -> usize {
    let files = ["errand.db", "errand.db-wal", "errand.db-shm"].map(|name| server.data().join(name));
    let found = Command::new("grep").args(["-aohF", text]).args(files).output().unwrap();
    found.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count()
}

#[tokio::test]
async fn nothing_of_a_user_is_in_the_files_though_the_server_was_killed_in_between() {
    let mut server = Server::start(&FLAGS);
    let waiting = given(&server).await;
    assert!(found(&server, MARKER) > TASKS && found(&server, ADA) > TASKS);
    let (status, task) = server.write("DELETE", &format!("/v1/users/{ADA}"), Value::Null, None).await;
    assert_eq!(status, 202, "{task}");
    // The newest go first. Once: what loses its worker again waits for a minute.
    let path = format!("/v1/tasks/{}", waiting[TASKS / 2]);
    server.until(|| async { (server.status_of(&path, None).await == 404).then_some(()) }).await;
    server = server.kill_and_restart(&FLAGS);
    let task = server.ended(&task).await;
    assert_eq!((&task["status"], &task["losses"]), (&json!("completed"), &json!(1)), "{task:#}");
    assert_eq!((found(&server, MARKER), found(&server, ADA)), (0, 0));
    assert_eq!(server.count("/v1/tasks?user_id=bob").await, 1);
    // What was removed when it was killed may not be counted.
    let removed = task["output"]["removed"]["task"].as_u64().unwrap();
    assert!((1..=TASKS as u64 + 4).contains(&removed), "{task:#}");
}

#[tokio::test]
async fn the_command_erases_and_prints_the_receipt() {
    let server = Server::start(&FLAGS);
    let person = Person::at(&server);
    server.run(about(ADA, MARKER, &json!({}))).await;
    let receipt: Value = serde_json::from_str(&person.hears(&["erase", ADA, "--wait"])).unwrap();
    assert_eq!(receipt["removed"], json!({"task": 1}));
    assert!(!receipt.to_string().contains(ADA));
    let [task] = &person.lines(&["erase", ADA])[..] else { panic!("one line") };
    assert_eq!(task["task_type"], "erase_user");
    let task = server.ended(task).await;
    assert_eq!(task["output"], json!({"user": receipt["user"], "removed": {}}), "by the same hash");
    let id = person.hears(&["erase", "bob"]);
    assert_eq!(server.ended(&json!({"id": id.trim_end()})).await["status"], "completed");
    let came = person.says(&["erase", "no such/user\u{7f}"]);
    assert_eq!(came.code, Some(1), "{came:?}");
}
