//! Starts, asks and ends `errand` processes.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything here may take before it hangs: what takes a second may take minutes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(600);

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    data: Option<TempDir>,
    http: reqwest::Client,
    said: Arc<Mutex<Vec<String>>>,
    reading: Option<JoinHandle<()>>,
}

/// A request for a scripted task.
pub(crate) fn scripted(payload: Value) -> Value {
    json!({"task_type": "scripted", "payload": payload})
}

/// What a process says that refuses to start.
pub(crate) fn refusal(args: &[&str]) -> String {
    refusal_with(args, &[])
}

pub(crate) fn refusal_with(args: &[&str], variables: &[(&str, &str)]) -> String {
    let output = errand(args).envs(variables.iter().copied()).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

/// What a process prints that ends well.
pub(crate) fn output(args: &[&str]) -> String {
    output_with(args, &[])
}

pub(crate) fn output_with(args: &[&str], variables: &[(&str, &str)]) -> String {
    let output = errand(args).envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The lines on standard error of a process that ends well, where `RUST_LOG` says this, if anything.
pub(crate) fn said(args: &[&str], log: Option<&str>) -> Vec<String> {
    let mut command = errand(args);
    let output = command.env_remove("RUST_LOG").envs(log.map(|log| ("RUST_LOG", log))).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    said.lines().map(str::to_owned).collect()
}

/// What a server with these flags, which logs everything, has printed on standard output once it listens.
pub(crate) fn printed_by_start(flags: &[&str]) -> String {
    let data = tempfile::tempdir().unwrap();
    let mut command = errand(&["--port", "0", "--data", data.path().to_str().unwrap()]);
    command.args(flags).env("RUST_LOG", "info").stdout(Stdio::piped());
    let mut server = Server::listening(&mut command, Some(data));
    server.child.kill().unwrap();
    std::io::read_to_string(server.child.stdout.take().unwrap()).unwrap()
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> String {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port().to_string()
}

fn errand(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_errand"));
    command.args(args).env("RUST_LOG", "warn");
    command
}

impl Server {
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_with(flags, &[])
    }

    pub(crate) fn start_with(flags: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::spawn(tempfile::tempdir().unwrap(), flags, variables)
    }

    pub(crate) fn start_on(data: TempDir, flags: &[&str]) -> Self {
        Self::spawn(data, flags, &[])
    }

    /// With nothing but these variables.
    pub(crate) fn start_bare(variables: &[(&str, &str)]) -> Self {
        Self::listening(errand(&[]).envs(variables.iter().copied()), None)
    }

    /// With these arguments alone.
    pub(crate) fn start_as(args: &[&str]) -> Self {
        Self::listening(&mut errand(args), None)
    }

    fn spawn(data: TempDir, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = errand(&["--port", "0", "--scripted", "--data", data.path().to_str().unwrap()]);
        Self::listening(command.args(flags).envs(variables.iter().copied()), Some(data))
    }

    fn listening(command: &mut Command, data: Option<TempDir>) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let url = loop {
            let line = lines.next().unwrap_or_else(|| panic!("it did not start: {said:?}")).unwrap();
            if let Some((_, url)) = line.split_once("listens on ") {
                break url.to_owned();
            }
            said.push(line);
        };
        // Its pipe must not fill, and what it says helps where a test fails.
        let said = Arc::new(Mutex::new(said));
        let lines_of = said.clone();
        let read = move |line: String| {
            eprintln!("{line}");
            lines_of.lock().unwrap().push(line);
        };
        let reading = Some(thread::spawn(move || lines.map_while(Result::ok).for_each(read)));
        let http = errand_models::http::client(PATIENCE).unwrap();
        Self { child, url, data, http, said, reading }
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.as_ref().unwrap().path()
    }

    /// `kill -9`, and another process on the same data.
    pub(crate) fn kill_and_restart(mut self, flags: &[&str]) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let data = self.data.take().unwrap();
        Self::start_on(data, flags)
    }

    /// Whether it has said this on standard error by now.
    pub(crate) fn has_said(&self, text: &str) -> bool {
        self.said.lock().unwrap().iter().any(|line| line.contains(text))
    }

    /// SIGTERM; its exit code, and all that it has said.
    pub(crate) fn last_words(mut self) -> (Option<i32>, Vec<String>) {
        let (said, reading) = (self.said.clone(), self.reading.take());
        let (code, _) = self.terminate();
        reading.unwrap().join().unwrap();
        let said = said.lock().unwrap().clone();
        (code, said)
    }

    /// SIGTERM; its exit code and data.
    pub(crate) fn terminate(mut self) -> (Option<i32>, TempDir) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        (status.code(), self.data.take().unwrap())
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.url)).body(body.to_string());
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    pub(crate) async fn put(&self, path: &str, body: Value) {
        let (status, answer) = self.write("PUT", path, body, None).await;
        assert_eq!(status, 201, "{path}: {answer}");
    }

    /// `PUT` or `PATCH`, of the version named if one is.
    pub(crate) async fn write(&self, method: &str, path: &str, body: Value, version: Option<&str>) -> (u16, Value) {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.url)).body(body.to_string());
        let request = version.into_iter().fold(request, |r, version| r.header("if-match", format!("\"{version}\"")));
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    /// Sends `body`; the status of the answer.
    pub(crate) async fn send(&self, method: &str, path: &str, body: String) -> u16 {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.url)).body(body);
        request.send().await.unwrap().status().as_u16()
    }

    /// The most memory that it has held so far, in KiB.
    pub(crate) fn peak_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    }

    pub(crate) async fn status_with_header(&self, path: &str, name: &str, value: &str) -> u16 {
        let request = self.http.get(format!("{}{path}", self.url)).header(name, value);
        request.send().await.unwrap().status().as_u16()
    }

    /// What is first answered to `text`, said on a connection of its own.
    pub(crate) fn say(&self, text: &str) -> String {
        let mut connection = self.connect();
        connection.write_all(text.as_bytes()).unwrap();
        let mut answer = [0; 4096];
        let read = connection.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..read]).into_owned()
    }

    /// A connection of its own.
    pub(crate) fn connect(&self) -> TcpStream {
        let connection = TcpStream::connect(self.url.strip_prefix("http://").unwrap()).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        connection
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// The same by a token.
    pub(crate) async fn get_as(&self, path: &str, token: &str) -> Value {
        let answer = self.http.get(format!("{}{path}", self.url)).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    pub(crate) async fn status_of(&self, path: &str, token: Option<&str>) -> u16 {
        let request = self.http.get(format!("{}{path}", self.url));
        let request = token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
        request.send().await.unwrap().status().as_u16()
    }

    /// How many a list has, over all its pages.
    pub(crate) async fn count(&self, list: &str) -> u64 {
        let (mut count, mut cursor) = (0, String::new());
        loop {
            let page = self.get(&format!("{list}&limit=100{cursor}")).await;
            count += page["count"].as_u64().unwrap();
            match page["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return count,
            }
        }
    }

    pub(crate) async fn enqueue(&self, request: Value) -> Value {
        let (status, task) = self.post("/v1/tasks", request).await;
        assert_eq!(status, 201, "{task}");
        task
    }

    /// Enqueues and waits for the end.
    pub(crate) async fn run(&self, request: Value) -> Value {
        let task = self.enqueue(request).await;
        self.ended(&task).await
    }

    pub(crate) async fn task(&self, task: &Value) -> Value {
        self.get(&format!("/v1/tasks/{}", task["id"].as_str().unwrap())).await
    }

    pub(crate) async fn ended(&self, task: &Value) -> Value {
        self.until(|| async {
            let task = self.task(task).await;
            (!task["ended_at"].is_null()).then_some(task)
        })
        .await
    }

    pub(crate) async fn until_status(&self, task: &Value, status: &str) {
        self.until(|| async { (self.task(task).await["status"] == status).then_some(()) }).await;
    }

    pub(crate) async fn first_event(&self) -> Option<Value> {
        self.get("/v1/events").await["items"].as_array().unwrap().first().cloned()
    }

    /// Asks until there is an answer.
    pub(crate) async fn until<T, F: Future<Output = Option<T>>>(&self, ask: impl Fn() -> F) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            assert!(Instant::now() < deadline, "nothing after {PATIENCE:?}");
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves `router` on this machine until the test ends; where, without a slash at the end.
pub(crate) async fn serve(router: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// A listener that keeps what it is sent.
pub(crate) struct Hook {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Value>>>,
}

impl Hook {
    /// Answers 503 to the first `refusals` posts, then 204.
    pub(crate) async fn refusing_first(refusals: usize) -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let keep = received.clone();
        let answer = move |body: String| async move {
            let mut received = keep.lock().unwrap();
            received.push(serde_json::from_str(&body).unwrap());
            if received.len() > refusals {
                axum::http::StatusCode::NO_CONTENT
            } else {
                axum::http::StatusCode::SERVICE_UNAVAILABLE
            }
        };
        let router = axum::Router::new().route("/", axum::routing::post(answer));
        Self { url: serve(router).await + "/", received }
    }

    pub(crate) fn received(&self) -> Vec<Value> {
        self.received.lock().unwrap().clone()
    }
}
