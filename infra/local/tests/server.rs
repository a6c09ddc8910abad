//! The command `errand` as its users run it: a process, HTTP, a data directory.

#[cfg(test)]
mod backup;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod collector;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod dashboard;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod erase;
#[cfg(test)]
mod flags;
#[cfg(test)]
mod follow;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod packaging;
#[cfg(test)] // always so here; it tells clippy that helpers too are test code
mod process;
#[cfg(test)]
mod push;
#[cfg(test)]
mod records;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod together;
#[cfg(test)]
mod traces;
#[cfg(test)]
mod types;

use std::time::{Duration, Instant};

use errand::Registry;
use errand_local::{
    options::{Durability, Options},
    running::RunningServer,
};
use process::{Hook, Server, scripted};
use serde_json::{Value, json};

#[tokio::test]
async fn events_are_followed_by_their_cursor_without_a_gap() {
    let server = Server::start(&["--poll-interval-ms", "20"]);
    let (mut seen, mut after) = (Vec::new(), String::new());
    for n in 0..5 {
        server.run(scripted(json!({"publish": format!("e{n}")}))).await;
        let page = server
            .until(|| async {
                let page = server.get(&format!("/v1/events?limit=2&after={after}")).await;
                (page["count"] != 0).then_some(page)
            })
            .await;
        seen.extend(page["items"].as_array().unwrap().iter().map(|e| e["type"].as_str().unwrap().to_owned()));
        after = page["cursor"].as_str().unwrap().to_owned();
    }
    let end = "task.completed";
    assert_eq!(seen, ["e0", end, "e1", end, "e2", end, "e3", end, "e4", end]);
    assert_eq!(server.get(&format!("/v1/events?after={after}")).await["count"], 0);
}

#[tokio::test]
async fn killed_at_any_moment_it_loses_nothing_and_runs_nothing_twice() {
    let mut server = Server::start(&[]);
    server.put("/v1/records/user/u", json!({})).await;
    let mut accepted = Vec::new();
    for round in 0..5_u64 {
        let deadline = Instant::now() + Duration::from_millis(40 + 37 * round);
        while Instant::now() < deadline {
            let key = format!("k{}", accepted.len());
            let payload = json!({"credit": 1, "mark": "m", "then": {"mark": "then"}});
            let request = json!({"task_type": "scripted", "user_id": "u", "payload": payload, "idempotency_key": key});
            let (status, task) = server.post("/v1/tasks", request).await;
            assert_eq!(status, 201);
            accepted.push(task);
        }
        server = server.kill_and_restart(&[]);
    }
    for task in &accepted {
        let ended = server.ended(task).await;
        assert_eq!(ended["status"], "completed", "{ended}");
    }
    // The follow-ups too, each once; then what each left behind.
    let count = u64::try_from(accepted.len()).unwrap();
    let health = server
        .until(|| async {
            let health = server.get("/v1/health").await;
            (health["tasks"]["open"] == 0).then_some(health)
        })
        .await;
    assert_eq!(health["tasks"]["completed"], 2 * count, "{health}");
    assert_eq!(server.get("/v1/records/user/u").await["credits"], count);
    assert_eq!(server.count("/v1/records/scripted?parent=m").await, count);
    assert_eq!(server.count("/v1/records/scripted?parent=then").await, count);
}

#[tokio::test]
async fn told_to_stop_it_finishes_what_runs_and_takes_no_more() {
    let server = Server::start(&[]);
    let task = server.enqueue(scripted(json!({"acts": [{"sleep": 600}]}))).await;
    server.until_status(&task, "running").await;
    let (code, data) = server.terminate();
    assert_eq!(code, Some(0));
    let server = Server::start_on(data, &[]);
    let task = server.task(&task).await;
    assert_eq!((&task["status"], &task["executions"]), (&json!("completed"), &json!(1)));
}

#[tokio::test]
async fn what_does_not_finish_in_the_grace_period_runs_again_at_the_next_start() {
    let server = Server::start(&["--grace-s", "0"]);
    let task = server.enqueue(scripted(json!({"acts": ["hang", "complete"]}))).await;
    server.until_status(&task, "running").await;
    let (_, data) = server.terminate();
    let task = Server::start_on(data, &[]).ended(&task).await;
    // Released, not lost: however often a server is deployed anew, its tasks do not fail of it.
    assert_eq!((&task["status"], &task["executions"], &task["losses"]), (&json!("completed"), &json!(2), &json!(0)));
}

