//! A server, and a browser that has its dashboard open.

use std::{path::Path, time::Duration};

use errand_local::{
    options::{Durability, Options},
    running::RunningServer,
};
use integration_tests::{browser::Browser, settings::Settings};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long what hangs is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// See the module.
pub(super) struct Stage {
    pub(super) browser: Browser,
    server: Option<RunningServer>,
    options: Options,
    pub(super) url: String,
    http: reqwest::Client,
    _data: TempDir,
}

impl Stage {
    /// Waits until a list shows so many.
    pub(super) async fn rows(&self, count: usize) {
        self.browser.until(&format!("return document.querySelectorAll('tbody tr').length === {count}")).await;
    }

    pub(super) async fn new() -> Self {
        Self::with(None, false).await
    }

    /// Where the server demands `token`, if one.
    pub(super) async fn with(token: Option<&str>, dark: bool) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut options = Options::on_a_free_port(data.path().to_owned(), Durability::Normal);
        options.token = token.map(str::to_owned);
        options.poll_interval_ms = 20;
        options.grace_s = 0;
        let browser = Browser::start(dark).await.unwrap_or_else(|error| panic!("{error}"));
        let server = RunningServer::start(&options, Settings::default().types()).await.unwrap();
        options.port = server.address.port();
        let url = format!("http://{}", server.address);
        Self {
            browser,
            server: Some(server),
            options,
            url,
            http: errand_models::http::client(PATIENCE).unwrap(),
            _data: data,
        }
    }

    pub(super) async fn stop_server(&mut self) {
        self.server.take().unwrap().stop().await;
    }

    /// On the same port, and with what was there.
    pub(super) async fn start_server(&mut self) {
        self.server = Some(RunningServer::start(&self.options, Settings::default().types()).await.unwrap());
    }

    /// Opens a view, `tasks?status=all` say, and waits until it shows what there is.
    pub(super) async fn open(&self, view: &str) {
        self.browser.open(&format!("{}/#/{view}", self.url)).await;
        let (place, _) = view.split_once('?').unwrap_or((view, ""));
        let place = if place.contains('/') { place.to_owned() } else { format!("{place}/") };
        self.browser.until(&format!("return document.querySelector('main').dataset.at === {}", json!(place))).await;
        self.settled().await;
    }

    pub(super) async fn settled(&self) {
        self.browser.until("return document.querySelector('main h1') && !document.querySelector('[aria-busy]')").await;
    }

    /// Goes through the dialog of the act with this title, and waits until that is closed.
    pub(super) async fn act(&self, title: &str, fields: &[(&str, &str)]) {
        self.browser.click("main button", title).await;
        for (name, value) in fields {
            self.browser.write(&format!("dialog [name={name}]"), value).await;
        }
        self.browser.click("dialog [type=submit]", "").await;
        self.browser.until("return !document.querySelector('dialog')").await;
    }

    pub(super) async fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        let request = self.http.request(method.parse().unwrap(), format!("{}/v1/{path}", self.url));
        let request = if method == "GET" { request } else { request.body(body.to_string()) };
        let request = self.options.token.iter().fold(request, |request, token| request.bearer_auth(token));
        let response = request.send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        self.ask("GET", path, Value::Null).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Value {
        self.ask("POST", path, body).await
    }

    /// A task of the type `scripted`, by its id.
    pub(super) async fn task(&self, payload: Value, more: Value) -> String {
        let mut request = json!({"task_type": "scripted", "payload": payload});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post("tasks", request).await["id"].as_str().unwrap().to_owned()
    }

    /// The task, once it has this status.
    pub(super) async fn task_until(&self, id: &str, status: &str) -> Value {
        self.until(&format!("tasks/{id}"), |task| task["status"] == status).await
    }

    /// What is answered, once it is as wanted.
    pub(super) async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let look = async {
            loop {
                let answer = self.get(path).await;
                if wanted(&answer) {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("{path} never is as wanted"))
    }

    /// Nothing was complained of, and nobody else was asked for anything.
    pub(super) async fn was_quiet(&self) {
        assert_eq!(self.browser.complaints().await, Vec::<String>::new());
        for address in self.browser.asked_for().await {
            assert!(address.starts_with(&self.url), "{address}");
        }
    }

    /// What there is of everything, so that no view is empty. Answers the ids by their view.
    pub(super) async fn furnish(&self) -> Vec<String> {
        let failed =
            self.task(json!({"acts": [{"fail_for_good": "the archive is locked"}]}), json!({"user_id": "ada"})).await;
        let blocked =
            self.task(json!({"acts": [{"block": "Which invoice is meant?"}]}), json!({"queue": "images"})).await;
        let tried = self.task(json!({"acts": [{"retry_after": 0}, {"snooze": 0}, "complete"]}), json!({})).await;
        for n in 0..60 {
            self.task(json!({}), json!({"queue": "later", "delay_s": 3600 + n, "user_id": "bob"})).await;
        }
        self.ask("PUT", "task-types/resize", json!({"run": {"kind": "worker"}, "description": "Makes it smaller."}))
            .await;
        self.ask("PUT", "workers/box-1", json!({"task_types": ["resize"], "capacity": 4, "version": "1.2"})).await;
        let spec = json!({"cron": ["30 2 * * *"], "zone": "Europe/Berlin"});
        self.ask("PUT", "schedules/nightly", json!({"spec": spec, "task": {"task_type": "scripted"}})).await;
        let group = self.post("groups", json!({"task": {"task_type": "scripted"}, "items": [{}, {}]})).await;
        let run = json!({"prompt": "Sum up the week", "executor": "runner", "profile": "box", "user_id": "ada"});
        let run = self.post("runs", run).await;
        self.task_until(&failed, "failed").await;
        self.task_until(&blocked, "blocked").await;
        self.task_until(&tried, "completed").await;
        let of = |view: &str, id: &Value| format!("{view}/{}", id.as_str().unwrap());
        let mut views = vec![of("groups", &group["id"]), of("runs", &run["id"]), "schedules/nightly".to_owned()];
        views.extend([failed, blocked, tried].map(|id| format!("tasks/{id}")));
        views
    }
}

/// Every view that needs nothing to be there.
pub(super) const LISTS: [&str; 9] =
    ["overview", "tasks?status=all", "failures", "flows", "schedules", "types", "workers", "runs", "token"];

/// A picture, kept where it is wanted: `ERRAND_PICTURES` names a folder.
#[allow(clippy::disallowed_methods)] // a tool for whoever makes the pictures anew
pub(super) fn keep(name: &str, picture: &[u8]) {
    if let Ok(folder) = std::env::var("ERRAND_PICTURES") {
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), picture).unwrap();
    }
}
