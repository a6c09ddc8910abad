//! What is counted is what happened.

use std::{collections::BTreeSet, sync::Arc};

use errand::spi::clock::SystemClock;
use serde_json::{Value, json};

use super::{Watched, everything_happens};

#[tokio::test]
async fn each_outcome_is_counted_once_by_type() {
    let watched = Watched::start().await;
    everything_happens(&watched).await;
    let ended = |outcome: &str| format!("errand_executions_total{{outcome=\"{outcome}\",task_type=\"scripted\"}}");
    let handled = "errand_handle_time_seconds_count{task_type=\"scripted\"}";
    let page = watched.page_when(|page| page.value(handled) >= 8.0).await;
    let outcomes = [("completed", 3.0), ("retry", 1.0), ("snoozed", 1.0), ("failed", 1.0), ("cancelled", 1.0)];
    for (outcome, times) in outcomes.into_iter().chain([("blocked", 1.0), ("waited", 0.0), ("lost", 0.0)]) {
        assert_eq!(page.values.get(&ended(outcome)), Some(&times), "{outcome}: {}", page.text);
    }
    let scripted = |name: &str| page.value(&format!("{name}{{task_type=\"scripted\"}}"));
    assert_eq!((scripted("errand_retries_total"), scripted("errand_failures_total")), (1.0, 1.0));
    assert_eq!(page.value(handled), 8.0, "{}", page.text);
    assert_eq!((page.value("errand_dead_letters_total"), page.value("errand_reaps_total")), (1.0, 0.0));
    assert!(page.value("errand_polls_total") > 0.0);
}

#[tokio::test]
async fn a_type_that_is_registered_is_counted_by_its_name() {
    let watched = Watched::start().await;
    let (status, said) = watched.asked("PUT", "/v1/task-types/mine", &json!({"run": {"kind": "worker"}})).await;
    assert_eq!(status, 201, "{said}");
    watched.post("/v1/tasks", &json!({"task_type": "mine", "payload": {}})).await;
    let claimed = watched.post("/v1/claims", &json!({"worker_id": "w", "task_types": ["mine"]})).await;
    let claim = &claimed["items"][0];
    let end = json!({"lease_token": claim["lease_token"], "status": "completed"});
    watched.post(&format!("/v1/tasks/{}/finish", claim["task_id"].as_str().unwrap()), &end).await;
    let page = watched.page().await;
    assert_eq!(page.value("errand_executions_total{outcome=\"completed\",task_type=\"mine\"}"), 1.0, "{}", page.text);
}

#[tokio::test]
async fn requests_are_counted_by_route_and_nothing_of_theirs_is_in_a_label() {
    let watched = Watched::start().await;
    let task = watched.scripted(&json!([])).await;
    let id = task["id"].as_str().unwrap();
    for _ in 0..2 {
        watched.asked("GET", &format!("/v1/tasks/{id}"), &Value::Null).await;
    }
    for (method, path) in [("GET", "/v1/nothing/secret-1"), ("SECRET", "/v1/tasks"), ("GET", "/dashboard/secret-2.js")]
    {
        watched.asked(method, path, &Value::Null).await;
    }
    let page = watched.page().await;
    let answered = |route: &str, status: u16| {
        page.value(&format!("errand_http_requests_total{{route=\"{route}\",status=\"{status}\"}}"))
    };
    assert_eq!((answered("GET /v1/tasks/{id}", 200), answered("POST /v1/tasks", 201)), (2.0, 1.0), "{}", page.text);
    assert_eq!((answered("none", 404), answered("none", 405)), (1.0, 1.0), "{}", page.text);
    assert_eq!(page.value("errand_http_time_seconds_count{route=\"GET /v1/tasks/{id}\"}"), 2.0);
    assert!(!page.text.contains(id) && !page.text.to_lowercase().contains("secret"), "{}", page.text);
    let statuses: BTreeSet<_> = page.values_of("status").into_iter().filter(|status| status.len() == 3).collect();
    assert_eq!(statuses, ["200", "201", "404", "405"].into());
}

#[tokio::test]
async fn who_is_not_let_in_leaves_no_text_in_a_label() {
    let watched = Watched::start_at(Arc::new(SystemClock), |options| options.token = Some("token".to_owned())).await;
    let stranger = Watched { token: Some("another".to_owned()), ..watched };
    for method in ["SECRET-1", "SECRET-2", "GET"] {
        assert_eq!(stranger.asked(method, "/v1/tasks", &Value::Null).await.0, 401);
    }
    let watched = Watched { token: Some("token".to_owned()), ..stranger };
    let page = watched.page().await;
    let answered = |route: &str| page.value(&format!("errand_http_requests_total{{route=\"{route}\",status=\"401\"}}"));
    assert_eq!((answered("none"), answered("GET /v1/tasks")), (2.0, 1.0), "{}", page.text);
    assert!(!page.text.contains("SECRET"), "{}", page.text);
}

#[tokio::test]
async fn the_store_tells_of_its_transactions() {
    let watched = Watched::start().await;
    let tasks = vec![json!({"task_type": "scripted", "payload": {}, "delay_s": 3600}); 40];
    watched.post("/v1/tasks/batch", &json!({"tasks": tasks})).await;
    let page = watched.page().await;
    let (rode, in_all) = (page.value("errand_store_group_size_count"), page.value("errand_store_group_size_sum"));
    assert!(rode >= 1.0 && in_all >= 40.0, "{}", page.text);
    assert_eq!(page.value("errand_store_commit_time_seconds_count"), rode);
    assert!(page.value("errand_store_wal_bytes") > 4096.0, "{}", page.text);
    assert_eq!(page.values.get("errand_store_rollbacks_total"), Some(&0.0));
}
