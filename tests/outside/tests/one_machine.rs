//! On one machine, over HTTP.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use errand::{Failure, Handler, Outcome, Registry, TaskContext};
use errand_local::{
    options::{Durability, Options},
    running::RunningServer,
};
use outside::{Mailer, types};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything here may take before it hangs: what takes a second may take minutes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(600);

/// A client of one server.
struct Client {
    http: reqwest::Client,
    url: String,
}

impl Client {
    fn of(url: String) -> Self {
        Self { http: errand_models::http::client(PATIENCE).unwrap(), url }
    }

    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.url));
        let request = body.into_iter().fold(request, |request, body| request.body(body.to_string()));
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask("GET", path, None).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// A new task, once it has ended.
    async fn run(&self, payload: Value) -> Value {
        let asked = json!({"task_type": "send_invoice", "payload": payload});
        let (status, task) = self.ask("POST", "/v1/tasks", Some(asked)).await;
        assert_eq!(status, 201, "{task}");
        let (path, begun) = (format!("/v1/tasks/{}", task["id"].as_str().unwrap()), Instant::now());
        loop {
            let task = self.get(&path).await;
            if task["ended_at"].is_string() {
                return task;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end: {task}");
        }
    }
}

/// A server in this process.
async fn server(mailer: Mailer) -> (RunningServer, Client, TempDir) {
    let data = tempfile::tempdir().unwrap();
    let options = Options::on_a_free_port(data.path().to_owned(), Durability::Normal);
    let running = RunningServer::start(&options, types(mailer)).await.unwrap();
    let client = Client::of(format!("http://{}", running.address));
    (running, client, data)
}

#[tokio::test]
async fn a_task_of_an_own_type_is_run_and_the_record_it_wrote_is_read_and_written() {
    let mailer = Mailer::default();
    let (running, client, _data) = server(mailer.clone()).await;
    let task = client.run(json!({"customer": "ada", "cents": 1250})).await;
    assert_eq!((&task["status"], mailer.sent()), (&json!("completed"), vec!["ada owes 12.50".to_owned()]), "{task}");

    let path = format!("/v1/records/invoice/{}", task["output"]["invoice"].as_str().unwrap());
    let invoice = client.get(&path).await;
    assert_eq!((&invoice["customer"], &invoice["paid"]), (&json!("ada"), &json!(false)), "{invoice}");
    let (status, paid) = client.ask("PATCH", &path, Some(json!({"paid": true}))).await;
    assert_eq!((status, &paid["paid"], &paid["cents"]), (200, &json!(true), &json!(1250)), "{paid}");
    assert_eq!(client.get("/v1/records/invoice?owner=ada").await["items"], json!([paid]));
    let (status, refused) = client.ask("PATCH", &path, Some(json!({"paid": "maybe"}))).await;
    assert_eq!((status, &refused["error"]["field"]), (400, &json!("paid")));
    running.stop().await;
}

#[tokio::test]
async fn an_own_type_is_shown_and_nothing_else_is_taken() {
    let (running, client, _data) = server(Mailer::default()).await;
    let shown = client.get("/v1/task-types").await;
    let [shown] = &shown["items"].as_array().unwrap()[..] else { panic!("{shown}") };
    assert_eq!((&shown["name"], &shown["example"]["cents"]), (&json!("send_invoice"), &json!(1250)));
    assert!(shown["schema"]["properties"]["customer"].is_object(), "{shown}");
    client.run(shown["example"].clone()).await;

    let refused = async |task: Value| {
        let (status, refused) = client.ask("POST", "/v1/tasks", Some(task)).await;
        assert_eq!(status, 400, "{refused}");
        refused["error"]["field"].as_str().unwrap().to_owned()
    };
    let payload = json!({"customer": "ada", "cents": 1, "colour": "red"});
    assert_eq!(refused(json!({"task_type": "send_invoice", "payload": payload})).await, "payload.colour");
    assert_eq!(refused(json!({"task_type": "scripted", "payload": {}})).await, "task_type");
    let (status, _) = client.ask("PUT", "/v1/records/user/ada", Some(json!({"first_name": "Ada"}))).await;
    assert!((400..500).contains(&status), "{status}");
    running.stop().await;
}

/// A type with a name that is taken.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Second {}

impl Handler for Second {
    const TYPE: &'static str = "send_invoice";
    type State = ();

    async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        Ok(Outcome::done(json!({})))
    }
}

#[tokio::test]
async fn a_name_that_two_types_have_keeps_the_server_from_starting() {
    let data = tempfile::tempdir().unwrap();
    let options = Options::on_a_free_port(data.path().to_owned(), Durability::Normal);
    let doubled = types(Mailer::default()).merge(Registry::new().add::<Second>(()));
    let error = RunningServer::start(&options, doubled).await.err().unwrap().to_string();
    let named = ["send_invoice", "outside::SendInvoice", "Second"];
    assert!(named.iter().all(|name| error.contains(name)), "{error}");
    assert_eq!(data.path().read_dir().unwrap().count(), 0, "it is told before anything is touched");
}

/// The program itself; killed when dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended already
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_program_serves_as_its_arguments_say() {
    let data = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_outside"));
    command.args(["--port", "0", "--data"]).arg(data.path()).env("RUST_LOG", "error");
    let mut program = Program(command.stderr(Stdio::piped()).spawn().unwrap());
    let said = BufReader::new(program.0.stderr.take().unwrap()).lines().next().unwrap().unwrap();
    let client = Client::of(said.strip_prefix("errand listens on ").unwrap().to_owned());
    assert_eq!(client.run(json!({"customer": "ada", "cents": 5})).await["status"], "completed");
}
