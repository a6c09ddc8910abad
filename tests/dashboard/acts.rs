//! What is done to tasks by the dashboard's buttons.

use serde_json::{Value, json};

use super::stage::Stage;

#[tokio::test]
async fn each_act_on_a_task_does_what_its_button_says() {
    let stage = Stage::new().await;
    let failed = stage.task(json!({"acts": [{"fail_for_good": "locked"}, "complete"]}), json!({})).await;
    stage.task_until(&failed, "failed").await;
    stage.open(&format!("tasks/{failed}")).await;
    stage.browser.shows("locked").await;
    stage.act("Retry", &[("word", "unlocked it")]).await;
    let task = stage.task_until(&failed, "completed").await;
    assert_eq!((&task["redrives"], &task["redrive_note"]), (&json!(1), &json!("unlocked it")));
    // What became of it is shown without anybody asking.
    stage.browser.until("return document.querySelector('h1 .status.completed')").await;

    let later = stage.task(json!({}), json!({"delay_s": 3600})).await;
    stage.open(&format!("tasks/{later}")).await;
    let before = stage.get(&format!("tasks/{later}")).await["run_at"].clone();
    stage.browser.click("main button", "Reschedule").await;
    stage.browser.run("const field = document.querySelector('dialog [type=datetime-local]'); field.value = '2099-05-04T03:02'; field.dispatchEvent(new Event('input', { bubbles: true }))").await;
    stage.browser.click("dialog [type=submit]", "").await;
    let task = stage.until(&format!("tasks/{later}"), |task| task["run_at"] != before).await;
    assert!(task["run_at"].as_str().unwrap().starts_with("2099-05-0"), "{task}");
    stage.browser.until("return !document.querySelector('dialog')").await;
    stage.act("Run now", &[]).await;
    stage.task_until(&later, "completed").await;

    let doomed = stage.task(json!({}), json!({"delay_s": 3600})).await;
    stage.open(&format!("tasks/{doomed}")).await;
    stage.act("Cancel", &[("word", "not needed")]).await;
    assert_eq!(stage.task_until(&doomed, "cancelled").await["reason"], "not needed");
    stage.was_quiet().await;
}

#[tokio::test]
async fn many_are_acted_on_after_a_preview_of_what_is_hit() {
    let stage = Stage::new().await;
    let mut later = Vec::new();
    for n in 0..60 {
        later.push(stage.task(json!({}), json!({"queue": "later", "delay_s": 3600 + n})).await);
    }
    let other = stage.task(json!({}), json!({"queue": "other", "delay_s": 3600})).await;
    stage.open("tasks?queue=later").await;
    stage.browser.until("return document.querySelectorAll('tbody tr').length === 50").await;
    // The second page has the other ten.
    stage.browser.click(".pager button", "Next").await;
    stage.browser.until("return document.querySelectorAll('tbody tr').length === 10").await;
    stage.browser.click("thead [type=checkbox]", "").await;
    stage.browser.shows("10 tasks selected").await;
    stage.browser.click(".pager button", "Back").await;
    stage.browser.until("return document.querySelectorAll('tbody tr').length === 50").await;
    stage.browser.click("tbody tr:first-child [type=checkbox]", "").await;
    stage.browser.click(".chosen button", "Cancel").await;
    stage.browser.shows("Cancel 11 tasks").await;
    let hit = stage.browser.run("return document.querySelectorAll('.hit code').length").await;
    assert_eq!(hit, 11);
    stage.browser.write("dialog [name=word]", "a mistake").await;
    stage.browser.click("dialog [type=submit]", "").await;
    let path = "tasks?queue=later&status=cancelled&limit=100";
    let cancelled = stage.until(path, |page| page["count"] == 11).await;
    assert!(cancelled["items"].as_array().unwrap().iter().all(|task| task["reason"] == "a mistake"));
    assert_eq!(stage.get(&format!("tasks/{other}")).await["status"], "pending");
    stage.browser.until("return document.querySelectorAll('tbody tr').length === 49").await;
    stage.was_quiet().await;
}

