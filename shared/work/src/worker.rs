//! Workers outside, as they tell of themselves: for people who look, nothing depends on it.

use std::time::Duration;

use errand::{
    Doc, Entity, Expect, Id, Name, Patch, Relations, Services, StoreError, Stored, Timestamp, parent,
    spi::{
        ids,
        redact::chain,
        store::{self, Commit, RecordKey, RecordWrite},
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::task_type::all;

/// How long after it was last heard of a worker is kept.
pub(crate) const KEEP_WORKERS: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long it is not written again that a worker was heard of: each claim and each heartbeat would cost a write.
const HEARD_FOR: Duration = Duration::from_secs(60);

/// Whether a worker takes tasks, or has been told to take no more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WorkerState {
    /// It takes tasks.
    #[default]
    Run,
    /// It ends those that it has, and takes no more.
    Drain,
}

/// A worker outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Worker {
    /// The types whose tasks it takes.
    #[serde(default)]
    pub task_types: Vec<Name>,
    /// The pool that it takes them from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Name>,
    /// How many tasks it does at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u32>,
    /// Which version of its program it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What else it says of itself.
    #[serde(default)]
    pub metadata: Doc,
    /// What it is told to do.
    #[serde(default)]
    pub state: WorkerState,
    /// When it said so first.
    pub registered_at: Timestamp,
    /// When it was last heard of, to the minute.
    pub last_seen_at: Timestamp,
}

impl Entity for Worker {
    const KIND: &'static str = "worker";

    fn relations(&self, place: &str) -> Relations {
        parent(&all(), place)
    }
}

/// Where the worker `id` is kept.
pub(crate) fn key(tenant: &Name, id: &Id) -> RecordKey {
    errand::spi::records::key_of::<Worker>(tenant, id)
}

/// What the worker `id`, which is heard of just now, is told to do. One that has never said what it is goes on.
pub(crate) async fn heard_of(services: &Services, tenant: &Name, id: &Id) -> Result<WorkerState, StoreError> {
    let key = key(tenant, id);
    let Some(record) = services.store.record(&key).await? else { return Ok(WorkerState::Run) };
    let (worker, now) = (Stored::<Worker>::read(record)?.value, services.clock.now());
    if now >= worker.last_seen_at + HEARD_FOR {
        let set = Doc::from_iter([("last_seen_at".to_owned(), json!(now))]);
        let patch = Box::new(Patch { set, expires_at: Some(now + KEEP_WORKERS), ..Patch::default() });
        let seen = RecordWrite::Patch { key, patch, expect: Expect::Any, version: ids::fresh(), at: now };
        // For people who look: what the worker came for does not depend on it.
        if let Err(problem) = store::commit(&*services.store, Commit { records: vec![seen], ..Commit::default() }).await
        {
            tracing::warn!(error = %chain(&problem), "it was not noted that a worker was heard of");
        }
    }
    Ok(worker.state)
}
