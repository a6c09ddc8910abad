//! What waits where.

use std::{sync::Arc, time::Duration};

use errand::{Timestamp, spi::clock::ManualClock};
use serde_json::json;

use super::{Page, Watched};

/// How many tasks wait for their time in a queue of the project `default`.
fn pending(page: &Page, queue: &str) -> f64 {
    page.value(&format!("errand_queue_tasks{{project=\"default\",queue=\"{queue}\",status=\"pending\"}}"))
}

async fn put_off(watched: &Watched, queue: &str) {
    let task = json!({"task_type": "scripted", "payload": {}, "queue": queue, "delay_s": 3600});
    watched.post("/v1/tasks", &task).await;
}

#[tokio::test]
async fn depth_and_age_are_told_by_queue_and_read_once_a_second_at_most() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_767_225_600_000)));
    let watched = Watched::start_at(clock.clone(), |_| {}).await;
    watched.asked("PUT", "/v1/task-types/mine", &json!({"run": {"kind": "worker"}})).await;
    watched.post("/v1/tasks", &json!({"task_type": "mine", "payload": {}, "queue": "due"})).await;
    put_off(&watched, "later").await;
    let page = watched.page().await;
    assert_eq!((pending(&page, "due"), pending(&page, "later")), (1.0, 1.0), "{}", page.text);
    put_off(&watched, "later").await;
    assert_eq!(pending(&watched.page().await, "later"), 1.0, "it was read again within a second");
    clock.advance(Duration::from_secs(60));
    let page = watched.page().await;
    assert_eq!(pending(&page, "later"), 2.0, "{}", page.text);
    let oldest =
        |queue: &str| page.value(&format!("errand_oldest_due_seconds{{project=\"default\",queue=\"{queue}\"}}"));
    assert_eq!((oldest("due"), oldest("later")), (60.0, 0.0), "{}", page.text);
}

#[tokio::test]
async fn beyond_a_hundred_the_least_busy_queues_are_told_together() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_767_225_600_000)));
    let watched = Watched::start_at(clock.clone(), |_| {}).await;
    for n in 0..101 {
        put_off(&watched, &format!("q{n:03}")).await;
    }
    // The last, and two of them; so that one of the others is not among the hundred.
    put_off(&watched, "q100").await;
    let page = watched.page().await;
    assert_eq!(pending(&page, "q100"), 2.0, "{}", page.text);
    let other = "errand_queue_tasks{project=\"other\",queue=\"other\",status=\"pending\"}";
    assert_eq!(page.value(other), 1.0, "{}", page.text);
    assert_eq!(page.values_of("queue").len(), 101, "{}", page.text);
    let all =
        page.values.iter().filter(|(name, _)| name.starts_with("errand_queue_tasks{") && name.contains("pending"));
    assert_eq!(all.map(|(_, value)| value).sum::<f64>(), 102.0);
}

#[tokio::test]
async fn which_queues_are_the_busiest_is_looked_up_once_a_minute_where_they_are_not_all() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_767_225_600_000)));
    let watched = Watched::start_at(clock.clone(), |_| {}).await;
    put_off(&watched, "q000").await;
    assert_eq!(watched.page().await.values_of("queue").len(), 1);
    for n in 1..100 {
        put_off(&watched, &format!("q{n:03}")).await;
    }
    clock.advance(Duration::from_secs(1));
    assert_eq!(watched.page().await.values_of("queue").len(), 100, "all that there are are told apart at once");
    put_off(&watched, "late").await;
    let is_told = async |after_s: u64| {
        clock.advance(Duration::from_secs(after_s));
        watched.page().await.values_of("queue").contains("late")
    };
    assert!(!is_told(1).await, "of 101 that are as busy it is the last");
    for _ in 0..2 {
        put_off(&watched, "late").await;
    }
    assert!(!is_told(59).await, "it was looked up again within a minute");
    assert!(is_told(1).await);
}

#[tokio::test]
async fn queues_of_one_name_are_one_whoever_has_them() {
    let watched = Watched::start().await;
    for tenant in ["acme", "globex"] {
        let task = json!({"task_type": "scripted", "payload": {}, "queue": "q", "delay_s": 3600});
        let request = watched.http.post(format!("http://{}/v1/tasks", watched.server.address));
        let request = request.header("x-errand-tenant", tenant).body(task.to_string());
        assert_eq!(request.send().await.unwrap().status().as_u16(), 201);
    }
    let page = watched.page().await;
    assert_eq!(pending(&page, "q"), 2.0, "{}", page.text);
    assert!(!page.text.contains("acme") && !page.text.contains("globex"), "{}", page.text);
}