#[tokio::test]
async fn statistics_count_tasks_not_attempts_and_survive_a_restart() {
    let server = Server::start(&[]);
    server.run(scripted(json!({"acts": [{"snooze": 0}, {"snooze": 0}, "complete"]}))).await;
    server.run(scripted(json!({"acts": [{"fail_for_good": "no"}]}))).await;
    let (_, data) = server.terminate();
    let tasks = Server::start_on(data, &[]).get("/v1/health").await["tasks"].clone();
    assert_eq!((&tasks["processed"], &tasks["succeeded"], &tasks["failed"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(tasks["success_rate"], 0.5);
}

#[tokio::test]
async fn a_second_process_on_the_same_directory_refuses_to_start() {
    let server = Server::start(&[]);
    let error = process::refusal(&["--data", server.data().to_str().unwrap(), "--port", "0"]);
    assert!(error.contains("another errand runs on"), "{error}");
}

#[tokio::test]
async fn beyond_this_machine_it_demands_a_token_and_then_checks_it() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path().to_str().unwrap();
    let error = process::refusal(&["--host", "0.0.0.0", "--port", "0", "--data", data]);
    assert!(error.contains("set a token"), "{error}");

    let server = Server::start(&["--token", "open sesame"]);
    assert_eq!(server.status_of("/v1/health", None).await, 401);
    assert_eq!(server.status_of("/v1/health", Some("wrong")).await, 401);
    assert_eq!(server.status_of("/v1/health", Some("open sesame")).await, 200);

    let error = process::refusal(&["--host", "0.0.0.0", "--port", "0", "--data", data, "--token", ""]);
    assert!(error.contains("a value is required for '--token"), "{error}");
}

#[tokio::test]
async fn a_token_of_the_file_says_whose_a_request_is_and_what_it_may() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tokens.json");
    let file = file.to_str().unwrap();
    let made = |more: &[&str]| {
        let made = process::output(&[&["token", "--file", file][..], more].concat());
        made.lines().find(|line| line.starts_with("errand_")).unwrap().to_owned()
    };
    let acme = made(&["--principal", "ci", "--tenant", "acme", "--rights", "read,enqueue"]);
    let other = made(&["--principal", "viewer", "--tenant", "other", "--rights", "read"]);
    let all = made(&["--principal", "ops"]);

    let server = Server::start(&["--tokens", file]);
    let ask = async |token: &str, method: &str, path: &str, body: Value| {
        let url = format!("{}{path}", server.url);
        let request = reqwest::Client::new().request(method.parse().unwrap(), url).bearer_auth(token);
        // No header changes whose a request is that bears a tenant's token.
        let sent = request.header("x-errand-tenant", "acme").body(body.to_string()).send().await.unwrap();
        (sent.status().as_u16(), serde_json::from_str::<Value>(&sent.text().await.unwrap()).unwrap())
    };
    let (status, task) = ask(&acme, "POST", "/v1/tasks", scripted(json!({}))).await;
    assert_eq!((status, &task["created_by"]), (201, &json!("ci")), "{task}");
    let path = format!("/v1/tasks/{}", task["id"].as_str().unwrap());
    let seen = async |token: &str| ask(token, "GET", &path, json!({})).await.0;
    assert_eq!((seen(&acme).await, seen(&all).await, seen(&other).await), (200, 200, 404));
    assert_eq!((seen("errand_").await, server.status_of("/v1/health", None).await), (401, 401));
    let redrive = async |token: &str| {
        let (status, body) = ask(token, "POST", "/v1/dead-letters/redrive", json!({"all": true})).await;
        (status, body["error"]["message"].as_str().unwrap_or_default().to_owned())
    };
    let refused = "POST /v1/dead-letters/redrive needs the right `operate`, which the token does not have";
    assert_eq!(redrive(&acme).await, (403, refused.to_owned()));
    assert_eq!(redrive(&all).await.0, 200);
    assert_eq!(ask(&other, "POST", "/v1/tasks", scripted(json!({}))).await.0, 403);
}

#[test]
fn a_file_of_tokens_that_is_not_there_is_told_at_start() {
    let error = process::refusal(&["--port", "0", "--tokens", "/nowhere/tokens.json"]);
    assert!(error.contains("/nowhere/tokens.json could not be read"), "{error}");
    let both = process::refusal(&["--tokens", "a", "--token", "b"]);
    assert!(both.contains("cannot be used with"), "{both}");
    let half = process::refusal(&["token", "--file", "a", "--principal", "p", "--tenant", "t"]);
    assert!(half.contains("--rights"), "{half}");
}

#[tokio::test]
async fn without_a_token_a_page_in_a_browser_is_refused() {
    let server = Server::start(&[]);
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "https://évil.example"),
        ("host", "evil.example"),
        ("host", "10.0.0.1:8787"),
        ("host", "löcalhost"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        assert_eq!(server.status_with_header("/v1/health", name, value).await, 403, "{name}: {value}");
    }
    for site in ["none", "same-origin"] {
        assert_eq!(server.status_with_header("/v1/health", "sec-fetch-site", site).await, 200, "{site}");
    }
    for host in ["localhost", "127.0.0.1:1", "[::1]:8787"] {
        assert_eq!(server.status_with_header("/v1/health", "host", host).await, 200, "{host}");
    }
}

