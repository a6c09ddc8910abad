//! Runs whose server is killed again and again, at any moment: what they pay, to whom, and where that stands.
//!
//! `ERRAND_KILLS=100 cargo test -p errand-local --test server kills` is the whole of it; without, there are a few.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, extract::State, routing::post};
use errand::{
    Id, Name,
    spi::{
        money::Usd,
        store::{RecordKey, Store},
    },
};
use errand_local::sqlite::{SqliteSettings, SqliteStore, Synchronous};
use fastrand::Rng;
use serde_json::{Value, json};

use crate::process::{Server, serve};

const RUNS: usize = 20;

/// How often the server is killed, unless `ERRAND_KILLS` says otherwise.
const KILLS: usize = 12;

/// How long a server lives at most once it listens, and how long the model thinks at most.
const LIFE_MS: u64 = 400;
const THOUGHT_MS: u64 = 300;

/// What a turn costs by the tokens that the model says it used, in millionths of a dollar.
const TURN: u64 = 10_000;

/// A turn of two follows in each run, and then the last.
const TURNS: usize = 3;

/// A model server: what it was asked, and what it has answered, by the prompt of the run.
#[derive(Default)]
pub(crate) struct Model {
    /// The most that each call may have cost.
    asked: Mutex<BTreeMap<String, Vec<u64>>>,
    /// The names of the answers.
    answered: Mutex<BTreeMap<String, BTreeSet<String>>>,
}

/// The most that the answer to this may cost: a token read for each byte, and all written that are allowed.
fn most(request: &Value) -> u64 {
    let messages = request["messages"].as_array().unwrap();
    let bytes: usize = messages.iter().map(|message| message["content"].as_str().unwrap().len()).sum();
    50 * bytes as u64 + 500 * request["max_completion_tokens"].as_u64().unwrap()
}

/// What of a run's first prompt tells it from the others.
fn name_of(request: &Value) -> String {
    let told = request["messages"].to_string();
    let (_, rest) = told.split_once("Do task ").unwrap();
    rest.split_once('.').unwrap().0.to_owned()
}

async fn answer(State(model): State<Arc<Model>>, body: String) -> String {
    let request: Value = serde_json::from_str(&body).unwrap();
    let name = name_of(&request);
    model.asked.lock().unwrap().entry(name.clone()).or_default().push(most(&request));
    tokio::time::sleep(Duration::from_millis(fastrand::u64(..THOUGHT_MS))).await;
    let before = request["messages"].as_array().unwrap().iter().filter(|said| said["role"] == "assistant").count();
    let text = match before + 1 {
        TURNS => "All of it is done.".to_owned(),
        nth => format!("This is part {nth} of what there is to be found out, and the next one follows..."),
    };
    // Who hangs up before has this dropped.
    let turn = format!("turn-{:x}", fastrand::u64(..));
    model.answered.lock().unwrap().entry(name).or_default().insert(turn.clone());
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 10});
    let choice = json!({"message": {"content": text}, "finish_reason": "stop"});
    json!({"id": turn, "model": "told", "choices": [choice], "usage": usage}).to_string()
}

/// Its profiles file, in `dir`.
pub(crate) async fn model(dir: &Path) -> (Arc<Model>, String) {
    let model = Arc::new(Model::default());
    let routes = Router::new().route("/v1/chat/completions", post(answer)).with_state(model.clone());
    let endpoint = serve(routes).await + "/v1";
    let profile = json!({"kind": "openai", "model": "told", "endpoint": endpoint, "usd_per_million_in": 50,
        "usd_per_million_out": 500});
    let file = dir.join("profiles.json");
    fs::write(&file, json!({"default": profile}).to_string()).unwrap();
    (model, file.to_str().unwrap().to_owned())
}

/// The id of a run, and its task's.
struct Begun {
    name: String,
    run: String,
    task: String,
}

async fn begin(server: &Server, nth: usize) -> Begun {
    let name = format!("{nth:02}");
    let body = json!({"prompt": format!("Do task {name}."), "agent_id": format!("a{name}"), "session_id": format!("s{name}"),
        "budgets": {"daily_usd": 1000}});
    let (status, run) = server.post("/v1/runs", body).await;
    assert_eq!(status, 201, "{run}");
    let id = |field: &str| run[field].as_str().unwrap().to_owned();
    Begun { name, run: id("id"), task: id("task_id") }
}

/// Has those that wait after a loss go on at once, and counts those that have not ended.
async fn hurry(server: &Server, runs: &[Begun]) -> usize {
    let mut open = 0;
    for run in runs {
        let task = server.get(&format!("/v1/tasks/{}", run.task)).await;
        open += usize::from(task["ended_at"].is_null());
        if task["status"] == "pending" && task["losses"] != 0 {
            // Refused if it was claimed meanwhile.
            server.post(&format!("/v1/tasks/{}/process", run.task), json!({"force": true})).await;
        }
    }
    open
}

fn micros(dollars: &Value) -> u64 {
    dollars.as_f64().map_or(0, |dollars| Usd::from_dollars(dollars).unwrap().micros())
}

/// What became of a run.
struct Paid {
    executions: usize,
    lost: usize,
    /// Calls that were reserved for and came to no turn.
    unseen: usize,
    turns: usize,
    /// Calls that were answered and came to no turn.
    repeated: usize,
}

