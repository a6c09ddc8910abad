//! A worker says of all its tasks at once that it goes on with them, and hears which of them it has lost.

use std::time::Duration;

use errand::{
    App, Doc, Id, State, Status, Task, TaskKey, Timestamp,
    spi::{
        change::{ChangeError, With, change},
        json::Json,
        lifecycle::{Fence, Trigger},
        store::StoreError,
    },
};
use errand_http::{ApiError, Caller};
use futures::future::join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    LeaseToken,
    claim::{LEASE_S, lease},
    progress::progress,
    pulled::pulled_type,
    worker::{self, WorkerState},
};

/// The most leases that one heartbeat renews.
pub(crate) const LEASES: usize = 100;

/// All that a worker holds.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct HeartbeatRequest {
    /// What the worker calls itself.
    pub worker_id: Id,
    /// What it goes on with.
    #[schemars(length(max = LEASES))]
    pub leases: Vec<Lease>,
    /// For how many seconds it holds each from now on; 60 if absent.
    #[serde(default = "lease")]
    #[schemars(range(min = LEASE_S.0, max = LEASE_S.1))]
    pub lease_s: u32,
}

/// One task that it holds.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct Lease {
    /// Which task.
    pub task_id: Uuid,
    /// The claim's.
    pub lease_token: LeaseToken,
    /// How far it is: any JSON, at most 4 KiB. What was said before stays if absent.
    #[serde(default)]
    pub progress: Option<Value>,
}

/// What is new to a worker.
#[derive(Debug, Serialize, JsonSchema)]
pub struct News {
    /// Of each task, in the order of the request.
    pub items: Vec<Beat>,
    /// How many these are.
    pub count: usize,
    /// Whether the worker goes on, or takes no more.
    pub state: WorkerState,
}

/// What is new of one task.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Beat {
    /// Which task.
    pub task_id: Uuid,
    /// Until when it is held now; absent if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_expires_at: Option<Timestamp>,
    /// It is no longer this worker's: what it says of it is not taken.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// It was called off while this worker had it: stop.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cancel: bool,
    /// What else its type tells: of a run, how many commands are open (`open_commands`), and the newest (`last_command_seq`).
    #[serde(skip_serializing_if = "Doc::is_empty")]
    pub details: Doc,
}

/// Renews each lease for itself.
pub(crate) async fn heartbeat(app: &App, caller: &Caller, request: &HeartbeatRequest) -> Result<News, ApiError> {
    if request.leases.len() > LEASES {
        return Err(ApiError::invalid("leases", format!("expected at most {LEASES} leases")));
    }
    if !(LEASE_S.0..=LEASE_S.1).contains(&request.lease_s) {
        return Err(ApiError::invalid("lease_s", format!("expected a number from {} to {}", LEASE_S.0, LEASE_S.1)));
    }
    let said =
        request.leases.iter().enumerate().map(|(nth, lease)| {
            progress(lease.progress.as_ref()).map_err(|error| error.within(&format!("leases[{nth}]")))
        });
    let said = said.collect::<Result<Vec<_>, _>>()?;
    let tenant = &caller.tenant;
    let state = worker::heard_of(app, tenant, &request.worker_id).await?;
    let keys: Vec<TaskKey> =
        request.leases.iter().map(|lease| TaskKey { tenant: tenant.clone(), id: lease.task_id }).collect();
    let tasks = app.store.tasks(&keys).await;
    let length = Duration::from_secs(request.lease_s.into());
    let beats = request.leases.iter().zip(tasks).zip(said);
    let beats = beats.map(async |((lease, task), said)| beat(app, lease, task?, (length, said)).await);
    let items = join_all(beats).await.into_iter().collect::<Result<Vec<_>, ApiError>>()?;
    Ok(News { count: items.len(), items, state })
}

async fn beat(
    app: &App,
    lease: &Lease,
    task: Option<Task>,
    (length, progress): (Duration, Option<Json>),
) -> Result<Beat, ApiError> {
    let LeaseToken(fence) = lease.lease_token;
    let beat = Beat { task_id: lease.task_id, lease_expires_at: None, lost: false, cancel: false, details: Doc::new() };
    let Some(task) = task else { return Ok(Beat { lost: true, ..beat }) };
    match change(app, &task, Trigger::Renew { fence, lease: Some(length), progress }, With::nothing()).await {
        Ok(task @ Task { state: State::Running { lease_expires_at, .. }, .. }) => {
            let details = match pulled_type(app, task.task_type.as_str()) {
                Some(of) => of.renewed(app, &task).await?,
                None => Doc::new(),
            };
            Ok(Beat { lease_expires_at: Some(lease_expires_at), details, ..beat })
        }
        Ok(_) | Err(ChangeError::Rejected(_) | ChangeError::Gone) => {
            let cancel = called_off(&task, fence) || called_off_now(app, &task, fence).await?;
            Ok(Beat { lost: true, cancel, ..beat })
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether it was called off in this very execution.
fn called_off(task: &Task, fence: Fence) -> bool {
    task.status() == Status::Cancelled && task.executions == fence.executions
}

async fn called_off_now(app: &App, task: &Task, fence: Fence) -> Result<bool, StoreError> {
    let now = errand::spi::store::task(&*app.store, &task.key).await?;
    Ok(now.is_some_and(|task| called_off(&task, fence)))
}