#[tokio::test]
async fn health_tells_of_writes_that_fail_until_one_does_not() {
    let server = Server::start(&[]);
    let health = async || server.status_of("/v1/health", None).await;
    // The first poll has left word: the next does in a minute.
    server.until(|| async { (!server.get("/v1/health").await["last_poll"].is_null()).then_some(()) }).await;
    let tool = rusqlite::Connection::open(server.data().join("errand.db")).unwrap();
    let full = "CREATE TRIGGER full BEFORE INSERT ON tasks BEGIN SELECT RAISE (ABORT, 'the disk is full'); END";
    tool.execute_batch(full).unwrap();
    assert_eq!(health().await, 200, "nobody has tried yet");
    assert_eq!(server.post("/v1/tasks", scripted(json!({}))).await.0, 503);
    assert_eq!(health().await, 503);
    tool.execute_batch("DROP TRIGGER full").unwrap();
    server.run(scripted(json!({}))).await;
    assert_eq!(health().await, 200);
}

#[tokio::test]
async fn a_header_that_says_who_asks_is_there_once() {
    let twice =
        |name: &str, value: &str| format!("GET /v1/health HTTP/1.1\r\n{name}: {value}\r\n{name}: {value}\r\n\r\n");
    let server = Server::start(&[]);
    for (name, value) in [("host", "localhost"), ("authorization", "Bearer x"), ("x-errand-tenant", "a")] {
        let answer = server.say(&twice(name, value));
        assert!(answer.starts_with("HTTP/1.1 400 "), "{name}: {answer}");
    }
    let server = Server::start(&["--token", "x"]);
    assert!(server.say(&twice("authorization", "Bearer x")).starts_with("HTTP/1.1 400 "));
}

#[test]
fn help_prints_no_secret_of_the_environment() {
    let secrets = [("ERRAND_TOKEN", "hush-token"), ("ERRAND_WEBHOOK_URL", "http://me:hush-webhook@127.0.0.1/")];
    for command in [&["--help"][..], &["serve", "--help"], &["demo", "--help"], &["bench", "--help"], &["-h"]] {
        let help = process::output_with(command, &secrets);
        assert!(help.contains("Usage") && !help.contains("hush"), "{help}");
    }
}

#[tokio::test]
async fn slow_tasks_do_not_keep_others_waiting() {
    let server = Server::start(&[]);
    for _ in 0..20 {
        server.enqueue(scripted(json!({"acts": ["hang"]}))).await;
    }
    assert_eq!(server.run(scripted(json!({}))).await["status"], "completed");
}

#[tokio::test]
async fn a_value_with_commas_is_one_value() {
    let server = Server::start(&[]);
    let request = |user: &str| json!({"task_type": "scripted", "payload": {}, "user_id": user});
    let task = server.enqueue(request("a,b")).await;
    server.enqueue(request("b")).await;
    let list = server.get("/v1/tasks?user_id=a,b").await;
    assert_eq!((&list["count"], &list["items"][0]["id"]), (&json!(1), &task["id"]));
}

#[tokio::test]
async fn a_page_of_large_tasks_is_cut_and_goes_on() {
    let server = Server::start(&[]);
    let payload = json!({"ballast": "x".repeat(200_000)});
    for _ in 0..3 {
        let tasks = vec![json!({"task_type": "scripted", "payload": payload, "delay_s": 3600}); 20];
        let (status, answer) = server.post("/v1/tasks/batch", json!({"tasks": tasks})).await;
        assert_eq!((status, &answer["count"]), (200, &json!(20)));
        assert!(answer["items"][0]["task"].get("payload").is_none());
    }
    let first = server.get("/v1/tasks?limit=100").await;
    assert_eq!(first["count"], 20, "4 MiB of them");
    assert_eq!(server.count("/v1/tasks?queue=default").await, 60);
}

