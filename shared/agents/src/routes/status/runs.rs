//! Runs, and what belongs to each: its events and commands.

use crate::{
    Command, Executor, Run, RunStatus, Session, after_seq,
    api::{AfterSeq, EntityView, RunEventView, RunView},
    event, journal,
};
use std::cmp::Reverse;

use errand::{
    App, Entity, Id, Stored, TaskKey,
    spi::store::{self, Page, RecordKey, RelationKind},
};
use errand_http::{
    Answer, ApiError, Listed, Request, cursor, cursor_of, fitting,
    found::{missing, page},
    limit, limit_of,
};
use serde_json::value::RawValue;
use uuid::Uuid;

type Runs = Page<(Stored<Run>, String), String>;

/// The most events in one answer, and how many if none is asked for.
pub(crate) const EVENTS: (usize, usize) = (500, 100);

/// `GET /v1/runs?project=&session_id=&task_id=&status=&profile=&executor=&internal=`: newest first; one session's, one
/// task's or one project's.
pub(crate) async fn list(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let status = request.query_as::<RunStatus>("status")?;
    let profile = request.query_name("profile")?;
    let executor = request.query_as::<Executor>("executor")?;
    let internal = match request.query.get("internal").map(String::as_str) {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(ApiError::invalid("internal", "expected true or false")),
    };
    let (project, session) = (request.query_name("project")?, request.query_as::<Id>("session_id")?);
    let page = match (project, session, request.query_as::<Uuid>("task_id")?) {
        (Some(_), Some(_), _) => return Err(ApiError::invalid("session_id", "name session_id or project, not both")),
        (None, None, Some(task)) => of_task(app, request, task).await?,
        (_, _, Some(_)) => return Err(ApiError::invalid("task_id", "name task_id alone, or session_id or project")),
        (project, None, None) => {
            let project = Id::from(&project.unwrap_or_default());
            of(app, request, (RelationKind::Owner, &project)).await?
        }
        (None, Some(session), None) => of(app, request, (RelationKind::Parent, &session)).await?,
    };
    let shown = page.items.iter().filter(|(stored, _)| {
        let run = &stored.value;
        status.is_none_or(|status| run.status == status)
            && profile.as_ref().is_none_or(|profile| run.profile == *profile)
            && executor.is_none_or(|executor| run.executor == executor)
            && (internal || !run.internal)
    });
    let tenant = &request.caller.tenant;
    let items = shown.map(|(stored, at)| (RunView::of(tenant, &stored.id, &stored.value), cursor_of(at)));
    Ok(Answer::json(200, &fitting(items, page.next.as_deref().map(cursor_of))))
}

/// A page of the runs of a project or session.
async fn of(app: &App, request: &Request, (by, of): (RelationKind, &Id)) -> Result<Runs, ApiError> {
    let cursor = cursor(request)?;
    Ok(page::<Run>(app, &request.related::<Run>(by, of, true), cursor.as_deref(), limit(request)?).await?)
}

/// The runs of a task's newest drives, as many as a page may have: there is one of each, and no more pages.
async fn of_task(app: &App, request: &Request, id: Uuid) -> Result<Runs, ApiError> {
    let key = TaskKey { tenant: request.caller.tenant.clone(), id };
    let Some(task) = store::task(&*app.store, &key).await? else {
        return Ok(Page { items: Vec::new(), next: None });
    };
    let end = task.redrives.saturating_add(1);
    let first = end.saturating_sub(u32::try_from(limit(request)?).unwrap_or(u32::MAX));
    let mut runs = journal::runs(app, &task, first..end).await?;
    runs.sort_by_key(|run| Reverse(run.value.drive));
    let items = runs.into_iter().map(|run| (run, String::new())).collect();
    Ok(Page { items, next: None })
}

/// `GET /v1/runs/{id}`.
pub(crate) async fn run(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let run = request.found::<Run>(app).await?;
    Ok(Answer::json(200, &RunView::of(&request.caller.tenant, &run.id, &run.value)))
}

/// `GET /v1/runs/{id}/events?after_seq=&limit=`.
pub(crate) async fn events(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let (after, limit) = (after(request)?, limit_of(request, EVENTS)?);
    let run = request.found::<Run>(app).await?;
    Ok(Answer::json(200, &events_of(app, request, &run, (after, limit), |_| true).await?))
}

/// `GET /v1/sessions/{id}/trace?run_id=&after_seq=&limit=`: every event of one of its runs, by default the newest.
pub(crate) async fn trace(app: &App, request: &Request) -> Result<Answer, ApiError> {
    of_session(app, request, |_| true).await
}

/// `GET /v1/sessions/{id}/output?…`: the same, only those with something to read. Its cursor goes on behind what was
/// passed over, so a page may be short, or empty, while there is more.
pub(crate) async fn output(app: &App, request: &Request) -> Result<Answer, ApiError> {
    of_session(app, request, |event| event.body.is_output()).await
}

