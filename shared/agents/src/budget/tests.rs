//! Budgets at their bounds, in zones, under concurrent runs and repeated commits.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::*;
use errand::{
    Doc, Expect, Id, Name,
    spi::store::{self, Commit, MemoryStore, Record, RecordKey, RecordWrite, Store},
};

fn at(text: &str) -> Timestamp {
    serde_json::from_value(json!(text)).unwrap()
}

fn noon() -> Timestamp {
    at("2026-03-10T12:00:30Z")
}

fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

fn usd(dollars: f64) -> Usd {
    Usd::from_dollars(dollars).unwrap()
}

fn key() -> RecordKey {
    Spending::key(&Name::default(), &Id::of("a"))
}

/// The counter after these turns.
fn spent_in(turns: &[(Timestamp, f64)], zone: &TimeZone) -> Option<Record> {
    turns.iter().fold(None, |record, (at, dollars)| {
        let spending = Spending::read(record.as_ref()).unwrap();
        match spending.spend(key(), usd(*dollars), *at, zone) {
            Some(write) => {
                assert!(write.expects(record.as_ref().map(|record| record.version)));
                write.result(record)
            }
            None => record,
        }
    })
}

fn verdict_in(turns: &[(Timestamp, f64)], budgets: &Budgets, at: Timestamp, zone: &TimeZone) -> BudgetVerdict {
    Spending::read(spent_in(turns, zone).as_ref()).unwrap().check((HolderKind::Agent, budgets), at, zone)
}

/// `hourly warn 0.8`
fn shown(verdict: BudgetVerdict) -> String {
    let of =
        |said: &str, standing: Standing| format!("{} {said} {}", standing.window.as_str(), json!(standing.spent_usd));
    match verdict {
        BudgetVerdict::Fine => "fine".into(),
        BudgetVerdict::Warn(standing) => of("warn", standing),
        BudgetVerdict::Stop(standing) => of("stop", standing),
    }
}

fn of(hourly: Option<f64>, daily: Option<f64>, monthly: Option<f64>) -> Budgets {
    Budgets { hourly_usd: hourly.map(usd), daily_usd: daily.map(usd), monthly_usd: monthly.map(usd) }
}

#[test]
fn limits_warn_at_80_percent_and_stop_at_100() {
    for (spent, expected) in [
        (0.0, "fine"),
        (0.799_999, "fine"),
        (0.8, "hourly warn 0.8"),
        (0.999_999, "hourly warn 0.999999"),
        (1.0, "hourly stop 1.0"),
        (7.5, "hourly stop 7.5"),
    ] {
        let hourly = of(Some(1.0), None, None);
        assert_eq!(shown(verdict_in(&[(noon(), spent)], &hourly, noon(), &TimeZone::UTC)), expected);
    }
    assert_eq!(shown(verdict_in(&[(noon(), 1e6)], &Budgets::default(), noon(), &TimeZone::UTC)), "fine");
    assert_eq!(shown(verdict_in(&[], &of(None, Some(0.0), None), noon(), &TimeZone::UTC)), "daily stop 0.0");
}

#[test]
fn a_limit_reached_comes_before_one_that_is_near() {
    let turns = [(noon(), 1.0)];
    let said = |budgets| shown(verdict_in(&turns, &budgets, noon(), &TimeZone::UTC));
    assert_eq!(said(of(Some(1.1), Some(9.0), Some(1.0))), "monthly stop 1.0");
    assert_eq!(said(of(Some(1.1), Some(1.2), Some(9.0))), "hourly warn 1.0");
    assert_eq!(said(of(None, Some(1.2), None)), "daily warn 1.0");
}

#[test]
fn the_hour_slides_minute_by_minute() {
    let turns = [(noon(), 0.5), (noon() + minutes(30), 0.4)];
    let hourly = of(Some(0.9), None, None);
    for (after, expected) in [
        (30, "hourly stop 0.9"),
        (59, "hourly stop 0.9"),
        // The minute that the hour began in counts whole.
        (60, "hourly stop 0.9"),
        (61, "fine"),
        (90, "fine"),
        (91, "fine"),
    ] {
        assert_eq!(shown(verdict_in(&turns, &hourly, noon() + minutes(after), &TimeZone::UTC)), expected, "{after}");
    }
    let second = of(Some(0.5), None, None);
    let said = |after| shown(verdict_in(&turns, &second, noon() + minutes(after), &TimeZone::UTC));
    assert_eq!([said(61), said(90), said(91)], ["hourly warn 0.4", "hourly warn 0.4", "fine"]);
}

