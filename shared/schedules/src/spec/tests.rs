use errand::Timestamp;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse::<jiff::Timestamp>().map(|at| Timestamp::from_millis(at.as_millisecond())).unwrap()
}

/// The next five firings after the beginning of 2026, as they are shown.
fn next(spec: &ScheduleSpec) -> Vec<String> {
    let plan = plan(spec, 7).unwrap();
    let mut after = at("2026-01-01T00:00:00Z");
    let mut said = Vec::new();
    while let Some(firing) = plan.next(after).filter(|_| said.len() < 5) {
        after = firing.nominal;
        said.push(firing.nominal.to_string());
    }
    said
}

fn cron(pattern: &str) -> ScheduleSpec {
    ScheduleSpec { cron: vec![pattern.to_owned()], ..ScheduleSpec::default() }
}

#[test]
fn what_several_name_at_once_comes_once_and_in_order() {
    let spec = ScheduleSpec {
        cron: vec!["0 12 * * *".to_owned(), "0 6,12 * * *".to_owned()],
        every_s: Some(12 * 3600),
        at: vec![at("2026-01-01T07:30:00.500Z"), at("2025-01-01T00:00:00Z")],
        ..ScheduleSpec::default()
    };
    let expected = ["01T06:00:00.000", "01T07:30:00.500", "01T12:00:00.000", "02T00:00:00.000", "02T06:00:00.000"];
    assert_eq!(next(&spec), expected.map(|time| format!("2026-01-{time}Z")));
}

#[test]
fn an_interval_goes_by_elapsed_time_from_its_phase() {
    let spec = ScheduleSpec { every_s: Some(3600), phase_s: Some(90), ..ScheduleSpec::default() };
    assert_eq!(next(&spec)[..2], ["2026-01-01T00:01:30.000Z", "2026-01-01T01:01:30.000Z"]);
}

#[test]
fn what_is_excepted_or_out_of_its_time_does_not_come() {
    let spec = ScheduleSpec {
        except: vec!["* * * * SAT,SUN".to_owned()],
        starts_at: Some(at("2026-01-02T09:00:00Z")),
        ends_at: Some(at("2026-01-06T09:00:00Z")),
        ..cron("0 9 * * *")
    };
    // The first and the last second count.
    let expected = ["02", "05", "06"].map(|day| format!("2026-01-{day}T09:00:00.000Z"));
    assert_eq!(next(&spec), expected);
    let never = ScheduleSpec { except: vec!["* * * * *".to_owned()], ..cron("*/5 * * * *") };
    assert_eq!(next(&never), [""; 0]);
}

#[test]
fn a_spread_puts_off_by_the_same_each_time_and_never_past_the_next() {
    let spread = |spec: ScheduleSpec, hashed| {
        let plan = plan(&ScheduleSpec { spread_s: Some(3600), ..spec }, hashed).unwrap();
        let firing = plan.next(at("2026-01-01T00:00:00Z")).unwrap();
        firing.effective.since(firing.nominal).as_secs()
    };
    assert_eq!((spread(cron("0 9 * * *"), 7201), spread(cron("0 9 * * *"), 59)), (1, 59));
    assert_eq!(spread(cron("*/10 * * * *"), 3599), 599);
    // The last has no next.
    let once = ScheduleSpec { at: vec![at("2027-01-01T00:00:00Z")], ..ScheduleSpec::default() };
    assert_eq!(spread(once, 3599), 3599);
}

#[test]
fn what_is_wrong_is_said_where() {
    let wrong = |spec: ScheduleSpec| plan(&spec, 0).unwrap_err().field;
    assert_eq!(wrong(ScheduleSpec::default()), "cron");
    assert_eq!(wrong(ScheduleSpec { cron: vec!["@daily".to_owned(), "x".to_owned()], ..cron("") }), "cron[1]");
    assert_eq!(wrong(ScheduleSpec { except: vec!["x".to_owned()], ..cron("@daily") }), "except[0]");
    assert_eq!(wrong(ScheduleSpec { cron: vec!["@daily".to_owned(); 9], ..cron("") }), "cron");
    assert_eq!(wrong(ScheduleSpec { zone: Some("Mars".to_owned()), ..cron("@daily") }), "zone");
    assert_eq!(wrong(ScheduleSpec { every_s: Some(0), ..ScheduleSpec::default() }), "every_s");
    assert_eq!(wrong(ScheduleSpec { phase_s: Some(1), ..cron("@daily") }), "phase_s");
    assert_eq!(wrong(ScheduleSpec { every_s: Some(60), phase_s: Some(60), ..cron("@daily") }), "phase_s");
    assert_eq!(wrong(ScheduleSpec { spread_s: Some(u64::MAX), ..cron("@daily") }), "spread_s");
    assert_eq!(wrong(ScheduleSpec { at: vec![Timestamp::default(); 101], ..cron("@daily") }), "at");
    let (starts_at, ends_at) = (Some(at("2026-01-02T00:00:00Z")), Some(at("2026-01-02T00:00:00Z")));
    assert_eq!(wrong(ScheduleSpec { starts_at, ends_at, ..cron("@daily") }), "ends_at");
}
