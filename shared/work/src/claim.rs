//! Workers outside take tasks: several at once, each claimed by a commit of its own.
//!
//! An answer may be lost on its way, and the tasks in it would be nobody's until their leases end. So a claim under an
//! `Idempotency-Key` first writes down which tasks it goes for, and a secret that their fences are derived from: said again,
//! it finds those that it holds.

use std::{collections::HashSet, sync::PoisonError, time::Duration};

use errand::{
    App, Dispatch, Expect, Id, Name, State, StoreError, Stored, Task, TaskKey, Timestamp,
    spi::{
        change::{ChangeError, With, change},
        ids,
        json::Json,
        lifecycle::Trigger,
        store::{self, Commit, RecordKey, RecordWrite, Wanted},
    },
};
use errand_http::{ApiError, Caller};
use futures::future::join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    LeaseToken, OpenWork, Worker,
    worker::{self, WorkerState},
};

/// The most types that a claim names.
pub(crate) const TYPES: usize = 10;

/// The most tasks that a claim takes.
pub(crate) const MAX: u32 = 50;

/// The longest that a claim waits, in seconds: proxies on the way have their limits.
pub(crate) const MAX_WAIT_S: u32 = 20;

/// The shortest and longest lease, in seconds: the longest is what one claim in hand can be given up after.
pub(crate) const LEASE_S: (u32, u32) = (10, 85);

/// The most bytes of payloads in one answer: a Lambda function answers with 6 MB, and JSON within JSON grows.
const ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// How soon is looked again, while it is waited: for what becomes due without anybody's doing.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The longest that a worker is told to wait before it asks again, in seconds.
const MAX_POLL_AFTER_S: u32 = 15;

/// How often it is looked for tasks that no other worker is faster with.
const ROUNDS: usize = 3;

/// How long a claim under a key can be said again.
const KEEP_CLAIMS: Duration = Duration::from_secs(24 * 3600);

/// What a worker asks for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ClaimRequest {
    /// What the worker calls itself: one for each process.
    pub worker_id: Id,
    /// The types whose tasks it takes.
    #[schemars(length(min = 1, max = TYPES))]
    pub task_types: Vec<Name>,
    /// The pool that it takes them from; that of the tasks that have none if absent.
    #[serde(default)]
    pub pool: Option<Name>,
    /// How many it has room for; 1 if absent.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = MAX))]
    pub max: u32,
    /// How many seconds it waits if there is none; 0 if absent. Only the one-machine server waits.
    #[serde(default)]
    #[schemars(range(max = MAX_WAIT_S))]
    pub wait_s: u32,
    /// For how many seconds it holds each without a heartbeat; 60 if absent.
    #[serde(default = "lease")]
    #[schemars(range(min = LEASE_S.0, max = LEASE_S.1))]
    pub lease_s: u32,
    /// How many claims before this one found nothing: for how long it is told to wait.
    #[serde(default)]
    pub idle: u32,
}

fn one() -> u32 {
    1
}

pub(crate) fn lease() -> u32 {
    60
}

/// What a worker is given.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Claims {
    /// The tasks, the most urgent first.
    pub items: Vec<Claimed>,
    /// How many these are.
    pub count: usize,
    /// In how many seconds it makes sense to ask again, if there is room for more.
    pub poll_after_s: u32,
    /// Whether the worker goes on, or takes no more.
    pub state: WorkerState,
}

/// A task that the worker holds now.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Claimed {
    /// Which task.
    pub task_id: Uuid,
    /// Of which type.
    pub task_type: Name,
    /// The project that it belongs to.
    pub project: Name,
    /// What is to be done.
    pub payload: Json,
    /// Which execution of it this is, from 1.
    pub attempt: u32,
    /// To be shown with every heartbeat and at the end.
    pub lease_token: LeaseToken,
    /// Renewed by a heartbeat before this, or another worker is given the task.
    pub lease_expires_at: Timestamp,
    /// When its time is over, however often it is renewed.
    pub deadline: Timestamp,
    /// The same for every execution of the task: for services that remove repetitions by a key.
    pub idempotency_key: String,
    /// The user that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Id>,
    /// What else it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_id: Option<Id>,
    /// What an operator said who set it going again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redrive_note: Option<String>,
}

impl Claimed {
    /// The task as its worker sees it; `None` if nobody holds it.
    fn of(task: &Task) -> Option<Self> {
        let State::Running { lease_expires_at, started_at, .. } = task.state else { return None };
        Some(Self {
            task_id: task.key.id,
            task_type: task.task_type.clone(),
            project: task.project.clone(),
            payload: task.payload.clone(),
            attempt: task.executions,
            lease_token: LeaseToken(task.fence()?),
            lease_expires_at,
            deadline: started_at + Duration::from_secs(task.timeout_s.into()),
            idempotency_key: task.life(),
            user_id: task.user_id.clone(),
            context_id: task.context_id.clone(),
            redrive_note: task.redrive_note.clone(),
        })
    }
}

