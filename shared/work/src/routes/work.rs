//! What workers outside ask for and say, and what is told of them.

use errand::{
    App, Doc, Id, Name, StoreError, Stored, Timestamp,
    spi::{
        json::read::read_strict,
        records::{create, replace},
        redact,
        store::{self, Commit, MAX_TRIES, RelationKind},
    },
};
use errand_http::{Answer, ApiError, Listed, Request, cursor, cursor_of, limit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ClaimTasks, HeartbeatRequest, Worker, claim,
    finish::{self, BATCH, FinishBatch, FinishTask, FinishedBatch},
    heartbeat,
    task_type::all,
    worker::{self, KEEP_WORKERS, WorkerState},
};

/// The most bytes of what a worker says of itself.
const METADATA_BYTES: usize = 16 * 1024;

/// What a worker says of itself.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct WorkerRequest {
    /// The types whose tasks it takes.
    #[serde(default)]
    #[schemars(length(max = claim::TYPES))]
    pub task_types: Vec<Name>,
    /// The pool that it takes them from.
    #[serde(default)]
    pub pool: Option<Name>,
    /// How many tasks it does at a time.
    #[serde(default)]
    pub capacity: Option<u32>,
    /// Which version of its program it is.
    #[serde(default)]
    pub version: Option<String>,
    /// What else there is to say: at most 16 KiB.
    #[serde(default)]
    pub metadata: Doc,
    /// `drain`: its claims and heartbeats tell it to end what it has and take no more.
    #[serde(default)]
    pub state: WorkerState,
}

/// A worker as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WorkerView {
    /// What it calls itself.
    pub id: Id,
    /// What it says of itself.
    #[serde(flatten)]
    pub worker: Worker,
}

/// `PUT /v1/workers/{id}`.
pub(super) async fn put_worker(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let WorkerRequest { task_types, pool, capacity, version, mut metadata, state } = request.json()?;
    let id = request.path_id("id")?;
    let bytes = store::doc_bytes(&metadata) + version.as_ref().map_or(0, String::len);
    if task_types.len() > claim::TYPES || bytes > METADATA_BYTES {
        let message = format!("expected at most {} types, and {METADATA_BYTES} bytes of the rest", claim::TYPES);
        return Err(ApiError::invalid("metadata", message));
    }
    redact::object(&mut metadata);
    let (registered_at, last_seen_at) = (Timestamp::default(), Timestamp::default());
    let said = Worker { task_types, pool, capacity, version, metadata, state, registered_at, last_seen_at };
    let tenant = &request.caller.tenant;
    // It may be heard of by a claim meanwhile.
    for _ in 0..MAX_TRIES {
        let now = app.clock.now();
        let there = app.store.record(&worker::key(tenant, &id)).await?.map(Stored::<Worker>::read).transpose()?;
        let registered_at = there.as_ref().map_or(now, |there| there.value.registered_at);
        let worker = Worker { registered_at, last_seen_at: now, ..said.clone() };
        let write = match &there {
            Some(there) => replace(tenant, there, &worker, now),
            None => create(tenant, &id, &worker, now),
        };
        let records = vec![write.expiring(now + KEEP_WORKERS)];
        match store::commit(&*app.store, Commit { records, ..Commit::default() }).await {
            Err(StoreError::Conflict { .. }) => continue,
            written => written?,
        }
        let status = if there.is_some() { 200 } else { 201 };
        return Ok(Answer::json(status, &WorkerView { id, worker }));
    }
    Err(StoreError::Busy.into())
}

/// `GET /v1/workers`.
pub(super) async fn workers(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let related = request.related::<Worker>(RelationKind::Parent, &all(), true);
    let (after, limit) = (cursor(request)?, limit(request)?);
    let page = app.store.records(&related, after.as_deref(), limit).await?;
    let views = page.items.into_iter().map(|record| {
        let Stored { id, value, .. } = Stored::<Worker>::read(record)?;
        Ok(WorkerView { id, worker: value })
    });
    let views = views.collect::<Result<Vec<_>, ApiError>>()?;
    Ok(Answer::json(200, &Listed::new(views, page.next.as_deref().map(cursor_of))))
}

/// `POST /v1/claims`.
pub(super) async fn claim(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: ClaimTasks = request.json()?;
    let claims = claim::claim(app, &request.caller, &body, request.idempotency_key.as_deref()).await?;
    Ok(Answer::json(200, &claims))
}

/// `POST /v1/claims/heartbeat`.
pub(super) async fn heartbeat(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: HeartbeatRequest = request.json()?;
    Ok(Answer::json(200, &heartbeat::heartbeat(app, &request.caller, &body).await?))
}

/// `POST /v1/tasks/{id}/finish`.
pub(super) async fn finish(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let FinishTask { lease_token, outcome } = request.json()?;
    let task = finish::finish(app, &request.task_key()?, lease_token, outcome).await?;
    Ok(Answer::json(200, &finish::view(app, &task)))
}

/// `POST /v1/claims/finish`.
pub(super) async fn finish_batch(app: &App, request: &Request) -> Result<Answer, ApiError> {
    // Each end is read for itself.
    let FinishBatch { items, claim: next } = read_strict(request.text()?)?;
    if !(1..=BATCH).contains(&items.len()) {
        return Err(ApiError::invalid("items", format!("expected 1 to {BATCH} ends, found {}", items.len())));
    }
    if let Some(next) = &next {
        next.check()?;
    }
    let items = finish::finish_each(app, &request.caller, &items).await;
    let claim = match &next {
        Some(next) => Some(claim::claim(app, &request.caller, next, request.idempotency_key.as_deref()).await?),
        None => None,
    };
    Ok(Answer::json(200, &FinishedBatch { count: items.len(), items, claim }))
}
