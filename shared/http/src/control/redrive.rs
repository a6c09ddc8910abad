//! `POST /v1/dead-letters/redrive`: sets failed tasks going again, many at a time.

use std::time::Duration;

use crate::{Answer, ApiError, DeadLetterView, RedriveRequest, Redriven, Request};
use errand::{
    App, Doc, Expect, Redrive, StoreError, Task, Timestamp,
    spi::{
        change::With,
        redact::chain,
        redrive::{Call, Cursor, DeadLetters, PAGE},
        store::{self, Commit, RecordWrite},
    },
};
use tracing::warn;

use crate::once::{KEEP_KEYS, Once};

/// How long one call goes on taking up tasks: the API waits 30 s, and what was begun must end within that.
const BUDGET: Duration = Duration::from_secs(20);

/// The field of a call's record that keeps its answer.
const ANSWER: &str = "answer";

/// Answers `{done, skipped, cursor}`, once for each `Idempotency-Key`; on a dry run, what would be redriven.
pub(crate) async fn redrive(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: RedriveRequest = request.json()?;
    body.check()?;
    let from = match &body.cursor {
        Some(text) => Cursor::read(text).ok_or_else(|| ApiError::bad_cursor("cursor"))?,
        None => Cursor::default(),
    };
    let RedriveRequest { filter, limit, rate, note, .. } = body;
    let what = Redrive { filter, from, limit, rate, note };
    let until = app.clock.now() + BUDGET;
    if body.dry_run {
        let letters = DeadLetters::of(request.caller.tenant.clone(), what.filter.clone());
        return Ok(Answer::json(200, &show(app, &letters, &what, until).await?));
    }
    let Some(once) = Once::of(request, "") else {
        return Ok(Answer::json(200, &all(app, request, &what, until).await?));
    };
    if let Some(before) = begin(app, &once).await? {
        return Ok(Answer::text(200, before));
    }
    let answer = Answer::json(200, &all(app, request, &what, until).await?);
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

/// What would be redriven.
async fn show(app: &App, letters: &DeadLetters, what: &Redrive, until: Timestamp) -> Result<Redriven, ApiError> {
    let (mut items, mut at): (Vec<DeadLetterView>, _) = (Vec::new(), what.from);
    let cursor = loop {
        let size = what.limit.saturating_sub(items.len()).clamp(1, PAGE);
        let page = letters.page(&*app.store, at.place, size).await?;
        items.extend(page.items.iter().map(DeadLetterView::from));
        let Some(next) = page.next else { break None };
        at.place = Some(next);
        if items.len() >= what.limit || app.clock.now() >= until {
            break Some(at.to_text());
        }
    };
    Ok(Redriven { matched: Some(items.len()), items: Some(items), cursor, ..Redriven::default() })
}

/// Redrives them, each once for each `Idempotency-Key`.
async fn all(app: &App, request: &Request, what: &Redrive, until: Timestamp) -> Result<Redriven, ApiError> {
    let once = |task: &Task| match Once::of(request, &task.key.id.to_string()) {
        Some(once) => With::nothing().once(once.effect(app.clock.now())),
        None => With::nothing(),
    };
    let (tenant, by) = (request.caller.tenant.clone(), request.caller.principal.clone());
    let came = Call { app, tenant, by, until, with: &once }.redrive(what).await?;
    let cursor = came.next.map(Cursor::to_text);
    Ok(Redriven { done: came.done, skipped: came.skipped, cursor, ..Redriven::default() })
}
