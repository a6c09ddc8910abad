//! What is listed, followed and set going again is what was asked for: by project, lane, kind, parent, session, time.

use serde_json::{Value, json};

use super::{Person, following::Going};
use crate::process::{Server, scripted};

const SERVER: [&str; 2] = ["--poll-interval-ms", "20"];

/// The ids that a list has, in order.
fn ids(person: &Person, args: &[&str]) -> Vec<String> {
    person.lines(args).iter().map(|listed| listed["id"].as_str().unwrap().to_owned()).collect()
}

/// What a command prints that makes something: its id.
fn made(person: &Person, args: &[&str]) -> String {
    person.hears(args).trim_end().to_owned()
}

#[tokio::test]
async fn tasks_are_chosen_by_project_lane_and_parent() {
    let server = Server::start(&SERVER);
    let person = Person::at(&server);
    let add = |more: &[&str]| made(&person, &[&["tasks", "add", "scripted", "{}", "--in", "1h"], more].concat());
    let (plain, fast) = (add(&[]), add(&["--lane", "fast"]));
    let (shop, shops_fast) = (add(&["--project", "shop"]), add(&["--project", "shop", "--lane", "fast"]));
    let listed = |more: &[&str]| ids(&person, &[&["tasks", "ls"], more].concat());
    assert_eq!(listed(&[]), [plain, fast.clone()]);
    assert_eq!(listed(&["--lane", "fast"]), [fast]);
    assert_eq!(listed(&["--project", "shop"]), [shop, shops_fast.clone()]);
    assert_eq!(listed(&["--project", "shop", "--lane", "fast"]), [shops_fast]);

    let parent = server.run(scripted(json!({"then": {"mark": "after-it"}}))).await;
    let child = &person.lines(&["tasks", "ls", "--parent", parent["id"].as_str().unwrap()])[..];
    let [child] = child else { panic!("{child:?}") };
    assert_eq!((&child["parent_id"], &child["task_type"]), (&parent["id"], &json!("scripted")));
}

#[tokio::test]
async fn failures_are_chosen_by_kind_lane_and_time() {
    let server = Server::start(&SERVER);
    let person = Person::at(&server);
    let fail = async |act: Value, lane: &str| {
        let mut task = scripted(json!({"acts": [act, "complete"]}));
        (task["lane"], task["max_retries"]) = (json!(lane), json!(0));
        server.run(task).await
    };
    let panicked = fail(json!("panic"), "fast").await;
    let refused = fail(json!({"fail_for_good": "no"}), "fast").await;
    let elsewhere = fail(json!({"fail_for_good": "no"}), "slow").await;
    let id = |task: &Value| task["id"].as_str().unwrap().to_owned();
    for command in [&["failures", "ls"][..], &["failures", "redrive", "--dry-run"]] {
        let chosen = |more: &[&str]| ids(&person, &[command, more].concat());
        assert_eq!(chosen(&["--kind", "panic"]), [id(&panicked)]);
        assert_eq!(chosen(&["--lane", "slow"]), [id(&elsewhere)]);
        assert_eq!(chosen(&["--lane", "fast", "--kind", "handler"]), [id(&refused)]);
        assert_eq!(chosen(&["--until", "1h"]), [""; 0]);
        assert_eq!(chosen(&["--until", "2999-01-01T00:00:00Z"]).len(), 3);
        // Those that had ended before the second did: the end itself is not one of them, or is.
        let until = chosen(&["--until", refused["ended_at"].as_str().unwrap()]);
        assert!(until.contains(&id(&panicked)) && !until.contains(&id(&elsewhere)), "{until:?}");
    }
    let redrive = |more: &[&str]| person.hears(&[&["failures", "redrive"], more].concat());
    assert_eq!(redrive(&["--lane", "fast", "--until", "1h"]), "0 set going again\n");
    assert_eq!(redrive(&["--lane", "fast", "--kind", "panic"]), "1 set going again\n");
    assert_eq!(server.ended(&panicked).await["status"], "completed");
    assert_eq!(ids(&person, &["failures", "ls"]).len(), 2);
}

