//! Runs on the one-machine server: asked for, steered and stopped over HTTP, stored in its file, answered by a model server
//! over HTTP. What is looked at besides, in the store, is whether they are whole.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, extract::State, http::Response, routing::post};
use errand::{
    Timestamp,
    spi::clock::{Clock, ManualClock, SystemClock},
};
use errand_agents::{Command, CommandStatus, ExecutionState};
use errand_local::{
    options::{Durability, Options},
    running::RunningServer,
};
use errand_models::Profiles;
use integration_tests::{events::Call, settings::Settings, world::World};
use serde_json::{Value, json};
use std::time::Duration;
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    sync::{Notify, Semaphore},
};
use uuid::Uuid;

use super::stage::{Seen, is_whole, seen};

mod answers;

/// A model server that speaks OpenAI's protocol and runs tools of its own.
struct Model {
    /// What it says, by how many answers the conversation has; the last is repeated.
    lines: Vec<Value>,
    /// What it answers before that, whole: see [`scripted`].
    script: Mutex<VecDeque<Value>>,
    /// What it was asked.
    asked: Mutex<Vec<Value>>,
    /// One permit for each answer that may go out.
    may_answer: Semaphore,
    /// Told when whoever asked has hung up before the answer went out.
    hung_up: Arc<Notify>,
}

/// Tells of a call that is dropped before it is answered.
struct Pending(Option<Arc<Notify>>);

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.take().inspect(|hung_up| hung_up.notify_one());
    }
}

/// A run, and its task.
struct Begun {
    run: String,
    task: Uuid,
}

/// See the module.
struct Server {
    model: Arc<Model>,
    /// Unless its time is real.
    clock: Option<Arc<ManualClock>>,
    running: RunningServer,
    client: reqwest::Client,
    world: World,
    _dir: TempDir,
}

/// So many looks before the clock goes on a second, and before there is no hope.
const LOOKS: usize = 20;
const MOST_LOOKS: usize = 20_000;

/// More than any run needs.
const EVERY: usize = 100;

fn says(text: &str) -> Value {
    json!({"content": text})
}

fn uses(text: &str, times: usize) -> Value {
    let call = |n| json!({"name": "search", "arguments": {"page": 1}, "output": format!("found {n}")});
    json!({"content": text, "executed_tools": (0..times).map(call).collect::<Vec<Value>>()})
}

/// What stands in a script: `{status?, headers?, body}`, `"never"`, or `"breaks off"`.
async fn scripted(script: Value) -> Response<Body> {
    if script == "never" {
        std::future::pending::<()>().await;
    }
    if script == "breaks off" {
        let broken = [Ok("{\"choices\": ["), Err(std::io::Error::other("the connection is lost"))];
        return Response::new(Body::from_stream(futures::stream::iter(broken)));
    }
    let status = script["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(200);
    let headers = script["headers"].as_object().cloned().unwrap_or_default();
    let response = headers.iter().fold(Response::builder().status(status), |response, (name, value)| {
        response.header(name, value.as_str().unwrap())
    });
    let body = script["body"].as_str().map_or_else(|| script["body"].to_string(), str::to_owned);
    response.body(body.into()).unwrap()
}

async fn answer(State(model): State<Arc<Model>>, body: String) -> Response<Body> {
    let request: Value = serde_json::from_str(&body).unwrap();
    let messages = request["messages"].as_array().cloned().unwrap_or_default();
    let answers = |message: &&Value| message["role"] == "assistant" && message["content"].is_string();
    let answered = messages.iter().filter(answers).count();
    model.asked.lock().unwrap().push(request);
    let script = model.script.lock().unwrap().pop_front();
    if let Some(script) = script {
        return scripted(script).await;
    }
    let mut pending = Pending(Some(model.hung_up.clone()));
    model.may_answer.acquire().await.unwrap().forget();
    pending.0 = None;
    let message = model.lines.get(answered).or(model.lines.last()).cloned().unwrap();
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 10});
    let answer =
        json!({"id": format!("turn-{answered}"), "model": "told", "choices": [{"message": message}], "usage": usage});
    Response::new(answer.to_string().into())
}

