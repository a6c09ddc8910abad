//! Task types, as an operator makes them and everybody reads them.

mod form;
mod sealed;

use std::sync::Arc;

use errand::{
    App, Dispatch, Id, Name, StoreError, Stored,
    spi::{
        json::Json,
        records::{create, replace},
        store::{self, Commit, MAX_TRIES, Related, RelationKind},
    },
};
use errand_http::{Answer, ApiError, Listed, Request, RotateRequest};
use serde_json::json;

pub(crate) use form::{RotatedSecret, TestRequest, TypeRequest, TypeView};
use sealed::{keyless, keyring, seal, unkept};

use crate::{
    OpenWork, Pushing, RESERVED, RunBy, TypeRecord, retirement,
    target::TargetSecrets,
    task_type::all,
    types::{self, Found, place},
};
use errand::Entity;

/// The most types that a tenant may have.
const MAX_TYPES: usize = 500;

/// `PUT /v1/task-types/{name}`: 201 if it is new.
pub(super) async fn put(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: TypeRequest = request.json()?;
    let name = request.path_name("name")?;
    if app.types.knows(&name) {
        return Err(ApiError::conflict(format!("`{name}` is a type that is compiled in")));
    }
    if body.mcp && RESERVED.contains(&name.as_str()) {
        return Err(ApiError::conflict(format!("`{name}` is a tool of agents' already")));
    }
    let tenant = if body.all_tenants { for_all(request)? } else { request.caller.tenant.clone() };
    let record = body.record();
    record.check()?;
    // All workers of a type may put it as they start, at the same moment.
    for _ in 0..MAX_TRIES {
        if let Some(answer) = put_over(app, &tenant, &name, record.clone()).await? {
            return Ok(answer);
        }
    }
    Err(StoreError::Busy.into())
}

/// Puts it over what is there; `None`: somebody has changed that meanwhile.
async fn put_over(app: &App, tenant: &Name, name: &Name, mut record: TypeRecord) -> Result<Option<Answer>, ApiError> {
    let (kept, now) = (types::kept(app, tenant, name).await?, app.clock.now());
    let there = kept.as_ref().map(|kept| &kept.value).filter(|there| there.removed_at.is_none());
    match there {
        Some(there) => same_kind(&there.run, &record.run)?,
        None => room(app, tenant).await?,
    }
    let fresh = seal(app, &place(tenant, name), there, &mut record)?;
    let write = match &kept {
        Some(kept) => replace(tenant, kept, &record, now),
        None => create(tenant, &Id::from(name), &record, now),
    };
    match written(app, write).await {
        Err(StoreError::Conflict { .. }) => return Ok(None),
        written => written?,
    }
    let status = if there.is_some() { 200 } else { 201 };
    let mut view = TypeView::of(name.as_str(), tenant, record);
    if let Some(own) = &mut view.own {
        own.signing_secret = fresh;
    }
    Ok(Some(Answer::json(status, &view)))
}

fn same_kind(before: &RunBy, after: &RunBy) -> Result<(), ApiError> {
    let (before, after) = (before.kind(), after.kind());
    if before == after {
        return Ok(());
    }
    let message = format!("the kind of its `run` is `{before}`, and stays so; retire it and make another");
    Err(ApiError::conflict(message))
}

/// `POST /v1/task-types/{name}/rotate-secret`: of the caller's tenant.
pub(super) async fn rotate(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let overlap = request.json::<RotateRequest>()?.overlap()?;
    let name = request.path_name("name").map_err(|_| missing())?;
    let tenant = request.caller.tenant.clone();
    let there = types::stored(app, &tenant, &name).await?.ok_or_else(missing)?;
    let (keyring, place, now) = (keyring(app)?, place(&tenant, &name), app.clock.now());
    let sealed = there.value.sealed.as_deref();
    let sealed = sealed.ok_or_else(|| ApiError::conflict("tasks of this type are not pushed: nothing is signed"))?;
    let mut secrets = TargetSecrets::open(keyring, &place, sealed).map_err(unkept)?;
    let (signing, fresh) = secrets.signing.renewed(now, overlap).map_err(|error| unkept(error.into()))?;
    secrets.signing = signing;
    let sealed = Some(secrets.seal(keyring, &place).map_err(unkept)?);
    let record = TypeRecord { sealed, ..there.value.clone() };
    written(app, replace(&tenant, &there, &record, now)).await?;
    Ok(Answer::json(200, &RotatedSecret { signing_secret: fresh.reveal() }))
}

