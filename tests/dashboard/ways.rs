//! Where counts, filters and keys lead, and what is said of what is not shown.

use std::process::Command;

use serde_json::{Value, json};

use super::stage::Stage;

/// A failed task of this queue and project, by its id.
async fn failed(stage: &Stage, (project, queue): (&str, &str), why: &str) -> String {
    let acts = json!([{"fail_for_good": why}]);
    let id = stage.task(json!({"acts": acts}), json!({"project": project, "queue": queue})).await;
    stage.task_until(&id, "failed").await;
    id
}

async fn hash(stage: &Stage, wanted: &str) {
    stage.browser.until(&format!("return location.hash === {}", json!(wanted))).await;
}

#[tokio::test]
async fn counts_of_every_project_lead_to_what_they_count() {
    let stage = Stage::new().await;
    failed(&stage, ("default", "images"), "no paper").await;
    for why in ["no paper", "no ink", "no ink"] {
        failed(&stage, ("shop", "mail"), why).await;
    }
    let run = json!({"prompt": "Sell it", "executor": "runner", "profile": "box", "project": "shop"});
    stage.post("runs", run).await;
    stage.open("overview").await;
    let shown = "return document.querySelectorAll('table[aria-label=\"Newest failures\"] tbody tr').length === 4";
    stage.browser.until(shown).await;
    // A sum of several projects leads to what it is the sum of.
    stage.browser.click(".tiles a", "failed").await;
    let focused = "return document.querySelector('[aria-label=Queues]').contains(document.activeElement)";
    stage.browser.until(focused).await;
    stage.browser.click("[aria-label=Queues] a[href*='status=failed'][href*='project=shop']", "3").await;
    hash(&stage, "#/tasks?queue=mail&project=shop&status=failed").await;
    stage.rows(3).await;
    // One of a single project leads there.
    stage.open("overview").await;
    stage.browser.click(".tiles a[href*='project=shop']", "pending").await;
    stage.rows(1).await;
    stage.open("overview").await;
    stage.browser.click("main section a", "All of shop").await;
    hash(&stage, "#/failures?project=shop").await;
    stage.browser.click(".groups > li a.count", "2 tasks").await;
    stage.rows(2).await;
    stage.browser.shows("shop/mail").await;
    stage.browser.click("main button", "All of the queue").await;
    stage.rows(3).await;
    stage.open("runs").await;
    stage.browser.shows("No agent's run").await;
    stage.browser.write("[name=project]", "shop").await;
    stage.rows(1).await;
    stage.was_quiet().await;
}

#[tokio::test]
async fn filters_that_do_not_go_together_set_each_other_aside() {
    let stage = Stage::new().await;
    stage.task(json!({}), json!({"delay_s": 3600, "user_id": "ada", "queue": "images"})).await;
    stage.task(json!({}), json!({"delay_s": 3600, "user_id": "ada", "project": "shop"})).await;
    stage.task(json!({}), json!({"delay_s": 3600, "queue": "images"})).await;
    stage.open("tasks").await;
    stage.browser.write("[name=queue]", "images").await;
    hash(&stage, "#/tasks?queue=images").await;
    stage.rows(2).await;
    stage.browser.write("[name=user]", "ada").await;
    hash(&stage, "#/tasks?user=ada").await;
    stage.rows(2).await;
    assert_eq!(stage.browser.run("return document.querySelector('[name=queue]').value").await, "");
    stage.browser.write("[name=project]", "shop").await;
    hash(&stage, "#/tasks?project=shop").await;
    stage.rows(1).await;
    // Somebody's own address may name both.
    stage.open("tasks?user=ada&queue=images&project=shop").await;
    stage.browser.shows("the queue images and the project shop are set aside").await;
    stage.rows(2).await;
    stage.was_quiet().await;
}

/// What a shell makes of a line: what is answered to the last of its commands.
async fn run(line: String, token: &'static str) -> Value {
    let shell = move || Command::new("sh").args(["-ec", &line]).env("ERRAND_TOKEN", token).output().unwrap();
    let output = tokio::task::spawn_blocking(shell).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let answers = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    answers.last().unwrap_or_else(|| panic!("{output:?}")).unwrap()
}

#[tokio::test]
async fn lines_for_a_shell_can_be_run_as_they_stand_and_say_no_token() {
    let stage = Stage::new().await;
    let line = "return document.querySelector('main pre').textContent";
    stage.open("overview").await;
    let said = stage.browser.run(line).await.as_str().unwrap().to_owned();
    let origin = &stage.url;
    assert_eq!(
        said,
        format!(
            "curl -X PUT -d '{{\"run\":{{\"kind\":\"worker\"}}}}' '{origin}/v1/task-types/resize'\n\
             curl -d '{{\"task_type\":\"resize\",\"payload\":{{\"width\":300}}}}' '{origin}/v1/tasks'"
        )
    );
    assert_eq!(run(said, "").await["payload"], json!({"width": 300}));

    let stage = Stage::with(Some("open sesame"), false).await;
    stage.open("overview").await;
    stage.browser.write("[name=token]", "open sesame").await;
    stage.browser.write("[name=tenant]", "acme").await;
    stage.browser.click("[type=submit]", "Enter").await;
    let said = stage.browser.until(line).await.as_str().unwrap().to_owned();
    assert!(said.contains("$ERRAND_TOKEN") && !said.contains("sesame"), "{said}");
    let task = run(said, "open sesame").await;
    let id = task["id"].as_str().unwrap();
    stage.open(&format!("tasks/{id}")).await;
    stage
        .browser
        .run("Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (text) => (window.copied = text) } })")
        .await;
    stage.browser.click("main button", "Copy curl").await;
    let copied = stage.browser.until("return window.copied").await.as_str().unwrap().to_owned();
    assert!(!copied.contains("sesame"), "{copied}");
    assert_eq!(run(copied, "open sesame").await["id"], id);
}

