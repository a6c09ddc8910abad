//! `POST /v1/dead-letters/redrive`: sets failed tasks going again, many at a time.
//!
//! A task leaves the list of failed ones with its redrive, and what fails again stands before the place where the list
//! goes on. So a call that broke off is made again with the same cursor, or by two people at once, without redriving
//! anything twice: each redrive holds only for the executions that the task had failed at when it was listed.

mod cursor;

use std::time::Duration;

use crate::{Answer, ApiError, DeadLetterView, DeadLetters, RedriveRequest, Redriven, Request};
use cursor::Cursor;
use errand::{
    app::App,
    change::{ChangeError, With, change},
    clock::Timestamp,
    lifecycle::{Event, Task},
    notify::notify,
    redact::chain,
    store::{self, Commit, Doc, Expect, RecordWrite, StoreError},
};
use futures::future::join_all;
use tracing::warn;

use super::once::{KEEP_KEYS, Once};

/// How long one call goes on taking up tasks: the API waits 30 s, and what was begun must end within that.
const BUDGET: Duration = Duration::from_secs(20);

/// How many tasks are redriven at the same time.
const PAGE: usize = 100;

/// The field of a call's record that keeps its answer.
const ANSWER: &str = "answer";

/// Answers `{done, skipped, cursor}`, once for each `Idempotency-Key`; on a dry run, what would be redriven.
pub(crate) async fn redrive(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: RedriveRequest = request.json()?;
    body.check()?;
    let from = Cursor::read(body.cursor.as_deref())?;
    let letters = DeadLetters::of(request.caller.tenant.clone(), body.filter.clone());
    let until = app.clock.now() + BUDGET;
    let run = Run { app, request, body: &body, letters, until };
    if body.dry_run {
        return Ok(Answer::json(200, &run.show(from).await?));
    }
    let Some(once) = Once::of(request, "") else { return Ok(Answer::json(200, &run.redrive(from).await?)) };
    if let Some(before) = begin(app, &once).await? {
        return Ok(Answer::text(200, before));
    }
    let answer = Answer::json(200, &run.redrive(from).await?);
    let doc = once.doc.iter().map(|(name, value)| (name.clone(), value.clone()));
    let doc = doc.chain([(ANSWER.to_owned(), answer.body.as_str().into())]).collect();
    if let Err(problem) = record(app, &once, doc, Expect::Any).await {
        // A repetition then goes over the list again, and finds each task's own record.
        warn!(error = %chain(&problem), "the answer to a redrive was not noted");
    }
    Ok(answer)
}

/// Notes that a call under this key has begun; the answer, if it came to its end before.
async fn begin(app: &App, once: &Once) -> Result<Option<String>, ApiError> {
    match record(app, once, once.doc.clone(), Expect::Absent).await {
        Ok(()) => Ok(None),
        Err(StoreError::Conflict { .. }) => {
            let before = once.recorded(app).await?.unwrap_or_default();
            Ok(before.get(ANSWER).and_then(|answer| answer.as_str()).map(str::to_owned))
        }
        Err(error) => Err(error.into()),
    }
}

async fn record(app: &App, once: &Once, doc: Doc, expect: Expect) -> Result<(), StoreError> {
    let now = app.clock.now();
    let put = RecordWrite::put(once.key.clone(), doc, expect, now).expiring(now + KEEP_KEYS);
    store::commit(&*app.store, Commit { records: vec![put], ..Commit::default() }).await
}

/// One call.
struct Run<'a> {
    app: &'a App,
    request: &'a Request,
    body: &'a RedriveRequest,
    letters: DeadLetters,
    until: Timestamp,
}

