//! What changes is shown, also when the server was away, and to whom it wants a token.

use std::time::Instant;

use serde_json::{Value, json};

use super::stage::Stage;

#[tokio::test]
async fn what_changes_is_shown_and_a_server_that_was_away_is_asked_again() {
    let mut stage = Stage::new().await;
    stage.task(json!({}), json!({"delay_s": 3600})).await;
    stage.open("overview").await;
    let tile =
        "[...document.querySelectorAll('.tiles li')].find((tile) => tile.innerText.includes('pending')).innerText";
    stage.browser.until(&format!("return {tile}.startsWith('1')")).await;
    let begun = Instant::now();
    stage.task(json!({}), json!({"delay_s": 3600})).await;
    stage.browser.until(&format!("return {tile}.startsWith('2')")).await;
    eprintln!("a new task was shown after {} ms", begun.elapsed().as_millis());
    stage.was_quiet().await;

    stage.stop_server().await;
    stage.browser.shows("The server has not answered").await;
    // What was known stays to be seen.
    assert_eq!(stage.browser.run(&format!("return {tile}.startsWith('2')")).await, true);
    stage.start_server().await;
    stage.task(json!({}), json!({"delay_s": 3600})).await;
    stage.browser.until(&format!("return {tile}.startsWith('3')")).await;
    stage.browser.until("return !document.querySelector('.banner')").await;
}

#[tokio::test]
async fn what_ended_in_the_last_day_is_plotted_whoever_looked() {
    let stage = Stage::new().await;
    let failed = stage.task(json!({"acts": [{"fail_for_good": "no"}]}), json!({})).await;
    stage.task_until(&failed, "failed").await;
    let done = stage.task(json!({}), json!({})).await;
    stage.task_until(&done, "completed").await;
    stage.open("overview").await;
    stage.browser.shows("2 ended, 1 of them failed · by the minute").await;
    let plotted = "document.querySelector('[aria-label=\"In the last 24 hours 2 ended, 1 of them failed\"] canvas')";
    stage.browser.until(&format!("return {plotted}?.width > 0")).await;
    stage.was_quiet().await;
}

#[tokio::test]
async fn nothing_is_asked_while_nobody_sees_the_page() {
    let stage = Stage::new().await;
    stage.task(json!({}), json!({"delay_s": 3600})).await;
    stage.open("overview").await;
    let asked = "return performance.getEntriesByType('resource').length";
    stage
        .browser
        .run(
            "performance.setResourceTimingBufferSize(100000); window.tab = (hidden) => {
        Object.defineProperty(document, 'hidden', { configurable: true, value: hidden });
        document.dispatchEvent(new Event('visibilitychange')); }; tab(true)",
        )
        .await;
    // What was under way ends; then three rounds' time passes without one.
    let still = format!(
        "const settled = (n) => new Promise((done) => setTimeout(() => done(n), 7000));
        return settled().then(() => {{ const n = (() => {{ {asked} }})(); return settled(n); }})
            .then((n) => [n, (() => {{ {asked} }})()])"
    );
    let counts = stage.browser.run(&still).await;
    assert_eq!(counts[0], counts[1]);
    stage.browser.run("tab(false)").await;
    let before = counts[1].as_u64().unwrap();
    stage.browser.until(&format!("return (() => {{ {asked} }})() > {before}")).await;
}

#[tokio::test]
async fn a_token_is_asked_for_kept_for_the_tab_and_sent_in_a_header_alone() {
    let stage = Stage::with(Some("open sesame"), false).await;
    stage.task(json!({}), json!({"delay_s": 3600})).await;
    stage.open("tasks").await;
    stage.browser.shows("This server wants a token").await;
    stage.browser.write("[name=token]", "wrong").await;
    stage.browser.click("[type=submit]", "Enter").await;
    stage.browser.until("return document.querySelector('[role=alert]')").await;
    stage.browser.write("[name=token]", "open sesame").await;
    stage.browser.click("[type=submit]", "Enter").await;
    // On it goes to what was asked for first.
    stage.browser.until("return document.querySelectorAll('tbody tr').length === 1").await;
    let kept = stage.browser.run("return [sessionStorage.token, localStorage.length, document.cookie]").await;
    assert_eq!(kept, json!(["open sesame", 0, ""]));
    stage.browser.reload().await;
    stage.browser.until("return document.querySelectorAll('tbody tr').length === 1").await;
    assert!(stage.browser.asked_for().await.iter().all(|address| !address.contains("sesame")));
}

