//! What else there is to look at, and how it looks.

use std::process::Command;

use serde_json::{Value, json};

use super::{Person, masked};
use crate::process::{Server, scripted};

const ESCAPE: char = '\u{1b}';

async fn failed(server: &Server, why: &str) -> Value {
    server.run(scripted(json!({"acts": [{"fail_for_good": why}, "complete"]}))).await
}

#[tokio::test]
async fn failures_are_listed_tried_dry_and_set_going_again() {
    let server = Server::start(&["--poll-interval-ms", "20"]);
    for why in ["out of paper", "out of ink"] {
        failed(&server, why).await;
    }
    let person = Person::at(&server);
    let listed = masked(&person.hears(&["failures", "ls", "--type", "scripted"]));
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!((lines[0], lines.len()), ("ID TYPE KIND TRIES FAILED WHY", 3), "{listed}");
    assert!(lines[1].starts_with("ID scripted ") && lines[1].ends_with(" 1 AGO out of ink"), "{listed}");
    assert_eq!(person.lines(&["failures", "ls"]).len(), 2);
    assert_eq!(person.says(&["failures", "ls", "--since", "2999-01-01T00:00:00Z"]).err, "no such failures\n");

    let dry = masked(&person.hears(&["failures", "redrive", "--type", "scripted", "--dry-run"]));
    assert!(dry.contains("out of paper") && dry.ends_with("\n2 would be set going again\n"), "{dry}");
    assert_eq!(person.lines(&["failures", "redrive", "--type", "scripted", "--dry-run"]).len(), 2);
    assert_eq!(person.lines(&["failures", "ls"]).len(), 2);

    let came = person.says(&["failures", "redrive"]);
    assert_eq!(came.code, Some(2), "{came:?}");
    assert!(came.err.starts_with("error: say which: "), "{came:?}");
    let done = person.hears(&["failures", "redrive", "--all", "--limit", "1", "--note", "refilled"]);
    assert_eq!(done, "1 set going again\n");
    assert_eq!(
        person.lines(&["failures", "redrive", "--type", "scripted", "--rate", "100"]),
        [json!({"done": 1, "skipped": 0})]
    );
    assert_eq!(person.lines(&["failures", "ls"]).len(), 0);
}

#[tokio::test]
async fn what_failed_of_the_same_is_seen_as_one_and_set_going_again_alone() {
    let server = Server::start(&["--poll-interval-ms", "20"]);
    for why in ["no paper in tray 1", "out of ink", "no paper in tray 2"] {
        failed(&server, why).await;
    }
    let person = Person::at(&server);
    let groups = person.lines(&["failures", "groups"]);
    let seen: Vec<_> = groups.iter().map(|group| (&group["tasks"], &group["message"])).collect();
    assert_eq!(seen, [(&json!(2), &json!("no paper in tray 2")), (&json!(1), &json!("out of ink"))]);
    let shown = masked(&person.hears(&["failures", "groups", "--queue", "default"]));
    assert!(shown.starts_with("GROUP QUEUE TYPE KIND TASKS NEWEST WHY\n"), "{shown}");
    assert!(shown.contains(" default scripted handler 2 AGO no paper in tray 2\n"), "{shown}");

    let group = groups[0]["fingerprint"].as_str().unwrap();
    assert_eq!(person.lines(&["failures", "ls", "--group", group]).len(), 2);
    let done = json!({"done": 2, "skipped": 0});
    assert_eq!(person.lines(&["failures", "redrive", "--group", group]), [done]);
    assert_eq!(person.lines(&["failures", "groups"]).len(), 1);
}

