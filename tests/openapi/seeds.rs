//! What schemathesis finds on the one-machine server: things of each sort, told to it by dictionaries of their ids.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

/// See the module.
pub(super) struct Seeds {
    url: String,
    client: reqwest::Client,
    dictionaries: BTreeMap<&'static str, Vec<String>>,
    /// Tasks that a worker outside has, each with its lease.
    claimed: Vec<Value>,
}

/// How often a lease is renewed; it lasts 85 seconds.
const RENEW: Duration = Duration::from_secs(20);

impl Seeds {
    /// Puts them on the server at `url`.
    pub(super) async fn plant(url: String) -> Self {
        let client = errand_models::http::client(Duration::from_secs(30)).unwrap();
        let mut seeds = Self { url, client, dictionaries: BTreeMap::new(), claimed: Vec::new() };
        seeds.tell("tenants", "default");
        seeds.tasks().await;
        seeds.runs().await;
        seeds.work().await;
        seeds.webhooks().await;
        seeds.schedules().await;
        seeds.groups().await;
        seeds
    }

    async fn tasks(&mut self) {
        self.tell("record_kinds", "conversation");
        self.tell("erased_users", "nobody-else");
        for (dictionary, id) in [("records", "c"), ("removed_records", "past")] {
            self.tell(dictionary, id);
            let record = self.client.put(format!("{}/v1/records/conversation/{id}", self.url));
            Self::answer(record.body(json!({"user_id": "u"}).to_string()).send().await.unwrap()).await;
        }
        // What is due, and nobody comes for, is processed now whether that is forced or not, and again.
        let put = self.client.put(format!("{}/v1/task-types/left", self.url));
        Self::answer(put.body(json!({"run": {"kind": "worker"}}).to_string()).send().await.unwrap()).await;
        let due = self.post("/v1/tasks", json!({"task_type": "left", "payload": {}})).await;
        self.tell("processed_tasks", due["id"].as_str().unwrap());
        for _ in 0..5 {
            for dictionary in ["waiting_tasks", "cancelled_tasks", "retried_tasks"] {
                let later = json!({"task_type": "scripted", "payload": {}, "delay_s": 864_000});
                let task = self.post("/v1/tasks", later).await;
                let id = task["id"].as_str().unwrap();
                self.tell(dictionary, id);
                if dictionary == "retried_tasks" {
                    self.post(&format!("/v1/tasks/{id}/cancel"), json!({})).await;
                }
            }
        }
    }

    /// Groups whose members do not begin; one of them is to be called off.
    async fn groups(&mut self) {
        let later = json!({"task_type": "scripted", "payload": {}, "delay_s": 864_000});
        for dictionary in ["groups", "cancelled_groups"] {
            let made = self.post("/v1/groups", json!({"tasks": [later, later]})).await;
            self.tell(dictionary, made["id"].as_str().unwrap());
        }
    }

    /// Webhooks, at which nobody listens.
    async fn webhooks(&mut self) {
        let url = "http://127.0.0.1:9/hook";
        self.tell("webhook_urls", url);
        for (dictionary, id) in [("webhooks", "audit"), ("removed_webhooks", "past")] {
            self.tell(dictionary, id);
            let put = self.client.put(format!("{}/v1/webhooks/{id}", self.url));
            Self::answer(put.body(json!({"url": url}).to_string()).send().await.unwrap()).await;
        }
    }

    /// Schedules, which fire in a year.
    async fn schedules(&mut self) {
        self.tell("scheduled_types", "scripted");
        self.tell("past_times", "2020-02-02T00:00:00Z");
        for (dictionary, id) in [("schedules", "yearly"), ("removed_schedules", "past")] {
            self.tell(dictionary, id);
            let body = json!({"spec": {"cron": ["@yearly"]}, "task": {"task_type": "scripted"}});
            let put = self.client.put(format!("{}/v1/schedules/{id}", self.url));
            Self::answer(put.body(body.to_string()).send().await.unwrap()).await;
        }
    }

