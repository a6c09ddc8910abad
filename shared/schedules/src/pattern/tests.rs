use std::fmt::Write as _;

use super::*;

/// Where the clock is put forward and back, and patterns of both sorts across that.
const ZONES: [(&str, &str, &str); 7] = [
    ("America/New_York", "2026-03-07T22:00", "2026-10-31T22:00"),
    ("Europe/Berlin", "2026-03-28T22:00", "2026-10-24T22:00"),
    // At midnight, which is left out.
    ("America/Sao_Paulo", "2018-11-03T20:00", "2018-02-17T20:00"),
    // By half an hour.
    ("Australia/Lord_Howe", "2026-10-03T22:00", "2026-04-04T22:00"),
    // Ramadan in summer: forward and back twice in a year.
    ("Africa/Casablanca", "2026-03-21T22:00", "2026-02-14T22:00"),
    // A whole day is left out.
    ("Pacific/Apia", "2011-12-29T12:00", "2011-12-28T12:00"),
    ("UTC", "2026-03-07T22:00", "2026-10-31T22:00"),
];

const PATTERNS: [&str; 8] = [
    "30 2 * * *",
    "30 1 * * *",
    "0 1,2 * * *",
    "15,45 2 * * *",
    "0 0 * * *",
    "*/30 * * * *",
    "30 * * * *",
    "* 2 * * *",
];

/// The first eight times from `local` on, with what a change of the clock did to them.
fn times(pattern: &str, zone: &str, local: &str) -> String {
    let zone = TimeZone::get(zone).unwrap();
    let pattern = Pattern::read(pattern, 0).unwrap();
    let mut after = local.parse::<jiff::civil::DateTime>().unwrap().to_zoned(zone.clone()).unwrap().timestamp();
    let mut said = String::new();
    for _ in 0..8 {
        let found = pattern.next(after, &zone).unwrap();
        assert!(found.at > after);
        after = found.at;
        let by = found.by_change.map_or(String::new(), |by| format!(" {by:?}"));
        write!(said, "\n    {}{by}", after.to_zoned(zone.clone()).strftime("%d %H:%M %:z")).unwrap();
    }
    said
}

#[test]
fn the_clock_is_put_forward_and_back() {
    let mut table = String::new();
    for (zone, forward, back) in ZONES {
        for pattern in PATTERNS {
            for (what, from) in [("forward", forward), ("back", back)] {
                writeln!(table, "{zone} {what} `{pattern}`{}", times(pattern, zone, from)).unwrap();
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_pattern_that_names_nothing_ends_and_a_rare_one_is_found() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let from: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let next = |text: &str| Pattern::read(text, 0).unwrap().next(from, &berlin).map(|found| found.at.to_string());
    assert_eq!(next("0 0 30 2 *"), None);
    // 29 February on a Sunday (`*` in front: both must hold), and over the end of a century.
    assert_eq!(next("0 12 29 2 */7").as_deref(), Some("2032-02-29T11:00:00Z"));
    let from: Timestamp = "2096-03-01T00:00:00Z".parse().unwrap();
    let leap = Pattern::read("0 12 29 2 *", 0).unwrap().next(from, &berlin).unwrap().at;
    assert_eq!(leap.to_string(), "2104-02-29T11:00:00Z");
}

#[test]
fn what_is_no_pattern_is_refused_with_a_reason() {
    for text in ["", "* * * *", "60 * * * *", "* * * * * UTC", "* * * * * *", "@reboot", "a * * * *"] {
        let reason = Pattern::read(text, 0).unwrap_err();
        assert!(reason.len() > 10, "{text}: {reason}");
    }
    for (nickname, fields) in NICKNAMES {
        let [named, spelt] = [nickname, fields].map(|text| format!("{:?}", Pattern::read(text, 0).unwrap()));
        assert_eq!(named, spelt);
    }
}
