//! Many runs of one tenant at the same time, all of which work on its budget.

use serde_json::json;

use crate::{kills::model, process::Server};

/// Far more than a write is tried while others are faster.
const RUNS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_that_work_on_one_budget_at_once_fail_for_none_of_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let (_model, profiles) = model(dir.path()).await;
    let file = dir.path().join("agents.json");
    let limits = json!({"budgets": {"tenant": {"daily_usd": 9999}, "user": {"daily_usd": 9999}}});
    std::fs::write(&file, limits.to_string()).unwrap();
    let flags = ["--poll-interval-ms", "20", "--synchronous", "normal", "--profiles", &profiles];
    let server = Server::start_with(&flags, &[("ERRAND_AGENTS", file.to_str().unwrap())]);
    let begun =
        (0..RUNS).map(|nth| server.post("/v1/runs", json!({"prompt": format!("Do task {nth:03}."), "user_id": "ada"})));
    let begun = futures::future::join_all(begun).await;
    for (status, run) in begun {
        assert_eq!(status, 201, "{run}");
        let task = server.ended(&json!({"id": run["task_id"]})).await;
        assert_eq!((&task["status"], &task["failures"]), (&json!("completed"), &json!(0)), "{task:#}");
    }
}