#[tokio::test]
async fn who_may_not_verify_users_may_not_do_it_by_their_record() {
    let server = Server::start(&[]);
    assert_eq!(server.write("PUT", "/v1/records/user/u", json!({"verified": true}), None).await.0, 403);
    server.put("/v1/records/user/u", json!({"verified": false})).await;
    // Nor by what a task would verify them by.
    let url = |person: &str| format!("https://www.linkedin.com/in/{person}");
    let connection = json!({"linkedin_url": url("demo-ada"), "connected_to": url("demo-founder")});
    let path = "/v1/records/linkedin_connection/53905929-945d-5d2e-bd0c-504b1d2e7387";
    assert_eq!(server.write("PUT", path, connection.clone(), None).await.0, 403);
    let confirmed = json!({"confirmed_linkedin_url": url("demo-ada")});
    assert_eq!(server.write("PUT", "/v1/records/user/u", confirmed.clone(), None).await.0, 403);
    assert_eq!(server.write("PATCH", "/v1/records/user/u", confirmed.clone(), None).await.0, 403);
    let said = json!({"linkedin_url": url("demo-ada")});
    assert_eq!(server.write("PUT", "/v1/records/user/u", said, None).await.0, 200);
    let server = Server::start(&["--verifier", "local"]);
    assert_eq!(server.write("PUT", path, connection, None).await.0, 201);
    assert_eq!(server.write("PUT", "/v1/records/user/v", confirmed, None).await.0, 201);
    server.put("/v1/records/user/u", json!({"verified": true})).await;
    assert_eq!(server.write("PUT", "/v1/records/user/u", json!({"verified": true, "title": "x"}), None).await.0, 200);
}

#[tokio::test]
async fn a_code_that_proves_something_is_shown_only_to_who_may_verify_users() {
    for (flags, shown) in [(&[][..], Value::Null), (&["--verifier", "local"], json!("secret"))] {
        let server = Server::start(flags);
        let path = "/v1/records/verification/v";
        let doc = json!({"user_id": "u", "kind": "email", "token": "secret", "email": "ada@example.org"});
        let (_, written) = server.write("PUT", path, doc, None).await;
        let (_, changed) = server.write("PATCH", path, json!({"status": "failed"}), None).await;
        let listed = server.get("/v1/records/verification?parent=u").await["items"][0].take();
        for answer in [written, changed, listed, server.get(path).await] {
            assert_eq!((&answer["token"], &answer["email"]), (&shown, &json!("ada@example.org")), "{flags:?}");
        }
    }
}

/// One of the original's faults. The other settings have tests of their own here, named after what they do.
#[tokio::test]
async fn documented_settings_were_ignored() {
    let by_flag = Server::start(&["--max-retries", "0", "--max-losses", "1"]);
    let by_variable = Server::start_with(&[], &[("ERRAND_MAX_RETRIES", "7")]);
    let asked = by_flag.enqueue(scripted(json!({"acts": ["hang"]}))).await;
    let by_variable = by_variable.enqueue(scripted(json!({}))).await;
    assert_eq!((&asked["max_retries"], &by_variable["max_retries"]), (&json!(0), &json!(7)));

    by_flag.until_status(&asked, "running").await;
    let lost = by_flag.kill_and_restart(&["--max-losses", "1"]).ended(&asked).await;
    assert_eq!((&lost["losses"], &lost["failure"]["kind"]), (&json!(1), &json!("worker_lost")), "{lost}");

    let data = tempfile::tempdir().unwrap();
    let options = Options::on_a_free_port(data.path().to_owned(), Durability::Normal);
    let options = Options { tasks_per_poll: 7, ..options };
    let server = RunningServer::start(&options, Registry::new()).await.unwrap();
    assert_eq!(server.app.rules.poll_page, 7);
    server.stop().await;
}

#[tokio::test]
async fn port_and_data_directory_are_honoured_as_variables() {
    let data = tempfile::tempdir().unwrap();
    let port = process::free_port();
    let given = [("ERRAND_PORT", port.as_str()), ("ERRAND_DATA", data.path().to_str().unwrap())];
    let server = Server::start_bare(&given);
    assert!(server.url.ends_with(&format!(":{port}")), "{}", server.url);
    assert!(data.path().join("errand.db").exists());
}

