//! Runners: who they are, and when they were last heard of.

use std::time::Duration;

use crate::{
    Runner,
    api::{EntityView, RUNNER_NAME_BYTES, RUNNER_PROFILES, RunnerRequest, fits},
    create, replace,
};
use errand::{
    App, Id, Name, Stored,
    spi::{
        ids, redact,
        store::{self, Commit, RelationKind},
    },
};
use errand_http::{Answer, ApiError, Request};
use serde_json::json;

/// The most runners that a project may have.
const MAX_RUNNERS: usize = 1000;

/// How long after it was last heard of a runner is kept: many register anew at every start, and are never heard of again.
const KEEP_RUNNERS: Duration = Duration::from_secs(30 * 24 * 3600);

/// `POST /v1/runners {name, runner_id?, project?, profiles?, metadata?}`: 201 if it is new, else 200 with what it says of
/// itself now.
pub(crate) async fn register(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let RunnerRequest { runner_id, name, project, profiles, mut metadata } = request.json()?;
    if name.is_empty() || name.len() > RUNNER_NAME_BYTES || profiles.len() > RUNNER_PROFILES {
        let message = format!("expected 1 to {RUNNER_NAME_BYTES} bytes, and at most {RUNNER_PROFILES} profiles");
        return Err(ApiError::invalid("name", message));
    }
    fits("metadata", &json!(metadata))?;
    let name = redact::text(&name).into_owned();
    redact::object(&mut metadata);
    let id = runner_id.unwrap_or_else(|| Id::from(ids::fresh()));
    let (tenant, now) = (&request.caller.tenant, app.clock.now());
    let there = request.find::<Runner>(app, &id).await?;
    if there.as_ref().is_some_and(|there| there.value.project != project) {
        return Err(ApiError::tenant_policy_denied("the runner belongs to another project"));
    }
    if there.is_none() && is_full(app, request, &project).await? {
        return Err(ApiError::conflict(format!("the project has {MAX_RUNNERS} runners, and may have no more")));
    }
    let registered_at = there.as_ref().map_or(now, |there| there.value.registered_at);
    let runner = Runner { project, name, profiles, metadata, registered_at, last_seen_at: now };
    let write = match &there {
        Some(there) => replace(tenant, there, &runner, now),
        None => create(tenant, &id, &runner, now),
    };
    let write = write.expiring(now + KEEP_RUNNERS);
    let version = Some(write.version());
    store::commit(&*app.store, Commit { records: vec![write], ..Commit::default() }).await?;
    let status = if there.is_some() { 200 } else { 201 };
    Ok(Answer::json(status, &EntityView { id: &id, version, fields: &runner }))
}

/// Whether `project` may have no more runners; where a list lags it may come to have some more.
async fn is_full(app: &App, request: &Request, project: &Name) -> Result<bool, ApiError> {
    let related = request.related::<Runner>(RelationKind::Owner, &Id::from(project), true);
    let (mut count, mut after) = (0, None);
    loop {
        let page = app.store.records(&related, after.as_deref(), 100).await?;
        count += page.items.len();
        after = page.next.filter(|_| count < MAX_RUNNERS);
        if after.is_none() {
            return Ok(count >= MAX_RUNNERS);
        }
    }
}

/// Notes that the runner was heard of. Of no consequence if it is not: it is there for people.
pub(super) async fn seen(app: &App, request: &Request, runner: &Stored<Runner>) {
    let now = app.clock.now();
    let value = Runner { last_seen_at: now, ..runner.value.clone() };
    let records = vec![replace(&request.caller.tenant, runner, &value, now).expiring(now + KEEP_RUNNERS)];
    let _ = store::commit(&*app.store, Commit { records, ..Commit::default() }).await;
}