#[test]
fn what_a_clock_ahead_has_counted_counts() {
    let turns = [(noon() + minutes(2), 1.0)];
    assert_eq!(shown(verdict_in(&turns, &of(Some(1.0), None, None), noon(), &TimeZone::UTC)), "hourly stop 1.0");
}

#[test]
fn days_and_months_begin_in_the_configured_zone() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let kiritimati = TimeZone::get("Pacific/Kiritimati").unwrap();
    let turns = [(at("2026-02-28T22:30:00Z"), 1.0)];
    let budgets = of(None, Some(1.0), Some(1.0));
    for (zone, now, expected) in [
        (&TimeZone::UTC, "2026-02-28T23:59:59Z", "daily stop 1.0"),
        (&TimeZone::UTC, "2026-03-01T00:00:00Z", "fine"),
        (&berlin, "2026-02-28T22:59:59Z", "daily stop 1.0"),
        (&berlin, "2026-02-28T23:00:00Z", "fine"),
        // There it was March already.
        (&kiritimati, "2026-03-01T09:59:59Z", "daily stop 1.0"),
        (&kiritimati, "2026-03-01T10:00:00Z", "monthly stop 1.0"),
        (&kiritimati, "2026-03-31T10:00:00Z", "fine"),
    ] {
        assert_eq!(shown(verdict_in(&turns, &budgets, at(now), zone)), expected, "{now} {zone:?}");
    }
    // The day that has 25 hours.
    let turns = [(at("2026-10-24T22:00:00Z"), 1.0)];
    let said = |now| shown(verdict_in(&turns, &of(None, Some(1.0), None), at(now), &berlin));
    assert_eq!([said("2026-10-25T22:59:59Z"), said("2026-10-25T23:00:00Z")], ["daily stop 1.0", "fine"]);
}

#[test]
fn the_counter_stays_small_and_keeps_what_is_asked_for() {
    let turns: Vec<_> = (0..200_u64).map(|n| (noon() + minutes(n), 0.01)).collect();
    let record = spent_in(&turns, &TimeZone::UTC).unwrap();
    assert_eq!(record.doc.len(), 78, "{:?}", record.doc.keys());
    let now = noon() + minutes(199);
    let said = |budgets| shown(verdict_in(&turns, &budgets, now, &TimeZone::UTC));
    assert_eq!(said(of(Some(0.61), None, None)), "hourly stop 0.61");
    assert_eq!(said(of(None, Some(2.0), None)), "daily stop 2.0");

    let days: Vec<_> = (0..100_u64).map(|n| (noon() + minutes(n * 1440), 0.01)).collect();
    let record = spent_in(&days, &TimeZone::UTC).unwrap();
    let kept: Vec<&String> = record.doc.keys().collect();
    let day = |n: u64| (noon() + minutes(n * 1440)).to_string()[..10].to_owned();
    assert_eq!(kept[..3], [&format!("day:{}", day(97)), &format!("day:{}", day(98)), &format!("day:{}", day(99))]);
    assert_eq!(kept[4..], ["month:2026-06"], "{kept:?}");
}

#[test]
fn a_clock_that_is_ahead_takes_nothing_from_one_behind() {
    let turns = [(at("2026-01-31T23:59:00Z"), 1.0), (at("2026-02-01T00:03:00Z"), 0.1)];
    for budgets in [of(Some(1.0), None, None), of(None, Some(1.0), None), of(None, None, Some(1.0))] {
        let said = verdict_in(&turns, &budgets, at("2026-01-31T23:59:30Z"), &TimeZone::UTC);
        assert!(matches!(said, BudgetVerdict::Stop(_)), "{said:?}");
    }
}