#[tokio::test]
async fn filters_stand_in_the_address_and_a_whole_id_leads_to_its_task() {
    let stage = Stage::new().await;
    let things = stage.furnish().await;
    stage.open("tasks").await;
    stage.browser.click("option", "failed").await;
    stage.browser.until("return location.hash === '#/tasks?status=failed'").await;
    stage.browser.write("[name=user]", "ada").await;
    stage.browser.until("return location.hash === '#/tasks?status=failed&user=ada'").await;
    stage.browser.until("return document.querySelectorAll('tbody tr').length === 1").await;
    stage.browser.reload().await;
    stage.browser.until("return document.querySelectorAll('tbody tr').length === 1").await;
    assert_eq!(stage.browser.run("return document.querySelector('[name=user]').value").await, "ada");
    let id = things[3].strip_prefix("tasks/").unwrap();
    stage.browser.write("[data-search]", id).await;
    stage.browser.until(&format!("return location.hash === '#/tasks/{id}'")).await;
    stage.browser.shows("the archive is locked").await;
}

#[tokio::test]
async fn a_group_of_failures_is_redriven_after_a_dry_run() {
    let stage = Stage::new().await;
    let mut failed = Vec::new();
    for n in 0..5 {
        let acts = json!([{"fail_for_good": format!("no answer within {n} ms")}, "complete"]);
        failed.push(stage.task(json!({"acts": acts}), json!({"queue": "images"})).await);
    }
    let other = stage.task(json!({"acts": [{"fail_for_good": "locked"}]}), json!({"queue": "archive"})).await;
    for id in failed.iter().chain([&other]) {
        stage.task_until(id, "failed").await;
    }
    // What fails, and why.
    stage.browser.open(&stage.url).await;
    stage.browser.click("[aria-label='Newest failures'] a", "scripted").await;
    stage.browser.shows("Failed (").await;
    assert!(stage.browser.clicks() <= 3);

    stage.browser.open(&stage.url).await;
    stage.browser.click("main section a", "All of them").await;
    stage.browser.until("return document.querySelectorAll('.groups > li').length === 2").await;
    stage.browser.click(".groups > li:has([href*='queue=images']) button", "Redrive").await;
    stage.browser.shows("5 tasks would be set going again").await;
    stage.browser.write("dialog [name=rate]", "1000").await;
    stage.browser.write("dialog [name=note]", "it answers again").await;
    stage.browser.click("dialog [type=submit]", "").await;
    assert!(stage.browser.clicks() <= 5, "with its dry run");
    for id in &failed {
        let task = stage.task_until(id, "completed").await;
        assert_eq!((&task["redrives"], &task["redrive_note"]), (&json!(1), &json!("it answers again")));
    }
    assert_eq!(stage.get(&format!("tasks/{other}")).await["redrives"], json!(0));
    stage.browser.until("return document.querySelectorAll('.groups > li').length === 1").await;
    stage.was_quiet().await;
}

#[tokio::test]
async fn a_task_is_asked_for_from_its_types_example() {
    let stage = Stage::new().await;
    stage.open("types?text=scripted").await;
    stage.browser.click("main button", "Enqueue").await;
    stage.browser.write("dialog [name=payload]", "{\"acts\": [").await;
    stage.browser.click("dialog [type=submit]", "").await;
    stage.browser.until("return document.querySelector('dialog [role=alert]')").await;
    stage.browser.write("dialog [name=payload]", "{\"acts\": [\"complete\"]}").await;
    stage.browser.write("dialog [name=queue]", "tried").await;
    stage.browser.click("dialog [type=submit]", "").await;
    let tasks = stage.until("tasks?queue=tried&status=completed", |page| page["count"] == 1).await;
    let id = tasks["items"][0]["id"].clone();
    stage.browser.until(&format!("return location.hash === '#/tasks/' + {id}")).await;
    assert_eq!(tasks["items"][0]["user_id"], Value::Null);
    stage.was_quiet().await;
}
