//! Task types, as an operator makes them and everybody reads them.

use std::{sync::Arc, time::Duration};

use errand::{
    App, Id, Name, Stored, Timestamp,
    spi::{
        records::{create, replace},
        registry::TaskType,
        store::{self, Commit, RecordKey, Related, RelationKind},
    },
};
use errand_http::{Answer, ApiError, Listed, Request};
use errand_outbound::{Keyring, SecretError, SigningSecret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{OpenWork, Pushing, Run, TypeRecord, Waits, target::TargetSecrets, task_type::all, types::place};
use errand::Entity;

/// The most types that a tenant may have.
const MAX_TYPES: usize = 500;

/// A task type, as it is to be.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct TypeRequest {
    /// Who runs its tasks.
    pub run: Run,
    /// The JSON Schema (draft 2020-12) of its payloads: at most 64 KiB, without references to elsewhere, patterns
    /// without look-around and back-references. Any JSON is taken if absent.
    #[serde(default)]
    pub schema: Option<Value>,
    /// What it does, for people and agents: at most 4 KiB.
    #[serde(default)]
    pub description: String,
    /// A payload that it takes.
    #[serde(default)]
    pub example: Option<Value>,
    /// How long one execution may take, in seconds, if the request does not say: up to 86,400; 30 if absent.
    #[serde(default)]
    pub timeout_s: Option<u32>,
    /// How many failures are followed by another try, 0 to 100, if the request does not say; if absent, as many as the
    /// installation says.
    #[serde(default)]
    pub max_retries: Option<u32>,
    /// How it waits between its tries: after a minute, twice as long each time, at most six hours if absent.
    #[serde(default)]
    pub retry: Waits,
    /// Which workers its tasks are for: those that claim from this pool; if absent, those that name none.
    #[serde(default)]
    pub pool: Option<Name>,
    /// Of which types its tasks may make others, besides its own; at most 50.
    #[serde(default)]
    pub may_enqueue: Vec<Name>,
    /// Whether agents see it as a tool.
    #[serde(default)]
    pub mcp: bool,
    /// Whether every tenant has it that has none of this name: for the installation's own services alone.
    #[serde(default)]
    pub all_tenants: bool,
}

/// A task type as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TypeView {
    /// Its name on the wire.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The JSON Schema of its payload; null if it takes any.
    pub schema: Value,
    /// A payload that it takes.
    pub example: Value,
    /// The rest, if it is none of those that are compiled in.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnType>,
}

/// What is shown of a type that a user has made.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OwnType {
    /// Who runs its tasks.
    pub run: Run,
    /// How long one execution may take, if the request does not say.
    pub timeout_s: u32,
    /// How many failures are followed by another try, if the request does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u32>,
    /// How it waits between its tries.
    pub retry: Waits,
    /// Which workers its tasks are for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<Name>,
    /// Of which types its tasks may make others, besides its own.
    pub may_enqueue: Vec<Name>,
    /// Whether agents see it as a tool.
    pub mcp: bool,
    /// Whether it is every tenant's that has none of this name.
    pub all_tenants: bool,
    /// Since when no more of its tasks are taken, if that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<Timestamp>,
    /// What signs the calls of its target: shown as it is made, and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<String>,
}

/// For how long the secret before goes on signing.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct RotateRequest {
    /// In seconds, up to a week; a day if absent.
    #[serde(default = "a_day")]
    #[schemars(range(max = MAX_OVERLAP_S))]
    pub overlap_s: u64,
}

fn a_day() -> u64 {
    86_400
}

/// The longest that may be, in seconds.
const MAX_OVERLAP_S: u64 = 7 * 86_400;

/// What signs the calls from now on.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NewSecret {
    /// Shown now, and never again.
    pub signing_secret: String,
}

impl From<TaskType> for TypeView {
    fn from(compiled: TaskType) -> Self {
        let TaskType { name, description, schema, example } = compiled;
        Self { name, description, schema, example, own: None }
    }
}

impl TypeView {
    fn of(name: &str, tenant: &Name, record: TypeRecord) -> Self {
        let TypeRecord {
            run,
            schema,
            description,
            example,
            timeout_s,
            max_retries,
            retry,
            pool,
            may_enqueue,
            mcp,
            sealed: _,
            retired_at,
        } = record;
        let all_tenants = *tenant == Name::installation();
        let signing_secret = None;
        let own = OwnType {
            run,
            timeout_s,
            max_retries,
            retry,
            pool,
            may_enqueue,
            mcp,
            all_tenants,
            retired_at,
            signing_secret,
        };
        let (schema, example) = (schema.unwrap_or_default(), example.unwrap_or_default());
        Self { name: name.to_owned(), description, schema, example, own: Some(own) }
    }
}

impl TypeRequest {
    fn record(self) -> TypeRecord {
        TypeRecord {
            run: self.run,
            schema: self.schema,
            description: self.description,
            example: self.example,
            timeout_s: self.timeout_s.unwrap_or(errand::Task::TIMEOUT_S),
            max_retries: self.max_retries,
            retry: self.retry,
            pool: self.pool,
            may_enqueue: self.may_enqueue,
            mcp: self.mcp,
            sealed: None,
            retired_at: None,
        }
    }
}