    /// Users' own work: types, a worker, and tasks that it has.
    async fn work(&mut self) {
        for (dictionary, name) in
            [("task_types", "resize"), ("retired_types", "carry"), ("workers", "worker"), ("no_waits", "0")]
        {
            self.tell(dictionary, name);
        }
        for name in ["resize", "carry"] {
            let put = self.client.put(format!("{}/v1/task-types/{name}", self.url));
            Self::answer(put.body(json!({"run": {"kind": "worker"}}).to_string()).send().await.unwrap()).await;
        }
        for _ in 0..10 {
            self.post("/v1/tasks", json!({"task_type": "resize", "payload": {}})).await;
        }
        let called = json!({"run": {"kind": "http", "url": "http://127.0.0.1:9/"}});
        self.tell("called_types", "called");
        let put = self.client.put(format!("{}/v1/task-types/called", self.url));
        Self::answer(put.body(called.to_string()).send().await.unwrap()).await;
        let claim = json!({"worker_id": "worker", "task_types": ["resize"], "lease_s": 85});
        let claimed = self.post("/v1/claims", claim).await["items"][0].take();
        self.tell("finished_tasks", claimed["task_id"].as_str().unwrap());
        self.tell("task_leases", claimed["lease_token"].as_str().unwrap());
        self.claimed.push(json!({"task_id": claimed["task_id"], "lease_token": claimed["lease_token"]}));
    }

    async fn runs(&mut self) {
        // One that has failed would be tried again.
        self.tell("ends", "completed");
        let (run, lease) = self.hold().await;
        self.run("runs").await;
        for _ in 0..5 {
            self.run("cancelled_runs").await;
            let killed = self.run("killed_runs").await;
            let killed = self.get(&format!("/v1/runs/{killed}")).await;
            self.tell("killed_agents", killed["agent_id"].as_str().unwrap());
        }
        let shown = self.get(&format!("/v1/runs/{run}")).await;
        self.tell("sessions", shown["session_id"].as_str().unwrap());
        self.tell("agents", shown["agent_id"].as_str().unwrap());
        for command in ["taken_commands", "finished_commands", "cancelled_commands"] {
            for _ in 0..5 {
                let given = self.post(&format!("/v1/runs/{run}/commands"), json!({"kind": "steer"})).await;
                let id = given["id"].as_str().unwrap();
                self.tell(command, id);
                if command == "finished_commands" {
                    self.post(&format!("/v1/commands/{id}/ack"), json!({"lease_token": lease})).await;
                }
            }
        }
    }

    /// The dictionaries, for the end of a configuration.
    pub(super) fn toml(&self) -> String {
        let values = |values: &Vec<String>| serde_json::to_string(values).unwrap();
        self.dictionaries
            .iter()
            .map(|(name, of)| format!("\n[dictionaries.{name}]\nvalues = {}\n", values(of)))
            .collect()
    }

    /// Keeps what is held, until it is dropped.
    pub(super) async fn keep(&self) {
        loop {
            // schemathesis is another process, and takes its time.
            tokio::time::sleep(RENEW).await;
            let beat = json!({"worker_id": "worker", "leases": self.claimed, "lease_s": 85});
            let path = format!("{}/v1/claims/heartbeat", self.url);
            let _ = self.client.post(path).body(beat.to_string()).send().await;
        }
    }

    fn tell(&mut self, dictionary: &'static str, value: &str) {
        self.dictionaries.entry(dictionary).or_default().push(value.to_owned());
    }

    /// Starts a run for a worker outside, and tells its id.
    async fn run(&mut self, dictionary: &'static str) -> String {
        let run = self.post("/v1/runs", json!({"prompt": "do it", "executor": "runner"})).await;
        let id = run["id"].as_str().unwrap();
        self.tell(dictionary, id);
        id.to_owned()
    }

    /// The same, and takes it: the only one that waits.
    async fn hold(&mut self) -> (String, String) {
        let run = self.run("held_runs").await;
        let claim = json!({"worker_id": "worker", "task_types": ["run_outside"], "pool": "default", "lease_s": 85});
        let claimed = self.post("/v1/claims", claim).await["items"][0].take();
        let lease = claimed["lease_token"].as_str().unwrap().to_owned();
        self.tell("held_leases", &lease);
        self.claimed.push(json!({"task_id": claimed["task_id"], "lease_token": lease}));
        (run, lease)
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let asked = self.client.post(format!("{}{path}", self.url)).body(body.to_string()).send().await.unwrap();
        Self::answer(asked).await
    }

    async fn get(&self, path: &str) -> Value {
        Self::answer(self.client.get(format!("{}{path}", self.url)).send().await.unwrap()).await
    }

    async fn answer(response: reqwest::Response) -> Value {
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{status} {text}");
        serde_json::from_str(&text).unwrap()
    }
}
