//! What a target's answer means for its task. Pure.

use std::time::Duration;

use errand::{
    Failure, FailureKind, Timestamp,
    spi::json::{cut, read::read_strict},
};
use errand_outbound::{Answered, CallError, RetryAfter};
use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER},
};
use serde_json::Value;

use crate::WorkOutcome;

/// The content type of an answer that says itself how the task ended.
pub(crate) const OUTCOME: &str = "application/vnd.errand.outcome+json";

/// The header by which a target says for how many seconds it has the task, and what goes if it says none.
pub(super) const LEASE: &str = "errand-lease";
const LEASE_S: u64 = 900;

/// How long that may be, in seconds.
pub(crate) const LEASES_S: (u64, u64) = (60, 86_400);

/// The header by which a target says whether another try makes sense.
pub(super) const NO_RETRY: &str = "errand-no-retry";

/// How much of what a target says against a task is kept, in bytes.
const MESSAGE_BYTES: usize = 2 * 1024;

/// What an answer means.
#[derive(Debug)]
pub(super) enum Meaning {
    /// Done, with this output.
    Completed(Value),
    /// As the answer says itself.
    Said(Box<WorkOutcome>),
    /// It goes on elsewhere, for this long.
    Parked(Duration),
    /// It went wrong.
    Failed(Failure),
}

/// What `answered` means. `policy` is how long the type would wait before another try.
pub(super) fn meaning(answered: &Answered, policy: Duration, now: Timestamp) -> Meaning {
    let Answered { status, headers, body, is_cut } = answered;
    if !status.is_success() {
        return Meaning::Failed(failure(answered, policy, now));
    }
    let says_itself = text(headers, CONTENT_TYPE.as_str()).is_some_and(|of| of.split(';').next() == Some(OUTCOME));
    if *is_cut && (says_itself || *status != StatusCode::ACCEPTED) {
        let message = "the answer has more than 256 KiB";
        return Meaning::Failed(Failure::said(FailureKind::TooLarge, message));
    }
    match (says_itself, *status) {
        (true, _) => match str::from_utf8(body).map_err(|_| "it is not text".to_owned()).and_then(outcome) {
            Ok(outcome) => Meaning::Said(Box::new(outcome)),
            Err(why) => Meaning::Failed(bad_outcome(&why)),
        },
        (false, StatusCode::ACCEPTED) => Meaning::Parked(lease(headers)),
        (false, _) => Meaning::Completed(output(body)),
    }
}

/// What it means that there is no answer. It may have been heard all the same.
pub(super) fn unanswered(error: &CallError) -> Failure {
    let message = error.to_string();
    match error {
        CallError::NotAllowed(_) => Failure::said(FailureKind::Backend, message),
        CallError::TimedOut(_) => Failure::said(FailureKind::Timeout, message),
        CallError::Unanswered(_) => Failure::transient(message),
    }
}

/// What it means that a target says of itself what cannot be: another try may be answered better.
pub(super) fn bad_outcome(why: &str) -> Failure {
    Failure::transient(format!("bad_outcome: {why}"))
}

/// Whether a target that answers so, or not at all, has too much to do.
pub(super) fn is_overloaded(answered: &Result<Answered, CallError>) -> bool {
    match answered {
        Ok(answered) => matches!(answered.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE),
        Err(CallError::NotAllowed(_)) => false,
        Err(CallError::TimedOut(_) | CallError::Unanswered(_)) => true,
    }
}

/// When a target asks to be called again, from now on.
pub(super) fn asked_wait(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    Some(RetryAfter::read(text(headers, RETRY_AFTER.as_str())?)?.wait(now))
}

fn outcome(body: &str) -> Result<WorkOutcome, String> {
    read_strict(body).map_err(|error| error.to_string())
}

/// The body, if it is JSON; any other is kept as text.
fn output(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}

fn lease(headers: &HeaderMap) -> Duration {
    let asked = text(headers, LEASE).and_then(|lease| lease.trim().parse().ok()).unwrap_or(LEASE_S);
    Duration::from_secs(asked.clamp(LEASES_S.0, LEASES_S.1))
}

fn failure(answered: &Answered, policy: Duration, now: Timestamp) -> Failure {
    let Answered { status, headers, body, .. } = answered;
    let body = String::from_utf8_lossy(body);
    let said = cut(body.trim(), MESSAGE_BYTES);
    let message =
        if said.is_empty() { format!("it answered {status}") } else { format!("it answered {status}: {said}") };
    let final_by_itself = status.is_redirection() || matches!(status.as_u16(), 400 | 410 | 413 | 415 | 422 | 489);
    let is_final = match text(headers, NO_RETRY).map(str::trim) {
        Some("true") => true,
        Some("false") => false,
        _ => final_by_itself,
    };
    if is_final {
        return Failure::said(FailureKind::Backend, message);
    }
    match asked_wait(headers, now) {
        Some(wait) => Failure::retry_after(message, wait.max(policy)),
        None => Failure::transient(message),
    }
}

/// A header that is text.
pub(super) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests;