async fn of_session(app: &App, request: &Request, shows: fn(&event::RunEvent) -> bool) -> Result<Answer, ApiError> {
    let (after, limit) = (after(request)?, limit_of(request, EVENTS)?);
    let session = request.found::<Session>(app).await?;
    let asked = request.query_as::<Id>("run_id")?;
    let id = asked.or(session.value.active_run).or(session.value.last_run);
    let Some(id) = id else { return Err(ApiError::not_found("the session has no run yet")) };
    let run = request.find::<Run>(app, &id).await?;
    let run = run.filter(|run| run.value.session_id.as_ref() == Some(&session.id)).ok_or_else(missing::<Run>)?;
    Ok(Answer::json(200, &events_of(app, request, &run, (after, limit), shows).await?))
}

/// Reads each by its id, and as many as the run, read before, says there are: a list may lag and miss one in between.
async fn events_of(
    app: &App,
    request: &Request,
    run: &Stored<Run>,
    (after, limit): (u64, usize),
    shows: fn(&event::RunEvent) -> bool,
) -> Result<AfterSeq<Listed<Box<RawValue>>>, ApiError> {
    let last_seq = run.value.last_event_seq;
    let end = last_seq.min(after.saturating_add(limit as u64));
    let keys: Vec<RecordKey> =
        (after.saturating_add(1)..=end).map(|seq| request.key::<event::RunEvent>(&event::id(&run.id, seq))).collect();
    // One that is not there is past its retention.
    let found = app.store.records_at(&keys).await?.into_iter().flatten().map(Stored::read);
    let found: Vec<Stored<event::RunEvent>> = found.collect::<Result<_, _>>()?;
    let shown = found.iter().filter(|stored| shows(&stored.value));
    let items =
        shown.map(|stored| (RunEventView { id: &stored.id, event: &stored.value }, stored.value.seq.to_string()));
    let list = fitting(items, Some(end.max(after).to_string()));
    Ok(AfterSeq { run_id: run.id.clone(), run_status: run.value.status, last_seq, list })
}

/// `GET /v1/runs/{id}/commands?after_seq=&limit=`.
pub(crate) async fn commands(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let (after, limit) = (after(request)?, limit(request)?);
    let run = request.found::<Run>(app).await?;
    let last_seq = run.value.last_command_seq;
    let related = request.related::<Command>(RelationKind::Parent, &run.id, false);
    let page = page::<Command>(app, &related, Some(&after_seq(after)), limit).await?;
    let unbroken = unbroken(after, page.items.iter().map(|(stored, _)| stored.value.seq));
    let commands: Vec<&Stored<Command>> = page.items.iter().take(unbroken).map(|(stored, _)| stored).collect();
    let next = commands.last().map_or(after, |stored| stored.value.seq).to_string();
    let items = commands.into_iter().map(|stored| (EntityView::from(stored), stored.value.seq.to_string()));
    let list = fitting(items, Some(next));
    Ok(Answer::json(200, &AfterSeq { run_id: run.id.clone(), run_status: run.value.status, last_seq, list }))
}

/// How many of these numbers follow `after` without a gap. A list may lag, and show one before the one that it follows:
/// who goes on behind it would never see that.
fn unbroken(after: u64, seqs: impl Iterator<Item = u64>) -> usize {
    (after.saturating_add(1)..=u64::MAX).zip(seqs).take_while(|(expected, seq)| expected == seq).count()
}

/// `GET /v1/commands/{id}`.
pub(crate) async fn command(app: &App, request: &Request) -> Result<Answer, ApiError> {
    Ok(Answer::json(200, &EntityView::from(&request.found::<Command>(app).await?)))
}

/// A page of what belongs to `of`, each as `shown` says, or left out.
pub(crate) async fn listed<E: Entity>(
    app: &App,
    request: &Request,
    (by, of, newest_first): (RelationKind, &Id, bool),
    shown: impl Fn(E) -> Option<E>,
) -> Result<Answer, ApiError> {
    let related = request.related::<E>(by, of, newest_first);
    let cursor = cursor(request)?;
    let page = page::<E>(app, &related, cursor.as_deref(), limit(request)?).await?;
    let as_shown = |(stored, at): (Stored<E>, String)| {
        let Stored { id, version, value, .. } = stored;
        Some((id, version, shown(value)?, at))
    };
    let found: Vec<_> = page.items.into_iter().filter_map(as_shown).collect();
    let items = found.iter().map(|(id, version, fields, at)| {
        let view = EntityView { id, version: Some(*version), fields };
        (view, cursor_of(at))
    });
    Ok(Answer::json(200, &fitting(items, page.next.as_deref().map(cursor_of))))
}

fn after(request: &Request) -> Result<u64, ApiError> {
    let after = request.query.get("after_seq").map_or(Ok(0), |text| text.parse());
    after.map_err(|_| ApiError::invalid("after_seq", "expected the number of an event or command, 0 for the start"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_commands_ends_before_one_that_the_list_does_not_show_yet() {
        for (after, seqs, shown) in
            [(0, vec![1, 2, 3], 3), (0, vec![1, 3], 1), (0, vec![2, 3], 0), (4, vec![5], 1), (u64::MAX, vec![], 0)]
        {
            assert_eq!(unbroken(after, seqs.iter().copied()), shown, "{after} {seqs:?}");
        }
    }
}
