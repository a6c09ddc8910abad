//! What becomes of a run whatever its model server answers: how it ends, how often was asked, what is counted.

use errand::money::Usd;
use errand_agents::Terminal;
use integration_tests::events::Call;
use serde_json::{Value, json};

use super::{Begun, EVERY, Server, says};

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
}

const DONE: End = End { status: "completed", kind: None, asked: 1, cost: 10_000 };

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
    let shown = server.ask(&Call::get(&format!("/v1/runs/{}", run.run))).await;
    let cost: Usd = serde_json::from_value(shown["cost_usd"].clone()).unwrap();
    assert_eq!(cost.micros(), end.cost, "{name}");
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
    let budgets = || json!({"budgets": {"hourly_usd": 100}});
    all(vec![
        ("as it should be", json!({}), vec![good()], DONE),
        ("an error", json!({}), vec![error(500, json!({}))], End { asked: 2, ..DONE }),
        ("two errors", json!({}), vec![error(502, json!({})), error(503, json!({}))], End { asked: 3, ..DONE }),
        ("too many requests", json!({}), vec![error(429, json!({"retry-after": "7"}))], End { asked: 2, ..DONE }),
        ("no JSON", json!({}), vec![json!({"body": "<html>"})], End { asked: 2, ..DONE }),
        ("broken JSON", json!({}), vec![json!({"body": "{\"choices\": [{"})], End { asked: 2, ..DONE }),
        ("nothing, which is paid", json!({}), vec![empty()], End { asked: 2, cost: 20_000, ..DONE }),
        (
            "an error with the status of a success",
            budgets(),
            vec![json!({"body": {"error": {"message": "later"}}})],
            End { asked: 2, ..DONE },
        ),
    ])
    .await;
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
        ("no counts", json!({}), vec![answer(text(), "stop", json!(null))], End { cost: 0, ..DONE }),
        (
            "half of the counts",
            json!({}),
            vec![answer(text(), "stop", json!({"prompt_tokens": 100}))],
            End { cost: 0, ..DONE },
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_answer_of_unknown_cost_is_kept_and_no_other_follows_where_there_is_a_budget() {
    let unfinished =
        || answer(json!({"content": "That is the first half of it, and here comes..."}), "stop", json!({}));
    let limited = json!({"budgets": {"hourly_usd": 100}});
    let over = End { status: "failed", kind: Some("budget_unavailable"), asked: 1, cost: 0 };
    let (_, run, server) = journey("with a budget", limited, vec![unfinished()], &over).await;
    let events = server.ask(&Call::get(&format!("/v1/runs/{}/events", run.run))).await;
    assert!(events.to_string().contains("That is the first half of it"), "{events}");
    server.running.stop().await;
    all(vec![("without", json!({}), vec![unfinished()], End { asked: 2, ..DONE })]).await;
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
    let failed = |kind| End { status: "failed", kind: Some(kind), asked: 1, cost: 0 };
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
    let run_at: errand::clock::Timestamp = serde_json::from_value(run_at).unwrap();
    let left = run_at.since(errand::clock::Clock::now(&*clock)).as_secs();
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
    server.running.stop().await;
}
