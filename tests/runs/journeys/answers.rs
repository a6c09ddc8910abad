//! What becomes of a run whatever its model server answers: how it ends, how often was asked, what is counted.

use errand::spi::money::Usd;
use errand_agents::Terminal;
use integration_tests::events::Call;
use serde_json::{Value, json};

use super::{Begun, EVERY, Server, says};
use crate::runs::stage::spent;

/// A whole answer with this message, this reason for its end, and this usage.
fn answer(message: Value, reason: &str, usage: Value) -> Value {
    json!({"body": {"id": "turn-x", "model": "told", "choices": [{"message": message, "finish_reason": reason}], "usage": usage}})
}

/// The usual one: 1 cent.
fn usage() -> Value {
    json!({"prompt_tokens": 100, "completion_tokens": 10})
}

/// An error of this status.
fn error(status: u16, headers: Value) -> Value {
    json!({"status": status, "headers": headers, "body": {"error": {"message": "not now"}}})
}

/// How a run is to end.
struct End {
    status: &'static str,
    /// Of its failure.
    kind: Option<&'static str>,
    /// How often the model is asked.
    asked: usize,
    /// What is counted for what was answered, in millionths of a dollar.
    cost: u64,
    /// How many of the first calls are counted as the most that they may have cost: nobody knows what they did.
    most: usize,
}

const DONE: End = End { status: "completed", kind: None, asked: 1, cost: 10_000, most: 0 };

/// The most that the answer to this may cost, in millionths: a token read for each byte, all written that are allowed.
fn most(request: &Value) -> u64 {
    let messages = request["messages"].as_array().unwrap();
    let bytes: usize = messages.iter().map(|message| message["content"].as_str().unwrap().len()).sum();
    50 * bytes as u64 + 500 * request["max_completion_tokens"].as_u64().unwrap()
}

/// What all rows of a task's log say that it cost, in millionths.
async fn logged(server: &Server, run: &Begun) -> u64 {
    let log = server.ask(&Call::get(&format!("/v1/tasks/{}/log", run.task))).await;
    let costs = log["items"].as_array().unwrap().iter().filter_map(|row| row["cost_usd"].as_f64());
    costs.map(|cost| Usd::from_dollars(cost).unwrap().micros()).sum()
}

/// One journey over HTTP, from its start to its end: the server answers `script`, then that all is done.
async fn journey(name: &str, more: Value, script: Vec<Value>, end: &End) -> (Value, Begun, Server) {
    let server = Server::start(vec![says("All is done.")], EVERY).await;
    *server.model.script.lock().unwrap() = script.into();
    let run = server.run(more).await;
    server.until(async || server.task(&run).await["ended_at"].is_string().then_some(())).await;
    let task = server.task(&run).await;
    let kind = task["failure"]["kind"].as_str();
    assert_eq!((task["status"].as_str(), kind), (Some(end.status), end.kind), "{name}: {task:#}");
    assert_eq!(server.asked(), end.asked, "{name}");
    let asked = server.model.asked.lock().unwrap().clone();
    let expected = end.cost + asked.iter().take(end.most).map(most).sum::<u64>();
    let shown = server.ask(&Call::get(&format!("/v1/runs/{}", run.run))).await;
    let cost: Usd = serde_json::from_value(shown["cost_usd"].clone()).unwrap();
    let spent = u64::try_from(spent(&server.world).await).unwrap();
    assert_eq!((cost.micros(), spent, logged(&server, &run).await), (expected, expected, expected), "{name}");
    let terminal: Option<Terminal> = serde_json::from_value(shown["terminal_status"].clone()).unwrap();
    assert_eq!(terminal.map(Terminal::as_str), Some(end.status), "{name}");
    (task, run, server)
}

async fn all(journeys: Vec<(&str, Value, Vec<Value>, End)>) {
    for (name, more, script, end) in journeys {
        let (_, _, server) = journey(name, more, script, &end).await;
        server.running.stop().await;
    }
}

