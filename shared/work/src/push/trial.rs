//! One call of a target that no task needs: whether it is reached, and what its answer would mean. Nothing of it is kept.

use std::{collections::BTreeMap, time::Duration};

use errand::{
    App, Asked, Dispatch, Outcome, Task, TaskContext, TaskKey,
    spi::{
        ids,
        json::{Json, cut},
        processor::Ending,
        redact,
    },
};
use errand_http::{ApiError, Caller};
use errand_outbound::Answered;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Pushed, Pushing, answer, judged};
use crate::types::Found;

/// The longest that is waited for the answer: less than API Gateway waits for ours.
const PATIENCE: Duration = Duration::from_secs(25);

/// How much of the answer's body is shown, in bytes.
const EXCERPT_BYTES: usize = 2 * 1024;

/// The header by which a receiver knows that nothing is to be done.
const TEST: HeaderName = HeaderName::from_static("errand-test");

/// A callback's token that is none.
const NO_TOKEN: &str = "test";

/// What came of a call that was made to see what comes of it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Trial {
    /// The status of the answer; absent if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Those of its headers that say what it means.
    pub headers: BTreeMap<String, String>,
    /// The start of its body, at most 2 KiB, secrets masked.
    pub excerpt: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// What would become of a task.
    pub outcome: TrialOutcome,
}

/// What would become of a task whose target answers so.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct TrialOutcome {
    /// In a word.
    pub status: TrialStatus,
    /// Why it would be tried again, failed, blocked or cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// For how many seconds it would go on elsewhere, or wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_s: Option<u64>,
}

/// See [`TrialOutcome`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum TrialStatus {
    /// It is completed.
    Completed,
    /// It goes on elsewhere, until that says how it ended.
    Parked,
    /// It is tried again.
    Retried,
    /// It has failed.
    Failed,
    /// It waits for a person.
    Blocked,
    /// It is cancelled.
    Cancelled,
    /// It runs again later.
    Snoozed,
    /// Another has it at once.
    Released,
}

impl Pushing {
    /// Calls the target of a type with `payload`, as for a task of `caller`'s, and says what that would mean.
    pub(crate) async fn try_out(
        &self,
        app: &App,
        found: &Found,
        caller: &Caller,
        payload: Json,
    ) -> Result<Trial, ApiError> {
        let task = no_task(app, found, caller, payload);
        let context = TaskContext::new(app, &task);
        let callback = self.callback_of(NO_TOKEN);
        let mark = (TEST, HeaderValue::from_static("true"));
        let timeout = PATIENCE.min(Duration::from_secs(task.timeout_s.into()));
        let begun = app.clock.now();
        let answered = self.call(&found.place, &found.record, &context, Some(&callback), timeout, [mark]).await;
        let duration = app.clock.now().since(begun);
        let answered = answered.map_err(|failure| ApiError::conflict(failure.message()))?;
        let seen = answered.as_ref().ok().map(Seen::of).unwrap_or_default();
        let outcome = match judged(answered, &found.record, &context) {
            Ok(Pushed::Decided(decided)) => outcome(Ending::Decided(decided)),
            Ok(Pushed::Said(said)) => match said.ended(app, &task).await {
                Ok(ended) => outcome(ended.ending),
                Err(error) => outcome(Ending::Failed(answer::bad_outcome(&error.message))),
            },
            Err(failure) => outcome(Ending::Failed(failure)),
        };
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Ok(Trial { status: seen.status, headers: seen.headers, excerpt: seen.excerpt, duration_ms, outcome })
    }
}

/// A task as one would be that was claimed just now; it is none, and stored nowhere.
fn no_task(app: &App, found: &Found, caller: &Caller, payload: Json) -> Task {
    let (now, key) = (app.clock.now(), TaskKey { tenant: caller.tenant.clone(), id: ids::fresh() });
    let asked = Asked::of_type(key, found.name.clone(), payload, caller.principal.clone(), now);
    let (timeout_s, dispatch) = (found.record.timeout_s, Dispatch::Pushed);
    let max_retries = found.record.max_retries.unwrap_or(app.rules.max_retries);
    let asked = Asked { timeout_s, dispatch, max_retries, ..asked };
    Task { executions: 1, ..Task::accept(asked, ids::fresh(), now) }
}

/// What is shown of an answer.
#[derive(Default)]
struct Seen {
    status: Option<u16>,
    headers: BTreeMap<String, String>,
    excerpt: String,
}

impl Seen {
    fn of(answered: &Answered) -> Self {
        let body = String::from_utf8_lossy(&answered.body);
        // Masked first: half a secret looks like none.
        let excerpt = cut(&redact::text(&body), EXCERPT_BYTES).to_owned();
        Self { status: Some(answered.status.as_u16()), headers: telling(&answered.headers), excerpt }
    }
}

/// The headers that [`answer`] goes by.
fn telling(headers: &HeaderMap) -> BTreeMap<String, String> {
    let names = [CONTENT_TYPE.as_str(), RETRY_AFTER.as_str(), answer::LEASE, answer::NO_RETRY];
    let shown = |name: &str| Some((name.to_owned(), redact::text(answer::text(headers, name)?).into_owned()));
    names.into_iter().filter_map(shown).collect()
}

fn outcome(ending: Ending) -> TrialOutcome {
    use TrialStatus as S;
    let (status, message, wait) = match ending {
        Ending::Decided(Outcome::Park(lease)) => (S::Parked, None, Some(lease)),
        Ending::Decided(Outcome::Snooze(wait) | Outcome::Wait { wait, .. }) => (S::Snoozed, None, Some(wait)),
        Ending::Decided(Outcome::Postpone(_)) | Ending::Released => (S::Released, None, None),
        Ending::Decided(Outcome::Cancel(reason)) => (S::Cancelled, Some(reason), None),
        Ending::Decided(Outcome::Block(reason)) => (S::Blocked, Some(reason), None),
        Ending::Decided(_) => (S::Completed, None, None),
        Ending::Failed(failure) if failure.may_be_tried_again() => (S::Retried, Some(failure.message()), None),
        Ending::Failed(failure) => (S::Failed, Some(failure.message()), None),
    };
    let message = message.map(|message| cut(&redact::text(&message), EXCERPT_BYTES).to_owned());
    TrialOutcome { status, message, for_s: wait.map(|wait| wait.as_secs()) }
}