impl ClaimRequest {
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        let within = |field: &str, value: u32, (least, most): (u32, u32)| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(ApiError::invalid(field, format!("expected a number from {least} to {most}, found {value}")))
        };
        let distinct: HashSet<&Name> = self.task_types.iter().collect();
        if !(1..=TYPES).contains(&self.task_types.len()) || distinct.len() < self.task_types.len() {
            return Err(ApiError::invalid("task_types", format!("expected 1 to {TYPES} types, none twice")));
        }
        within("max", self.max, (1, MAX))?;
        within("wait_s", self.wait_s, (0, MAX_WAIT_S))?;
        within("lease_s", self.lease_s, LEASE_S)
    }

    fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_s.into())
    }
}

/// Takes tasks for the worker that asks, as the caller's; under `key` once.
pub(crate) async fn claim(
    app: &App,
    caller: &Caller,
    request: &ClaimRequest,
    key: Option<&str>,
) -> Result<Claims, ApiError> {
    request.check()?;
    let tenant = &caller.tenant;
    are_pulled(app, tenant, &request.task_types).await?;
    let worker = app.store.record(&worker::key(tenant, &request.worker_id)).await?;
    let worker = worker.map(Stored::<Worker>::read).transpose()?;
    let state = worker.map_or(WorkerState::Run, |worker| worker.value.state);
    let once = key.map(|key| Remembered::of(tenant, request, key));
    let mut items = match &once {
        Some(once) => once.held(app).await?,
        None => None,
    };
    if items.is_none() && state == WorkerState::Run {
        items = Some(waited(app, tenant, request, once.as_ref()).await?);
    }
    let items: Vec<Claimed> = items.unwrap_or_default().iter().filter_map(Claimed::of).collect();
    let poll_after_s = if items.is_empty() { poll_after(app, request) } else { 0 };
    Ok(Claims { count: items.len(), items, poll_after_s, state })
}

/// Refuses a type that nobody ever has tasks of to give out: who waits for them would never hear why there are none.
async fn are_pulled(app: &App, tenant: &Name, types: &[Name]) -> Result<(), ApiError> {
    for name in types {
        let settings = match (app.types.settings(name), OpenWork::of(app)) {
            (Some(settings), _) => Some(settings),
            (None, Some(open)) => open.find(app, tenant, name).await?.map(|found| found.record.settings()),
            (None, None) => None,
        };
        let message = match settings.map(|settings| settings.dispatch) {
            Some(Dispatch::Pulled) => continue,
            Some(_) => format!("tasks of the type `{name}` are not given to workers outside"),
            None => format!("unknown task type `{name}`; see PUT /v1/task-types/{{name}}"),
        };
        return Err(ApiError::invalid("task_types", message));
    }
    Ok(())
}

/// Where it was waited there is no need to wait besides; elsewhere ever longer.
fn poll_after(app: &App, request: &ClaimRequest) -> u32 {
    let waited = app.bell.is_some() && request.wait_s > 0;
    if waited { 0 } else { 1_u32.checked_shl(request.idle).unwrap_or(u32::MAX).min(MAX_POLL_AFTER_S) }
}

async fn waited(
    app: &App,
    tenant: &Name,
    request: &ClaimRequest,
    once: Option<&Remembered>,
) -> Result<Vec<Task>, ApiError> {
    let until = app.clock.now() + Duration::from_secs(request.wait_s.into());
    // Before it is looked: what comes between rings, and is not missed.
    let mut bell = app.bell.as_ref().map(|bell| bell.listen());
    loop {
        let taken = take(app, tenant, request, once).await?;
        let left = until.since(app.clock.now());
        let Some(bell) = bell.as_mut().filter(|_| taken.is_empty() && !left.is_zero()) else { return Ok(taken) };
        tokio::select! {
            () = bell.rung() => {}
            () = app.clock.sleep(left.min(LOOK_EVERY)) => {}
        }
    }
}

/// Takes what there is now.
async fn take(
    app: &App,
    tenant: &Name,
    request: &ClaimRequest,
    once: Option<&Remembered>,
) -> Result<Vec<Task>, ApiError> {
    let max = request.max as usize;
    let wanted = Wanted { tenant: tenant.clone(), types: request.task_types.clone(), pool: request.pool.clone() };
    let mut tried = HashSet::new();
    let mut taken = Vec::new();
    for _ in 0..ROUNDS {
        let candidates = Candidates::find(app, &wanted, max - taken.len(), &mut tried).await?;
        if candidates.keys.is_empty() {
            break;
        }
        let seed = match once {
            Some(once) => match once.begin(app, &candidates.keys).await? {
                Some(seed) => seed,
                // The same claim, said twice at once: the other is answered.
                None => return Ok(once.held(app).await?.unwrap_or_default()),
            },
            None => ids::secret(),
        };
        taken.extend(candidates.claim(app, request.lease(), seed).await?);
        // What a claim under a key goes for is written down once.
        if taken.len() >= max || once.is_some() {
            break;
        }
    }
    Ok(taken)
}