#[tokio::test]
async fn a_long_log_is_shown_to_its_end_and_more_children_are_there_to_be_seen() {
    let stage = Stage::new().await;
    let two = || [json!({"snooze": 0}), json!({"retry_after": 0})];
    let acts: Vec<Value> = (0..60).flat_map(|_| two()).chain([json!("complete")]).collect();
    let id = stage.task(json!({"acts": acts}), json!({"max_retries": 100})).await;
    for n in 0..25 {
        stage.task(json!({}), json!({"parent_id": id, "delay_s": 3600 + n})).await;
    }
    stage.task_until(&id, "completed").await;
    stage.open(&format!("tasks/{id}")).await;
    let logged = "document.querySelectorAll('[aria-label=\"Action log\"] tbody tr').length";
    stage.browser.until(&format!("return {logged} === 121")).await;
    assert_eq!(stage.browser.run("return document.querySelectorAll('.timeline li').length").await, 121);
    let children = "document.querySelectorAll('[aria-label=\"Tasks that follow from it\"] tbody tr').length";
    assert_eq!(stage.browser.run(&format!("return {children}")).await, 20);
    stage.browser.shows("These are 20 of more.").await;
    stage.browser.click("main button", "Show more").await;
    stage.browser.until(&format!("return {children} === 25 && !document.querySelector('.pager')")).await;
    // What is longer than what is shown is said to be.
    let grown = format!(
        "const [pages] = [...document.querySelectorAll('[rel=modulepreload]')].filter((one) => one.href.endsWith('lib/pages.js'));
         return import(pages.href).then(async ({{ grown }}) => [100, 1000].map((most) =>
             grown('tasks/{id}/log', {{ items: [], cursor: null }}, undefined, most)))
             .then((both) => Promise.all(both)).then((both) => both.map((log) => [log.items.length, log.more]))"
    );
    assert_eq!(stage.browser.run(&grown).await, json!([[100, true], [121, false]]));
    stage.was_quiet().await;
}

#[tokio::test]
async fn who_is_not_told_how_work_goes_is_not_told_that_it_goes_well() {
    let stage = Stage::new().await;
    stage.open("overview").await;
    stage.browser.shows("All is well").await;
    let said = "const [health] = [...document.querySelectorAll('[rel=modulepreload]')].filter((one) => one.href.endsWith('lib/health.js'));
        return import(health.href).then(({ allIsWell }) => [{ last_poll: null }, {}].map((told) => allIsWell(told, true)))";
    let said = stage.browser.run(said).await;
    assert_eq!(said[0], "All is well; nothing waits.");
    assert!(said[1].as_str().unwrap().starts_with("Store, queues and poller are well. How long"), "{said}");
    // What is not as it should be is a sentence each, the worst first.
    let wrong = [
        (json!({"store": {"reachable": false, "error": "disk full"}}), "bad: The store does not answer: disk full."),
        (json!({"queue": {"reachable": false}}), "bad: The queues do not answer: no reason is known."),
        (
            json!({"status": "degraded"}),
            "bad: Nobody looks after what is due: the poller has not been heard of for three minutes.",
        ),
        (
            json!({"oldest_due_at": "2026-01-01T00:00:00Z"}),
            "warn: A task has been due for 2 min and nobody has begun it.",
        ),
        (json!({"oldest_due_at": "2026-01-01T00:01:30Z"}), ""),
        (
            json!({"left_alone": [{"task_type": "resize", "since": "2026-01-01T00:01:00Z"}]}),
            "warn: resize: its target does not answer or has too much to do, and is left alone since 1 min ago.",
        ),
        (
            json!({"unattended": [{"task_type": "resize"}]}),
            "warn: resize: tasks are due, and no worker has asked for them in ten minutes.",
        ),
        (
            json!({"owed": {"events": 101, "since": "2026-01-01T00:00:00Z"}}),
            "warn: Webhooks have not taken 101 events, the oldest 2 min ago.",
        ),
        (json!({"owed": {"events": 100, "since": null}}), ""),
    ];
    let (told, sentences): (Vec<Value>, Vec<&str>) = wrong.into_iter().unzip();
    let found = format!(
        "const [health] = [...document.querySelectorAll('[rel=modulepreload]')].filter((one) => one.href.endsWith('lib/health.js'));
         const well = {{ status: 'ok', store: {{ reachable: true }}, queue: {{ reachable: true }} }};
         return import(health.href).then(({{ troubles }}) => {}.map((told) => troubles({{ ...well, ...told }}, Date.parse('2026-01-01T00:02:00Z'))
             .map(({{ level, text }}) => `${{level}}: ${{text}}`).join(' ')))",
        json!(told)
    );
    assert_eq!(stage.browser.run(&found).await, json!(sentences));
}