#[test]
fn what_cannot_be_told_stops_where_there_is_a_limit() {
    let prices = Prices::per_million(1.0, 2.0);
    let ask = |limits: &Budgets, goal, prices, spending: &Result<Spending, OverBudget>| {
        let holder = BudgetHolder { kind: HolderKind::User, counter: key(), limits: *limits };
        before_turn(&holder, goal, prices, spending, noon(), &TimeZone::UTC).map_err(|error| error.kind())
    };
    let (limited, none) = (of(Some(1.0), None, None), Budgets::default());
    let fresh = Ok(Spending::default());
    let unreadable = Err(OverBudget::Unavailable("no".into()));
    let spent = Spending::read(spent_in(&[(noon(), 1.0)], &TimeZone::UTC).as_ref());
    let near = Spending::read(spent_in(&[(noon(), 0.8)], &TimeZone::UTC).as_ref());
    let unavailable = Err(FailureKind::BudgetUnavailable);
    assert_eq!(ask(&limited, None, prices, &fresh), Ok(None));
    assert_eq!(ask(&limited, None, None, &fresh), unavailable);
    assert_eq!(ask(&limited, None, prices, &unreadable), unavailable);
    assert_eq!(ask(&none, Some(usd(1.0)), None, &fresh), unavailable, "a goal is a limit");
    assert_eq!(ask(&none, None, None, &unreadable), Ok(None), "without a limit there is nothing to hold");
    assert_eq!(ask(&limited, None, prices, &spent), Err(FailureKind::BudgetExceeded));
    let warning =
        Standing { holder: HolderKind::User, window: Period::Hourly, spent_usd: usd(0.8), limit_usd: usd(1.0) };
    assert_eq!(ask(&limited, None, prices, &near), Ok(Some(warning)));
}

#[test]
fn a_turn_that_cannot_be_priced_is_an_error() {
    let usage = Some(Usage { tokens_in: 1_000_000, tokens_out: 500_000 });
    assert_eq!(cost_of_turn(Prices::per_million(1.0, 2.0), usage), Ok(usd(2.0)));
    for (prices, usage) in [(None, usage), (Prices::per_million(1.0, 2.0), None)] {
        assert_eq!(cost_of_turn(prices, usage).unwrap_err().kind(), FailureKind::BudgetUnavailable);
    }
}

#[test]
fn a_counter_that_is_no_counter_cannot_be_read() {
    for doc in [json!({"min:1": "5"}), json!({"day:2026-01-01": -1}), json!({"month:2026-01": 0.5}), json!({"x": null})]
    {
        let record = Record::new(key(), doc.as_object().unwrap().clone(), noon());
        assert!(matches!(Spending::read(Some(&record)), Err(OverBudget::Unavailable(_))), "{doc}");
    }
}

