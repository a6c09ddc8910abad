//! Lambda's Runtime API, for one function process: it starts the binary, hands it events and takes its answers.
//! Written from the API's public description (version 2018-06-01).

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use axum::{
    Router,
    body::Body,
    extract::{Path as PathOf, State},
    http::{Response, StatusCode},
    routing::{get, post},
};
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};

/// How long anything here may take; debug builds on a machine under load are slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// The X-Ray header of every event.
pub const TRACE: &str = "Root=1-00000000-000000000000000000000000";

/// What a process told the API.
#[derive(Debug)]
enum Told {
    /// It asks for an event, and did at this instant.
    Asks(Instant),
    /// Its answer to an event, or that handling it failed.
    Answers(Result<Value, Value>),
}

struct Api {
    events: Mutex<mpsc::UnboundedReceiver<String>>,
    told: mpsc::UnboundedSender<Told>,
}

/// A function that runs; killed when dropped.
pub struct Function {
    child: Child,
    events: mpsc::UnboundedSender<String>,
    told: mpsc::UnboundedReceiver<Told>,
    said: Arc<std::sync::Mutex<Vec<String>>>,
    /// From before the process was made to its first request for an event.
    pub cold_start: Duration,
}

/// What Lambda gives a function besides its own variables. The credentials are good for emulators only.
fn environment(api: &str) -> [(&str, &str); 9] {
    [
        ("AWS_LAMBDA_RUNTIME_API", api),
        ("AWS_LAMBDA_FUNCTION_NAME", "function"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_SESSION_TOKEN", "test"),
        ("RUST_LOG", "info"),
    ]
}

fn command(binary: &Path, api: &str, variables: &BTreeMap<String, String>) -> Command {
    let mut command = Command::new(binary);
    command.env_clear().envs(environment(api)).envs(variables).stdin(Stdio::null());
    command
}

/// What a process leaves that ends before it asks for an event.
pub fn refusal(binary: &Path, variables: &BTreeMap<String, String>) -> Output {
    // Nobody listens there: it must end before it would ask.
    command(binary, "127.0.0.1:9", variables).output().unwrap_or_else(|e| panic!("{}: {e}", binary.display()))
}

impl Function {
    /// Starts `binary` and waits until it asks for its first event.
    pub async fn start(binary: &Path, variables: &BTreeMap<String, String>) -> Self {
        let (events, waiting) = mpsc::unbounded_channel();
        let (told, hears) = mpsc::unbounded_channel();
        let api = Arc::new(Api { events: Mutex::new(waiting), told });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let invocation = "/2018-06-01/runtime/invocation";
        let routes = Router::new()
            .route(&format!("{invocation}/next"), get(next))
            .route(&format!("{invocation}/{{id}}/response"), post(answered))
            .route(&format!("{invocation}/{{id}}/error"), post(failed));
        tokio::spawn(axum::serve(listener, routes.with_state(api)).into_future());

        let mut command = command(binary, &address, variables);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = Instant::now();
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{}: {e}", binary.display()));
        let said = Arc::default();
        listen(child.stdout.take().unwrap(), &said);
        listen(child.stderr.take().unwrap(), &said);
        let mut function = Self { child, events, told: hears, said, cold_start: Duration::ZERO };
        match function.hear().await {
            Told::Asks(at) => function.cold_start = at - started,
            told @ Told::Answers(_) => panic!("{told:?} before anything was asked"),
        }
        function
    }

    /// What the function makes of an event: its answer, or its error.
    pub async fn invoke(&mut self, event: &Value) -> Result<Value, Value> {
        self.events.send(event.to_string()).unwrap();
        let Told::Answers(answer) = self.hear().await else { panic!("it asks for another event and answers none") };
        let Told::Asks(_) = self.hear().await else { panic!("it answers twice") };
        answer
    }

    /// The first line that it has written or will write, to whichever output, of those `wanted`.
    pub async fn line(&self, wanted: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let said = self.said();
            match said.iter().find(|line| wanted(line)) {
                Some(line) => return line.clone(),
                None if Instant::now() > until => panic!("no such line among {said:#?}"),
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    /// What it has written so far, to whichever output.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// The memory it has in use (`VmRSS`), in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    async fn hear(&mut self) -> Told {
        let told = tokio::time::timeout(PATIENCE, self.told.recv()).await;
        told.unwrap_or_else(|_| panic!("no answer; {:?}, {:#?}", self.child.try_wait(), self.said())).unwrap()
    }
}

/// Keeps the lines that are written to `output`.
fn listen(output: impl Read + Send + 'static, said: &Arc<std::sync::Mutex<Vec<String>>>) {
    let said = said.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            said.lock().unwrap().push(line);
        }
    });
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn next(State(api): State<Arc<Api>>) -> Response<Body> {
    let _ = api.told.send(Told::Asks(Instant::now()));
    let event = api.events.lock().await.recv().await.unwrap_or_default();
    #[allow(clippy::disallowed_methods)] // Lambda's clock is not ours
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Response::builder()
        .header("Lambda-Runtime-Aws-Request-Id", uuid::Uuid::new_v4().to_string())
        .header("Lambda-Runtime-Deadline-Ms", (now + Duration::from_secs(120)).as_millis().to_string())
        .header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:function")
        .header("Lambda-Runtime-Trace-Id", TRACE)
        .body(Body::from(event))
        .unwrap()
}

async fn answered(State(api): State<Arc<Api>>, PathOf(_id): PathOf<String>, body: String) -> StatusCode {
    let _ = api.told.send(Told::Answers(Ok(serde_json::from_str(&body).unwrap())));
    StatusCode::ACCEPTED
}

async fn failed(State(api): State<Arc<Api>>, PathOf(_id): PathOf<String>, body: String) -> StatusCode {
    let _ = api.told.send(Told::Answers(Err(serde_json::from_str(&body).unwrap())));
    StatusCode::ACCEPTED
}
