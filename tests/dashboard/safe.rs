//! What a payload says stays text, and what gets into the page all the same can do nothing.

use std::{path::Path, process::Command};

use serde_json::json;

use super::stage::Stage;

#[tokio::test]
async fn what_a_payload_says_is_text_and_only_web_addresses_are_links() {
    let stage = Stage::new().await;
    let said = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";
    let acts = json!([{"fail_for_good": said}]);
    let links = ["javascript:alert(1)", "https://example.org/a", "data:text/html,x", "file:///etc/passwd"];
    let id = stage.task(json!({"acts": acts, "mark": links[0]}), json!({"user_id": "ada"})).await;
    stage.task_until(&id, "failed").await;
    stage.ask("PUT", "task-types/links", json!({"run": {"kind": "worker"}})).await;
    let other = stage.post("tasks", json!({"task_type": "links", "payload": links})).await;
    for view in ["overview", "tasks?status=all", "failures", &format!("tasks/{id}")] {
        stage.open(view).await;
        stage.browser.shows("<img src=x").await;
        assert_eq!(
            stage.browser.run("return document.querySelectorAll('main img, main script').length").await,
            0,
            "{view}"
        );
    }
    stage.open(&format!("tasks/{}", other["id"].as_str().unwrap())).await;
    let found = stage.browser.until("return [...document.querySelectorAll('.links a')].map((link) => link.href)").await;
    assert_eq!(found, json!(["https://example.org/a"]));
    let schemes = "return [...document.querySelectorAll('a')].every((link) => /^https?:/.test(link.href))";
    assert_eq!(stage.browser.run(schemes).await, true);
    stage.was_quiet().await;
}

#[tokio::test]
async fn the_policy_stops_what_gets_into_the_page_all_the_same() {
    let stage = Stage::new().await;
    stage.open("overview").await;
    let tried = stage
        .browser
        .run(
            "const script = document.createElement('script'); script.textContent = 'window.owned = 1'; document.body.append(script);
             document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\" onclick=\"window.owned = 2\" id=bad>x</p>');
             document.querySelector('#bad').click();
             return fetch('http://127.0.0.1:9/').then(() => 'sent', (error) => error.name)
                 .then((sent) => [window.owned ?? null, sent, getComputedStyle(document.querySelector('#bad')).color === 'rgb(255, 0, 0)'])",
        )
        .await;
    assert_eq!(tried, json!([null, "TypeError", false]));
    let told = stage.browser.complaints().await;
    assert!(told.iter().filter(|line| line.contains("Content Security Policy")).count() >= 4, "{told:#?}");
}

#[test]
fn the_vendored_files_are_those_of_npm() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/http/dashboard/vendor/renew.py");
    let output = Command::new("python3").arg(script).arg("--check").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
