//! What is done to schedules, workers, groups and runs.

use errand::spi::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use super::stage::Stage;

#[tokio::test]
async fn a_schedule_is_paused_resumed_triggered_backfilled_and_deleted() {
    let stage = Stage::new().await;
    // Not in the minutes to come: nothing fires here but what is asked for.
    let minute = (SystemClock.now().as_millis() / 60_000 + 30) % 60;
    let request = json!({"spec": {"cron": [format!("{minute} * * * *")]}, "task": {"task_type": "scripted"}});
    stage.ask("PUT", "schedules/hourly", request).await;
    stage.open("schedules").await;
    stage.browser.click("main a", "hourly").await;
    stage.browser.until("return document.querySelectorAll('ol.list li').length === 10").await;
    stage.act("Pause", &[("note", "the disk is full")]).await;
    let paused = stage.until("schedules/hourly", |schedule| !schedule["paused"].is_null()).await;
    assert_eq!(paused["paused"]["note"], "the disk is full");
    stage.browser.shows("the disk is full").await;
    stage.act("Resume", &[]).await;
    stage.until("schedules/hourly", |schedule| schedule["paused"].is_null()).await;
    stage.act("Trigger", &[]).await;
    stage.until("tasks?status=completed", |page| page["count"] == 1).await;
    // The last day, as the dialog proposes it.
    stage.act("Backfill", &[]).await;
    stage.until("tasks?status=completed&limit=100", |page| page["count"].as_u64() >= Some(24)).await;
    stage.act("Delete", &[]).await;
    stage.browser.shows("There is no schedule").await;
    assert_eq!(stage.get("schedules").await["count"], 0);
    stage.was_quiet().await;
}

#[tokio::test]
async fn a_worker_is_drained_and_resumed_and_stays_what_it_is() {
    let stage = Stage::new().await;
    stage.ask("PUT", "task-types/resize", json!({"run": {"kind": "worker"}})).await;
    let said = json!({"task_types": ["resize"], "capacity": 4, "version": "1.2", "metadata": {"zone": "a"}});
    stage.ask("PUT", "workers/box-1", said).await;
    stage.open("workers").await;
    // A row that leads nowhere is reached by what can be done there.
    stage.browser.press(&["j"]).await;
    assert_eq!(stage.browser.run("return document.activeElement.innerText").await, "Drain …");
    let known = |worker: &Value| (worker["capacity"].clone(), worker["version"].clone(), worker["metadata"].clone());
    for (title, state) in [("Drain", "drain"), ("Resume", "run")] {
        stage.act(title, &[]).await;
        let workers = stage.until("workers", |page| page["items"][0]["state"] == state).await;
        assert_eq!(known(&workers["items"][0]), (json!(4), json!("1.2"), json!({"zone": "a"})));
    }
    stage.was_quiet().await;
}

#[tokio::test]
async fn a_group_is_found_from_its_member_and_called_off() {
    let stage = Stage::new().await;
    let common = json!({"task_type": "scripted", "delay_s": 3600});
    let group = stage.post("groups", json!({"task": common, "items": [{}, {}, {}]})).await;
    let path = format!("groups/{}", group["id"].as_str().unwrap());
    let members = stage.get(&format!("{path}/tasks")).await;
    stage.open(&format!("tasks/{}", members["items"][0]["task"]["id"].as_str().unwrap())).await;
    stage.browser.click("main a", "group").await;
    stage.browser.until("return document.querySelectorAll('tbody tr').length === 3").await;
    stage.act("Cancel", &[]).await;
    let group = stage.until(&path, |group| group["over"] == true).await;
    assert_eq!((&group["status"], &group["ended"]), (&json!("cancelled"), &json!(3)));
    stage.browser.until("return document.querySelector('h1 .cancelled')").await;
    stage.was_quiet().await;
}

