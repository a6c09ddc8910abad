//! `scripted` does what it is told: an installation that was not told to take it does not.

use std::{collections::BTreeSet, path::Path};

use errand::{App, FailureKind, Priority, State, spi::queue::QueueName};
use integration_tests::{
    events::Call,
    in_memory::process,
    settings::Settings,
    world::{VISIBILITY, World},
};
use serde_json::json;

/// The same installation as one for users.
fn off(world: &World) -> App {
    let mut settings = Settings::default();
    settings.installation.scripted = false;
    settings.app(&world.app)
}

#[tokio::test]
async fn nobody_enqueues_one_and_is_told_what_switches_it_on() {
    let world = World::new();
    let call = Call::post("/v1/tasks", &json!({"task_type": "scripted", "payload": {}}));
    let (status, code, field, message) = call.answer(&off(&world)).await.error();
    assert_eq!((status, code.as_str(), field.as_str()), (400, "invalid", "task_type"));
    assert!(message.contains("--scripted") && message.contains("ScriptedTasks"), "{message}");
}

#[tokio::test]
async fn one_that_is_stored_fails_for_good_and_leaves_nothing_behind() {
    let world = World::new();
    let payload = json!({"mark": "m", "credit": 5, "publish": "forged", "then": {"mark": "m"}});
    let (ran, cancelled) = (world.scripted(&payload).await, world.scripted(&payload).await);
    let app = off(&world);
    Call::to("POST", &format!("/v1/tasks/{cancelled}/cancel")).text("{}").answer(&app).await.body(200);
    let medium = QueueName::Work(Priority::Medium);
    let received = world.queue.receive(medium, 10, VISIBILITY);
    world.run(process(&app, &world.queue, medium, received)).await;
    let task = world.task(ran).await;
    let State::Failed { failure } = &task.state else { panic!("{task:#?}") };
    assert_eq!((failure.kind, task.executions), (FailureKind::InvalidPayload, 1));
    assert!(failure.message.contains("--scripted"), "{}", failure.message);
    world.poll().await;
    assert_eq!((world.marks("m").await, world.marks("m.ended").await, world.events().await.len()), (0, 0, 0));
    assert_eq!(world.tasks().await.len(), 2, "no follow-up");
}

#[tokio::test]
async fn even_where_it_is_on_it_speaks_for_nobody_else() {
    let world = World::new();
    for family in ["task.completed", "agent.killed", "run.ended", "message.pending", "user", "solution.x", "Intro.sent"]
    {
        let call = Call::post("/v1/tasks", &json!({"task_type": "scripted", "payload": {"publish": family}}));
        let (status, _, field, message) = call.answer(&world.app).await.error();
        assert_eq!((status, field.as_str()), (400, "payload.publish"), "{family}: {message}");
    }
    world.scripted(&json!({"publish": "tasks.mine"})).await;
}

/// The types of events that the code names: words with dots between, which nothing else there is but names of files and
/// hosts.
fn named_in(folder: &Path) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if is_of_tests(&path) {
            continue;
        }
        if path.is_dir() {
            named.extend(named_in(&path));
        } else if path.extension().is_some_and(|is| is == "rs") {
            let code = std::fs::read_to_string(&path).unwrap();
            let code = code.split("#[cfg(test)]").next().unwrap();
            // Not what documentation shows.
            let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            named.extend(code.split('"').filter(|text| is_type(text)).map(str::to_owned));
        }
    }
    named
}

fn is_of_tests(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| ["tests", "testing", "catalog_test"].iter().any(|of_tests| stem == *of_tests))
}

fn is_type(text: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    // What spans are said to have is no event.
    let is_attribute = ["errand.task.", "error.type", "otel."].iter().any(|of| text.starts_with(of));
    text.contains('.') && text.split('.').all(is_word) && !text.ends_with(".com") && !is_attribute
}

#[tokio::test]
async fn no_scripted_task_may_publish_what_the_code_publishes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let named: BTreeSet<String> =
        ["shared/src", "shared/engine/src", "shared/agents/src", "shared/aws/src", "functions"]
            .iter()
            .flat_map(|at| named_in(&root.join(at)))
            .collect();
    for known in ["agent.spawned", "intro.sent", "message.pending", "solution.timed_out", "task.failed"] {
        assert!(named.contains(known), "{known} was not found among {named:?}");
    }
    let world = World::new();
    for event_type in named {
        let call = Call::post("/v1/tasks", &json!({"task_type": "scripted", "payload": {"publish": event_type}}));
        let answered = call.answer(&world.app).await;
        assert_eq!(answered.status, 400, "{event_type} is ours, and not in the list of families that are");
    }
}
