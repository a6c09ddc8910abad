//! `erase_user`: removes all that is a user's, page by page, and leaves a receipt.
//!
//! Whose it is stands in a record of the kind `erasure` alone, whose id is a keyed hash of the user's, and goes with the end:
//! the task itself, which is kept, and its log never name anybody.

mod runs;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use errand::{
    App, Expect, Failure, Handler, Id, Name, Outcome, Patch, Registry, Services, Settings, StoreError, Task,
    TaskContext,
    spi::{
        erase::{call_off, erase_ended, erase_records, tasks_of},
        ids,
        store::{self, Commit, Doc, RecordKey, RecordWrite, Store, TaskWrite},
    },
};
use errand_schedules::remove_about;

/// The kind of the record that says whose it is, and what was removed so far.
pub(crate) const ERASURE: &str = "erasure";

/// The fields of such a record: whose, by which task, and what was removed of each kind.
pub(crate) const USER: &str = "user_id";
pub(crate) const TASK: &str = "task_id";
const REMOVED: &str = "removed.";

/// How many pages of a hundred tasks, or of ninety records, one execution removes.
const PAGES: usize = 10;

/// When it is tried again to have the store's files forget what was removed.
const BUSY: Duration = Duration::from_secs(10);

/// How long a receipt can be read from its record: the task has it as its output.
const KEEP: Duration = Duration::from_secs(24 * 3600);

/// Removes all that is a user's: tasks with what their runs have left, and records; what runs is called off. Nothing is left of
/// it but a receipt: how much of each kind was removed, under a keyed hash of the user's id.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = json!({"erasure": "3f1b"}))]
pub struct EraseUser {
    /// The keyed hash of the user's id.
    pub erasure: Id,
}

/// The types of the tasks that are removed, and the kinds of records: all that the installation has, once it has them.
#[derive(Clone, Default)]
pub struct Erased(Arc<Mutex<Weak<Registry>>>);

impl Erased {
    /// What works with these; `None` once the process ends.
    fn app(&self, services: &Services) -> Option<App> {
        let types = self.0.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        Some(App::new(services.clone(), types?))
    }
}

/// `types`, and the one that erases what is about a user of all that stand beside it.
pub fn with_erasure(types: Registry) -> Registry {
    let of = Erased::default();
    let whole = of.clone();
    let hear = move |types: &Arc<Registry>| {
        *whole.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(types);
    };
    types.add::<EraseUser>(of).tell(hear)
}

/// Where it stands whom `erasure` is of.
pub(crate) fn place(tenant: &Name, erasure: &Id) -> RecordKey {
    RecordKey { tenant: tenant.clone(), kind: Name::of(ERASURE), id: erasure.clone() }
}

impl Handler for EraseUser {
    const TYPE: &'static str = "erase_user";
    type State = Erased;

    fn settings() -> Settings {
        Settings {
            timeout_s: 300,
            is_slow: true,
            max_retries: Some(Task::MAX_RETRIES),
            max_snoozes: u32::MAX,
            instead: Some("ask for it by DELETE /v1/users/{id}"),
            ..Settings::default()
        }
    }

    async fn handle(&self, task: &TaskContext<'_>, types: &Erased) -> Result<Outcome, Failure> {
        let key = place(&task.task().key.tenant, &self.erasure);
        let Some(there) = task.services().store.record(&key).await? else {
            return Ok(Outcome::skipped("it was not asked for, or was done long ago"));
        };
        let Some(user) = there.doc.get(USER).and_then(Value::as_str) else {
            return end(&*task.services().store, &self.erasure, &there.doc).await;
        };
        let app = types.app(task.services()).ok_or_else(|| Failure::transient("the process ends"))?;
        let step = Step { app: &app, key: &key, user: &Id::new(user)?, task: task.task() };
        // First, since they would make tasks anew.
        step.schedules().await?;
        for _ in 0..PAGES {
            if step.tasks().await? == 0 && step.records().await? == 0 {
                return step.finish(&self.erasure).await;
            }
        }
        Ok(Outcome::Snooze(Duration::ZERO))
    }
}

/// What one page is removed with.
struct Step<'a> {
    app: &'a App,
    key: &'a RecordKey,
    user: &'a Id,
    task: &'a Task,
}

