//! The operations guide's figures and names are the code's.

mod aws;

use std::{collections::BTreeSet, fs, path::Path};

use errand::spi::{lifecycle::log::LogOutcome, meter};

use integration_tests::promtool::checked;

use crate::template::resources;

const GUIDE: &str = include_str!("../docs/operations.md");

/// The rows of the table that is headed so, in cells.
pub(crate) fn rows(head: &str) -> Vec<Vec<&'static str>> {
    let rows =
        GUIDE.lines().skip_while(|line| !line.starts_with(head)).skip(2).take_while(|line| line.starts_with('|'));
    let rows: Vec<_> = rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>()).collect();
    assert!(!rows.is_empty(), "no table {head}");
    rows
}

/// The names in backticks of a cell.
pub(crate) fn names(cell: &'static str) -> impl Iterator<Item = &'static str> {
    cell.split('`').skip(1).step_by(2)
}

/// What `const name` is in a source: a product of numbers, perhaps a length of time in seconds.
fn constant(file: &str, name: &str) -> u64 {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let source = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let start = format!("const {name}: ");
    let line = source.lines().find(|line| line.contains(&start)).unwrap_or_else(|| panic!("no {name} in {file}"));
    let value = line.split_once(" = ").unwrap().1.trim_end_matches(';');
    let value = value.rsplit_once("from_secs(").map_or(value, |(_, seconds)| seconds.trim_end_matches(')'));
    value
        .split(" * ")
        .map(|factor| factor.replace('_', "").parse::<u64>().unwrap_or_else(|e| panic!("{line}: {e}")))
        .product()
}

#[test]
fn prometheus_understands_how_the_guide_has_it_look_at_a_server() {
    let (_, shown) = GUIDE.split_once("```yaml\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (config, token) = (folder.path().join("prometheus.yaml"), folder.path().join("token"));
    fs::write(&token, "a-token").unwrap();
    // And with a token, where the guide has it stand.
    let credentials = format!("authorization: {{credentials_file: {}}}, job_name:", token.display());
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/prometheus/alerts.yaml");
    let with_rules = format!("rule_files: [{}]\n{shown}", rules.canonicalize().unwrap().display());
    for shown in [shown, &shown.replace("job_name:", &credentials), &with_rules] {
        fs::write(&config, shown).unwrap();
        checked(&["check", "config", config.to_str().unwrap()], "").unwrap_or_else(|said| panic!("{said}"));
    }
    fs::write(&config, shown.replace("targets", "target")).unwrap();
    assert!(checked(&["check", "config", config.to_str().unwrap()], "").is_err(), "what is wrong is told");
}

#[test]
fn the_guides_limits_are_the_codes() {
    for row in rows("| limit |") {
        let [limit, value, by] = row[..] else { panic!("{row:?}") };
        let by: Vec<_> = names(by).collect();
        assert_eq!(value.parse(), Ok(constant(by[1], by[0])), "{limit}");
    }
}

#[test]
fn the_guides_metrics_are_those_there_are() {
    let described: Vec<_> = rows("| metric |").into_iter().map(|row| names(row[0]).next().unwrap()).collect();
    assert_eq!(described.into_iter().collect::<BTreeSet<_>>(), meter::ALL.into());
}

#[test]
fn the_guides_outcomes_are_those_there_are() {
    let row = rows("| field |").into_iter().find(|row| row[0] == "`outcome`").unwrap();
    let described: BTreeSet<_> = names(row[1]).collect();
    assert_eq!(described, LogOutcome::ALL.map(LogOutcome::as_str).into_iter().chain(["lease_lost"]).collect());
}

#[test]
fn the_guides_attributes_of_spans_are_those_there_are() {
    let sources = ["shared/engine/src/spans.rs", "shared/models/src/ask.rs", "infra/local/src/traces/request.rs"];
    let read = |file: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)).unwrap();
    let code = sources.map(read).concat().replace("r#", "");
    for row in rows("| span |") {
        for name in names(row[3]) {
            assert!(code.contains(name), "{name} is in no span");
        }
    }
}

#[test]
fn every_alarm_has_its_row_and_every_row_its_alarm() {
    let alarms = resources("AWS::CloudWatch::Alarm");
    let alarms =
        alarms.iter().map(|(_, alarm)| alarm["AlarmName"]["Fn::Sub"].as_str().unwrap().split_once('-').unwrap().1);
    let alarms: BTreeSet<&str> = alarms.collect();
    let named = rows("| symptom (alarm) |").into_iter().filter_map(|row| row[0].rsplit_once('('));
    let named: BTreeSet<_> = named.flat_map(|(_, alarm)| names(alarm)).collect();
    let said = |alarm: &str| {
        named.iter().any(|name| name.strip_prefix('…').map_or(alarm == *name, |end| alarm.ends_with(end)))
    };
    for alarm in &alarms {
        assert!(said(alarm), "nothing is said of {alarm}");
    }
    for name in &named {
        let end = name.trim_start_matches('…');
        assert!(alarms.iter().any(|alarm| alarm.ends_with(end)), "there is no alarm {name}");
    }
    assert!(GUIDE.contains(&format!("Watched: {} alarms", alarms.len())), "{}", alarms.len());
}