/// `POST /v1/task-types/{name}/test`: of the caller's tenant.
pub(super) async fn test(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let TestRequest { payload } = request.json()?;
    let name = request.path_name("name").map_err(|_| missing())?;
    let tenant = &request.caller.tenant;
    let there = types::stored(app, tenant, &name).await?.ok_or_else(missing)?;
    let found = Found::new(name.clone(), there.value, place(tenant, &name))?;
    if found.record.run.dispatch() != Dispatch::Pushed {
        let message = "its tasks are done by workers that ask for them: there is nobody to call";
        return Err(ApiError::invalid("name", message));
    }
    let pushing = app.types.state::<Arc<Pushing>>().ok_or_else(keyless)?;
    let payload = payload.or_else(|| found.record.example.clone()).unwrap_or_else(|| json!({}));
    if let Some(schema) = &found.schema {
        schema.check(&payload).map_err(|error| error.within("payload"))?;
    }
    let trial = pushing.try_out(app, &found, &request.caller, Json::new(&payload)).await?;
    Ok(Answer::json(200, &trial))
}

/// `DELETE /v1/task-types/{name}`: of the caller's tenant. To put it again takes that back.
pub(super) async fn retire(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let name = request.path_name("name").map_err(|_| missing())?;
    let forced_by = request.flag("force")?.then(|| request.caller.principal.clone());
    let tenant = &request.caller.tenant;
    let record = retirement::retire(app, tenant, &name, forced_by).await?.ok_or_else(missing)?;
    Ok(Answer::json(200, &TypeView::of(name.as_str(), tenant, record)))
}

/// `GET /v1/task-types`: those that are compiled in, then the tenant's own, then those that all have.
pub(super) async fn list(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let compiled = app.types.catalog().into_iter().map(TypeView::from);
    let records = of_tenant(app, &request.caller.tenant).await?.into_iter();
    let records = records.map(|(tenant, stored)| TypeView::of(stored.id.as_str(), &tenant, stored.value));
    Ok(Answer::json(200, &Listed::new(compiled.chain(records).collect(), None)))
}

/// The types that are records, as `tenant` has them: each with whose it is, its own before those that all have.
pub async fn of_tenant(app: &App, tenant: &Name) -> Result<Vec<(Name, Stored<TypeRecord>)>, ApiError> {
    let mut types: Vec<(Name, Stored<TypeRecord>)> = Vec::new();
    for tenant in [tenant.clone(), Name::installation()] {
        for stored in every(app, &tenant).await? {
            let known = Name::new(stored.id.as_str()).is_ok_and(|name| app.types.knows(&name))
                || types.iter().any(|(_, there)| there.id == stored.id);
            if !known {
                types.push((tenant.clone(), stored));
            }
        }
    }
    Ok(types)
}

/// `GET /v1/task-types/{name}`.
pub(super) async fn get(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let name = request.path_name("name").map_err(|_| missing())?;
    if let Some(compiled) = app.types.catalog().into_iter().find(|there| there.name == name.as_str()) {
        return Ok(Answer::json(200, &TypeView::from(compiled)));
    }
    for tenant in [request.caller.tenant.clone(), Name::installation()] {
        if let Some(stored) = types::stored(app, &tenant, &name).await? {
            return Ok(Answer::json(200, &TypeView::of(name.as_str(), &tenant, stored.value)));
        }
    }
    Err(missing())
}

fn missing() -> ApiError {
    ApiError::not_found("no such task type")
}

/// The place of what is for all tenants, for who may write there.
fn for_all(request: &Request) -> Result<Name, ApiError> {
    if request.caller.trusted {
        return Ok(Name::installation());
    }
    Err(ApiError::forbidden("`all_tenants` is for the installation's own services, not for a token"))
}

/// All types of `tenant`, by name.
async fn every(app: &App, tenant: &Name) -> Result<Vec<Stored<TypeRecord>>, ApiError> {
    let (tenant, kind) = (tenant.clone(), TypeRecord::kind());
    let related = Related { tenant, kind, by: RelationKind::Parent, of: all(), newest_first: false };
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = app.store.records(&related, after.as_deref(), 100).await?;
        for record in page.items {
            found.push(Stored::read(record)?);
        }
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

async fn room(app: &App, tenant: &Name) -> Result<(), ApiError> {
    if every(app, tenant).await?.len() < MAX_TYPES {
        return Ok(());
    }
    Err(ApiError::conflict(format!("there are {MAX_TYPES} task types, and may be no more")))
}

async fn written(app: &App, write: store::RecordWrite) -> Result<(), StoreError> {
    store::commit(&*app.store, Commit { records: vec![write], ..Commit::default() }).await?;
    if let Some(open) = OpenWork::of(app) {
        open.forget();
    }
    Ok(())
}