impl Run<'_> {
    /// What would be redriven.
    async fn show(&self, mut at: Cursor) -> Result<Redriven, ApiError> {
        let mut items: Vec<DeadLetterView> = Vec::new();
        let cursor = loop {
            let page = self.letters.page(&*self.app.store, at.place, self.page_size(items.len())).await?;
            items.extend(page.items.iter().map(DeadLetterView::from));
            let Some(next) = page.next else { break None };
            at.place = Some(next);
            if self.is_over(items.len()) {
                break Some(at.to_text());
            }
        };
        Ok(Redriven { matched: Some(items.len()), items: Some(items), cursor, ..Redriven::default() })
    }

    /// Page by page, until it is done or enough. What the store does not do ends the call, whose cursor then leads to
    /// that page again; if nothing was done at all, it is the answer.
    async fn redrive(&self, mut at: Cursor) -> Result<Redriven, ApiError> {
        let mut report = Redriven::default();
        let mut start = self.app.clock.now().max(at.start.unwrap_or_default());
        loop {
            let size = self.page_size(report.done + report.skipped);
            let page = match self.letters.page(&*self.app.store, at.place, size).await {
                Ok(page) => page,
                Err(problem) => return given_up(report, &at, problem),
            };
            let places =
                (0..).zip(&page.items).map(|(nth, task)| self.one(task, self.gap().map(|gap| start + gap * nth)));
            let (redriven, problem) = count(&mut report, join_all(places).await);
            // Their `wake_at` covers a crash here.
            notify(self.app, &redriven).await;
            if let Some(gap) = self.gap() {
                start = start + gap * u32::try_from(page.items.len()).unwrap_or(u32::MAX);
                at.start = Some(start);
            }
            if let Some(problem) = problem {
                at.begin_with(page.items.first());
                return given_up(report, &at, problem);
            }
            at.place = page.next;
            if at.place.is_none() {
                return Ok(report);
            }
            if self.is_over(report.done + report.skipped) {
                return Ok(Redriven { cursor: Some(at.to_text()), ..report });
            }
        }
    }

    async fn one(&self, task: &Task, run_at: Option<Timestamp>) -> Result<Task, ChangeError> {
        let (note, by) = (self.body.note.clone(), self.request.caller.principal.clone());
        let event = Event::Redrive { note, by, failed_at: Some(task.executions), run_at };
        let with = match Once::of(self.request, &task.key.id.to_string()) {
            Some(once) => With::nothing().once(once.effect(self.app.clock.now())),
            None => With::nothing(),
        };
        change(self.app, task, event, with).await
    }

    /// How long after one task the next may start. Their times are spread, rather than the redrives: a call then takes
    /// no longer, and a crash leaves no task without its time.
    fn gap(&self) -> Option<Duration> {
        self.body.rate.map(|per_second| Duration::from_secs_f64(per_second.recip()))
    }

    fn page_size(&self, seen: usize) -> usize {
        self.body.limit.saturating_sub(seen).clamp(1, PAGE)
    }

    fn is_over(&self, seen: usize) -> bool {
        seen >= self.body.limit || self.app.clock.now() >= self.until
    }
}

/// Counts what came of a page: the tasks that were redriven, and what the store did not do.
fn count(report: &mut Redriven, came: Vec<Result<Task, ChangeError>>) -> (Vec<Task>, Option<StoreError>) {
    let (mut redriven, mut problem) = (Vec::new(), None);
    for one in came {
        match one {
            Ok(task) => {
                report.done += 1;
                redriven.push(task);
            }
            // Somebody was faster; or this very request, before.
            Err(ChangeError::Rejected(_) | ChangeError::Gone | ChangeError::Effect(_)) => report.skipped += 1,
            Err(ChangeError::Store(error)) => problem = Some(error),
        }
    }
    (redriven, problem)
}

fn given_up(report: Redriven, at: &Cursor, problem: StoreError) -> Result<Redriven, ApiError> {
    if report.done == 0 {
        return Err(problem.into());
    }
    warn!(error = %chain(&problem), done = report.done, "a redrive broke off; its cursor goes on");
    Ok(Redriven { cursor: Some(at.to_text()), ..report })
}
