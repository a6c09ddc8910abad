//! A user is erased by the command.

use serde_json::{Value, json};

use crate::{
    cli::Person,
    process::{Server, scripted},
};

const FLAGS: [&str; 2] = ["--poll-interval-ms", "20"];

/// Stands in all that is hers.
const MARKER: &str = "Zauberwort-7";
const ADA: &str = "ada-lovelace";

fn about(user: &str, said: &str, more: &Value) -> Value {
    let mut task = scripted(json!({"ballast": said}));
    (task["user_id"], task["project"]) = (json!(user), json!("p"));
    task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    task
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
