//! What is secret in what an agent, a runner or an operator says is in no store, no log line and no answer.
//!
//! Not meant by that is what somebody hands over to be worked on, which must reach who works on it as it is: the payload
//! of a task (with its prompt), of a command and of a job. It stays where it was put, and nothing is made of it but
//! what is redacted; that is tested too. Names and ids are addresses and stay as they are.

use std::{path::Path, sync::Arc};

use errand::sqlite::{self, SqliteStore};
use fastrand::Rng;
use integration_tests::{
    events::Call,
    in_memory::process,
    world::{VISIBILITY, World},
};
use serde_json::{Value, json};
use shared::{
    api::ROUTES,
    chat::{ChatAnswer, ChatError, ToolCall},
    queue::QueueName,
    store::MemoryStore,
};

use super::stage::{Told, on, says};
use crate::telemetry::{ALL, Written};

/// How many stories are told, in memory and on a file.
const STORIES: u64 = 20;
const STORIES_ON_A_FILE: u64 = 4;

/// What a secret may look like: every kind there is in the corpus.
const SHAPES: [&str; 24] = [
    "password={}",
    "export DB_PASSWORD='{} two'",
    "api_key: {}",
    "x-api-key: {} and more",
    r#"{"token": "{}"}"#,
    r#"{\"client_secret\":\"{}\"}"#,
    "{'passwd': '{}'}",
    r#"secrets = ["{}", "b"]"#,
    r#"{"credentials":{"user":"u","pw":"{}"}}"#,
    "Authorization: Bearer {}",
    r#"-H "Authorization: Token {}""#,
    r#"Authorization: Digest username="u", response="{}""#,
    "Cookie: a=1; sid={}; b=2",
    "sent bearer {} there",
    "basic aB{}",
    "https://u:{}@host/path",
    "https://host/?access_token={}&x=1",
    "sk-{}",
    "ghp_{}",
    "xoxb-{}",
    "AIza{}",
    "AKIA{}",
    "eyJ{}.eyJzdWIi.c2ln",
    "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
];

/// Where texts are cut, in characters or bytes: half a secret looks like none.
const CUTS: [usize; 11] = [0, 0, 120, 140, 200, 256, 280, 512, 1024, 2048, 4096];

/// What an operator may say, in bytes, and a runner's name.
const MOST_SAID: usize = 4096;
const MOST_OF_A_NAME: usize = 200;