#[tokio::test]
async fn secrets_reach_neither_the_log_nor_an_error() {
    let server = Server::start(&[]);
    let secret = "sk-0123456789abcdef";
    let task = server.run(scripted(json!({"acts": [{"fail_for_good": format!("key {secret} was refused")}]}))).await;
    assert_eq!(task["failure"]["message"], "key sk-[redacted] was refused");
    let log = server.get(&format!("/v1/tasks/{}/log", task["id"].as_str().unwrap())).await;
    assert!(!log["items"].to_string().contains(secret), "{log}");
    let blocked = server.run(scripted(json!({"acts": [{"block": format!("password: {secret}")}]}))).await;
    assert_eq!(blocked["reason"], "password: sk-[redacted]");
}

#[tokio::test]
async fn workers_bound_how_many_tasks_run_at_once() {
    for (workers, together) in [("1", false), ("2", true)] {
        let server = Server::start(&["--workers", workers]);
        let first = server.enqueue(scripted(json!({"acts": [{"sleep": 500}]}))).await;
        server.until_status(&first, "running").await;
        let second = server.run(scripted(json!({}))).await;
        let first = server.ended(&first).await;
        let overlapped = second["last_attempted_at"].as_str() < first["ended_at"].as_str();
        assert_eq!(overlapped, together, "{workers} workers: {first} {second}");
    }
}

#[tokio::test]
async fn a_task_that_takes_long_keeps_no_slot_but_its_own() {
    let server = Server::start(&["--workers", "2"]);
    let together = [scripted(json!({"acts": [{"sleep": 2000}]})), scripted(json!({}))];
    let (_, answers) = server.post("/v1/tasks/batch", json!({"tasks": together})).await;
    let slow = answers["items"][0]["task"].clone();
    let next = server.run(scripted(json!({}))).await;
    let slow = server.ended(&slow).await;
    assert!(next["ended_at"].as_str() < slow["ended_at"].as_str(), "{slow} {next}");
}

#[tokio::test]
async fn the_poll_interval_decides_how_often_it_polls_and_no_event_waits_for_it() {
    let hourly = Server::start_with(&[], &[("ERRAND_POLL_INTERVAL_MS", "3600000")]);
    let often = Server::start_with(&[], &[("ERRAND_POLL_INTERVAL_MS", "10"), ("ERRAND_TASKS_PER_POLL", "1")]);
    let last = async |server: &Server| server.get("/v1/health").await["last_poll"]["at"].clone();
    hourly.until(|| async { (!last(&hourly).await.is_null()).then_some(()) }).await; // as it does at once
    let first = last(&hourly).await;
    for n in 1..=10 {
        let before = last(&often).await;
        for server in [&hourly, &often] {
            server.run(scripted(json!({"publish": "e"}))).await;
            assert_eq!(server.get("/v1/events?types=e").await["count"], n);
        }
        often.until(|| async { (last(&often).await != before).then_some(()) }).await;
    }
    assert_eq!(last(&hourly).await, first);
}

#[tokio::test]
async fn ended_tasks_are_removed_past_their_retention_and_others_are_not() {
    let server = Server::start(&[]);
    let ended = server.run(scripted(json!({}))).await;
    let waiting = server.enqueue(json!({"task_type": "scripted", "payload": {}, "delay_s": 3600})).await;
    let (_, data) = server.terminate();
    let server = Server::start_on(data, &["--task-retention-days", "0"]);
    let path = format!("/v1/tasks/{}", ended["id"].as_str().unwrap());
    server.until(|| async { (server.status_of(&path, None).await == 404).then_some(()) }).await;
    assert_eq!(server.task(&waiting).await["status"], "pending");
}

#[tokio::test]
async fn what_a_rule_is_for_is_removed_as_that_says() {
    let server = Server::start(&["--task-retention", "type:scripted=0"]);
    let ended = server.run(scripted(json!({}))).await;
    let (_, data) = server.terminate();
    let server = Server::start_on(data, &[]);
    let path = format!("/v1/tasks/{}", ended["id"].as_str().unwrap());
    server.until(|| async { (server.status_of(&path, None).await == 404).then_some(()) }).await;
}

#[tokio::test]
async fn a_webhook_gets_each_event_and_again_what_it_did_not_take() {
    let hook = Hook::refusing_first(1).await;
    let server = Server::start(&["--poll-interval-ms", "20", "--webhook-url", &hook.url]);
    server.run(scripted(json!({"publish": "told"}))).await;
    let event = server.until(|| server.first_event()).await;
    // Refused once, then taken.
    let received = server.until(|| async { Some(hook.received()).filter(|received| received.len() == 2) }).await;
    assert!(received.iter().all(|e| e["id"] == event["id"] && e["type"] == "told"), "{received:?}");
}

