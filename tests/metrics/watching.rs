//! What watches the metrics names those that there are, and the guide says what each is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use integration_tests::promtool::checked;
use serde_json::Value;

use super::{Page, Watched, everything_happens};
use crate::operations::{names, rows};

fn infra(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra").join(file)
}

fn read(file: &str) -> String {
    fs::read_to_string(infra(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

async fn page() -> Page {
    let watched = Watched::start().await;
    everything_happens(&watched).await;
    watched.page().await
}

/// Our metrics that these expressions name; a histogram by its own name.
fn named(expressions: &str, page: &Page) -> BTreeSet<String> {
    let words = expressions.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours = words.filter(|word| word.starts_with("errand_"));
    ours.map(|word| {
        let ends = ["_bucket", "_count", "_sum"];
        let histogram = ends.iter().find_map(|end| word.strip_suffix(end));
        let histogram = histogram.filter(|name| page.types.get(*name).is_some_and(|of| of == "histogram"));
        histogram.unwrap_or(word).to_owned()
    })
    .collect()
}

fn shown() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&read("grafana/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

fn alerts() -> Vec<serde_yaml_ng::Value> {
    let file: serde_yaml_ng::Value = serde_yaml_ng::from_str(&read("prometheus/alerts.yaml")).unwrap();
    let groups = file["groups"].as_sequence().unwrap().iter();
    groups.flat_map(|group| group["rules"].as_sequence().unwrap().clone()).collect()
}

#[test]
fn each_alert_is_one_that_prometheus_takes_and_fires_when_it_should() {
    let (rules, tests) = (infra("prometheus/alerts.yaml"), infra("prometheus/alerts_test.yaml"));
    for arguments in [["check", "rules", rules.to_str().unwrap()], ["test", "rules", tests.to_str().unwrap()]] {
        checked(&arguments, "").unwrap_or_else(|said| panic!("{arguments:?}: {said}"));
    }
    // Each has a time at which it fires, and one at which it does not.
    let tests: serde_yaml_ng::Value = serde_yaml_ng::from_str(&read("prometheus/alerts_test.yaml")).unwrap();
    let cases = tests["tests"].as_sequence().unwrap().iter();
    let cases: Vec<_> = cases.flat_map(|test| test["alert_rule_test"].as_sequence().unwrap()).collect();
    for alert in alerts() {
        let of = cases.iter().filter(|case| case["alertname"] == alert["alert"]);
        let fires: BTreeSet<bool> = of.map(|case| case["exp_alerts"].is_sequence()).collect();
        assert_eq!(fires, [false, true].into(), "{alert:?}");
    }
}

#[tokio::test]
async fn alerts_name_metrics_that_there_are() {
    let page = page().await;
    let alerts: Vec<String> = alerts().iter().map(|alert| alert["expr"].as_str().unwrap().to_owned()).collect();
    let there: BTreeSet<String> = page.types.keys().cloned().collect();
    for alert in &alerts {
        let named = named(alert, &page);
        assert!(named.is_subset(&there), "{alert}");
        assert!(!named.is_empty() || alert.starts_with("up{"), "{alert} looks at nothing of ours");
    }
}

#[tokio::test]
async fn the_dashboard_shows_every_metric_there_is_and_no_other() {
    let page = page().await;
    assert_eq!(named(&shown().join("\n"), &page), page.types.keys().cloned().collect());
    // Each is an expression that Prometheus reads: as a rule it is, once its variables have values.
    let rules = shown().into_iter().enumerate().map(|(n, shown)| {
        let expr = shown.replace("$__rate_interval", "5m").replace("$instance", ".*");
        serde_json::json!({"record": format!("shown_{n}"), "expr": expr})
    });
    let rules = serde_json::json!({"groups": [{"name": "shown", "rules": rules.collect::<Vec<_>>()}]});
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), rules.to_string()).unwrap();
    checked(&["check", "rules", file.path().to_str().unwrap()], "").unwrap_or_else(|said| panic!("{said}"));
}

#[tokio::test]
async fn the_guide_names_every_metric_of_one_machine_with_its_labels() {
    let page = page().await;
    let told: BTreeMap<&str, BTreeSet<&str>> = rows("| on one machine |")
        .into_iter()
        .map(|row| (names(row[0]).next().unwrap(), names(row[1]).collect()))
        .collect();
    let mut there = page.labels();
    there.values_mut().for_each(|labels| _ = labels.remove("le"));
    assert_eq!(told, there);
}