/// What was hidden where.
struct Planter {
    rng: Rng,
    hidden: Vec<(&'static str, String)>,
    handed_over: Vec<(&'static str, String)>,
}

impl Planter {
    fn secret(&mut self) -> (String, String) {
        let shape = SHAPES[self.rng.usize(..SHAPES.len())];
        let mut secret: String = (0..24).map(|_| self.rng.alphanumeric()).collect();
        if shape.starts_with("AKIA") {
            secret.make_ascii_uppercase();
        }
        let before = CUTS[self.rng.usize(..CUTS.len())];
        let before = before.saturating_sub(self.rng.usize(..40));
        let written = format!("{} {} done", "word ".repeat(before / 5 + 1), shape.replace("{}", &secret));
        // Half of it is too much.
        (written, secret[..10].to_owned())
    }

    /// A text that must be redacted.
    fn hide(&mut self, place: &'static str) -> String {
        let (written, secret) = self.secret();
        self.hidden.push((place, secret));
        written
    }

    /// The same, no longer than this.
    fn hide_within(&mut self, place: &'static str, bytes: usize) -> String {
        loop {
            let (written, secret) = self.secret();
            if written.len() <= bytes {
                self.hidden.push((place, secret));
                return written;
            }
        }
    }

    /// A text that is somebody's to work on.
    fn hand_over(&mut self, place: &'static str) -> String {
        let (written, secret) = self.secret();
        self.handed_over.push((place, secret));
        written
    }
}

/// A world in which much is said.
struct Story {
    world: World,
    told: Arc<Told>,
    planter: Planter,
    answers: Vec<(String, Value)>,
    /// Of runs, sessions, agents and tasks.
    ids: Vec<(&'static str, String)>,
}

impl Story {
    async fn of(world: World, seed: u64) -> Self {
        let planter = Planter { rng: Rng::with_seed(seed), hidden: Vec::new(), handed_over: Vec::new() };
        let (world, told) = on(world, vec![says("All is done.")], 0);
        let mut story = Self { world, told, planter, answers: Vec::new(), ids: Vec::new() };
        story.worker().await;
        story.operator().await;
        story.runner().await;
        story.walk().await;
        story
    }

    async fn ask(&mut self, call: Call) -> Value {
        let what = format!("{call:?}").chars().take(90).collect();
        let answered = call.answer(&self.world.app).await;
        self.answers.push((what, answered.body.clone()));
        assert!(answered.status < 300, "{}: {:#}", answered.status, answered.body);
        answered.body
    }

    async fn post(&mut self, path: &str, body: Value) -> Value {
        self.ask(Call::post(path, &body)).await
    }

    /// Begins a run; its path.
    async fn run(&mut self, more: Value) -> String {
        let prompt = self.planter.hand_over("prompt");
        let mut body = json!({
            "prompt": prompt,
            "metadata": {"title": self.planter.hide("title"), "note": [self.planter.hide("metadata")]},
            "agent_metadata": {"api_key": self.planter.hide("agent metadata"), "at": self.planter.hide("agent metadata")},
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let run = self.post("/v1/runs", body).await;
        for (of, field) in [("runs", "id"), ("sessions", "session_id"), ("agents", "agent_id"), ("tasks", "task_id")] {
            self.ids.push((of, run[field].as_str().unwrap().to_owned()));
        }
        format!("/v1/runs/{}", run["id"].as_str().unwrap())
    }

    /// Has done what waits. (On a file calls take real time, so the clock stands still.)
    async fn work(&self) {
        for _ in 0..4 {
            for from in QueueName::WORK {
                let received = self.world.queue.receive(from, 10, VISIBILITY);
                process(&self.world.app, &self.world.queue, from, received).await;
            }
            poller::handle(&self.world.app, None).await;
            // Past the wait after a failure.
            self.world.advance(100);
        }
    }

    fn says(&mut self, lines: Vec<ChatAnswer>) {
        let world = self.world.clone();
        (self.world, self.told) = on(world, lines, 0);
    }

    async fn worker(&mut self) {
        let mut hide = |place| self.planter.hide(place);
        let call = ToolCall {
            id: hide("call id"),
            name: hide("tool name"),
            arguments:
                json!({"q": hide("argument"), "password": {"a": {"b": hide("argument")}, "c": hide("argument")}})
                    .to_string(),
            output: Some(hide("tool output")),
        };
        let plain = ToolCall { arguments: hide("arguments"), ..call.clone() };
        let first = ChatAnswer {
            model: hide("model"),
            thread_id: Some(hide("thread")),
            turn_id: Some(hide("turn")),
            tool_calls: vec![call, plain],
            ..says(&format!("{}...", hide("answer")))
        };
        let fails = vec![ChatError::Transport(hide("model error")), ChatError::Timeout(hide("model error"))];
        let last = says(&hide("answer"));
        self.says(vec![first, last]);
        *self.told.fails.lock().unwrap() = fails;
        let run = self.run(json!({})).await;
        self.work().await;
        let words = self.planter.hand_over("steer");
        // It has ended, or takes it up: the models' faults are gone through one by one.
        let steer = Call::post(&format!("{run}/commands"), &json!({"kind": "steer", "payload": {"prompt": words}}));
        let answered = steer.answer(&self.world.app).await;
        self.answers.push(("steer".to_owned(), answered.body));
        self.work().await;
        let done = self.ask(Call::get(&run)).await;
        assert_eq!(done["status"], "completed", "{done:#}");

        self.told.fails.lock().unwrap().push(ChatError::Auth(self.planter.hide("refusal")));
        let run = self.run(json!({})).await;
        self.work().await;
        assert_eq!(self.ask(Call::get(&run)).await["status"], "failed");
    }

    async fn operator(&mut self) {
        let blocked = format!("I tried.\nBLOCKED: {}", self.planter.hide("blocker"));
        self.says(vec![says(&blocked)]);
        let run = self.run(json!({})).await;
        self.work().await;
        let shown = self.ask(Call::get(&run)).await;
        assert_eq!(shown["status"], "blocked", "{shown:#}");
        let note = self.planter.hide_within("note", MOST_SAID);
        self.post(&format!("/v1/tasks/{}/retry", shown["task_id"].as_str().unwrap()), json!({"note": note})).await;
        self.work().await;
        let run = self.run(json!({"delay_s": 3600})).await;
        let words = self.planter.hand_over("turn");
        self.post(&format!("{run}/commands"), json!({"kind": "turn", "payload": {"prompt": words}})).await;
        let reason = self.planter.hide_within("reason of a cancel", MOST_SAID);
        self.post(&format!("{run}/cancel"), json!({"reason": reason})).await;
        let run = self.run(json!({"delay_s": 3600})).await;
        let agent = self.ask(Call::get(&run)).await["agent_id"].as_str().unwrap().to_owned();
        let reason = self.planter.hide_within("reason of a kill", MOST_SAID);
        self.post(&format!("/v1/agents/{agent}/kill"), json!({"reason": reason})).await;
    }

    /// Everything that a runner may say.
    async fn runner(&mut self) {
        let body = json!({"runner_id": "r", "name": self.planter.hide_within("runner's name", MOST_OF_A_NAME), "metadata": {
            "host": self.planter.hide("runner's metadata"), "token": self.planter.hide("runner's metadata")}});
        self.post("/v1/runners", body).await;
        let bundle = json!({"kind": "git", "repo_url": self.planter.hide("repository"),
            "tool_aliases": {"sh": self.planter.hide("alias")}});
        let (run, lease) = self.claimed(json!({"resource_bundle": bundle})).await;
        let events = self.events();
        self.post(&format!("{run}/events"), json!({"lease_token": lease, "events": events})).await;
        let words = self.planter.hand_over("steer");
        let command = self.post(&format!("{run}/commands"), json!({"kind": "steer", "payload": words})).await;
        let command = format!("/v1/commands/{}", command["id"].as_str().unwrap());
        self.post(&format!("{command}/ack"), json!({"lease_token": lease})).await;
        let error = self.planter.hide("error of a command");
        let failed = json!({"lease_token": lease, "status": "failed", "error": error});
        self.post(&format!("{command}/finish"), failed).await;
        let payload = self.planter.hand_over("job");
        let job = json!({"kind": "checkout", "payload": {"at": payload}});
        self.post(&format!("{run}/jobs"), job).await;
        self.post(&format!("{run}/heartbeat"), json!({"lease_token": lease})).await;
        let output = json!({"result": self.planter.hide("result"), "cookie": self.planter.hide("output"),
            "more": [self.planter.hide("output")]});
        let ends = [
            json!({"status": "completed", "output": output}),
            json!({"status": "failed", "failure": {"message": self.planter.hide("failure")}}),
            json!({"status": "blocked", "reason": self.planter.hide("what is missing")}),
            json!({"status": "cancelled", "reason": self.planter.hide("reason")}),
        ];
        let mut held = (run, lease);
        for mut end in ends {
            end["lease_token"] = held.1.clone();
            self.post(&format!("{}/finish", held.0), end).await;
            held = self.claimed(json!({})).await;
        }
    }

    async fn claimed(&mut self, more: Value) -> (String, Value) {
        let mut body = json!({"executor": "runner"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let run = self.run(body).await;
        let claimed = self.post(&format!("{run}/claim"), json!({"runner_id": "r"})).await;
        (run, claimed["lease_token"].clone())
    }

    /// One of each type, with a secret in each of its texts.
    fn events(&mut self) -> Value {
        let mut hide = |place| self.planter.hide(place);
        json!([
            {"type": "backend_status", "payload": {"phase": "checkpoint", "note": hide("event")}},
            {"type": "assistant_message", "payload": {"text": hide("event"), "turn_id": hide("event")}},
            {"type": "assistant_message", "payload": {"text": format!("{}{}", "x".repeat(16_350), hide("long event"))}},
            {"type": "command_output", "payload": {"text": hide("event"), "command": hide("event")}},
            {"type": "tool_call", "payload": {"tool": hide("event"), "call_id": hide("event"), "output": hide("event"),
                "input": {"a": [hide("event")], "secret": {"b": hide("event")}, (hide("event")): 1}}},
            {"type": "diff", "payload": {"text": hide("event"), "path": hide("event")}},
            {"type": "error", "payload": {"message": hide("event"), "kind": "rate_limit"}},
        ])
    }

    /// Asks every question there is about it.
    async fn walk(&mut self) {
        let mut paths = Vec::new();
        for info in ROUTES.iter().filter(|info| info.method == "GET") {
            let of = info.path.split('/').nth(2).unwrap_or_default();
            if info.path.contains("{id}") && of != "records" {
                let ids = self.ids.iter().filter(|(kind, _)| *kind == of);
                paths.extend(ids.map(|(_, id)| info.path.replace("{id}", id)));
            } else if of != "records" {
                paths.push(info.path.replace("{queue}", "default"));
            }
        }
        for status in ["completed", "failed", "blocked", "cancelled"] {
            paths.push(format!("/v1/tasks?queue=default&status={status}"));
        }
        paths.extend(["/v1/sessions?state=all".to_owned(), "/v1/commander?reader_id=ada".to_owned()]);
        assert!(paths.len() > 100, "{}", paths.len());
        for path in paths {
            self.ask(Call::get(&path)).await;
        }
    }

    /// The answers without what was handed over: the payload of a task, command or job, where it is shown whole.
    fn told(&self) -> Vec<(&str, String)> {
        let told = self.answers.iter().map(|(call, answer)| {
            let mut answer = answer.clone();
            without_payloads(&mut answer);
            (call.as_str(), answer.to_string())
        });
        told.collect()
    }

    fn found_in(&self, text: &str) -> Vec<&'static str> {
        let secrets = self.planter.hidden.iter().chain(&self.planter.handed_over);
        secrets.filter(|(_, secret)| text.contains(secret)).map(|(place, _)| *place).collect()
    }

    fn hidden_in(&self, text: &str) -> Vec<&'static str> {
        self.planter.hidden.iter().filter(|(_, secret)| text.contains(secret)).map(|(place, _)| *place).collect()
    }

    fn told_nobody(&self, seed: u64, log: &str) {
        for (call, answer) in self.told() {
            assert_eq!(self.found_in(&answer), [""; 0], "{seed}: {call} answers {answer}");
        }
        for line in log.lines() {
            assert_eq!(self.found_in(line), [""; 0], "{seed}: {line}");
        }
    }
}

/// An event has a type; what is handed over has none beside its payload.
fn without_payloads(answer: &mut Value) {
    match answer {
        Value::Object(fields) => {
            if !fields.contains_key("type") {
                fields.remove("payload");
            }
            fields.values_mut().for_each(without_payloads);
        }
        Value::Array(items) => items.iter_mut().for_each(without_payloads),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn no_secret_that_is_said_in_a_run_is_stored_logged_or_told() {
    for seed in 0..STORIES {
        let (written, _guard) = Written::on(ALL);
        let store = Arc::new(MemoryStore::default());
        let story = Story::of(World::on(store.clone()), seed).await;
        assert!(story.planter.hidden.len() > 60 && story.planter.handed_over.len() > 10);
        let log = written.text();
        assert!(log.lines().count() > 10, "{log}");
        story.told_nobody(seed, &log);
        let stored = format!("{store:?}");
        assert_eq!(story.hidden_in(&stored), [""; 0], "{seed}");
        // The prompts are there, so that they would be found.
        assert!(story.found_in(&stored).contains(&"prompt"));
    }
}

#[tokio::test]
async fn no_secret_that_is_said_in_a_run_is_in_the_file() {
    for seed in 1_000..1_000 + STORIES_ON_A_FILE {
        let (written, _guard) = Written::on(ALL);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("errand.db");
        let settings = sqlite::Settings { synchronous: sqlite::Synchronous::Normal };
        let story = Story::of(World::on(Arc::new(SqliteStore::open(&file, settings).unwrap())), seed).await;
        story.told_nobody(seed, &written.text());
        for (place, text) in cells(&file) {
            match place.as_str() {
                "tasks.payload" | "payloads.payload" => {}
                // Of a command or a job: both know their payload by its hash.
                "records.doc" if text.contains("\"payload_hash\"") => {
                    let mut record: Value = serde_json::from_str(&text).unwrap();
                    without_payloads(&mut record);
                    assert_eq!(story.found_in(&record.to_string()), [""; 0], "{seed}: {place} has {text}");
                }
                _ => assert_eq!(story.found_in(&text), [""; 0], "{seed}: {place} has {text}"),
            }
        }
        // Nor in what was written over, or is in the log of writes.
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            assert_eq!(story.hidden_in(&String::from_utf8_lossy(&bytes)), [""; 0], "{seed}");
        }
    }
}

/// Every value in the file, as text, with its table and column.
fn cells(file: &Path) -> Vec<(String, String)> {
    let db = rusqlite::Connection::open(file).unwrap();
    let mut tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut cells = Vec::new();
    for table in tables {
        let mut all = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns: Vec<String> = all.column_names().into_iter().map(str::to_owned).collect();
        let mut rows = all.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for (nth, column) in columns.iter().enumerate() {
                let text = match row.get_ref(nth).unwrap() {
                    rusqlite::types::ValueRef::Text(bytes) | rusqlite::types::ValueRef::Blob(bytes) => {
                        String::from_utf8_lossy(bytes).into_owned()
                    }
                    _ => continue,
                };
                cells.push((format!("{table}.{column}"), text));
            }
        }
    }
    assert!(cells.len() > 1000, "{}", cells.len());
    cells
}