/// Tasks that no other claim of this process goes for.
struct Candidates<'a> {
    keys: Vec<TaskKey>,
    open: Option<&'a OpenWork>,
}

impl<'a> Candidates<'a> {
    async fn find(app: &'a App, wanted: &Wanted, max: usize, tried: &mut HashSet<TaskKey>) -> Result<Self, StoreError> {
        let open = OpenWork::of(app);
        let others = open.map_or(0, |open| open.in_hand().len());
        let ready = app.store.ready(wanted, app.clock.now(), max + others + tried.len()).await?;
        let mut in_hand = open.map(OpenWork::in_hand);
        let mut keys = Vec::new();
        for key in ready {
            if keys.len() == max {
                break;
            }
            let free = in_hand.as_mut().is_none_or(|in_hand| !in_hand.contains(&key)) && tried.insert(key.clone());
            if free {
                in_hand.as_mut().map(|in_hand| in_hand.insert(key.clone()));
                keys.push(key);
            }
        }
        drop(in_hand);
        Ok(Self { keys, open })
    }

    /// Claims them, all at once; those that another process was faster with are left out, and so is what would make the
    /// answer too long.
    async fn claim(&self, app: &App, lease: Duration, seed: Uuid) -> Result<Vec<Task>, StoreError> {
        let mut bytes = 0;
        let mut tasks = Vec::new();
        for task in app.store.tasks(&self.keys).await {
            let Some(task) = store::shown(task.map_err(StoreError::from))?.flatten() else { continue };
            bytes += task.payload.as_str().len();
            if bytes > ANSWER_BYTES && !tasks.is_empty() {
                break;
            }
            tasks.push(task);
        }
        let claims = tasks.iter().map(async |task| {
            let trigger = Trigger::Claim { worker: fence(seed, task.key.id), lease: Some(lease) };
            match change(app, task, trigger, With::nothing()).await {
                Ok(task) => Ok(Some(task)),
                Err(ChangeError::Rejected(_) | ChangeError::Gone) => Ok(None),
                Err(ChangeError::Store(error)) => Err(error),
                Err(ChangeError::Effect(_)) => Err(StoreError::Busy),
            }
        });
        let claimed: Vec<Result<Option<Task>, StoreError>> = join_all(claims).await;
        // Some may be claimed already: they are answered, and the others come again.
        let (taken, failed): (Vec<_>, Vec<_>) = claimed.into_iter().partition(Result::is_ok);
        let taken: Vec<Task> = taken.into_iter().flatten().flatten().collect();
        match failed.into_iter().next() {
            Some(Err(error)) if taken.is_empty() => Err(error),
            _ => Ok(taken),
        }
    }
}

impl Drop for Candidates<'_> {
    fn drop(&mut self) {
        if let Some(open) = self.open {
            let mut in_hand = open.in_hand();
            self.keys.iter().for_each(|key| drop(in_hand.take(key)));
        }
    }
}

impl OpenWork {
    fn in_hand(&self) -> std::sync::MutexGuard<'_, HashSet<TaskKey>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a claim draws for a task: nobody who does not know the secret can work it out.
fn fence(seed: Uuid, task: Uuid) -> Uuid {
    ids::derived(&["claim", &seed.to_string(), &task.to_string()])
}

/// A claim under an idempotency key.
struct Remembered {
    key: RecordKey,
    /// What was asked for.
    asked: String,
}

/// The fields of its record.
const ASKED: &str = "asked";
const SEED: &str = "seed";
const TASKS: &str = "tasks";

impl Remembered {
    fn of(tenant: &Name, request: &ClaimRequest, key: &str) -> Self {
        let id = Id::from(ids::derived(&["claim", request.worker_id.as_str(), key]));
        let asked = json!([request.task_types, request.pool, request.max, request.lease_s]);
        let key = RecordKey { tenant: tenant.clone(), kind: Name::of("claim"), id };
        Self { key, asked: Json::new(&asked).hash() }
    }

    /// Those of its tasks that it holds still; `None` if it was never begun.
    async fn held(&self, app: &App) -> Result<Option<Vec<Task>>, ApiError> {
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
    async fn begin(&self, app: &App, tasks: &[TaskKey]) -> Result<Option<Uuid>, StoreError> {
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