#[tokio::test]
async fn a_run_is_followed_steered_interrupted_and_answered() {
    let stage = Stage::new().await;
    let run = json!({"prompt": "Pay the invoice", "executor": "runner", "profile": "box"});
    let run = stage.post("runs", run).await;
    let (run, task) = (run["id"].as_str().unwrap().to_owned(), run["task_id"].as_str().unwrap().to_owned());
    let claim = json!({"worker_id": "w", "task_types": ["run_outside"], "pool": "box"});
    let lease = stage.post("claims", claim).await["items"][0]["lease_token"].clone();
    stage.open("runs").await;
    stage.browser.click("main td a", "").await;
    stage.browser.shows("Pay the invoice").await;
    let said = json!([{"type": "assistant_message", "payload": {"text": "I look for <b>it</b>."}},
                      {"type": "tool_call", "payload": {"tool": "search", "input": {"for": "invoice"}, "output": "two found"}}]);
    stage.post(&format!("runs/{run}/events"), json!({"lease_token": lease, "events": said})).await;
    // As it was said: no markup is made of it.
    stage.browser.shows("I look for <b>it</b>.").await;
    stage.act("Steer", &[("word", "the newer one")]).await;
    stage.act("Another turn", &[("word", "then file it")]).await;
    stage.act("Interrupt", &[]).await;
    let commands = stage.get(&format!("runs/{run}/commands")).await;
    let kinds: Vec<&Value> = commands["items"].as_array().unwrap().iter().map(|command| &command["kind"]).collect();
    assert_eq!(kinds, ["steer", "turn", "interrupt"]);
    let words = [0, 1].map(|nth| &commands["items"][nth]["payload"]["prompt"]);
    assert_eq!(words, ["the newer one", "then file it"]);
    let end = json!({"lease_token": lease, "status": "blocked", "reason": "Which of the two?",
        "used": {"model": "m", "tokens_in": 900, "tokens_out": 80, "cost_usd": 0.02}});
    stage.post(&format!("tasks/{task}/finish"), end).await;
    stage.browser.shows("Which of the two?").await;
    stage.browser.shows("900 read, 80 written").await;
    stage.browser.shows("$0.0200").await;
    assert_eq!(stage.get(&format!("runs/{run}")).await["cost_usd"], json!(0.02));
    stage.act("Answer", &[("word", "the second")]).await;
    let task = stage.until(&format!("tasks/{task}"), |task| task["status"] == "pending").await;
    assert_eq!(task["redrive_note"], "the second");
    stage.was_quiet().await;
}

#[tokio::test]
async fn runs_are_filtered_called_off_and_shown_with_what_they_may_cost() {
    let stage = Stage::new().await;
    let outside = json!({"prompt": "Pay the invoice", "executor": "runner", "profile": "box"});
    let outside = stage.post("runs", outside).await;
    let (run, task) = (outside["id"].as_str().unwrap(), outside["task_id"].as_str().unwrap());
    let inside = json!({"prompt": "Sum up the week", "mission_cost_budget_usd": 5, "budgets": {"daily_usd": 2}});
    let inside = stage.post("runs", inside).await;
    let inside = inside["id"].as_str().unwrap();
    stage.until(&format!("runs/{inside}"), |run| run["status"] == "completed").await;
    stage.open("runs").await;
    stage.rows(2).await;
    for (name, chosen, found) in
        [("executor", "runner", run), ("executor", "worker", inside), ("status", "completed", inside)]
    {
        stage.open("runs").await;
        stage.browser.click(&format!("[name={name}] option"), chosen).await;
        stage.browser.until(&format!("return location.hash === '#/runs?{name}={chosen}'")).await;
        stage.rows(1).await;
        stage.browser.until(&format!("return document.querySelector('tbody a').href.endsWith('{found}')")).await;
    }
    stage.open("runs").await;
    stage.browser.write("[name=profile]", "box").await;
    stage.browser.until(&format!("return document.querySelector('tbody a').href.endsWith('{run}')")).await;
    stage.rows(1).await;
    stage.open(&format!("runs/{inside}")).await;
    let cost = "[...document.querySelectorAll('.facts div')].find((one) => one.innerText.startsWith('Cost')).innerText";
    stage
        .browser
        .until(&format!("return {cost}.includes('$0.00 of $5.00') && {cost}.includes('may spend $2.00 daily')"))
        .await;
    assert_eq!(stage.browser.run("return document.querySelector('meter').max").await, json!(5));
    stage.open(&format!("runs/{run}")).await;
    stage.act("Cancel", &[("reason", "paid already")]).await;
    assert_eq!(stage.task_until(task, "cancelled").await["reason"], "paid already");
    assert_eq!(stage.get(&format!("runs/{run}")).await["status"], "cancelled");
    stage.browser.until("return document.querySelector('h1 .cancelled')").await;
    stage.was_quiet().await;
}
