//! `GET /metrics`: what Prometheus reads of a server.

mod counts;
mod levels;
mod refused;
mod watching;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use errand::spi::clock::{Clock, SystemClock};
use errand_local::{
    options::{Durability, Options},
    running::RunningServer,
};
use integration_tests::{promtool::checked, settings::Settings};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long what hangs is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server of which metrics are asked.
struct Watched {
    server: RunningServer,
    http: reqwest::Client,
    token: Option<String>,
    _data: TempDir,
}

/// The page, taken apart: each value by its name and labels, as they stand there, and the type of each metric.
struct Page {
    text: String,
    values: BTreeMap<String, f64>,
    types: BTreeMap<String, String>,
}

impl Watched {
    async fn start() -> Self {
        Self::start_at(Arc::new(SystemClock), |_| {}).await
    }

    async fn start_at(clock: Arc<dyn Clock>, change: impl FnOnce(&mut Options)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut options = Options::on_a_free_port(data.path().to_owned(), Durability::Normal);
        (options.poll_interval_ms, options.grace_s) = (20, 0);
        change(&mut options);
        let server = RunningServer::start_at(&options, Settings::default().types(), clock).await.unwrap();
        let http = errand_models::http::client(PATIENCE).unwrap();
        Self { server, http, token: options.token, _data: data }
    }

    async fn asked(&self, method: &str, path: &str, body: &Value) -> (u16, String) {
        let request = self.http.request(method.parse().unwrap(), format!("http://{}{path}", self.server.address));
        let request = if body.is_null() { request } else { request.body(body.to_string()) };
        let request = self.token.iter().fold(request, |request, token| request.bearer_auth(token));
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let (status, text) = self.asked("POST", path, body).await;
        assert!((200..300).contains(&status), "POST {path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn scripted(&self, acts: &Value) -> Value {
        self.post("/v1/tasks", &json!({"task_type": "scripted", "payload": {"acts": acts}})).await
    }

    async fn page(&self) -> Page {
        let (status, text) = self.asked("GET", "/metrics", &Value::Null).await;
        assert_eq!(status, 200, "{text}");
        Page::of(text)
    }

    /// The first page that is as wanted.
    async fn page_when(&self, wanted: impl Fn(&Page) -> bool) -> Page {
        let asked = async {
            loop {
                let page = self.page().await;
                if wanted(&page) {
                    return page;
                }
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.expect("the page never became so")
    }
}

impl Page {
    fn of(text: String) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let values = lines.map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        });
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        let types = types.map(|(name, of)| (name.to_owned(), of.to_owned())).collect();
        Self { values: values.collect(), types, text }
    }

    /// The value of this name and these labels; 0 if there is none.
    fn value(&self, name: &str) -> f64 {
        self.values.get(name).copied().unwrap_or_default()
    }

    /// The names of each metric's labels.
    fn labels(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for name in self.values.keys() {
            let (name, labels) = name.split_once('{').unwrap_or((name, ""));
            let ends = ["", "_bucket", "_count", "_sum"];
            let of = ends.iter().find_map(|end| self.types.get_key_value(name.strip_suffix(end)?)).unwrap().0;
            let labels = labels.split("\",").filter_map(|label| Some(label.split_once('=')?.0));
            all.entry(of).or_default().extend(labels);
        }
        all
    }

    /// What stands in this label, wherever it stands.
    fn values_of(&self, label: &str) -> BTreeSet<&str> {
        let start = format!("{label}=\"");
        self.values.keys().filter_map(|name| name.split_once(&start)?.1.split('"').next()).collect()
    }
}

/// One of each kind of what may happen.
async fn everything_happens(watched: &Watched) {
    let acts = [
        json!([]),
        json!([{"retry_after": 0}, "complete"]),
        json!([{"snooze": 0}, "complete"]),
        json!([{"fail_for_good": "no"}]),
        json!([{"cancel": "no"}]),
        json!([{"block": "who knows"}]),
    ];
    for acts in &acts {
        watched.scripted(acts).await;
    }
    watched.page_when(|page| page.value("errand_dead_letters_total") >= 1.0).await;
}

#[tokio::test]
async fn prometheus_finds_no_fault_with_the_page() {
    let watched = Watched::start().await;
    everything_happens(&watched).await;
    let page = watched.page().await;
    checked(&["check", "metrics"], &page.text).unwrap_or_else(|said| panic!("{said}"));
    // It would have.
    assert!(checked(&["check", "metrics"], "# TYPE errand_a counter\nerrand_a 1\n").is_err());
}

#[tokio::test]
async fn each_metric_has_the_labels_it_should() {
    let watched = Watched::start().await;
    everything_happens(&watched).await;
    let page = watched.page().await;
    let labels = page.labels();
    assert_eq!(labels.keys().copied().collect::<BTreeSet<_>>(), page.types.keys().map(String::as_str).collect());
    let all = labels.iter().map(|(name, labels)| (format!("{name} ({})", page.types[*name]), labels));
    insta::assert_json_snapshot!(all.collect::<BTreeMap<_, _>>());
}
