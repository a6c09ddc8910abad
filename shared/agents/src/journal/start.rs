//! Starting: the run of a task's drive, with its session and its agent. There is one, however often it is started.

use std::time::Duration;

use crate::{
    Agent, AgentStatus, Executor, NotAdmitted, Refused, ResourceBundle, Run, Session, SessionAction, Waiting,
    budget::Budgets,
    event::BackendPhase,
    journal::{Draft, JournalError, Place, draft::Entry},
    key_of, run,
};
use errand::{
    App, Asked, Doc, Id, Name, Services, StoreError, Stored, Task, Timestamp,
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

/// What is told of a new run: `agent_task from api, drive 0, by a worker, profile default`.
fn created(run: &Run) -> String {
    let Run { kind, source, drive, profile, .. } = run;
    let by = match run.executor {
        Executor::Worker => "worker",
        Executor::Runner => "runner",
    };
    format!("{kind} from {source}, drive {drive}, by a {by}, profile {profile}")
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

    /// A draft of the run `id` of `task`'s present drive; `None` if there is one.
    pub(super) async fn draft(&self, app: &Services, task: &Task, id: Id) -> Result<Option<Draft>, JournalError> {
        let (tenant, now) = (&task.key.tenant, app.clock.now());
        let session_id = self.session_id.clone().unwrap_or_else(|| task.key.id.into());
        let agent_id = self.agent_id.clone().unwrap_or_else(|| task.key.id.into());
        let mut keys = vec![
            key_of::<Run>(tenant, &id),
            key_of::<Session>(tenant, &session_id),
            key_of::<Agent>(tenant, &agent_id),
        ];
        if task.redrives > 0 {
            keys.push(key_of::<Run>(tenant, &super::find_id(app, task, 0).await?));
        }
        let mut found = app.store.records_at(&keys).await?.into_iter();
        if found.next().flatten().is_some() {
            return Ok(None);
        }
        let session = found.next().flatten().map(Stored::<Session>::read).transpose()?;
        let agent = found.next().flatten().map(Stored::<Agent>::read).transpose()?;
        let first = found.next().flatten().map(Stored::<Run>::read).transpose()?;
        let new = Run::of_task(task, self.kind.clone(), self.source.clone(), self.profile.clone(), now);
        let mut run = Run {
            executor: self.executor,
            internal: self.internal,
            session_id: Some(session_id.clone()),
            agent_id: Some(agent_id.clone()),
            resource_bundle: self.resource_bundle.clone(),
            ..new
        };
        if let Some(Stored { value: first, .. }) = first {
            // What it was asked for with is with its first run: a task carries no more than its payload.
            let Run { kind, internal, resource_bundle, .. } = first;
            run = Run { kind, internal, resource_bundle, ..run };
        }
        let mut draft = Draft::new(tenant.clone(), Entry::new(id, run), now);
        let until = self.session_ttl.map(|ttl| awaited_until(task, ttl, now));
        draft.session = Some(self.session(task, session_id, session, &draft, until)?);
        if task.run_at().is_none_or(|at| at <= now) {
            let place = Waiting { run_id: draft.run.id.clone(), task_id: task.key.id };
            draft.on_session(SessionAction::RunWaits(place))?;
        }
        self.spawn(task, agent_id, agent, &mut draft)?;
        draft.happened(BackendPhase::RunCreated, None, Some(created(draft.run())));
        Ok(Some(draft))
    }

    fn session(
        &self,
        task: &Task,
        id: Id,
        there: Option<Stored<Session>>,
        draft: &Draft,
        until: Option<Timestamp>,
    ) -> Result<Entry<Session>, JournalError> {
        let new = || {
            let (project, profile, now) = (task.project.clone(), self.profile.clone(), draft.now);
            let new = Session::new(project, profile, self.metadata.clone(), &self.prompt, now);
            Session { conversation_id: self.conversation_id.clone(), ..new }
        };
        let mut session = match there {
            None => Entry::new(id, new()),
            Some(there) if self.session_id.is_none() && task.is_younger(there.value.last_activity_at) => {
                let mut entry = Entry::stored(there);
                // A reader sees that it is another.
                entry.value = Session { revision: entry.value.revision + 1, ..new() };
                entry
            }
            Some(there) => {
                there.value.admits(&task.project, &self.profile)?;
                Entry::stored(there)
            }
        };
        session.value = session.value.apply(SessionAction::RunAwaited { until }, draft.now)?;
        Ok(session)
    }

    fn spawn(&self, task: &Task, id: Id, there: Option<Stored<Agent>>, draft: &mut Draft) -> Result<(), JournalError> {
        if there.as_ref().is_some_and(|there| there.value.project != task.project) {
            return Err(NotAdmitted::Agent.into());
        }
        let (metadata, budgets) =
            there.as_ref().map(|there| (there.value.metadata.clone(), there.value.budgets)).unwrap_or_default();
        let new = Agent {
            project: task.project.clone(),
            task_id: task.key.id,
            drive: task.redrives,
            status: AgentStatus::Spawning,
            created_at: draft.now,
            started_at: None,
            ended_at: None,
            error: None,
            metadata: if self.agent_metadata.is_empty() { metadata } else { self.agent_metadata.clone() },
            budgets: self.budgets.or(budgets),
        };
        let known = there.as_ref().map(|there| &there.value);
        let known = known.filter(|agent| !agent.ended_at.is_some_and(|at| task.is_younger(at)));
        let spawned = Agent::spawn(known, new)?;
        let mut entry = there.map_or_else(|| Entry::new(id, spawned.clone()), Entry::stored);
        entry.value = spawned;
        draft.agent = Some(entry);
        draft.tell_of_agent(None);
        Ok(())
    }
}

/// Until when the session of a run must be there: as long after the run's time as after its end. A runner may come as
/// late as the run waits for one.
fn awaited_until(task: &Task, ttl: Duration, now: Timestamp) -> Timestamp {
    let until = task.run_at().unwrap_or(now).max(now) + ttl;
    task.expires_at.filter(|_| task.is_pulled()).map_or(until, |at| until.max(at))
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
