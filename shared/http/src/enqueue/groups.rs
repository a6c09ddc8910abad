//! `POST /v1/groups`, and more members.

use std::iter;

use crate::{
    Answer, ApiError, Request,
    groups::{AddRequest, GroupRequest, GroupView, asked_in, entry},
    once::Once,
};
use errand::{
    App, Asked, GroupPolicy,
    spi::{
        gather::{add_to_group, make_group},
        group::{self, GroupCallback, Making, On},
        ids,
        json::read::read_outside,
    },
};

/// `POST /v1/groups`: 201 if it is new, else 200.
pub(crate) async fn make(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let mut body: GroupRequest = read_outside(request.text()?)?;
    let (tenant, now) = (&request.caller.tenant, app.clock.now());
    let id = match &request.idempotency_key {
        Some(key) => ids::derived(&["group", tenant.as_str(), key]),
        None => ids::fresh(),
    };
    let is_new = group::find(app, tenant, id).await?.is_none();
    let mut members = Vec::new();
    for member in body.take_members()? {
        members.push(asked_in(app, request, member, (now, is_new)).await?);
    }
    let mut callbacks = Vec::new();
    let after = [("then", body.then, On::End), ("on_success", body.on_success, On::Success)];
    for (field, task, on) in after.into_iter().chain(iter::once(("on_failure", body.on_failure, On::Failure))) {
        let Some(task) = task else { continue };
        let mut asked = asked_in(app, request, entry(field.to_owned(), &task)?, (now, is_new)).await?;
        asked.key.id = ids::derived(&["group", &id.to_string(), field]);
        callbacks.push(GroupCallback { asked, on });
    }
    let hash = hash(body.policy, &members, &callbacks);
    let making = Making { callbacks, hash: Some(hash), ..Making::of_request(tenant.clone(), id, body.policy, members) };
    let made = make_group(app, &making).await?;
    Ok(Answer::json(if is_new { 201 } else { 200 }, &GroupView::from(made)))
}

/// `POST /v1/groups/{id}/tasks`: once for each `Idempotency-Key`.
pub(crate) async fn add(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let AddRequest { tasks } = request.json()?;
    let (tenant, now) = (&request.caller.tenant, app.clock.now());
    let id = request.group_id()?;
    if tasks.is_empty() {
        return Err(ApiError::invalid("tasks", "expected at least one"));
    }
    let once = Once::of(request, &id.to_string());
    let done = async || match &once {
        Some(once) => Ok::<_, ApiError>(once.recorded(app).await?.is_some()),
        None => Ok(false),
    };
    let is_done = done().await?;
    let mut members = Vec::new();
    for (nth, task) in tasks.into_iter().enumerate() {
        members.push(asked_in(app, request, (format!("tasks[{nth}]"), task), (now, !is_done)).await?);
    }
    let group = if is_done {
        request.group(app).await?
    } else {
        match add_to_group(app, (tenant, id), members, once.as_ref().map(|once| once.effect(now))).await {
            Ok(group) => group,
            // The same request, twice at once.
            Err(_) if done().await? => request.group(app).await?,
            Err(error) => return Err(error.into()),
        }
    };
    Ok(Answer::json(200, &GroupView::from(group)))
}

/// Tells one request from another under the same key: by the policy, the type and payload of each task, and what that is for.
fn hash(policy: GroupPolicy, members: &[Asked], callbacks: &[GroupCallback]) -> String {
    let policy = serde_json::to_string(&policy).unwrap_or_default();
    let members = members.iter().flat_map(|asked| ["member", asked.task_type.as_str(), &asked.payload_hash]);
    let callbacks = callbacks.iter().flat_map(|GroupCallback { asked, on }| {
        let on = match on {
            On::End => "then",
            On::Success => "on_success",
            On::Failure => "on_failure",
        };
        [on, asked.task_type.as_str(), &asked.payload_hash]
    });
    ids::derived(&iter::once(&*policy).chain(members).chain(callbacks).collect::<Vec<_>>()).to_string()
}
