//! Starting: the run of a task's drive, with its session and its agent. There is one, however often it is started.

mod draft;

use std::time::Duration;

use crate::{
    Executor, Refused, ResourceBundle, Run,
    budget::Budgets,
    journal::{JournalError, Place},
    key_of, run,
};
use errand::{
    App, Asked, Doc, Id, Name, Services, StoreError, Stored, Task,
    spi::{
        ids,
        notify::notify,
        store::{self, Commit, MAX_TRIES, Part},
    },
};

/// What a run is begun with.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// What sort of work.
    pub kind: Name,
    /// Who asks for it, such as `api` or `task`.
    pub source: Name,
    /// Who does the work.
    pub executor: Executor,
    /// Whether it is the machinery's own.
    pub internal: bool,
    /// The session to go on in; absent: the task's own, which its redrives go on in.
    pub session_id: Option<Id>,
    /// What a new session is about.
    pub conversation_id: Option<Id>,
    /// What its caller keeps with a new session.
    pub metadata: Doc,
    /// Who works; absent: the task's own.
    pub agent_id: Option<Id>,
    /// What its caller keeps with the agent; empty: what is there stays.
    pub agent_metadata: Doc,
    /// What the agent may spend; absent: what was named for it before stays.
    pub budgets: Option<Budgets>,
    /// Which model backend answers.
    pub profile: Name,
    /// What is to be done; it makes a new session's title.
    pub prompt: String,
    /// What it works with.
    pub resource_bundle: Option<ResourceBundle>,
    /// How long its session is kept after its last run; `None`: for ever.
    pub session_ttl: Option<Duration>,
}

/// A run that was begun.
#[derive(Clone, Debug)]
pub struct Begun {
    /// Its task.
    pub task: Task,
    /// The run; none if the task was there already and its worker has still to make it.
    pub run: Option<Stored<Run>>,
    /// Whether it was there already.
    pub deduplicated: bool,
}

impl Start {
    /// With every choice left at its default.
    pub fn of(source: Name, profile: Name, prompt: String) -> Self {
        Self {
            kind: Name::of("agent"),
            source,
            executor: Executor::default(),
            internal: false,
            session_id: None,
            conversation_id: None,
            metadata: Doc::new(),
            agent_id: None,
            agent_metadata: Doc::new(),
            budgets: None,
            profile,
            prompt,
            resource_bundle: None,
            session_ttl: None,
        }
    }
}

/// Inserts `new` and begins its run, together. The same request again answers what there is; another one under the same
/// id is [`Refused::OtherPayload`].
pub async fn begin(app: &App, new: Asked, start: &Start) -> Result<Begun, JournalError> {
    let task = Task::accept(new, ids::fresh(), app.clock.now());
    // Asked first: of another life its run, session and agent are not what this one would begin.
    if task.idempotency_key.is_some()
        && let Some(begun) = before(app, &task).await?
    {
        return Ok(begun);
    }
    for _ in 0..MAX_TRIES {
        let id = run::id(&task, task.redrives);
        let Some(draft) = start.draft(app, &task, id).await? else { return existing(app, &task).await };
        let run = Stored::of_new(draft.run.id.clone(), draft.run().clone(), draft.now);
        let records = draft.records()?;
        match store::commit(&*app.store, Commit { task: None, records, tasks: vec![task.clone()] }).await {
            Ok(()) => {
                notify(app, std::slice::from_ref(&task)).await;
                let run = reread(app, &task, &run.id).await?.or(Some(run));
                return Ok(Begun { task, run, deduplicated: false });
            }
            Err(StoreError::Conflict { parts }) if parts.contains(&Part::NewTask(0)) => {
                return existing(app, &task).await;
            }
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Busy.into())
}

/// What `new` began before, under its key: asked where it would be refused if it were new.
pub async fn begun_before(app: &Services, new: Asked) -> Result<Option<Begun>, JournalError> {
    if new.idempotency_key.is_none() {
        return Ok(None);
    }
    before(app, &Task::accept(new, ids::fresh(), app.clock.now())).await
}

async fn existing(app: &Services, asked: &Task) -> Result<Begun, JournalError> {
    before(app, asked).await?.ok_or_else(|| StoreError::Busy.into())
}

/// What was begun before by the same request.
async fn before(app: &Services, asked: &Task) -> Result<Option<Begun>, JournalError> {
    let Some(task) = store::task(&*app.store, &asked.key).await? else { return Ok(None) };
    if !task.is_same_request(asked) {
        return Err(Refused::OtherPayload.into());
    }
    let run = reread(app, &task, &super::find_id(app, &task, task.redrives).await?).await?;
    Ok(Some(Begun { task, run, deduplicated: true }))
}

async fn reread(app: &Services, task: &Task, id: &Id) -> Result<Option<Stored<Run>>, JournalError> {
    let record = app.store.record(&key_of::<Run>(&task.key.tenant, id)).await?;
    Ok(record.map(Stored::read).transpose()?)
}

/// Makes the run at `place`, of a claimed task, if it has none.
pub(super) async fn start(app: &Services, place: &Place, task: &Task, start: &Start) -> Result<(), JournalError> {
    for _ in 0..MAX_TRIES {
        let Some(draft) = start.draft(app, task, place.run.clone()).await? else { return Ok(()) };
        if super::commit(app, place, draft).await? {
            return Ok(());
        }
    }
    Err(StoreError::Busy.into())
}