#[tokio::test]
async fn runs_are_started_in_a_project_and_a_session_listed_by_them_and_followed_from_their_start() {
    let server = Server::start(&SERVER);
    let person = Person::at(&server);
    let start = ["runs", "start", "--executor", "runner"];
    let [first] = &person.lines(&[&start[..], &["look", "--project", "shop"]].concat())[..] else { panic!("one run") };
    assert_eq!(first["project"], "shop");
    let (first, session) = (first["id"].as_str().unwrap(), first["session_id"].as_str().unwrap());
    let go_on = ["and further", "--session", session, "--project", "shop", "--key", "k"];
    let second = made(&person, &[&start[..], &go_on].concat());
    assert_eq!(made(&person, &[&start[..], &go_on].concat()), second, "the same key is the same run");
    let other = made(&person, &[&start[..], &["look", "--profile", "fast"]].concat());
    let listed = |more: &[&str]| ids(&person, &[&["runs", "ls"], more].concat());
    assert_eq!(listed(&["--project", "shop"]), [second.clone(), first.to_owned()]);
    assert_eq!(listed(&["--session", session]), [second, first.to_owned()]);
    assert_eq!(listed(&[]), std::slice::from_ref(&other));
    assert_eq!(listed(&["--profile", "fast", "--status", "pending", "--limit", "1"]), [other]);
    assert_eq!(listed(&["--profile", "slow"]), [""; 0]);

    let follow = [&start[..], &["wait for it", "--profile", "followed", "--user", "ada", "--follow"]].concat();
    let mut followed = Going::on(&person, &follow);
    let queued = followed.line();
    let claim = json!({"worker_id": "w", "task_types": ["run_outside"], "pool": "followed"});
    let (_, claimed) = server.post("/v1/claims", claim).await;
    let claimed = &claimed["items"][0];
    let task = server.task(&json!({"id": claimed["task_id"]})).await;
    assert_eq!((&task["user_id"], queued.starts_with('[')), (&json!("ada"), true), "{queued}");
    let finish =
        json!({"lease_token": claimed["lease_token"], "status": "completed", "output": {"result": "it is there"}});
    let path = format!("/v1/tasks/{}/finish", claimed["task_id"].as_str().unwrap());
    assert_eq!(server.post(&path, finish).await.0, 200);
    let (rest, code, said) = followed.end();
    assert_eq!((code, &*said), (Ok(0), ""), "{rest:?}");
    assert!(rest.iter().any(|line| line.starts_with("[terminal_status] completed")), "{rest:?}");
}

#[tokio::test]
async fn events_of_one_task_are_told_and_of_no_other_from_the_start_or_from_a_place_on() {
    let server = Server::start(&SERVER);
    let person = Person::at(&server);
    let tasks = [server.run(scripted(json!({}))).await, server.run(scripted(json!({}))).await];
    let id = tasks[1]["id"].as_str().unwrap();
    let mut told = Going::on(&person, &["events", "tail", "--task", id, "--from-start", "--json"]);
    let event: Value = serde_json::from_str(&told.line()).unwrap();
    assert_eq!((&event["type"], &event["subject"]), (&json!("task.completed"), &tasks[1]["id"]));
    told.kill();

    // After a place: the first end is that of the other task, and the one before is not told.
    let place = server.get("/v1/events").await["items"][0]["cursor"].as_str().unwrap().to_owned();
    let mut told = Going::on(&person, &["events", "tail", "--after", &place, "--json"]);
    let event: Value = serde_json::from_str(&told.line()).unwrap();
    assert_eq!(event["subject"], tasks[1]["id"]);
    told.kill();
}

#[tokio::test]
async fn health_that_is_none_is_told_and_exited_by() {
    let server = Server::start(&[]);
    let person = Person::at(&server);
    server.until(|| async { (!server.get("/v1/health").await["last_poll"].is_null()).then_some(()) }).await;
    let tool = rusqlite::Connection::open(server.data().join("errand.db")).unwrap();
    // Whatever is written: the poller's mark each minute, too, by which the store would be well again.
    for (nth, what) in ["INSERT ON tasks", "INSERT ON records", "UPDATE ON records"].iter().enumerate() {
        let full =
            format!("CREATE TRIGGER full{nth} BEFORE {what} BEGIN SELECT RAISE (ABORT, 'the disk is full'); END");
        tool.execute_batch(&full).unwrap();
    }
    assert_eq!(server.post("/v1/tasks", scripted(json!({}))).await.0, 503);
    let came = person.says(&["health"]);
    assert_eq!((came.code, &*came.err), (Some(1), ""), "{came:?}");
    let line = |name: &str| came.out.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert!(!line("status").ends_with(" ok") && line("store").contains("not reachable: "), "{came:?}");
    let came = person.says(&["health", "--json"]);
    let health: Value = serde_json::from_str(came.out.trim_end()).unwrap();
    assert_eq!((came.code, &health["store"]["reachable"]), (Some(1), &json!(false)), "{came:?}");
}