impl Server {
    /// With a model of which so many answers go out.
    async fn start(lines: Vec<Value>, answers: usize) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_767_225_600_000)));
        Self { clock: Some(clock.clone()), ..Self::by(clock, lines, answers).await }
    }

    /// The same by this clock.
    async fn by(clock: Arc<dyn Clock>, lines: Vec<Value>, answers: usize) -> Self {
        let (asked, may_answer, hung_up) = (Mutex::default(), Semaphore::new(answers), Arc::default());
        let model = Arc::new(Model { lines, script: Mutex::default(), asked, may_answer, hung_up });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}/v1", listener.local_addr().unwrap());
        let routes = Router::new().route("/v1/chat/completions", post(answer)).with_state(model.clone());
        tokio::spawn(axum::serve(listener, routes).into_future());
        let dir = tempfile::tempdir().unwrap();
        let unpriced = json!({"kind": "openai", "model": "told", "endpoint": endpoint});
        let mut priced = unpriced.clone();
        priced["usd_per_million_in"] = json!(50);
        priced["usd_per_million_out"] = json!(500);
        let mut hasty = priced.clone();
        hasty["timeout_s"] = json!(0.5);
        let mut away = priced.clone();
        // Where nobody listens any more.
        away["endpoint"] =
            json!(format!("http://{}/v1", TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap()));
        let profiles = json!({"default": priced, "unpriced": unpriced, "hasty": hasty, "away": away}).to_string();
        let (profiles, _) = Profiles::read(&profiles, |_| None).unwrap();
        let options = Options::on_a_free_port(dir.path().to_owned(), Durability::Normal);
        let options = Options { poll_interval_ms: 10, ..options };
        let running = RunningServer::start_at(&options, Settings::asking(profiles).types(), clock).await.unwrap();
        let client = errand_models::http::client(Duration::from_secs(30)).unwrap();
        let world = World::on(running.app.store.clone());
        Self { model, clock: None, running, client, world, _dir: dir }
    }

    async fn ask(&self, call: &Call) -> Value {
        let request = call.http(&format!("http://{}", self.running.address));
        let response = self.client.execute(request.try_into().unwrap()).await.unwrap();
        let (status, body) = (response.status(), response.bytes().await.unwrap());
        assert!(status.is_success(), "{status} {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }

    async fn run(&self, more: Value) -> Begun {
        let mut body = json!({"prompt": "Do it.", "agent_id": "a", "session_id": "s"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let run = self.ask(&Call::post("/v1/runs", &body)).await;
        let task = Uuid::try_parse(run["task_id"].as_str().unwrap()).unwrap();
        Begun { run: run["id"].as_str().unwrap().to_owned(), task }
    }

    async fn task(&self, begun: &Begun) -> Value {
        self.ask(&Call::get(&format!("/v1/tasks/{}", begun.task))).await
    }

    async fn command(&self, begun: &Begun, kind: &str, prompt: &str) {
        let body = json!({"kind": kind, "payload": {"prompt": prompt}});
        let given = self.ask(&Call::post(&format!("/v1/runs/{}/commands", begun.run), &body)).await;
        assert_eq!((&given["status"], &given["run_id"]), (&json!("pending"), &json!(begun.run)));
    }

    /// Looks until there is what is looked for; the clock goes on meanwhile.
    async fn until<T>(&self, look: impl AsyncFn() -> Option<T>) -> T {
        for n in 1..=MOST_LOOKS {
            if let Some(found) = look().await {
                return found;
            }
            if let (Some(clock), true) = (&self.clock, n.is_multiple_of(LOOKS)) {
                clock.advance(Duration::from_secs(1));
            }
        }
        panic!("it never came");
    }

    async fn ended(&self, begun: &Begun) -> Seen {
        let look = async || self.task(begun).await["ended_at"].is_string().then_some(());
        self.until(look).await;
        let seen = seen(&self.world, begun.task).await;
        is_whole(&self.world, &seen).await;
        seen
    }

    /// Until the model was asked so often.
    async fn until_asked(&self, times: usize) {
        self.until(async || {
            tokio::task::yield_now().await;
            let task = self.ask(&Call::get("/v1/health")).await;
            (self.model.asked.lock().unwrap().len() >= times).then_some(task)
        })
        .await;
    }

    fn asked(&self) -> usize {
        self.model.asked.lock().unwrap().len()
    }

    fn last_prompt(&self) -> String {
        let asked = self.model.asked.lock().unwrap();
        let messages = asked.last().unwrap()["messages"].as_array().cloned().unwrap();
        messages.last().unwrap()["content"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_run_is_done_in_one_turn() {
    let server = Server::start(vec![uses("All is done: see a.txt.", 2)], EVERY).await;
    let run = server.run(json!({})).await;
    let seen = server.ended(&run).await;
    let task = server.task(&run).await;
    assert_eq!((&task["status"], &task["output"]["result"]), (&json!("completed"), &json!("All is done: see a.txt.")));
    assert_eq!((server.asked(), seen.turns.len(), seen.run.turn_id.as_deref()), (1, 1, Some("turn-0")));
    let calls: Vec<Value> = seen.events.iter().map(|event| json!(event)).filter(|e| e["type"] == "tool_call").collect();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1]["payload"]["input"], json!({"page": 1}));
    let log = server.ask(&Call::get(&format!("/v1/tasks/{}/log", run.task))).await;
    let row = &log["items"][0];
    assert_eq!((&row["tokens_in"], &row["cost_usd"], &row["model"]), (&json!(100), &json!(0.01), &json!("told")));
    server.running.stop().await;
}

#[tokio::test]
async fn a_run_that_trails_off_is_followed_up() {
    let lines = vec![says("I have looked at the first half of it. Now I'll do the rest"), says("All is done.")];
    let server = Server::start(lines, EVERY).await;
    let run = server.run(json!({})).await;
    let seen = server.ended(&run).await;
    assert_eq!((server.asked(), seen.turns.len(), seen.task.status().as_str()), (2, 2, "completed"));
    assert!(server.last_prompt().starts_with("Your answer is not finished."), "{}", server.last_prompt());
    server.running.stop().await;
}

#[tokio::test]
async fn a_run_that_goes_in_circles_is_asked_for_another_way_and_then_blocked() {
    let server = Server::start(vec![uses("I have searched for it once more.", 3)], EVERY).await;
    let run = server.run(json!({})).await;
    let seen = server.ended(&run).await;
    assert!(server.last_prompt().starts_with("You are going in circles."), "{}", server.last_prompt());
    assert_eq!((server.asked(), seen.task.status().as_str()), (3, "blocked"));
    server.running.stop().await;
}

#[tokio::test]
async fn a_run_is_steered_between_turns() {
    let lines = vec![says("This is the first half of what I have found, and here comes..."), says("All is done.")];
    let server = Server::start(lines, 0).await;
    let run = server.run(json!({})).await;
    server.until_asked(1).await;
    server.command(&run, "steer", "Only the cheap ones.").await;
    server.model.may_answer.add_permits(EVERY);
    let seen = server.ended(&run).await;
    assert!(server.last_prompt().ends_with("Only the cheap ones."), "{}", server.last_prompt());
    assert_eq!((server.asked(), seen.task.status().as_str()), (2, "completed"));
    server.running.stop().await;
}

#[tokio::test]
async fn every_turn_given_while_runs_end_is_done_or_refused() {
    const RUNS: usize = 12;
    // So few that no session becomes long.
    const EACH: usize = 25;
    let server = Server::start(vec![says("All is done.")], RUNS * (EACH + 1)).await;
    let server = &server;
    let one = async |n: usize| {
        let run = server.run(json!({"agent_id": format!("a{n}"), "session_id": format!("s{n}")})).await;
        let mut taken = 0;
        for _ in 0..EACH {
            let body = json!({"kind": "turn", "payload": {"prompt": "And now tests."}});
            let call = Call::post(&format!("/v1/runs/{}/commands", run.run), &body);
            let request = call.http(&format!("http://{}", server.running.address));
            let status = server.client.execute(request.try_into().unwrap()).await.unwrap().status().as_u16();
            assert!([201, 409].contains(&status), "{status}");
            taken += usize::from(status == 201);
        }
        let seen = server.ended(&run).await;
        assert_eq!(seen.commands.len(), taken);
        let done = |command: &Command| command.status == CommandStatus::Completed;
        assert!(seen.commands.iter().all(done), "{:?}", seen.commands);
        (taken, EACH - taken)
    };
    let sums = futures::future::join_all((0..RUNS).map(one)).await;
    let (taken, refused) = sums.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert_eq!(taken + refused, RUNS * EACH);
    assert!(taken >= RUNS, "none would show nothing: {taken} taken, {refused} refused");
    server.model.may_answer.close();
}

#[tokio::test]
async fn a_run_is_interrupted() {
    let server = Server::start(vec![says("All is done.")], 0).await;
    let run = server.run(json!({})).await;
    server.until_asked(1).await;
    server.command(&run, "interrupt", "").await;
    let seen = server.ended(&run).await;
    assert_eq!((server.asked(), seen.run.turns, seen.task.status().as_str()), (1, 0, "blocked"));
    assert_eq!(seen.run.result_preview, "interrupted");
    server.running.stop().await;
}

#[tokio::test]
async fn a_run_that_is_cancelled_drops_its_turn_within_ten_seconds() {
    let server = Server::start(vec![says("All is done.")], 0).await;
    let run = server.run(json!({})).await;
    server.until_asked(1).await;
    let cancelled =
        server.ask(&Call::post(&format!("/v1/runs/{}/cancel", run.run), &json!({"reason": "enough"}))).await;
    assert_eq!(cancelled["status"], "cancelled");
    // The worker has dropped its call once it is free for another run.
    server.clock.as_ref().unwrap().advance(Duration::from_secs(10));
    server.model.may_answer.add_permits(EVERY);
    let other = server.run(json!({"session_id": "t", "agent_id": "b"})).await;
    server
        .until(async || {
            let task = server.task(&other).await;
            (task["status"] == "completed").then_some(())
        })
        .await;
    let seen = server.ended(&run).await;
    assert_eq!((seen.run.turns, seen.task.status().as_str()), (0, "cancelled"));
    assert_eq!(seen.session.execution_state, ExecutionState::Terminal);
    server.running.stop().await;
}

#[tokio::test]
async fn a_run_that_is_cancelled_hangs_up_on_its_model_long_before_that_must_answer() {
    let server = Server::by(Arc::new(SystemClock), vec![says("All is done.")], 0).await;
    let run = server.run(json!({})).await;
    server.until_asked(1).await;
    let cancelled =
        server.ask(&Call::post(&format!("/v1/runs/{}/cancel", run.run), &json!({"reason": "enough"}))).await;
    assert_eq!(cancelled["status"], "cancelled");
    // Its worker looks every five seconds; the profile gives the model 45.
    let hung_up = tokio::time::timeout(Duration::from_secs(40), server.model.hung_up.notified()).await;
    assert!(hung_up.is_ok(), "the model is still asked");
    let shown = server.ask(&Call::get(&format!("/v1/runs/{}", run.run))).await;
    assert_eq!((&shown["status"], &shown["result_preview"]), (&json!("cancelled"), &json!("enough")));
    let seen = server.ended(&run).await;
    assert_eq!((server.asked(), seen.run.turns, seen.task.status().as_str()), (1, 0, "cancelled"));
    server.running.stop().await;
}

#[tokio::test]
async fn a_run_passes_its_warning_and_then_its_budget() {
    let server = Server::start(vec![says("That is the first part of it. Now I'll do the next one")], EVERY).await;
    let run = server.run(json!({"budgets": {"hourly_usd": 0.0125}})).await;
    let seen = server.ended(&run).await;
    let task = server.task(&run).await;
    assert_eq!((&task["status"], &task["failure"]["kind"]), (&json!("failed"), &json!("budget_exceeded")), "{task}");
    let notes = seen.events.iter().map(|event| json!(event)["payload"]["note"].clone());
    let notes: Vec<String> = notes.filter_map(|note| Some(note.as_str()?.to_owned())).collect();
    assert_eq!(notes.iter().filter(|note| note.contains("hourly budget")).count(), 2, "{notes:?}");
    assert_eq!(server.asked(), 2);
    server.running.stop().await;
}

#[tokio::test]
async fn a_run_whose_price_is_not_known_never_asks() {
    let server = Server::start(vec![says("All is done.")], EVERY).await;
    let run = server.run(json!({"profile": "unpriced", "budgets": {"hourly_usd": 1}})).await;
    let seen = server.ended(&run).await;
    assert_eq!((server.asked(), seen.run.turns), (0, 0));
    assert_eq!(json!(seen.run.failure)["kind"], "budget_unavailable");
    server.running.stop().await;
}

#[tokio::test]
async fn a_run_that_says_what_blocks_it_is_redriven_with_the_answer() {
    let lines = vec![says("I looked everywhere.\n\nBLOCKED: the key of the vault"), says("Opened. All is done.")];
    let server = Server::start(lines, EVERY).await;
    let run = server.run(json!({})).await;
    let blocked = server.ended(&run).await;
    let task = server.task(&run).await;
    assert_eq!((&task["status"], &task["reason"]), (&json!("blocked"), &json!("the key of the vault")), "{task}");
    server.ask(&Call::post(&format!("/v1/tasks/{}/retry", run.task), &json!({"note": "Behind the door."}))).await;
    let done = server.ended(&run).await;
    assert!(server.last_prompt().contains("Behind the door."), "{}", server.last_prompt());
    assert_eq!((done.task.status().as_str(), done.run.drive, server.asked()), ("completed", 1, 2));
    assert!(done.session.revision > blocked.session.revision);
    server.running.stop().await;
}