impl Step<'_> {
    /// Removes the schedules of tasks about the user.
    async fn schedules(&self) -> Result<(), Failure> {
        let removed = remove_about(self.app, &self.key.tenant, self.user).await?;
        self.count([(Name::of("schedule"), removed)].into()).await
    }

    /// Removes a page of tasks, with what their runs have left; how many it had.
    async fn tasks(&self) -> Result<usize, Failure> {
        let page = tasks_of(self.app, &self.key.tenant, self.user).await?;
        let found = page.len();
        // What ends with them is written first, and removed then.
        let ended = call_off(self.app, page, &self.task.created_by).await?;
        let mut removed = BTreeMap::new();
        // One after the other: the last run of a session takes that with it.
        for task in ended.iter().filter(|task| self.app.types.run_id(task).is_some()) {
            for (kind, count) in runs::erase(self.app, task).await? {
                *removed.entry(kind).or_default() += count;
            }
        }
        removed.insert(Name::of("task"), erase_ended(self.app, ended).await?);
        self.count(removed).await?;
        Ok(found)
    }

    /// Removes a page of records; how many.
    async fn records(&self) -> Result<usize, Failure> {
        let removed = erase_records(self.app, &self.key.tenant, self.user).await?;
        let all = removed.values().sum();
        self.count(removed).await?;
        Ok(all)
    }

    async fn count(&self, removed: BTreeMap<Name, usize>) -> Result<(), Failure> {
        let count = |(kind, count): (Name, usize)| Some((format!("{REMOVED}{kind}"), i64::try_from(count).ok()?));
        let add: BTreeMap<String, i64> =
            removed.into_iter().filter(|(_, count)| *count > 0).filter_map(count).collect();
        if add.is_empty() {
            return Ok(());
        }
        Ok(self.patch(Patch { add, ..Patch::default() }).await?)
    }

    /// Nothing is left of the user but the name here. That goes before the task ends, and then from the store's files.
    async fn finish(&self, erasure: &Id) -> Result<Outcome, Failure> {
        let spending = runs::spending(&self.key.tenant, self.user);
        let delete = RecordWrite::Delete { key: spending, expect: Expect::Any };
        commit(self.app, vec![delete]).await?;
        let set = [(USER.to_owned(), Value::Null)].into_iter().collect();
        let expires_at = Some(self.app.clock.now() + KEEP);
        self.patch(Patch { set, expires_at, ..Patch::default() }).await?;
        let there = self.app.store.record(self.key).await?;
        end(&*self.app.store, erasure, &there.map(|there| there.doc).unwrap_or_default()).await
    }

    /// Writes where it stands, as long as the task is this worker's: another may be at it by then, for another request.
    async fn patch(&self, patch: Patch) -> Result<(), StoreError> {
        let (key, at) = (self.key.clone(), self.app.clock.now());
        let patch = Box::new(patch);
        let write = RecordWrite::Patch { key, patch, expect: Expect::Any, version: ids::fresh(), at };
        let fence = self.task.fence().map(|fence| TaskWrite::Step { key: self.task.key.clone(), fence });
        store::commit(&*self.app.store, Commit { task: fence, records: vec![write], ..Commit::default() }).await
    }
}

/// Nobody's name is in the store any more: its files forget it, too.
async fn end(store: &dyn Store, erasure: &Id, doc: &Doc) -> Result<Outcome, Failure> {
    match store.scrub().await {
        Ok(()) => Ok(Outcome::done(receipt(erasure, doc))),
        // Somebody reads what is to be emptied: a backup, say.
        Err(StoreError::Busy) => Ok(Outcome::Snooze(BUSY)),
        Err(error) => Err(error.into()),
    }
}

/// What is told of an erasure once it is done: nothing that could tell whose it was, to anybody without the installation's key.
fn receipt(erasure: &Id, doc: &Doc) -> Value {
    let removed =
        doc.iter().filter_map(|(field, count)| Some((field.strip_prefix(REMOVED)?.to_owned(), count.clone())));
    json!({"user": erasure, "removed": removed.collect::<Doc>()})
}

async fn commit(app: &App, records: Vec<RecordWrite>) -> Result<(), StoreError> {
    store::commit(&*app.store, Commit { records, ..Commit::default() }).await
}