#[tokio::test]
async fn a_group_is_found_in_its_own_queue_and_project_and_one_that_is_nowhere_is_no_success() {
    let server = Server::start(&["--poll-interval-ms", "20"]);
    let person = Person::at(&server);
    let fail = async |project: &str, queue: &str, why: &str| {
        let mut task = scripted(json!({"acts": [{"fail_for_good": why}, "complete"]}));
        (task["project"], task["queue"]) = (json!(project), json!(queue));
        server.run(task).await;
        let groups = person.lines(&["failures", "groups", "--project", project, "--queue", queue]);
        groups[0]["fingerprint"].as_str().unwrap().to_owned()
    };
    for (project, queue, why) in [("default", "images", "no paper"), ("shop", "mail", "no ink")] {
        let group = fail(project, queue, why).await;
        assert_eq!(person.lines(&["failures", "ls", "--group", &group]).len(), 1, "{queue}");
        assert_eq!(person.lines(&["failures", "redrive", "--group", &group, "--dry-run"]).len(), 1, "{queue}");
        assert_eq!(person.hears(&["failures", "redrive", "--group", &group]), "1 set going again\n");
    }
    let nowhere = "0123456789abcdef";
    for args in [&["ls"][..], &["redrive"], &["redrive", "--dry-run"], &["redrive", "--queue", "images"]] {
        let came = person.says(&[&["failures"], args, &["--group", nowhere]].concat());
        assert_eq!((came.code, &*came.out), (Some(1), ""), "{args:?}: {came:?}");
        assert!(came.err.contains(&format!("nothing is failed of the group {nowhere}")), "{came:?}");
    }
    // Which of them, if there are several, is not guessed.
    let group = fail("default", "images", "no toner").await;
    assert_eq!(fail("default", "mail", "no toner").await, group);
    let came = person.says(&["failures", "redrive", "--group", &group]);
    assert_eq!(
        (came.code, came.err.contains("--queue images, or --project default --queue mail")),
        (Some(2), true),
        "{came:?}"
    );
    assert_eq!(person.hears(&["failures", "redrive", "--group", &group, "--queue", "mail"]), "1 set going again\n");
}

#[tokio::test]
async fn a_redrive_goes_on_over_as_many_requests_as_it_takes() {
    let server = Server::start(&["--poll-interval-ms", "20"]);
    let failing = scripted(json!({"acts": [{"fail_for_good": "no"}, "complete"]}));
    for _ in 0..5 {
        assert_eq!(server.post("/v1/tasks/batch", json!({"tasks": vec![&failing; 100]})).await.0, 200);
    }
    let failed = |health: &Value| (health["tasks"]["failed"] == 500).then_some(());
    server.until(|| async { failed(&server.get("/v1/health").await) }).await;
    let person = Person::at(&server);
    assert_eq!(person.hears(&["failures", "redrive", "--all"]), "500 set going again\n");
}

#[tokio::test]
async fn types_and_workers_are_listed_and_shown() {
    let server = Server::start(&[]);
    server.put("/v1/task-types/resize", json!({"run": {"kind": "worker"}, "description": "makes it smaller"})).await;
    let (status, answer) = server.write("PUT", "/v1/workers/w1", json!({"task_types": ["resize"]}), None).await;
    assert!(status < 300, "{answer}");
    let person = Person::at(&server);
    let listed = masked(&person.hears(&["types", "ls"]));
    assert!(listed.starts_with("TYPE DONE BY WHAT\n"), "{listed}");
    assert!(listed.contains("\nresize worker makes it smaller\n") && listed.contains("\nscripted errand "), "{listed}");
    assert!(person.hears(&["types", "show", "scripted"]).contains("\nPayload\n{\n"));
    assert_eq!(person.lines(&["types", "show", "resize"])[0]["name"], "resize");
    assert_eq!(person.says(&["types", "show", "nonsense"]).code, Some(1));
    let listed = masked(&person.hears(&["workers", "ls"]));
    assert!(listed.contains("\nw1 resize "), "{listed}");
}

#[tokio::test]
async fn schedules_are_put_shown_acted_on_and_removed() {
    let server = Server::start(&["--poll-interval-ms", "20"]);
    let person = Person::at(&server);
    let schedule = json!({"spec": {"every_s": 86400}, "task": {"task_type": "scripted"}, "payload": {}}).to_string();
    let came = person.says_with(&["schedules", "put", "daily", "-"], &[], &schedule);
    assert_eq!((came.code, &*came.out), (Some(0), "daily  put\n"), "{came:?}");
    assert_eq!(person.hears(&["schedules", "pause", "daily", "--note", "the disk is full"]), "daily  paused\n");
    let shown = masked(&person.hears(&["schedules", "show", "daily"]));
    assert!(shown.starts_with("schedule daily\nstate paused\nwhy the disk is full\n"), "{shown}");
    assert_eq!(person.hears(&["schedules", "resume", "daily"]), "daily  resumed\n");
    assert_eq!(person.hears(&["schedules", "trigger", "daily"]), "daily  triggered\n");
    server.until(|| async { (server.get("/v1/health").await["tasks"]["completed"] == 1).then_some(()) }).await;
    let listed = masked(&person.hears(&["schedules", "ls"]));
    assert!(listed.starts_with("ID TYPE STATE NEXT LAST FIRED\ndaily scripted active AHEAD "), "{listed}");
    assert_eq!(person.hears(&["schedules", "rm", "daily"]), "daily  removed\n");
    assert_eq!(person.lines(&["schedules", "ls"]).len(), 0);
}