#[test]
fn budgets_are_read_in_dollars() {
    let budgets: Budgets = serde_json::from_str(r#"{"hourly_usd": 0.5, "monthly_usd": 20}"#).unwrap();
    assert_eq!(budgets, of(Some(0.5), None, Some(20.0)));
    for text in [r#"{"hourly_usd": -1}"#, r#"{"weekly_usd": 1}"#, r#"{"daily_usd": "1"}"#] {
        assert!(errand::spi::json::read::read_strict::<Budgets>(text).is_err(), "{text}");
    }
}

/// A turn's commit: its step first, then the counter.
fn turn(step: &'static str, spending: &Spending, dollars: f64) -> Commit {
    let step = RecordKey { tenant: Name::default(), kind: Name::of("step"), id: Id::of(step) };
    let spent = spending.spend(key(), usd(dollars), noon(), &TimeZone::UTC);
    let step = RecordWrite::put(step, Doc::new(), Expect::Absent, noon());
    Commit { records: [step].into_iter().chain(spent).collect(), ..Commit::default() }
}

async fn stored(store: &MemoryStore) -> Spending {
    Spending::read(store.record(&key()).await.unwrap().as_ref()).unwrap()
}

#[test]
fn a_counter_is_kept_for_two_months_after_its_last_write() {
    let turns = [(noon(), 1.0), (noon() + minutes(90), 1.0)];
    for written in [1, 2] {
        let kept_until = spent_in(&turns[..written], &TimeZone::UTC).unwrap().expires_at.unwrap();
        assert_eq!(kept_until.since(turns[written - 1].0), minutes(62 * 24 * 60));
    }
}

#[test]
fn a_turn_that_nobody_counted_may_have_cost_a_token_for_every_byte_and_all_that_was_allowed() {
    let request = ChatRequest::of("do", "it now".to_owned(), 20);
    let prices = Prices::per_million(1e6, 1e6);
    assert_eq!(most_of_turn(prices, &request), usd(28.0));
    assert_eq!(most_of_turn(None, &request), Usd::ZERO);
}

#[tokio::test]
async fn runs_at_the_same_time_and_repeated_commits_count_every_turn_once() {
    let store = MemoryStore::default();
    let nothing = stored(&store).await;
    // Two first turns at the same time: one makes the counter, the other reads again.
    let (a1, b1) = (turn("a1", &nothing, 1.0), turn("b1", &nothing, 0.5));
    store::commit(&store, a1.clone()).await.unwrap();
    assert!(store::commit(&store, b1).await.is_err());
    store::commit(&store, turn("b1", &stored(&store).await, 0.5)).await.unwrap();
    // Two turns on the same read: neither is lost, none conflicts.
    let read = stored(&store).await;
    let (a2, b2) = (turn("a2", &read, 0.25), turn("b2", &read, 0.125));
    store::commit(&store, a2.clone()).await.unwrap();
    store::commit(&store, b2.clone()).await.unwrap();
    // Answers were lost and the same commits are made again: they had landed, and count nothing.
    for again in [a1, a2, b2] {
        store::commit(&store, again).await.unwrap();
    }
    // A worker that was given up on stores the same step: it does not count.
    assert!(store::commit(&store, turn("a2", &stored(&store).await, 9.0)).await.is_err());
    let said = stored(&store).await.check((HolderKind::Agent, &of(Some(1.0), None, None)), noon(), &TimeZone::UTC);
    assert_eq!(shown(said), "hourly stop 1.875");
    assert_ne!(Uuid::nil(), store.record(&key()).await.unwrap().unwrap().version);
}

#[tokio::test]
async fn of_two_that_reserve_at_the_same_time_the_second_reads_again() {
    let store = MemoryStore::default();
    store::commit(&store, turn("a", &stored(&store).await, 1.0)).await.unwrap();
    let reserve = |read: &Spending| {
        let write = read.reserve(key(), usd(2.0), noon(), &TimeZone::UTC);
        Commit { records: write.into_iter().collect(), ..Commit::default() }
    };
    let read = stored(&store).await;
    store::commit(&store, reserve(&read)).await.unwrap();
    assert!(store::commit(&store, reserve(&read)).await.is_err());
    // Settled: the turn has cost half a dollar, counted when it began. Whoever has counted meanwhile is in nobody's way.
    let (read, other) = (stored(&store).await, turn("b", &stored(&store).await, 0.25));
    store::commit(&store, other).await.unwrap();
    let settled = read.settle(key(), (usd(2.0), usd(0.5)), noon(), &TimeZone::UTC).unwrap();
    store::commit(&store, Commit { records: vec![settled], ..Commit::default() }).await.unwrap();
    let sums = stored(&store).await;
    assert_eq!(
        shown(sums.check((HolderKind::Agent, &of(Some(1.0), None, None)), noon() + minutes(59), &TimeZone::UTC)),
        "hourly stop 1.75"
    );
    assert_eq!(
        read.with((usd(2.0), usd(0.5)), noon(), &TimeZone::UTC).check(
            (HolderKind::Agent, &of(None, Some(0.1), None)),
            noon(),
            &TimeZone::UTC
        ),
        BudgetVerdict::Stop(Standing {
            holder: HolderKind::Agent,
            window: Period::Daily,
            spent_usd: usd(1.5),
            limit_usd: usd(0.1)
        })
    );
}

#[test]
fn there_is_relief_when_the_day_or_month_begins_and_minute_by_minute() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let relief = |window: Period, text: &str, zone: &TimeZone| window.relief(at(text), zone).as_secs();
    assert_eq!(relief(Period::Hourly, "2026-03-10T12:00:30Z", &TimeZone::UTC), 60);
    assert_eq!(relief(Period::Daily, "2026-03-10T23:59:30Z", &TimeZone::UTC), 30);
    assert_eq!(relief(Period::Monthly, "2026-02-28T23:00:00Z", &TimeZone::UTC), 3600);
    // Of the day on which the clock is put forward, 23 hours.
    assert_eq!(relief(Period::Daily, "2026-03-28T23:00:00Z", &berlin), 23 * 3600);
}