#[tokio::test]
async fn a_run_outlives_what_is_wrong_with_its_model_server_for_a_while() {
    let good = || answer(json!({"content": "All is done."}), "stop", usage());
    let empty = || answer(json!({"content": ""}), "stop", usage());
    all(vec![
        ("as it should be", json!({}), vec![good()], DONE),
        ("an error", json!({}), vec![error(500, json!({}))], End { asked: 2, ..DONE }),
        ("two errors", json!({}), vec![error(500, json!({})), error(503, json!({}))], End { asked: 3, ..DONE }),
        ("too many requests", json!({}), vec![error(429, json!({"retry-after": "7"}))], End { asked: 2, ..DONE }),
        ("nothing, which is paid", json!({}), vec![empty()], End { asked: 2, cost: 20_000, ..DONE }),
    ])
    .await;
}

#[tokio::test]
async fn a_call_whose_end_nobody_saw_costs_what_was_reserved_for_it() {
    let again = || End { asked: 2, most: 1, ..DONE };
    let budgets = || json!({"budgets": {"hourly_usd": 100}});
    all(vec![
        ("no JSON", json!({}), vec![json!({"body": "<html>"})], again()),
        ("broken JSON", json!({}), vec![json!({"body": "{\"choices\": [{"})], again()),
        ("a broken connection", budgets(), vec![json!("breaks off")], again()),
        ("a gateway that lost it", json!({}), vec![error(502, json!({}))], again()),
        ("a gateway that waited no longer", budgets(), vec![error(504, json!({}))], again()),
        (
            "an error with the status of a success",
            budgets(),
            vec![json!({"body": {"error": {"message": "later"}}})],
            again(),
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_model_server_that_is_not_there_costs_nothing() {
    let nobody = End { status: "failed", kind: Some("provider_transport"), asked: 0, cost: 0, most: 0 };
    all(vec![("away", json!({"profile": "away"}), vec![], nobody)]).await;
}

#[tokio::test]
async fn what_a_model_server_says_in_another_form_is_understood_and_counted() {
    let parts = json!({"content": [{"type": "thinking", "thinking": []}, {"type": "text", "text": "All is "}, {"type": "text", "text": "done."}]});
    let floats = json!({"prompt_tokens": 100.0, "completion_tokens": 10.0, "cost": 0.5});
    let text = || json!({"content": "All is done."});
    let (task, _, server) = journey("parts", json!({}), vec![answer(parts, "stop", usage())], &DONE).await;
    assert_eq!(task["output"]["result"], "All is done.");
    server.running.stop().await;
    all(vec![
        ("counts as fractions", json!({}), vec![answer(text(), "stop", floats)], DONE),
        ("no counts", json!({}), vec![answer(text(), "stop", json!(null))], End { cost: 0, most: 1, ..DONE }),
        (
            "half of the counts",
            json!({}),
            vec![answer(text(), "stop", json!({"prompt_tokens": 100}))],
            End { cost: 0, most: 1, ..DONE },
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_answer_of_unknown_cost_is_kept_and_no_other_follows_where_there_is_a_budget() {
    let unfinished =
        || answer(json!({"content": "That is the first half of it, and here comes..."}), "stop", json!({}));
    let limited = json!({"budgets": {"hourly_usd": 100}});
    let over = End { status: "failed", kind: Some("budget_unavailable"), asked: 1, cost: 0, most: 1 };
    let (_, run, server) = journey("with a budget", limited, vec![unfinished()], &over).await;
    let events = server.ask(&Call::get(&format!("/v1/runs/{}/events", run.run))).await;
    assert!(events.to_string().contains("That is the first half of it"), "{events}");
    server.running.stop().await;
    all(vec![("without", json!({}), vec![unfinished()], End { asked: 2, most: 1, ..DONE })]).await;
}

#[tokio::test]
async fn a_run_that_is_refused_is_blocked_with_the_words() {
    let refused = json!({"content": null, "refusal": "I may not do that."});
    let blocked = || End { status: "blocked", ..DONE };
    for (message, reason, words) in [
        (refused, "stop", "I may not do that."),
        (json!({"content": ""}), "content_filter", "content_filter"),
        (json!({"content": [{"type": "refusal", "refusal": "Not that."}]}), "stop", "Not that."),
    ] {
        let (task, _, server) = journey(words, json!({}), vec![answer(message, reason, usage())], &blocked()).await;
        assert!(task["reason"].as_str().is_some_and(|reason| reason.contains(words)), "{task:#}");
        server.running.stop().await;
    }
}

#[tokio::test]
async fn an_answer_that_was_cut_or_waits_for_tools_is_not_the_end() {
    let call = json!([{"id": "t1", "type": "function", "function": {"name": "search", "arguments": "{}"}}]);
    let calls =
        json!({"content": "I look it up first, and then I tell you what there is to be told.", "tool_calls": call});
    let cut = json!({"content": "It begins with the first of the files, which says that the harbour has"});
    let twice = || End { asked: 2, cost: 20_000, ..DONE };
    all(vec![
        ("cut", json!({}), vec![answer(cut, "length", usage())], twice()),
        ("unanswered calls", json!({}), vec![answer(calls, "tool_calls", usage())], twice()),
    ])
    .await;
}

#[tokio::test]
async fn a_run_that_its_model_server_does_not_take_fails_at_once() {
    let failed = |kind| End { status: "failed", kind: Some(kind), asked: 1, cost: 0, most: 0 };
    all(vec![
        ("credentials", json!({}), vec![error(401, json!({}))], failed("provider_auth")),
        ("forbidden", json!({}), vec![error(403, json!({}))], failed("provider_auth")),
        ("the request", json!({}), vec![error(400, json!({}))], failed("backend")),
        ("no such model", json!({}), vec![error(404, json!({}))], failed("backend")),
    ])
    .await;
}

#[tokio::test]
async fn a_run_is_told_when_its_model_server_wants_to_be_asked_again() {
    let wait = error(429, json!({"retry-after": "4000"}));
    let server = Server::start(vec![says("All is done.")], EVERY).await;
    server.model.script.lock().unwrap().push_back(wait);
    let run = server.run(json!({})).await;
    let clock = server.clock.clone().unwrap();
    let run_at = server
        .until(async || {
            let task = server.task(&run).await;
            (task["failures"] == 1).then(|| task["run_at"].clone())
        })
        .await;
    let run_at: errand::Timestamp = serde_json::from_value(run_at).unwrap();
    let left = run_at.since(errand::spi::clock::Clock::now(&*clock)).as_secs();
    assert!((3_000..=4_000).contains(&left), "{left}");
    clock.set(run_at);
    let seen = server.ended(&run).await;
    assert_eq!((server.asked(), seen.task.status().as_str()), (2, "completed"));
    server.running.stop().await;
}

#[tokio::test]
async fn a_model_server_that_never_answers_is_given_up_on_and_asked_again() {
    let server = Server::start(vec![says("All is done.")], EVERY).await;
    server.model.script.lock().unwrap().push_back(json!("never"));
    let run = server.run(json!({"profile": "hasty"})).await;
    server.until_asked(1).await;
    // Its half second is real, and the clock of the tasks is not: it goes on once that is over.
    let failed = async || (server.task(&run).await["failures"] == 1).then_some(());
    let waited = tokio::time::timeout(std::time::Duration::from_secs(60), async {
        while failed().await.is_none() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.unwrap();
    server.until(async || server.task(&run).await["ended_at"].is_string().then_some(())).await;
    let task = server.task(&run).await;
    assert_eq!(
        (server.asked(), &task["status"], &task["last_errors"][0]["kind"]),
        (2, &json!("completed"), &json!("timeout"))
    );
    let expected = 10_000 + most(&server.model.asked.lock().unwrap()[0]);
    assert_eq!((spent(&server.world).await, logged(&server, &run).await), (expected.cast_signed(), expected));
    server.running.stop().await;
}
