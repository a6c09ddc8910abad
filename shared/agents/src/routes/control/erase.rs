//! What removes all that is a user's.

use std::sync::Arc;

use errand::{
    App, Asked, Expect, Handler, Id, Name, StoreError, Task, TaskKey,
    spi::{
        ids,
        json::Json,
        notify::notify,
        store::{self, Commit, MAX_TRIES, Record, RecordWrite},
    },
};
use errand_http::{Answer, ApiError, Request, TaskView};
use errand_outbound::Keyring;
use serde_json::{Value, json};

use crate::erase_user::{EraseUser, TASK, USER, place};

/// `DELETE /v1/users/{id}`: 202 with the task that does it, or 200 with the one that is at it already.
pub(crate) async fn user(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let (user, tenant) = (request.path_id("id")?, &request.caller.tenant);
    let task_type = Name::of(EraseUser::TYPE);
    let settings = app.types.settings(&task_type).ok_or_else(|| ApiError::conflict("nobody is erased here"))?;
    let keyring = app.types.state::<Arc<Keyring>>();
    let keyring = keyring.ok_or_else(|| ApiError::conflict("a receipt needs the installation's key: set SecretKey"))?;
    let erasure = Id::from(keyring.pseudonym(tenant, user.as_str()));
    let key = place(tenant, &erasure);
    for _ in 0..MAX_TRIES {
        let (there, now) = (app.store.record(&key).await?, app.clock.now());
        if let Some(task) = at_it(app, there.as_ref(), tenant).await? {
            return Ok(Answer::json(200, &TaskView::of(&task, &app.types)));
        }
        let task = TaskKey { tenant: tenant.clone(), id: ids::fresh() };
        let payload = Json::new(&json!(EraseUser { erasure: erasure.clone() }));
        let new = Asked::of_type(task, task_type.clone(), payload, request.caller.principal.clone(), now);
        let retries = settings.max_retries.unwrap_or(app.rules.max_retries);
        let new = Asked {
            timeout_s: settings.timeout_s,
            max_retries: retries,
            request_id: Some(request.caller.request_id.clone()),
            traceparent: request.caller.traceparent,
            ..new
        };
        let task = Task::accept(new.dispatched(settings.dispatch, now), ids::fresh(), now);
        let doc = [(USER.to_owned(), user.to_string()), (TASK.to_owned(), task.key.id.to_string())];
        let doc = doc.into_iter().map(|(name, value)| (name, Value::from(value))).collect();
        let expect = there.map_or(Expect::Absent, |there| Expect::Version(there.version));
        let records = vec![RecordWrite::put(key.clone(), doc, expect, now)];
        match store::commit(&*app.store, Commit { task: None, records, tasks: vec![task.clone()] }).await {
            Ok(()) => {
                notify(app, std::slice::from_ref(&task)).await;
                return Ok(Answer::json(202, &TaskView::of(&task, &app.types)));
            }
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Busy.into())
}

/// The task that is at it, if one is.
async fn at_it(app: &App, there: Option<&Record>, tenant: &Name) -> Result<Option<Task>, StoreError> {
    let Some(id) = there.and_then(|there| there.doc.get(TASK)).and_then(Value::as_str) else { return Ok(None) };
    let Ok(id) = id.parse() else { return Ok(None) };
    let task = store::task(&*app.store, &TaskKey { tenant: tenant.clone(), id }).await?;
    Ok(task.filter(|task| !task.status().is_ended()))
}