/// Each turn was answered and paid for once; each execution has one row; of each that was lost in a call the row says what
/// that may have cost; all rows are what the run has cost, and what its agent has spent.
async fn is_paid(server: &Server, store: &SqliteStore, model: &Model, run: &Begun) -> Paid {
    let task = server.get(&format!("/v1/tasks/{}", run.task)).await;
    assert_eq!((&task["status"], &task["output"]["turns"]), (&json!("completed"), &json!(TURNS)), "{task:#}");
    let log = server.get(&format!("/v1/tasks/{}/log?limit=100", run.task)).await;
    let rows: Vec<&Value> = log["items"].as_array().unwrap().iter().filter(|row| row["kind"] == "execution").collect();
    let mut executions: Vec<u64> = rows.iter().map(|row| row["execution"].as_u64().unwrap()).collect();
    executions.sort_unstable();
    assert_eq!(executions, (1..=task["executions"].as_u64().unwrap()).collect::<Vec<_>>(), "{log:#}");

    let shown = server.get(&format!("/v1/runs/{}", run.run)).await;
    let key = RecordKey {
        tenant: Name::default(),
        kind: Name::of("spending"),
        id: Id::new(&format!("a{}", run.name)).unwrap(),
    };
    let counter = store.record(&key).await.unwrap().unwrap();
    let days = counter.doc.iter().filter(|(field, _)| field.starts_with("day:"));
    let spent: u64 = days.map(|(_, sum)| sum.as_u64().unwrap()).sum();
    let logged: u64 = rows.iter().map(|row| micros(&row["cost_usd"])).sum();
    let cost = micros(&shown["cost_usd"]);
    assert_eq!((cost, spent), (logged, logged), "run and counter, and the rows: {log:#}");

    let events = server.get(&format!("/v1/runs/{}/events?limit=500", run.run)).await;
    let turns = events["items"].as_array().unwrap().iter().filter(|event| event["type"] == "assistant_message");
    let turns: Vec<&str> = turns.map(|event| event["payload"]["turn_id"].as_str().unwrap()).collect();
    let answered = model.answered.lock().unwrap().get(&run.name).cloned().unwrap_or_default();
    assert!(turns.iter().all(|turn| answered.contains(*turn)), "{turns:?} of {answered:?}");
    assert_eq!((turns.len(), turns.iter().collect::<BTreeSet<_>>().len()), (TURNS, TURNS));

    // The tokens say how many turns a row has; what is more was reserved, for the call that was the last in it.
    let asked = model.asked.lock().unwrap().get(&run.name).cloned().unwrap_or_default();
    let beyond = rows.iter().map(|row| micros(&row["cost_usd"]) - TURN * row["tokens_in"].as_u64().unwrap_or(0) / 100);
    let unseen: Vec<u64> = beyond.filter(|beyond| *beyond > 0).collect();
    assert!(unseen.iter().all(|most| asked.contains(most)), "{unseen:?} of {asked:?}");
    assert!(asked.len() <= TURNS + unseen.len(), "{} calls: one was paid for by nobody", asked.len());
    let lost = rows.iter().filter(|row| row["outcome"] == "lost").count();
    assert!(unseen.len() <= lost, "only a worker that was lost leaves anything open");
    Paid { executions: rows.len(), lost, unseen: unseen.len(), turns: turns.len(), repeated: answered.len() - TURNS }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_whose_server_is_killed_at_any_moment_pay_for_each_turn_once_and_their_log_says_what_all_cost() {
    #[allow(clippy::disallowed_methods)] // how long to try is whoever runs the tests' to say
    let kills = std::env::var("ERRAND_KILLS").map_or(KILLS, |text| text.parse().expect("a number"));
    let dir = tempfile::tempdir().unwrap();
    let (model, profiles) = model(dir.path()).await;
    let flags =
        ["--poll-interval-ms", "20", "--synchronous", "normal", "--max-losses", "1000", "--profiles", &profiles];
    let mut server = Server::start(&flags);
    let (mut runs, mut rng) = (Vec::new(), Rng::with_seed(13));
    for kill in 0..kills {
        while runs.len() * kills < RUNS * (kill + 1) && runs.len() < RUNS {
            runs.push(begin(&server, runs.len()).await);
        }
        hurry(&server, &runs).await;
        // A moment like any other: nothing is waited for.
        tokio::time::sleep(Duration::from_millis(rng.u64(..LIFE_MS))).await;
        server = tokio::task::block_in_place(|| server.kill_and_restart(&flags));
    }
    assert_eq!(runs.len(), RUNS);
    server.until(|| async { (hurry(&server, &runs).await == 0).then_some(()) }).await;
    let store = SqliteStore::open(
        &server.data().join("errand.db"),
        SqliteSettings { synchronous: Synchronous::Normal, ..SqliteSettings::default() },
    )
    .unwrap();
    let mut sums = [0; 5];
    for run in &runs {
        let Paid { executions, lost, unseen, turns, repeated } = is_paid(&server, &store, &model, run).await;
        sums.iter_mut().zip([executions, lost, unseen, turns, repeated]).for_each(|(sum, more)| *sum += more);
    }
    let [executions, lost, unseen, turns, repeated] = sums;
    let asked: usize = model.asked.lock().unwrap().values().map(Vec::len).sum();
    #[allow(clippy::print_stdout)] // the figures
    {
        println!(
            "{kills} kills, {RUNS} runs: {executions} executions, {lost} of them lost, {unseen} in a call; {asked} calls, \
             {turns} of them turns; {repeated} were answered, not stored, and asked again"
        );
    }
    assert!(lost > 0, "no kill met a run");
    assert!(unseen > 0, "no kill met a call");
}