#[tokio::test]
async fn groups_are_shown_with_their_members_and_called_off() {
    let server = Server::start(&[]);
    let group = json!({"task": {"task_type": "scripted", "delay_s": 3600}, "items": [{}, {}, {}]});
    let (status, group) = server.post("/v1/groups", group).await;
    assert!(status < 300, "{group}");
    let (person, id) = (Person::at(&server), group["id"].as_str().unwrap());
    let shown = masked(&person.hears(&["groups", "show", id]));
    assert!(shown.starts_with("group ID\nstatus open\n") && shown.contains("\nmembers 3\n"), "{shown}");
    assert_eq!(
        masked(&person.hears(&["groups", "ls"])),
        "ID NAME STATUS MEMBERS ENDED FAILED CREATED\nID open 3 0 0 AGO\n"
    );
    let listed = person.says(&["groups", "tasks", id, "--limit", "2"]);
    assert!(masked(&listed.out).ends_with("\n1 ID scripted pending AGO\n"), "{listed:?}");
    assert_eq!(listed.err, "these are the first 2; --limit 20 shows more\n");
    assert_eq!(person.hears(&["groups", "cancel", id]), format!("{id}  called off\n"));
}

/// A run for somebody outside, which is then blocked.
async fn blocked(server: &Server, person: &Person) -> String {
    let run = person.hears(&["runs", "start", "find the account", "--executor", "runner"]);
    let claim = json!({"worker_id": "w", "task_types": ["run_outside"], "pool": "default"});
    let (_, claimed) = server.post("/v1/claims", claim).await;
    let claimed = &claimed["items"][0];
    let finish = json!({"lease_token": claimed["lease_token"], "status": "blocked", "reason": "which account?"});
    let path = format!("/v1/tasks/{}/finish", claimed["task_id"].as_str().unwrap());
    let (status, answer) = server.post(&path, finish).await;
    assert_eq!(status, 200, "{answer}");
    run.trim_end().to_owned()
}

#[tokio::test]
async fn a_run_is_started_steered_followed_answered_and_called_off() {
    let server = Server::start(&[]);
    let person = Person::at(&server);
    let run = blocked(&server, &person).await;
    let came = person.says(&["runs", "follow", &run]);
    assert_eq!(came.code, Some(1), "{came:?}");
    assert!(came.out.contains("[terminal_status] blocked") && came.out.contains("which account?"), "{came:?}");
    let [line] = &person.lines(&["runs", "ls", "--status", "blocked"])[..] else { panic!("one run") };
    assert_eq!(line["id"], json!(run));
    let [task] = &person.lines(&["runs", "answer", &run, "the account is 4711"])[..] else { panic!("one task") };
    assert_eq!((&task["redrive_note"], &task["status"]), (&json!("the account is 4711"), &json!("pending")));

    let other = person.hears(&["runs", "start", "more", "--executor", "runner"]);
    let other = other.trim_end();
    assert_eq!(person.hears(&["runs", "steer", other, "only this week"]), format!("{other}  told\n"));
    let came = person.says(&["runs", "answer", other, "what?"]);
    assert_eq!(came.code, Some(1));
    assert!(came.err.contains("waits for no answer"), "{}", came.err);
    assert_eq!(person.hears(&["runs", "cancel", other]), format!("{other}  cancelled\n"));
    assert!(masked(&person.hears(&["runs", "ls"])).contains(" cancelled 0 / 0 0"));
}

#[tokio::test]
async fn colours_are_for_a_terminal_that_wants_them() {
    let server = Server::start(&["--poll-interval-ms", "20"]);
    failed(&server, "red \u{1b}]0;as\u{7} can be").await;
    let person = Person::at(&server);
    assert!(!person.hears(&["tasks", "ls", "--status", "failed"]).contains(ESCAPE));
    // As a terminal has it: `script` lends one.
    let on_terminal = |variables: &[(&str, &str)]| {
        let line = format!("{} tasks ls --status failed --url {}", env!("CARGO_BIN_EXE_errand"), server.url);
        let mut command = Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).env_clear().env("TERM", "xterm").env("HOME", person.home.path());
        let output = command.envs(variables.iter().copied()).output().expect("util-linux's script");
        String::from_utf8(output.stdout).unwrap()
    };
    let shown = on_terminal(&[]);
    assert!(shown.contains("\u{1b}[31mfailed"), "{shown:?}");
    assert!(!shown.contains("\u{1b}]"), "what others have written commands no terminal: {shown:?}");
    assert!(!on_terminal(&[("NO_COLOR", "1")]).contains(ESCAPE));
}
