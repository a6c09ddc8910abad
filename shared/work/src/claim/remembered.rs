//! Claims under an `Idempotency-Key`, which can be said again.

use std::time::Duration;

use errand::{
    App, Expect, Id, Name, StoreError, Task, TaskKey,
    spi::{
        ids,
        json::Json,
        store::{self, Commit, RecordKey, RecordWrite},
    },
};
use errand_http::ApiError;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ClaimTasks, candidates::fence};

/// How long a claim under a key can be said again.
const KEEP_CLAIMS: Duration = Duration::from_secs(24 * 3600);

/// A claim under an idempotency key.
pub(super) struct Remembered {
    key: RecordKey,
    /// What was asked for.
    asked: String,
}

/// The fields of its record.
const ASKED: &str = "asked";
const SEED: &str = "seed";
const TASKS: &str = "tasks";

impl Remembered {
    /// What `request` is under `key`.
    pub(super) fn of(tenant: &Name, request: &ClaimTasks, key: &str) -> Self {
        let id = Id::from(ids::derived(&["claim", request.worker_id.as_str(), key]));
        let asked = json!([request.task_types, request.pool, request.max, request.lease_s]);
        let key = RecordKey { tenant: tenant.clone(), kind: Name::of("claim"), id };
        Self { key, asked: Json::new(&asked).hash() }
    }

    /// Those of its tasks that it holds still; `None` if it was never begun.
    pub(super) async fn held(&self, app: &App) -> Result<Option<Vec<Task>>, ApiError> {
        let Some(record) = app.store.record(&self.key).await? else { return Ok(None) };
        if record.doc.get(ASKED).and_then(Value::as_str) != Some(&self.asked) {
            return Err(ApiError::key_used("this Idempotency-Key was used for another claim"));
        }
        let id = |value: &Value| Uuid::try_parse(value.as_str()?).ok();
        let seed = record.doc.get(SEED).and_then(id).unwrap_or_default();
        let tasks = record.doc.get(TASKS).and_then(Value::as_array);
        let ids: Vec<Uuid> = tasks.into_iter().flatten().filter_map(id).collect();
        let keys: Vec<TaskKey> = ids.iter().map(|id| TaskKey { tenant: self.key.tenant.clone(), id: *id }).collect();
        let mut held = Vec::new();
        for task in app.store.tasks(&keys).await {
            let ours = |task: &Task| task.fence().is_some_and(|fenced| fenced.worker == fence(seed, task.key.id));
            held.extend(store::shown(task)?.flatten().filter(ours));
        }
        Ok(Some(held))
    }

    /// Writes down that it goes for these; the secret of their fences. `None` if it was begun already.
    pub(super) async fn begin(&self, app: &App, tasks: &[TaskKey]) -> Result<Option<Uuid>, StoreError> {
        let (seed, now) = (ids::secret(), app.clock.now());
        let ids: Vec<Uuid> = tasks.iter().map(|key| key.id).collect();
        let doc = json!({ASKED: self.asked, SEED: seed, TASKS: ids}).as_object().cloned().unwrap_or_default();
        let write = RecordWrite::put(self.key.clone(), doc, Expect::Absent, now).expiring(now + KEEP_CLAIMS);
        match store::commit(&*app.store, Commit { records: vec![write], ..Commit::default() }).await {
            Ok(()) => Ok(Some(seed)),
            Err(StoreError::Conflict { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
