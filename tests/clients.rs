//! The clients, as their READMEs use them, against a server that they know by its address alone.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use errand::spi::clock::{Clock, SystemClock};
use errand_local::{
    options::{Durability, Options},
    running::RunningServer,
};
use errand_outbound::{SigningSecret, SigningSecrets, signed};
use integration_tests::{
    node,
    settings::Settings,
    venv::{program, venv},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

const PYTHON: &str = include_str!("../clients/python/README.md");
const README: &str = include_str!("../README.md");
const TYPESCRIPT: &str = include_str!("../clients/typescript/README.md");

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// How long what hangs is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

fn clients(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients").join(name)
}

/// The blocks of code in a README.
fn blocks(readme: &'static str) -> Vec<&'static str> {
    readme.split("```").skip(1).step_by(2).filter_map(|block| Some(block.split_once('\n')?.1)).collect()
}

async fn server() -> (RunningServer, TempDir) {
    let data = tempfile::tempdir().unwrap();
    let options = Options::on_a_free_port(data.path().to_owned(), Durability::Normal);
    (RunningServer::start(&options, Settings::default().types()).await.unwrap(), data)
}

/// A program that uses a client; it is killed with this.
struct Program(Option<Child>);

impl Program {
    fn start(mut command: Command, server: &RunningServer) -> Self {
        command.env("ERRAND_URL", format!("http://{}", server.address));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(Some(command.spawn().unwrap()))
    }

    fn pid(&self) -> Pid {
        Pid::from_child(self.0.as_ref().unwrap())
    }

    /// What it writes, once it has ended well.
    async fn ended(mut self) -> String {
        let (pid, child) = (self.pid(), self.0.take().unwrap());
        let ended = tokio::task::spawn_blocking(move || child.wait_with_output());
        let output = match tokio::time::timeout(PATIENCE, ended).await {
            Ok(ended) => ended.unwrap().unwrap(),
            Err(_) => {
                kill_process(pid, Signal::KILL).unwrap();
                panic!("it does not end");
            }
        };
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{} {out} {err}", output.status);
        assert_eq!(err, "", "it has nothing to complain of");
        out.into_owned()
    }

    /// Tells it to end, as systemd, Docker and Kubernetes do.
    async fn told_to_end(self) {
        kill_process(self.pid(), Signal::TERM).unwrap();
        self.ended().await;
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn python(script: &str) -> Command {
    let mut command = Command::new("python3");
    command
        .args(["-W", "error", "-c", script])
        .env("PYTHONPATH", clients("python"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_worker_of_the_readme_does_what_its_readme_asks_for() {
    let (server, _data) = server().await;
    let [work, ask, ..] = blocks(PYTHON)[..] else { panic!("two blocks at least") };
    assert!(work.lines().filter(|line| !line.trim().is_empty()).count() <= 7, "{work}");
    let worker = Program::start(python(work), &server);
    let said = Program::start(
        python(&ask.replace("client.enqueue", "client.put_type(\"resize\") and client.enqueue")),
        &server,
    );
    assert_eq!(said.ended().await, "{'width': 200}\n");
    worker.told_to_end().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_five_lines_of_the_readme_do_work() {
    let (server, _data) = server().await;
    let (_, from_here) = README.split_once("```python\n").unwrap();
    let (work, _) = from_here.split_once("```").unwrap();
    assert!(work.lines().filter(|line| !line.trim().is_empty()).count() <= 5, "{work}");
    let worker = Program::start(python(work), &server);
    let ask = "
from errand_client import Client
Client().put_type('resize')
print(Client().wait(Client().enqueue('resize', {'width': 400})['id'])['output'])";
    assert_eq!(Program::start(python(ask), &server).ended().await, "{'width': 200}\n");
    worker.told_to_end().await;
    server.stop().await;
}

/// Tries each end there is, by a worker; prints how its tasks stand.
const ENDS: &str = r#"
import json, threading
from errand_client import *
client = Client()
client.put_type("try", may_enqueue=["scripted"], max_retries=0)
worker = Worker(capacity=4, wait_s=1, lease_s=10)

@worker.task("try")
def ends(task):
    how = task.payload
    task.event("tried.once", how)
    if how == "follow": task.follow_up("try", "completed")
    if how == "permanent": raise Permanent("never")
    if how == "blocked": raise Blocked("whose?")
    if how == "cancelled": raise Cancelled("off")
    if how == "raises": raise KeyError("x")
    if how == "snooze": raise Snooze(3600)
    if how == "again": raise RetryAfter(3600, "later")
    return how

ids = {how: client.enqueue("try", how, max_retries=1 if how == "again" else 0)["id"] for how in
       ["completed", "follow", "permanent", "blocked", "cancelled", "raises", "snooze", "again"]}
threading.Thread(target=worker.run, daemon=True).start()
seen = {}
for how, id in ids.items():
    task = client.wait(id) if how not in ("snooze", "again") else None
    while task is None or task["executions"] == 0 or task["status"] == "running":
        task = client.task(id)
    seen[how] = [task["status"], (task.get("failure") or {}).get("message") or task.get("reason")]
worker.stop()
[made] = [t for t in client.tasks(parent_id=ids["follow"])]
assert client.wait(made["id"])["output"] == "completed"
assert len(list(client.tasks(status="completed", limit="1"))) == 3
try: client.task("none")
except ApiError as error: assert error.status == 404
print(json.dumps(seen))
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_python_handler_may_end_in_every_way() {
    let (server, _data) = server().await;
    let said: Value = serde_json::from_str(&Program::start(python(ENDS), &server).ended().await).unwrap();
    assert_eq!(
        said,
        json!({
            "completed": ["completed", null], "follow": ["completed", null], "permanent": ["failed", "never"],
            "blocked": ["blocked", "whose?"], "cancelled": ["cancelled", "off"], "raises": ["failed", "KeyError: 'x'"],
            "snooze": ["pending", null], "again": ["pending", null],
        })
    );
    server.stop().await;
}

/// A worker of runs: what it says of each.
const RUNS: &str = r#"
import json, threading
from errand_client import Client, Worker
client, worker = Client(), Worker(pool="default", wait_s=1)

@worker.task("run_outside")
def work(task):
    task.say(thread_id="th", used={"model": "m", "cost_usd": 0.5})
    if task.payload["prompt"] == "fail": raise ValueError("no")
    return {"result": task.details["run_id"]}

threading.Thread(target=worker.run, daemon=True).start()
seen = []
for prompt in ["do it", "fail"]:
    run = client.request("POST", "/v1/runs", {"prompt": prompt, "executor": "runner", "max_retries": 0})
    client.wait(run["task_id"])
    ended = client.request("GET", f"/v1/runs/{run['id']}")
    seen.append([ended["status"], ended["result_preview"].replace(run["id"], "ID"), ended["thread_id"], ended["cost_usd"]])
worker.stop()
print(json.dumps(seen))
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_python_worker_does_runs_and_says_what_they_used() {
    let (server, _data) = server().await;
    let seen: Value = serde_json::from_str(&Program::start(python(RUNS), &server).ended().await).unwrap();
    assert_eq!(seen, json!([["completed", "ID", "th", 0.5], ["failed", "ValueError: no", "th", 0.5]]));
    server.stop().await;
}

/// A worker: whether it is told the trace that a task was asked for in.
const TRACED: &str = r#"
import sys, threading
from errand_client import Client, Worker
client, worker = Client(), Worker(wait_s=1)
client.put_type("traced")

@worker.task("traced")
def work(task): return task.traceparent

threading.Thread(target=worker.run, daemon=True).start()
ids = [client.enqueue("traced", n, traceparent=trace)["id"] for n, trace in enumerate([sys.argv[1], None])]
print([client.wait(id)["output"] for id in ids])
worker.stop()
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_from_a_python_client_to_a_python_worker() {
    let (server, _data) = server().await;
    let mut program = python(TRACED);
    program.arg(TRACE);
    assert_eq!(Program::start(program, &server).ended().await, format!("['{TRACE}', None]\n"));
    server.stop().await;
}

/// What Errand sends to who it calls: headers and body.
fn call(secret: &SigningSecret, body: &str) -> Value {
    let headers = signed(&SigningSecrets::of(secret.clone()), "task_0", SystemClock.now(), body.as_bytes());
    let mut call: serde_json::Map<String, Value> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    call.insert("errand-task-id".to_owned(), "task".into());
    call.insert("idempotency-key".to_owned(), "task".into());
    call.insert("traceparent".to_owned(), TRACE.into());
    json!({"headers": call, "body": body})
}

/// What a program wrote, each line JSON.
fn lines(output: Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn who_is_called_takes_what_errand_has_signed_and_nothing_else() {
    let [ours, other] = [(); 2].map(|()| SigningSecret::generate().unwrap());
    let body = r#"{"width":"☂"}"#;
    let calls = json!([call(&ours, body), call(&other, body), {"headers": {}, "body": body}]);
    let script = "
import json, sys
from errand_client import Push
calls, secret = json.loads(sys.argv[1]), sys.argv[2]
push = Push()
push.task('resize', secret=[secret])(lambda task: [task.payload, task.id, task.traceparent])
print(json.dumps([push.handle(call['headers'], call['body'].encode())[0::2][0] for call in calls]))
print(push.handle(calls[0]['headers'], calls[0]['body'].encode())[2].decode())";
    let mut command = python(script);
    let secret = ours.reveal();
    let output = command.arg(calls.to_string()).arg(&secret).output().unwrap();
    let expected = [json!([200, 401, 401]), json!({"status": "completed", "output": [{"width": "☂"}, "task", TRACE]})];
    assert_eq!(lines(output), expected);

    let built = Built::new();
    let script = "
import { Push } from 'errand-client';
const [calls, secret] = [JSON.parse(process.argv[2]!), process.argv[3]!];
const push = new Push().task('resize', [secret], (task) => [task.payload, task.id, task.traceparent]);
const ask = (call: any) => push.handle(new Request('http://x', { method: 'POST', headers: call.headers, body: call.body }));
const answers: Response[] = [];
for (const call of calls) answers.push(await ask(call));
console.log(JSON.stringify(answers.map((answer) => answer.status)));
console.log(await answers[0]!.text());";
    let mut command = built.script("push", script);
    assert_eq!(lines(command.arg(calls.to_string()).arg(&secret).output().unwrap()), expected);
}

#[tokio::test]
async fn the_python_clients_types_hold() {
    let tools = venv("clients", &Path::new(env!("CARGO_MANIFEST_DIR")).join("requirements-clients.txt")).unwrap();
    let mut mypy = Command::new(program(&tools, "mypy"));
    let cache = tempfile::tempdir().unwrap();
    mypy.current_dir(clients("python")).args(["--strict", "--cache-dir"]).arg(cache.path()).arg("errand_client");
    let output = mypy.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// The TypeScript client as npm would install it, and programs that use it.
struct Built {
    folder: TempDir,
    tools: PathBuf,
}

impl Built {
    fn new() -> Self {
        let tools = node::packages("typescript", &["typescript@5.9.3", "@types/node@20.19.25"]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let built = Self { folder, tools };
        let package = built.folder.path().join("node_modules/errand-client");
        let mut compile = built.compiler();
        compile.arg("-p").arg(clients("typescript")).arg("--outDir").arg(package.join("dist"));
        Self::compile(compile);
        fs::copy(clients("typescript").join("package.json"), package.join("package.json")).unwrap();
        built
    }

    fn compiler(&self) -> Command {
        let mut compile = Command::new(self.tools.join("node_modules/.bin/tsc"));
        compile.arg("--typeRoots").arg(self.tools.join("node_modules/@types"));
        compile
    }

    fn compile(mut compile: Command) {
        let output = compile.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    /// A program of this text, compiled strictly.
    fn script(&self, name: &str, text: &str) -> Command {
        let file = self.folder.path().join(format!("{name}.mts"));
        fs::write(&file, text).unwrap();
        let mut compile = self.compiler();
        compile.current_dir(self.folder.path()).args(["--module", "nodenext", "--target", "es2023", "--strict"]);
        compile.args(["--types", "node", "--lib", "es2023,dom"]).arg(&file);
        Self::compile(compile);
        let mut command = Command::new("node");
        command.arg(self.folder.path().join(format!("{name}.mjs")));
        command
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_worker_of_the_readme_does_what_its_readme_asks_for() {
    let (server, _data) = server().await;
    let built = Built::new();
    let [work, ask, ..] = blocks(TYPESCRIPT)[..] else { panic!("two blocks at least") };
    let worker = Program::start(built.script("worker", work), &server);
    let ask = ask.replace("new Client();", "new Client();\nawait client.putType(\"resize\");");
    assert_eq!(Program::start(built.script("ask", &ask), &server).ended().await, "{ width: 200 }\n");
    worker.told_to_end().await;
    server.stop().await;
}