#[tokio::test]
async fn the_pace_of_one_tenant_is_not_shown_to_the_next() {
    let stage = Stage::with(Some("open sesame"), false).await;
    let done = stage.task(json!({}), json!({})).await;
    stage.task_until(&done, "completed").await;
    let enter = async |tenant: &str| {
        stage.browser.write("[name=token]", "open sesame").await;
        stage.browser.write("[name=tenant]", tenant).await;
        stage.browser.click("[type=submit]", "Enter").await;
    };
    stage.open("overview").await;
    enter("").await;
    let measured = "document.querySelector('[aria-label$=\"of them fail\"] canvas')";
    stage.browser.until(&format!("return {measured}")).await;
    stage.open("token").await;
    enter("acme").await;
    stage.browser.shows("Nothing was ever asked for").await;
    stage.open("token").await;
    enter("").await;
    // Its beginning is as that of whoever comes first.
    stage.browser.until("return document.querySelector('.tiles')").await;
    assert_eq!(stage.browser.run(&format!("return Boolean({measured})")).await, false);
    stage.browser.shows("Being measured").await;
}

#[tokio::test]
async fn everything_is_reached_by_keys_alone() {
    let stage = Stage::new().await;
    let first = stage.task(json!({}), json!({"delay_s": 3600, "priority": "high"})).await;
    stage.task(json!({}), json!({"delay_s": 3601, "priority": "low"})).await;
    stage.open("tasks").await;
    stage.browser.until("return document.querySelectorAll('tbody tr').length === 2").await;
    stage.browser.press(&["?"]).await;
    stage.browser.shows("next row").await;
    stage.browser.press(&["\u{e00c}"]).await; // Esc
    stage.browser.until("return !document.querySelector('dialog')").await;
    stage.browser.press(&["j", "x", "j", "x"]).await;
    stage.browser.shows("2 tasks selected").await;
    stage.browser.press(&["k"]).await;
    stage.browser.press(&["\u{e007}"]).await; // Enter
    stage.browser.until(&format!("return location.hash === '#/tasks/{first}'")).await;
    stage.settled().await;
    // Tab to what can be done, and do it.
    stage.browser.until("return document.querySelector('.acts .danger')").await;
    for _ in 0..12 {
        if stage.browser.run("return document.activeElement.innerText === 'Cancel …'").await == true {
            break;
        }
        stage.browser.press(&["\u{e004}"]).await;
    }
    stage.browser.press(&["\u{e007}"]).await;
    stage.browser.until("return document.querySelector('dialog')").await;
    let inside = "return document.querySelector('dialog').contains(document.activeElement)";
    assert_eq!(stage.browser.run(inside).await, true);
    stage.browser.run("document.querySelector('dialog [name=word]').focus()").await;
    stage.browser.press(&["n", "o", "\u{e007}"]).await;
    assert_eq!(stage.task_until(&first, "cancelled").await["reason"], "no");
    stage.open("overview").await;
    stage.browser.press(&["/"]).await;
    stage.browser.until("return location.hash === '#/tasks' && document.activeElement.matches('[data-search]')").await;
}

#[tokio::test]
async fn a_token_behind_the_address_is_taken_on_this_machine_alone_and_is_gone_from_there() {
    let stage = Stage::with(Some("open sesame"), false).await;
    let elsewhere = stage.url.replace("127.0.0.1", "localhost");
    stage.browser.open(&format!("{elsewhere}/#/token?given=open%20sesame")).await;
    stage.browser.until("return document.querySelector('[name=token]')").await;
    assert_eq!(stage.browser.run("return sessionStorage.token ?? null").await, Value::Null);
    stage.browser.open(&format!("{}/#/token?given=open%20sesame", stage.url)).await;
    stage.browser.until("return document.querySelector('main').dataset.at === 'overview/'").await;
    stage.settled().await;
    assert_eq!(
        stage.browser.run("return [location.hash, sessionStorage.token]").await,
        json!(["#/overview", "open sesame"])
    );
}