#[tokio::test]
async fn only_a_configured_principal_may_verify_a_user() {
    for (flags, status) in [(&["--verifier", "local"][..], "completed"), (&[], "failed")] {
        let server = Server::start(flags);
        server.put("/v1/records/user/u", json!({})).await;
        let payload = json!({"field": "verified", "value": true});
        let request = json!({"task_type": "update_user_profile", "user_id": "u", "payload": payload});
        assert_eq!(server.run(request).await["status"], status);
        let verified = server.get("/v1/records/user/u").await["verified"] == Value::Bool(true);
        assert_eq!(verified, status == "completed");
    }
}

#[tokio::test]
async fn the_demo_shows_every_task_doing_its_work() {
    let verifying = ["--verifier", "local", "--founder-linkedin-url", "https://www.linkedin.com/in/demo-founder"];
    // Where nobody is set to verify users, a person has to look.
    for (flags, verified) in [(&verifying[..], "completed"), (&[], "blocked")] {
        shows_every_task(&Server::start(flags), verified);
    }
}

fn shows_every_task(server: &Server, verified: &str) {
    let shown = process::output(&["demo", "--url", &server.url]);
    // No session's time is over yet, nobody is to be erased, no runner is there, nor a model, and what is for tests is off.
    let not_shown = ["cleanup_session", "erase_user", "run_agent", "run_outside", "scripted"];
    for name in types::names().into_iter().filter(|name| !not_shown.contains(&name.as_str())) {
        let line = shown.lines().find(|line| line.split_whitespace().next() == Some(&name));
        // The digest leaves Ada, who has just written, to finish.
        let status = match name.as_str() {
            "notify_user_of_priorities" => "snoozed",
            "verify_linkedin_connection" => verified,
            _ => "completed",
        };
        let well = line.is_some_and(|line| line.contains(status) && !line.contains("skipped"));
        assert!(well, "{name}: {shown}");
    }
}

#[tokio::test]
async fn the_demo_says_what_a_server_answered_or_that_there_is_none() {
    let server = Server::start(&["--token", "open sesame"]);
    let wrong = process::refusal(&["demo", "--url", &server.url, "--token", "wrong"]);
    assert!(wrong.contains("401 Unauthorized") && !wrong.contains("start one"), "{wrong}");
    let nobody = process::refusal(&["demo", "--url", &format!("http://127.0.0.1:{}", process::free_port())]);
    assert!(nobody.contains("no server answers") && nobody.contains("start one by errand serve"), "{nobody}");
}

#[tokio::test]
async fn a_space_after_a_comma_is_no_part_of_a_verifier() {
    let server = Server::start_with(&[], &[("ERRAND_VERIFIERS", "somebody, local")]);
    server.put("/v1/records/user/u", json!({"verified": true})).await;
}

#[test]
fn log_lines_are_json_if_that_is_asked_for() {
    assert_eq!(process::printed_by_start(&[]), "");
    let printed = process::printed_by_start(&["--log-format", "json"]);
    let line: Value = serde_json::from_str(printed.lines().next().unwrap_or_default()).unwrap();
    assert_eq!((&line["message"], &line["level"]), (&json!("errand serves"), &json!("INFO")));
}

#[tokio::test]
async fn bench_prints_one_line_of_json() {
    let data = tempfile::tempdir().unwrap();
    let left = process::refusal(&["bench", "--quick", "--data", data.path().to_str().unwrap()]);
    assert!(left.contains("delete it"), "{left}");
    let data = data.path().join("bench");
    let line = process::output(&["bench", "--quick", "--json", "--tasks", "1000", "--data", data.to_str().unwrap()]);
    let report: Value = serde_json::from_str(&line).unwrap();
    assert!(report["batch_tasks_per_s"].as_f64().unwrap() > 0.0);
    assert!(!data.exists());
}

#[test]
fn bench_logs_nothing_unless_it_is_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let bench = |log: Option<&str>| {
        let data = folder.path().join("bench");
        let said = process::said(&["bench", "--quick", "--tasks", "1000", "--data", data.to_str().unwrap()], log);
        // What it says of a build for debugging is no log line.
        said.into_iter().filter(|line| !line.starts_with("note: ")).collect::<Vec<_>>()
    };
    assert_eq!(bench(None), [""; 0]);
    assert!(bench(Some("info")).iter().any(|line| line.contains("errand serves")));
}
