//! How every view looks to whom: on a wide screen and a narrow one, to a reader of screens, empty and in use.

use std::fs;

use integration_tests::node;
use serde_json::{Value, json};

use super::stage::{LISTS, Stage, keep};

/// What finds faults that keep people from using a page.
pub(super) fn axe() -> String {
    let folder = node::packages("axe", &["axe-core@4.14.1"]).unwrap_or_else(|error| panic!("{error}"));
    fs::read_to_string(folder.join("node_modules/axe-core/axe.min.js")).unwrap()
}

/// What is serious of what axe finds in the view that is open.
pub(super) async fn faults(stage: &Stage, axe: &str) -> Vec<Value> {
    let found = stage
        .browser
        .run(&format!(
            "{axe}; return axe.run().then(({{ violations }}) => violations
                .filter(({{ impact }}) => impact === 'serious' || impact === 'critical')
                .map(({{ id, nodes }}) => ({{ id, nodes: nodes.map((node) => node.html.slice(0, 200)) }})))"
        ))
        .await;
    found.as_array().unwrap().clone()
}

/// Shows a view wide and narrow, and finds what is wrong with it.
pub(super) async fn looked_at(stage: &Stage, view: &str, axe: &str) {
    for width in [1600, 400] {
        stage.browser.resize(width, 900).await;
        stage.open(view).await;
        let widths = stage.browser.run("return [document.documentElement.scrollWidth, innerWidth]").await;
        assert!(widths[0].as_u64() <= widths[1].as_u64(), "{view} is wider than {width} px: {widths}");
        assert_eq!(faults(stage, axe).await, Vec::<Value>::new(), "{view} at {width} px");
        let titles = stage.browser.run("return document.querySelectorAll('h1').length").await;
        assert_eq!(titles, 1, "{view}");
    }
}

#[tokio::test]
async fn every_view_says_that_it_is_empty_and_how_to_fill_it() {
    let stage = Stage::new().await;
    let axe = axe();
    for view in LISTS {
        looked_at(&stage, view, &axe).await;
    }
    for (view, said) in [
        ("overview", "Nothing was ever asked for"),
        ("tasks", "No task is like that"),
        ("failures", "has failed"),
        ("flows", "There are no flows"),
        ("schedules", "There is no schedule"),
        ("workers", "No worker has made itself known"),
        ("runs", "No agent's run"),
        ("nowhere", "Nothing is here"),
    ] {
        stage.open(view).await;
        stage.browser.shows(said).await;
    }
    stage.was_quiet().await;
}

#[tokio::test]
async fn every_view_is_usable_wide_narrow_and_by_a_reader_of_screens() {
    let stage = Stage::new().await;
    let things = stage.furnish().await;
    let axe = axe();
    for view in LISTS.into_iter().chain(things.iter().map(String::as_str)) {
        looked_at(&stage, view, &axe).await;
    }
    stage.was_quiet().await;
    let paint = "return performance.getEntriesByName('first-contentful-paint')[0].startTime";
    let sent = "return performance.getEntriesByType('resource').filter((one) => one.name.includes('/dashboard/'))
                .reduce((n, one) => n + one.encodedBodySize, 0)";
    eprintln!("first paint {} ms, {} bytes of files", stage.browser.run(paint).await, stage.browser.run(sent).await);
}

#[tokio::test]
async fn dark_is_as_readable_as_light() {
    let stage = Stage::with(None, true).await;
    let things = stage.furnish().await;
    let axe = axe();
    for view in ["overview", "tasks?status=all", "failures", &things[1], &things[3]] {
        looked_at(&stage, view, &axe).await;
    }
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    let stage = Stage::new().await;
    for view in ["tasks/01a2046f-c400-76c7-bf32-b5074449104e", "schedules/none", "groups/none", "runs/none"] {
        stage.open(view).await;
        stage.browser.shows("This could not be read.").await;
    }
}

#[tokio::test]
async fn the_pictures_of_the_tour_are_made_on_demand() {
    let stage = Stage::new().await;
    stage.furnish().await;
    for n in 0..3 {
        let said = format!("images.example did not answer within {} ms", 700 * (n + 1));
        stage.task(json!({"acts": [{"fail_for_good": said}]}), json!({"queue": "images", "user_id": "ada"})).await;
    }
    let acts = json!([{"snooze": 1}, {"retry_after": 1}, {"fail_for_good": "upstream said 502"}]);
    let failed = stage.task(json!({"acts": acts}), json!({"user_id": "ada"})).await;
    stage.task_until(&failed, "failed").await;
    stage.browser.resize(1200, 800).await;
    stage.open("overview").await;
    // For the plot: each round is shown before the next begins.
    let completed = || async { stage.get("health").await["tasks"]["completed"].as_u64().unwrap() };
    for round in 1..=6 {
        let before = completed().await;
        for n in 0..round * 4 {
            stage.task(json!({}), json!({"queue": if n % 2 == 0 { "default" } else { "images" }})).await;
        }
        stage.until("health", |health| health["tasks"]["completed"].as_u64() >= Some(before + round * 4)).await;
        let tile = "document.querySelector('.tiles [href*=completed] b').innerText";
        stage.browser.until(&format!("return Number({tile}) >= {}", completed().await)).await;
    }
    for (name, view) in [("overview", "overview".to_owned()), ("task", format!("tasks/{failed}"))] {
        stage.open(&view).await;
        let picture = stage.browser.picture().await;
        assert!(picture.starts_with(b"\x89PNG"));
        keep(name, &picture);
    }
}
