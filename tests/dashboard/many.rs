//! What is done to many, and what is said where not all are shown.

use serde_json::{Value, json};

use super::stage::Stage;

/// Makes these tasks of the type `scripted`, a hundred a request.
async fn make(stage: &Stage, tasks: impl Iterator<Item = Value>) {
    let tasks: Vec<Value> = tasks.collect();
    for some in tasks.chunks(100) {
        stage.post("tasks/batch", json!({"tasks": some})).await;
    }
}

/// Waits until a list of `/v1` has so many of this status.
async fn count(stage: &Stage, queue: &str, status: &str, count: usize) -> Value {
    stage.until(&format!("tasks?queue={queue}&status={status}&limit=100"), |page| page["count"] == count).await
}

/// Selects all that are shown and does this to them.
async fn act_on_all(stage: &Stage, title: &str, count: usize) {
    stage.browser.click("thead [type=checkbox]", "").await;
    stage.browser.shows(&format!("{count} tasks selected")).await;
    stage.browser.click(".chosen button", title).await;
    stage.browser.until(&format!("return document.querySelectorAll('.hit code').length === {count}")).await;
}

#[tokio::test]
async fn tasks_that_are_selected_are_retried_rescheduled_and_run_together() {
    let stage = Stage::new().await;
    let acts = json!([{"fail_for_good": "locked"}, "complete"]);
    make(&stage, (0..3).map(|_| json!({"task_type": "scripted", "payload": {"acts": acts}, "queue": "images"}))).await;
    make(&stage, (0..3).map(|_| json!({"task_type": "scripted", "payload": {}, "queue": "later", "delay_s": 3600})))
        .await;
    count(&stage, "images", "failed", 3).await;
    stage.open("tasks?queue=images&status=failed").await;
    stage.rows(3).await;
    act_on_all(&stage, "Retry", 3).await;
    stage.browser.write("dialog [name=word]", "unlocked").await;
    stage.browser.click("dialog [type=submit]", "").await;
    let done = count(&stage, "images", "completed", 3).await;
    assert!(
        done["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|task| task["redrives"] == 1 && task["redrive_note"] == "unlocked")
    );
    stage.browser.shows("Retry: 3 tasks done").await;

    stage.open("tasks?queue=later").await;
    stage.rows(3).await;
    act_on_all(&stage, "Reschedule", 3).await;
    stage.browser.run("const field = document.querySelector('dialog [type=datetime-local]'); field.value = '2099-05-04T03:02'; field.dispatchEvent(new Event('input', { bubbles: true }))").await;
    stage.browser.click("dialog [type=submit]", "").await;
    let moved = |task: &Value| task["run_at"].as_str().is_some_and(|at| at.starts_with("2099-05-0"));
    stage.until("tasks?queue=later", |page| page["items"].as_array().unwrap().iter().all(moved)).await;
    stage.browser.until("return !document.querySelector('dialog')").await;
    act_on_all(&stage, "Run now", 3).await;
    stage.browser.click("dialog [type=submit]", "").await;
    count(&stage, "later", "completed", 3).await;
    stage.was_quiet().await;
}

#[tokio::test]
async fn what_is_long_is_unfolded_and_copied_whole() {
    let stage = Stage::new().await;
    let ballast = format!("{}the end", "x".repeat(2000));
    let id = stage.task(json!({"ballast": ballast}), json!({})).await;
    stage.open(&format!("tasks/{id}")).await;
    let clipboard = "Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (text) => (window.copied = text) } })";
    stage.browser.run(clipboard).await;
    stage.browser.click("main button", "Copy id").await;
    stage.browser.until(&format!("return window.copied === '{id}'")).await;
    let shown = "document.querySelector('pre[aria-label=Payload]').innerText";
    assert_eq!(stage.browser.run(&format!("return {shown}.includes('the end')")).await, false);
    stage.browser.click("main button", "Copy payload").await;
    let copied = stage.browser.until("return window.copied.startsWith('{') && window.copied").await;
    let copied: Value = serde_json::from_str(copied.as_str().unwrap()).unwrap();
    assert_eq!(copied, stage.get(&format!("tasks/{id}")).await["payload"]);
    stage.browser.click("main button", "Unfold").await;
    stage.browser.until(&format!("return {shown}.includes('the end')")).await;
    stage.browser.click("main button", "Fold").await;
    stage.browser.until(&format!("return !{shown}.includes('the end')")).await;
    stage.was_quiet().await;
}

/// Has the page's calls that set tasks going again wait, each until it is let go.
const HOLD: &str = "const real = window.fetch; window.held = [];
    window.fetch = async (...asked) => {
        if (String(asked[1]?.body).includes('\"rate\"')) await new Promise((go) => window.held.push(go));
        return real(...asked);
    }";

#[tokio::test]
async fn a_redrive_shows_how_far_it_is_and_stops_on_being_told_to() {
    let stage = Stage::new().await;
    let acts = json!([{"fail_for_good": "no answer"}, "complete"]);
    make(&stage, (0..401).map(|_| json!({"task_type": "scripted", "payload": {"acts": acts}, "queue": "images"})))
        .await;
    let queues = |page: &Value, failed: u64| {
        page["items"].as_array().unwrap().iter().any(|one| one["queue"] == "images" && one["failed"] == failed)
    };
    stage.until("queues", |page| queues(page, 401)).await;
    stage.open("failures").await;
    stage.browser.run(HOLD).await;
    stage.browser.click(".groups button", "Redrive").await;
    stage.browser.shows("401 tasks would be set going again").await;
    stage.browser.write("dialog [name=rate]", "1000").await;
    stage.browser.click("dialog [type=submit]", "").await;
    let go = "if (!window.held.length) return false; window.held.shift()(); return true";
    stage.browser.until(go).await;
    stage
        .browser
        .until("const bar = document.querySelector('dialog progress'); return bar.value === 200 && bar.max === 401")
        .await;
    stage.browser.click("dialog button", "Stop").await;
    stage.browser.until(go).await;
    stage.browser.shows("400 tasks set going again, then stopped").await;
    stage.browser.until("return !document.querySelector('dialog')").await;
    stage.until("queues", |page| queues(page, 1)).await;
    assert_eq!(stage.get("dead-letters?queue=images").await["count"], 1);
    stage.was_quiet().await;
}

/// What is said where a filter knows this page alone.
const OF_THIS_PAGE: &str = "document.querySelector('main p.notice')?.innerText.includes('on this page alone')";

#[tokio::test]
async fn what_is_not_counted_or_looked_through_is_said() {
    let stage = Stage::new().await;
    let acts = |n: usize| if n < 60 { json!([{"fail_for_good": "no"}]) } else { json!(["complete"]) };
    let task = |n: usize| json!({"task_type": "scripted", "payload": {"acts": acts(n)}, "queue": format!("q{n}"), "delay_s": if n < 60 { 0 } else { 3600 }});
    make(&stage, (0..500).map(task)).await;
    stage.until("health", |health| health["tasks"]["failed"] == 60).await;
    stage.open("overview").await;
    stage.browser.until("return document.querySelectorAll('.counts tbody tr').length === 500").await;
    let said = "document.body.innerText.includes('There are more queues than these 500')";
    assert_eq!(stage.browser.run(&format!("return {said}")).await, false);
    make(&stage, std::iter::once(task(500))).await;
    stage.browser.until(&format!("return {said}")).await;

    stage.open("tasks?status=all&id=0").await;
    stage.browser.until(&format!("return {OF_THIS_PAGE}")).await;
    stage.open("tasks?status=all&queue=q7&id=0").await;
    stage.rows(1).await;
    assert_eq!(stage.browser.run(&format!("return Boolean({OF_THIS_PAGE})")).await, false);
    stage.open("failures").await;
    let groups = async |wanted: &str| {
        stage.browser.until(&format!("return document.querySelectorAll('.groups > li').length {wanted}")).await;
    };
    groups("> 1").await;
    stage.browser.shows("Page 1").await;
    for (name, some, none) in [("kind", "hand", "nonsense"), ("type", "scrip", "other")] {
        stage.open("failures").await;
        stage.browser.write(&format!("[name={name}]"), some).await;
        stage.browser.until(&format!("return {OF_THIS_PAGE}")).await;
        groups("> 1").await;
        stage.browser.write(&format!("[name={name}]"), none).await;
        groups("=== 0").await;
        stage.browser.shows("has failed among what was looked at").await;
    }
    stage.open("failures").await;
    stage.browser.write("[name=queue]", "q7").await;
    groups("=== 1").await;
    assert_eq!(stage.browser.run(&format!("return Boolean({OF_THIS_PAGE})")).await, false);
    stage.was_quiet().await;
}
