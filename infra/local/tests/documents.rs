//! What the documents show is done as it stands there.

mod every;
mod fates;
mod flags;
mod reader;

use serde_json::{Value, json};

use crate::process::Server;
use reader::{Reader, blocks};

const README: &str = include_str!("../../../README.md");
const TOUR: &str = include_str!("../../../docs/tour.md");
const TYPES: &str = include_str!("../../../docs/task-types.md");
const AGENTS: &str = include_str!("../../../docs/agents.md");

/// How a server is started. Here it is on another port, of the build that is tested.
const SERVE: &str = "cargo run --release\n";

#[tokio::test]
async fn the_readme_leads_from_nothing_to_work_that_is_done() {
    let reader = Reader::at(Server::start(&[]));
    let shown = blocks(README);
    let [(_, SERVE), (_, install), ("python", work), (_, ask), (_, more), rest @ ..] = &shown[..] else {
        panic!("{shown:?}")
    };
    assert_eq!(work.lines().filter(|line| !line.trim().is_empty()).count(), 5, "{work}");
    reader.does(install);
    let _worker = reader.python(work);
    let there = async || (reader.server.status_of("/v1/task-types/resize", None).await == 200).then_some(());
    reader.server.until(there).await;
    let said = reader.does(ask);
    assert!(said.starts_with("{\n  \"width\": 200\n}\n"), "{said}");
    let done = "/v1/tasks?status=completed&type=resize";
    assert!(ask.contains(done), "{ask}");
    let both = async || (reader.server.get(done).await["count"] == 2).then_some(());
    reader.server.until(both).await;
    reader.does(more);
    let all = async || (reader.server.get(done).await["count"] == 5).then_some(());
    reader.server.until(all).await;
    let nightly = reader.server.get("/v1/schedules/nightly").await;
    assert!(nightly["next"][0].is_object(), "{nightly}");

    // What is done elsewhere: by `.ci/run` that takes its command from the README, and by the rehearsal of a deployment.
    assert_eq!(rest, [("sh", "cargo test --workspace\n"), ("sh", "sam build && sam deploy\n")]);
}

#[tokio::test]
async fn the_tour_is_of_what_it_has_one_start() {
    let reader = Reader::at(Server::start(&[]));
    let shown = blocks(TOUR);
    let [(_, SERVE), (_, seed), (_, pictures)] = &shown[..] else { panic!("{shown:?}") };
    assert!(reader.does(seed).contains("completed"));
    // The dashboard's own tests make them, if they are told where to put them.
    let (_, test) = pictures.trim().rsplit_once(' ').unwrap();
    assert!(include_str!("../../../tests/dashboard/looks.rs").contains(&format!("fn the_{test}_")), "{test}");
    assert!(include_str!("../../../tests/dashboard/stage.rs").contains("\"ERRAND_PICTURES\""));
    for picture in ["overview", "task"] {
        assert!(TOUR.contains(&format!("(pictures/{picture}.png)")));
    }
}

#[tokio::test]
async fn the_types_example_ends_with_a_message_one_log_row_and_an_event() {
    let reader = Reader::at(Server::start(&["--poll-interval-ms", "20"]));
    let shown = blocks(TYPES);
    let [(_, begin), (_, look), ..] = &shown[..] else { panic!("{shown:?}") };
    let said = reader.does(begin);
    let task: Value = serde_json::from_str(&said[said.rfind("{\"id\"").unwrap()..]).unwrap();
    assert_eq!(task["deduplicated"], json!(false));
    let (server, payload) = (&reader.server, json!({"reason": "your question of Monday"}));
    let task = server.ended(&task).await;
    assert_eq!(task["status"], "completed", "{task}");
    let id = task["id"].as_str().unwrap();

    let log = server.get(&format!("/v1/tasks/{id}/log")).await;
    assert_eq!((&log["count"], &log["items"][0]["outcome"]), (&json!(1), &json!("completed")));
    assert_eq!((&log["output"], &log["payload"]), (&task["output"], &payload));
    let messages = server.get("/v1/records/message?parent=c1").await;
    assert_eq!(messages["items"][0]["content"], "Hi Ada, following up: your question of Monday");
    assert_eq!(messages["items"][0]["id"], task["output"]["message_id"]);
    let event = server.first_event().await.unwrap();
    assert_eq!((&event["type"], &event["subject"]), (&json!("message.pending"), &task["output"]["message_id"]));
    let end = server.get("/v1/events").await["items"][1].clone();
    assert_eq!((&end["type"], &end["subject"]), (&json!("task.completed"), &task["id"]));
    assert_eq!((&end["old_status"], &end["new_status"]), (&json!("running"), &json!("completed")));

    let seen = reader.does(&look.replace("/ID", &format!("/{id}")));
    assert_eq!(seen.matches(&format!("\"id\":\"{id}\"")).count(), 2, "the task, and in the list: {seen}");
    assert!(seen.contains("Hi Ada, following up") && seen.contains("message.pending"), "{seen}");
}

#[tokio::test]
async fn the_run_of_the_agents_page_is_steered_and_ends() {
    let reader = Reader::at(Server::start(&["--poll-interval-ms", "20"]));
    let shown = blocks(AGENTS);
    let [(_, start), (_, follow), (_, steer), ..] = &shown[..] else { panic!("{shown:?}") };
    let (steer, end) = steer.split_once('\n').unwrap();
    // In one terminal here: it is followed to its end after it was steered.
    let said = reader.does(&[start, steer, "\n", follow, end].concat());
    let run: Value = serde_json::from_str(said.trim().lines().last().unwrap()).unwrap();
    assert_eq!(run["status"], "completed", "{said}");
}
