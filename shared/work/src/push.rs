//! Calls whoever does the tasks of a type: `run.kind = http`.

mod answer;
mod call;
mod circuit;
mod crowd;
mod left_alone;
mod trial;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use errand::{Failure, Outcome, RetryPolicy, TaskContext, Timestamp, spi::store::RecordKey};
use errand_outbound::{Answered, CallError, CallsTargets, Keyring};
use reqwest::header::{HeaderName, HeaderValue};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use answer::LEASES_S;
use answer::{Meaning, asked_wait, is_overloaded, meaning, unanswered};
use circuit::{Circuit, CircuitNews};
use crowd::Crowd;
pub(crate) use left_alone::left_alone;
pub(crate) use trial::Trial;

use crate::{
    RunBy, TypeRecord, WorkOutcome,
    target::{TargetSecrets, read_headers, target_url},
};

/// How many calls of one type are under way at once, in one process.
const AT_ONCE: usize = 64;

/// How many more may wait for one of these: there is room for other types' in what a process has in hand.
const WAITING: usize = 256;

/// How much less than its task's time a call has: to note what came of it.
const NOTING: Duration = Duration::from_millis(100);

/// What a process calls targets with.
pub struct Pushing {
    caller: Box<dyn CallsTargets>,
    keyring: Arc<Keyring>,
    base: String,
    /// By type, as it is kept.
    lines: Mutex<HashMap<RecordKey, Arc<Line>>>,
}

/// What goes for the calls of one type.
struct Line {
    /// To be called.
    room: Arc<Semaphore>,
    /// To wait for that, and to be called.
    hall: Arc<Semaphore>,
    crowd: Mutex<Crowd>,
    circuit: Mutex<Circuit>,
}

impl Line {
    /// A place among those that are called or wait for it; if there is none: how long to stay away.
    fn hall(&self, now: Timestamp) -> Result<OwnedSemaphorePermit, Duration> {
        let mut crowd = self.crowd.lock().unwrap_or_else(PoisonError::into_inner);
        let place = self.hall.clone().try_acquire_owned().map_err(|_| crowd.turned_away(now))?;
        crowd.let_in(now);
        Ok(place)
    }
}

/// Held as long as a task is in hand.
pub(crate) type Permits = (OwnedSemaphorePermit, OwnedSemaphorePermit);

/// What became of a call.
pub(crate) enum Pushed {
    /// What it means for the task.
    Decided(Outcome),
    /// The target says itself how the task ended.
    Said(Box<WorkOutcome>),
}

impl Pushing {
    /// By `caller`, with secrets that `keyring` opens. `base` is the API's URL, where targets answer later.
    pub fn new(caller: impl CallsTargets + 'static, keyring: Arc<Keyring>, base: String) -> Self {
        Self { caller: Box::new(caller), keyring, base, lines: Mutex::default() }
    }

    /// Whether `url` may be a target here, as far as it says itself where it leads.
    pub(crate) fn admit(&self, url: &str) -> Result<(), errand::FieldError> {
        let refused = |error: errand_outbound::NotAllowed| errand::FieldError::at("run.url", error.to_string());
        self.caller.admit(&target_url(url)?).map_err(refused)
    }

    /// Waits until one more task of the type may be pushed. If its target is left alone, or too many wait already: for how
    /// long it is to come no more.
    pub(crate) async fn enter(&self, of: &RecordKey, patience: Duration, now: Timestamp) -> Result<Permits, Duration> {
        let line = self.line(of);
        let hall = line.hall(now)?;
        let room = line.room.clone().acquire_owned().await.map_err(|_| patience)?; // it is never closed
        line.circuit.lock().unwrap_or_else(PoisonError::into_inner).admit(patience, now)?;
        Ok((hall, room))
    }

    /// Calls the target of `record` with the task.
    pub(crate) async fn push(
        &self,
        of: &RecordKey,
        record: &TypeRecord,
        context: &TaskContext<'_>,
    ) -> Result<Pushed, Failure> {
        let timeout = Duration::from_secs(context.task().timeout_s.into()).saturating_sub(NOTING);
        let callback = call::token(&self.keyring, context.task()).map(|token| self.callback_of(&token));
        let answered = self.call(of, record, context, callback.as_deref(), timeout, []).await?;
        if let Some(news) = self.heard(of, &answered, context.now()) {
            left_alone::tell(context.services(), of, news).await;
        }
        judged(answered, record, context)
    }

    /// One signed call, with these headers besides; refused if it cannot be made.
    async fn call(
        &self,
        of: &RecordKey,
        record: &TypeRecord,
        context: &TaskContext<'_>,
        callback: Option<&str>,
        timeout: Duration,
        more: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Result<Result<Answered, CallError>, Failure> {
        let RunBy::Http { url, .. } = &record.run else {
            return Err(Failure::permanent("only a worker outside does this")); // not reached: nobody here is told of it
        };
        let secrets = TargetSecrets::open(&self.keyring, of, record.sealed.as_deref().unwrap_or_default())?;
        let mut headers = read_headers(&secrets.headers).map_err(|error| Failure::permanent(error.message))?;
        headers.extend(call::headers(context, &secrets.signing, callback, timeout));
        headers.extend(more);
        let url = target_url(url).map_err(|error| Failure::permanent(error.message))?;
        let body = context.task().payload.as_str().as_bytes().to_vec();
        Ok(self.caller.post(&url, headers.into_iter().collect(), body, timeout).await)
    }

    /// The URL by which who bears `token` answers later.
    fn callback_of(&self, token: &str) -> String {
        format!("{}/v1/callbacks/{token}", self.base.trim_end_matches('/'))
    }

    /// Counts an answer; what there is to tell of the target after it.
    fn heard(&self, of: &RecordKey, answered: &Result<Answered, CallError>, now: Timestamp) -> Option<CircuitNews> {
        let asked = answered.as_ref().ok().and_then(|answered| asked_wait(&answered.headers, now));
        let line = self.line(of);
        let mut circuit = line.circuit.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *circuit;
        circuit.heard(is_overloaded(answered), asked, now);
        circuit.news(before)
    }

    fn line(&self, of: &RecordKey) -> Arc<Line> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || {
            let [room, hall] = [AT_ONCE, AT_ONCE + WAITING].map(|n| Arc::new(Semaphore::new(n)));
            Arc::new(Line { room, hall, crowd: Mutex::default(), circuit: Mutex::default() })
        };
        lines.entry(of.clone()).or_insert_with(fresh).clone()
    }
}

/// What an answer, or none, means for the task.
fn judged(
    answered: Result<Answered, CallError>,
    record: &TypeRecord,
    context: &TaskContext<'_>,
) -> Result<Pushed, Failure> {
    let answered = answered.map_err(|error| unanswered(&error))?;
    match meaning(&answered, next_wait(record, context), context.now()) {
        Meaning::Completed(output) => Ok(Pushed::Decided(Outcome::done(output))),
        Meaning::Parked(lease) => Ok(Pushed::Decided(Outcome::Park(lease))),
        Meaning::Said(outcome) => Ok(Pushed::Said(outcome)),
        Meaning::Failed(failure) => Err(failure),
    }
}

/// What it means that what a target says of its task cannot be.
pub(crate) fn bad_outcome(why: &str) -> Failure {
    answer::bad_outcome(why)
}

/// How long the type would wait after a failure now.
fn next_wait(record: &TypeRecord, context: &TaskContext<'_>) -> Duration {
    let policy: RetryPolicy = record.settings().retry;
    policy.backoff(context.task().failures + 1, 0.0)
}