/// `PUT /v1/task-types/{name}`: 201 if it is new.
pub(super) async fn put(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: TypeRequest = request.json()?;
    let name = request.path_name("name")?;
    if app.types.knows(&name) {
        return Err(ApiError::conflict(format!("`{name}` is a type that is compiled in")));
    }
    let tenant = if body.all_tenants { for_all(request)? } else { request.caller.tenant.clone() };
    let mut record = body.record();
    record.check()?;
    let (there, now) = (stored(app, &tenant, &name).await?, app.clock.now());
    if let Some(there) = &there {
        same_kind(&there.value.run, &record.run)?;
    }
    let fresh = seal(app, &place(&tenant, &name), there.as_ref().map(|there| &there.value), &mut record)?;
    let write = match &there {
        Some(there) => replace(&tenant, there, &record, now),
        None => {
            room(app, &tenant).await?;
            create(&tenant, &Id::from(&name), &record, now)
        }
    };
    written(app, write).await?;
    let status = if there.is_some() { 200 } else { 201 };
    let mut view = TypeView::of(name.as_str(), &tenant, record);
    if let Some(own) = &mut view.own {
        own.signing_secret = fresh;
    }
    Ok(Answer::json(status, &view))
}

fn same_kind(before: &Run, after: &Run) -> Result<(), ApiError> {
    let (before, after) = (before.kind(), after.kind());
    if before == after {
        return Ok(());
    }
    let message = format!("the kind of its `run` is `{before}`, and stays so; retire it and make another");
    Err(ApiError::conflict(message))
}

/// Puts what is secret of a target where it is sealed, for the record at `place`; what signs its calls, if that is new.
fn seal(
    app: &App,
    place: &RecordKey,
    before: Option<&TypeRecord>,
    record: &mut TypeRecord,
) -> Result<Option<String>, ApiError> {
    let Run::Http { url, headers } = &mut record.run else { return Ok(None) };
    if let Some(pushing) = app.types.state::<Arc<Pushing>>() {
        pushing.admit(url)?;
    }
    let keyring = keyring(app)?;
    let kept =
        before.and_then(|before| before.sealed.as_deref()).map(|sealed| TargetSecrets::open(keyring, place, sealed));
    // What does not open is of another key: it is made anew, and shown.
    let kept = kept.and_then(Result::ok);
    let is_new = kept.is_none();
    let secrets = match kept {
        Some(kept) => kept,
        None => TargetSecrets::fresh().map_err(unkept)?,
    };
    let secrets = secrets.with_headers(headers)?;
    record.sealed = Some(secrets.seal(keyring, place).map_err(unkept)?);
    Ok(is_new.then(|| secrets.signing.current().reveal()))
}

/// `POST /v1/task-types/{name}/rotate-secret`: of the caller's tenant.
pub(super) async fn rotate(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let RotateRequest { overlap_s } = request.json()?;
    if overlap_s > MAX_OVERLAP_S {
        return Err(ApiError::invalid("overlap_s", format!("expected at most {MAX_OVERLAP_S} seconds")));
    }
    let name = request.path_name("name").map_err(|_| missing())?;
    let tenant = request.caller.tenant.clone();
    let there = stored(app, &tenant, &name).await?.ok_or_else(missing)?;
    let (keyring, place, now) = (keyring(app)?, place(&tenant, &name), app.clock.now());
    let sealed = there.value.sealed.as_deref();
    let sealed = sealed.ok_or_else(|| ApiError::conflict("tasks of this type are not pushed: nothing is signed"))?;
    let mut secrets = TargetSecrets::open(keyring, &place, sealed).map_err(unkept)?;
    let fresh = SigningSecret::generate().map_err(|error| unkept(error.into()))?;
    secrets.signing = secrets.signing.rotated(fresh.clone(), now, Duration::from_secs(overlap_s));
    let sealed = Some(secrets.seal(keyring, &place).map_err(unkept)?);
    let record = TypeRecord { sealed, ..there.value.clone() };
    written(app, replace(&tenant, &there, &record, now)).await?;
    Ok(Answer::json(200, &NewSecret { signing_secret: fresh.reveal() }))
}

fn keyring(app: &App) -> Result<&Keyring, ApiError> {
    let keyring = app.types.state::<Arc<Keyring>>().map(|keyring| &**keyring);
    keyring.ok_or_else(|| ApiError::conflict("this installation has no key for secrets: it is started without"))
}

fn unkept(error: SecretError) -> ApiError {
    ApiError::conflict(error.to_string())
}

/// `DELETE /v1/task-types/{name}`: of the caller's tenant. To put it again takes that back.
pub(super) async fn retire(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let name = request.path_name("name").map_err(|_| missing())?;
    let tenant = request.caller.tenant.clone();
    let there = stored(app, &tenant, &name).await?.ok_or_else(missing)?;
    let now = app.clock.now();
    let record = TypeRecord { retired_at: there.value.retired_at.or(Some(now)), ..there.value.clone() };
    if there.value.retired_at.is_none() {
        written(app, replace(&tenant, &there, &record, now)).await?;
    }
    Ok(Answer::json(200, &TypeView::of(name.as_str(), &tenant, record)))
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
        if let Some(stored) = stored(app, &tenant, &name).await? {
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

async fn stored(app: &App, tenant: &Name, name: &Name) -> Result<Option<Stored<TypeRecord>>, ApiError> {
    let key = errand::spi::records::key_of::<TypeRecord>(tenant, &Id::from(name));
    Ok(app.store.record(&key).await?.map(Stored::read).transpose()?)
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

async fn written(app: &App, write: store::RecordWrite) -> Result<(), ApiError> {
    store::commit(&*app.store, Commit { records: vec![write], ..Commit::default() }).await?;
    if let Some(open) = OpenWork::of(app) {
        open.forget();
    }
    Ok(())
}
