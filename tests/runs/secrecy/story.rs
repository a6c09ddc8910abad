//! A story of runs in which everybody says secrets wherever there is room for a text.

use std::sync::Arc;

use errand::spi::queue::QueueName;
use errand_agents::ROUTES;
use errand_models::{ChatAnswer, ChatError, ToolCall};
use fastrand::Rng;
use integration_tests::{
    events::Call,
    in_memory::process,
    world::{VISIBILITY, World},
};
use serde_json::{Value, json};

use crate::runs::stage::{Told, on, says};

/// What a secret may look like: every kind there is in the corpus.
const SHAPES: [&str; 25] = [
    "password={}",
    "SIGNING_KEY={}",
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

/// What an operator may say, in bytes, and a backend's name for something.
const MOST_SAID: usize = 4096;
const MOST_OF_A_NAME: usize = 200;

/// What was hidden where.
pub(super) struct Planter {
    rng: Rng,
    pub(super) hidden: Vec<(&'static str, String)>,
    pub(super) handed_over: Vec<(&'static str, String)>,
    /// What was made of that.
    pub(super) made: Vec<(&'static str, String)>,
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

impl Planter {
    /// A text that is its user's.
    fn make(&mut self, place: &'static str) -> String {
        let (written, secret) = self.secret();
        self.made.push((place, secret));
        written
    }
}

/// A world in which much is said.
pub(super) struct Story {
    world: World,
    told: Arc<Told>,
    pub(super) planter: Planter,
    pub(super) answers: Vec<(String, Value)>,
    /// Of runs, sessions, agents and tasks.
    ids: Vec<(&'static str, String)>,
}

impl Story {
    pub(super) async fn of(world: World, seed: u64) -> Self {
        let planter =
            Planter { rng: Rng::with_seed(seed), hidden: Vec::new(), handed_over: Vec::new(), made: Vec::new() };
        let (world, told) = on(world, vec![says("All is done.")], 0);
        let mut story = Self { world, told, planter, answers: Vec::new(), ids: Vec::new() };
        story.worker().await;
        story.operator().await;
        story.outside().await;
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
        let planter = &mut self.planter;
        let mut make = |place| planter.make(place);
        let arguments =
            json!({"q": make("argument"), "password": {"a": {"b": make("argument")}, "c": make("argument")}});
        let (arguments, plain, output) = (arguments.to_string(), make("arguments"), make("tool output"));
        let (begun, last) = (says(&format!("{}...", make("answer"))), says(&make("answer")));
        let mut hide = |place| planter.hide(place);
        let call = ToolCall { id: hide("call id"), name: hide("tool name"), arguments, output: Some(output) };
        let plain = ToolCall { arguments: plain, ..call.clone() };
        let first = ChatAnswer {
            model: hide("model"),
            thread_id: Some(hide("thread")),
            turn_id: Some(hide("turn")),
            tool_calls: vec![call, plain],
            ..begun
        };
        let fails = vec![ChatError::Transport(hide("model error")), ChatError::Timeout(hide("model error"))];
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
        let blocked = format!("I tried.\nBLOCKED: {}", self.planter.make("blocker"));
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

    /// Everything that a worker outside may say.
    async fn outside(&mut self) {
        let body = json!({"metadata": {
            "host": self.planter.hide("worker's metadata"), "token": self.planter.hide("worker's metadata")}});
        self.ask(Call::put("/v1/workers/w", &body)).await;
        let bundle = json!({"kind": "git", "repo_url": self.planter.hide("repository"),
            "commit_id": self.planter.hide("commit"), "subdir": self.planter.hide("folder"),
            "sparse_paths": [self.planter.hide("path")], "prompt_refs": [self.planter.hide("prompt's name")],
            "skill_refs": [self.planter.hide("skill's name")],
            "tool_aliases": {"sh": self.planter.hide("alias"), (self.planter.hide("tool")): "x"}});
        let (run, task, lease) = self.claimed(json!({"resource_bundle": bundle})).await;
        let events = self.events();
        self.post(&format!("{run}/events"), json!({"lease_token": lease, "events": events})).await;
        let words = self.planter.hand_over("steer");
        let command = self.post(&format!("{run}/commands"), json!({"kind": "steer", "payload": words})).await;
        let command = format!("/v1/commands/{}", command["id"].as_str().unwrap());
        self.post(&format!("{command}/ack"), json!({"lease_token": lease})).await;
        let error = self.planter.hide("error of a command");
        let failed = json!({"lease_token": lease, "status": "failed", "error": error});
        self.post(&format!("{command}/finish"), failed).await;
        let held = json!({"task_id": task, "lease_token": lease});
        self.post("/v1/claims/heartbeat", json!({"worker_id": "w", "leases": [held]})).await;
        let output = json!({"result": self.planter.make("result"), "cookie": self.planter.make("output"),
            "more": [self.planter.make("output")]});
        let ends = [
            json!({"status": "completed", "output": output, "thread_id": self.planter.hide_within("thread", MOST_OF_A_NAME),
                "used": {"model": self.planter.hide_within("model", MOST_OF_A_NAME)}}),
            json!({"status": "failed", "failure": {"message": self.planter.hide("failure")}}),
            json!({"status": "blocked", "reason": self.planter.hide("what is missing")}),
            json!({"status": "cancelled", "reason": self.planter.hide("reason")}),
        ];
        let mut held = (task, lease);
        for mut end in ends {
            end["lease_token"] = held.1;
            self.post(&format!("/v1/tasks/{}/finish", held.0.as_str().unwrap()), end).await;
            let (_, task, lease) = self.claimed(json!({})).await;
            held = (task, lease);
        }
    }

    /// A new run, as a worker outside has it: its path, its task and the lease.
    async fn claimed(&mut self, more: Value) -> (String, Value, Value) {
        let mut body = json!({"executor": "runner"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let run = self.run(body).await;
        let ask = json!({"worker_id": "w", "task_types": ["run_outside"], "pool": "default"});
        let claimed = self.post("/v1/claims", ask).await["items"][0].take();
        assert_eq!(format!("/v1/runs/{}", claimed["details"]["run_id"].as_str().unwrap()), run);
        (run, claimed["task_id"].clone(), claimed["lease_token"].clone())
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
                paths.push(info.path.replace("{queue}", "default").replace("{name}", "run_agent"));
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
}
