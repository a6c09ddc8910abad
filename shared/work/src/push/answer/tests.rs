//! Every sort of answer, and what becomes of its task.

use super::*;

const POLICY: Duration = Duration::from_secs(60);

fn answered(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answered {
    let headers = headers.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect();
    Answered { status: StatusCode::from_u16(status).unwrap(), headers, body: body.into(), is_cut: false }
}

fn of(status: u16, headers: &[(&'static str, &str)], body: &str) -> String {
    let now = Timestamp::from_millis(784_111_777_000);
    match meaning(&answered(status, headers, body), POLICY, now) {
        Meaning::Completed(output) => format!("completed {output}"),
        Meaning::Said(outcome) => format!("said {:?}", outcome.status),
        Meaning::Parked(lease) => format!("parked {}", lease.as_secs()),
        Meaning::Failed(failure) if failure.may_be_tried_again() => format!("again: {}", failure.message()),
        Meaning::Failed(failure) => format!("never: {} {}", failure.kind(), failure.message()),
    }
}

#[test]
fn what_says_that_it_went_well_completes_the_task_with_the_answer() {
    for status in [200, 201, 203, 204, 206, 226] {
        assert_eq!(of(status, &[], ""), "completed null", "{status}");
    }
    assert_eq!(of(200, &[], r#"{"n": 1}"#), r#"completed {"n":1}"#);
    assert_eq!(of(200, &[("content-type", "text/plain")], "fine"), r#"completed "fine""#);
}

#[test]
fn what_goes_on_elsewhere_is_parked_for_as_long_as_it_may_be() {
    let parked = ["60", "59", "0", "86400", "86401", "7200", "soon", ""].map(|s| of(202, &[("errand-lease", s)], ""));
    let expected = ["60", "60", "60", "86400", "86400", "7200", "900", "900"];
    assert_eq!(parked, expected.map(|s| format!("parked {s}")));
    assert_eq!(of(202, &[], "{}"), "parked 900");
}

#[test]
fn an_answer_may_say_itself_how_the_task_ended() {
    let said = [("content-type", "application/vnd.errand.outcome+json; charset=utf-8")];
    for status in [200, 202] {
        assert_eq!(of(status, &said, r#"{"status": "completed", "output": 1}"#), "said Completed");
        assert_eq!(of(status, &said, r#"{"status": "snoozed", "retry_after_s": 5}"#), "said Snoozed");
        for bad in ["", "{}", r#"{"status": "done"}"#, "no"] {
            assert!(of(status, &said, bad).starts_with("again: bad_outcome: "), "{bad}: {}", of(status, &said, bad));
        }
    }
    // Only of what went well.
    assert!(of(500, &said, r#"{"status": "completed"}"#).starts_with("again: it answered 500"));
}

#[test]
fn what_no_other_try_mends_fails_for_good_and_all_else_is_tried_again() {
    let never = [300, 301, 302, 303, 304, 307, 308, 400, 410, 413, 415, 422, 489];
    let again = [401, 402, 403, 404, 405, 408, 409, 418, 425, 429, 451, 499, 500, 501, 502, 503, 504, 529, 599];
    for status in never {
        assert!(of(status, &[], "").starts_with("never: backend it answered "), "{}", of(status, &[], ""));
        assert!(of(status, &[("errand-no-retry", "false")], "").starts_with("again: "), "{status}");
    }
    for status in again {
        assert!(of(status, &[], "").starts_with("again: it answered "), "{}", of(status, &[], ""));
        assert!(of(status, &[("errand-no-retry", "true")], "").starts_with("never: "), "{status}");
        assert!(of(status, &[("errand-no-retry", "maybe")], "").starts_with("again: "), "{status}");
    }
    assert_eq!(of(422, &[], " no such order\n"), "never: backend it answered 422 Unprocessable Entity: no such order");
    assert!(of(500, &[], &"x".repeat(9_000)).len() < MESSAGE_BYTES + 100);
}

#[test]
fn a_wait_that_is_asked_for_counts_if_it_is_longer_than_the_types() {
    let wait = |status, header: &str| {
        let now = Timestamp::from_millis(784_111_777_000);
        match meaning(&answered(status, &[("retry-after", header)], ""), POLICY, now) {
            Meaning::Failed(failure) => format!("{failure:?}"),
            other => format!("{other:?}"),
        }
    };
    for status in [429, 500, 503] {
        assert!(wait(status, "120").contains("After(120s)"), "{}", wait(status, "120"));
        assert!(wait(status, "Sun, 06 Nov 1994 08:51:37 GMT").contains("After(120s)"));
        assert!(wait(status, "5").contains("After(60s)"), "no sooner than the type says");
        assert!(wait(status, "soon").contains("Backoff"));
    }
    assert!(wait(400, "120").contains("Never"));
}

#[test]
fn an_answer_that_is_too_long_is_no_output() {
    let cut = |status| Answered { is_cut: true, ..answered(status, &[], "xxx") };
    let now = Timestamp::default();
    let Meaning::Failed(failure) = meaning(&cut(200), POLICY, now) else { panic!() };
    assert_eq!((failure.kind(), failure.may_be_tried_again()), (FailureKind::TooLarge, false));
    assert!(matches!(meaning(&cut(202), POLICY, now), Meaning::Parked(_)), "nobody reads it");
}

#[test]
fn who_answers_that_it_has_too_much_to_do_or_nothing_is_overloaded() {
    let error = |error: CallError| is_overloaded(&Err(error));
    let status = |status: u16| is_overloaded(&Ok(answered(status, &[], "")));
    assert_eq!([200, 429, 500, 502, 503].map(status), [false, true, false, false, true]);
    assert!(error(CallError::Unanswered("reset".into())) && error(CallError::TimedOut(Duration::from_secs(3))));
    // It was not called: to wait makes that no better.
    assert!(!error(CallError::NotAllowed(errand_outbound::NotAllowed::Ourselves)));
}

#[test]
fn no_answer_is_tried_again_and_a_target_that_may_not_be_called_is_not() {
    let failed = |error: CallError| (unanswered(&error).kind(), unanswered(&error).may_be_tried_again());
    assert_eq!(failed(CallError::Unanswered("reset".into())), (FailureKind::Handler, true));
    assert_eq!(failed(CallError::TimedOut(Duration::from_secs(3))), (FailureKind::Timeout, true));
    assert_eq!(failed(CallError::NotAllowed(errand_outbound::NotAllowed::Ourselves)), (FailureKind::Backend, false));
}
